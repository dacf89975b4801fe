/** OpenTelemetry's variables, and who gets which spans. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadSettings } from '../../../contract/config.ts';
import { readMetricsVariables } from '../../../contract/otlp/metrics-variables.ts';
import { exportResource } from '../../../contract/otlp/resource.ts';
import { environmentProtocol } from '../../../contract/otlp/variables.ts';
import { OtlpEntries, type OtlpEntry } from '../../../contract/otlp-settings.ts';
import { createRouting, destinationsOf, routesOf } from '../../../ingest/otlp/destinations.ts';
import { createSampler, wantsNextConventions } from '../../../ingest/otlp/environment.ts';
import type { SpanCall } from '../../../ingest/otlp/span-call.ts';
import { sampleRecord } from '../ingest/sample.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://apm:4318' };
const ENTRY: OtlpEntry = {
  projects: ['checkout'],
  endpoint: 'https://apm.example/otlp',
  protocol: 'http/protobuf',
  headers: {},
  compression: 'none',
  timeoutMs: 1_000,
};
const noFault = (fault: { at: string; problem: string }): void => {
  throw new Error(`${fault.at}: ${fault.problem}`);
};
const faultsOf = (work: (onFault: (fault: { at: string; problem: string }) => void) => void): string[] => {
  const found: string[] = [];
  work(({ at, problem }) => found.push(`${at}: ${problem}`));
  return found;
};

test.each([
  [{}, undefined],
  [ENDPOINT, 'http/protobuf'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://apm:4318/v1/traces' }, 'http/protobuf'],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http/protobuf'],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, undefined],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'console,otlp' }, 'http/protobuf'],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'grpc'],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, 'http/json'],
])('variables %j: traces go out over %s', (env, protocol) => {
  expect(environmentProtocol(env, 'TRACES', noFault)).toBe(protocol);
});

test('a variable with a value that is none is named', () => {
  expect(faultsOf((onFault) => environmentProtocol({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'smoke' }, 'TRACES', onFault))).toEqual([
    'OTEL_EXPORTER_OTLP_PROTOCOL: "smoke" is not accepted: one of http/protobuf, http/json, grpc',
  ]);
  expect(faultsOf((onFault) => createSampler({ OTEL_TRACES_SAMPLER: 'sometimes' }, onFault))[0]).toContain(
    'OTEL_TRACES_SAMPLER: "sometimes"',
  );
  const wrongRatio = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '50' };
  expect(faultsOf((onFault) => createSampler(wrongRatio, onFault))).toEqual([
    'OTEL_TRACES_SAMPLER_ARG: "50" is not accepted: a number from 0 to 1',
  ]);
});

describe('what OpenTelemetry’s packages would pass over in silence is a fault that names the variable', () => {
  const files = mkdtempSync(join(tmpdir(), 'glassway-otlp-'));
  const pem = join(files, 'a.pem');
  writeFileSync(pem, '');
  afterAll(() => rmSync(files, { recursive: true }));
  const faults = (env: Record<string, string>, signal: 'TRACES' | 'METRICS' = 'TRACES') =>
    faultsOf((onFault) => environmentProtocol({ ...ENDPOINT, ...env }, signal, onFault));

  test.each<[Record<string, string>, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'apm:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: "apm:4318" is not accepted: an http:// or https:// URL'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x' }, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "x"'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'apm' }, 'host:port'],
    [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' }, 'OTEL_EXPORTER_OTLP_COMPRESSION: "zstd" is not accepted: none or gzip'],
    [{ OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '10s' }, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "10s" is not accepted: milliseconds'],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: '0' }, 'OTEL_EXPORTER_OTLP_TIMEOUT: "0"'],
    [{ OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/such/ca.pem' }, 'OTEL_EXPORTER_OTLP_CERTIFICATE: the file cannot be read (ENOENT)'],
    [{ OTEL_EXPORTER_OTLP_CLIENT_KEY: pem }, 'OTEL_EXPORTER_OTLP_CLIENT_KEY: a client key and a client certificate are set together'],
    [{ OTEL_TRACES_EXPORTER: 'oltp' }, 'OTEL_TRACES_EXPORTER: "oltp" is not accepted: otlp or none'],
  ])('%j', (env, said) => {
    expect(faults(env)).toEqual([expect.stringContaining(said)]);
  });

  test('headers are never quoted', () => {
    expect(faults({ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=k-1,Bearer secret' })).toEqual([
      'OTEL_EXPORTER_OTLP_HEADERS: entry 2 is not accepted: name=value, percent-encoded, with commas between them',
    ]);
    expect(faults({ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=100%' })).toHaveLength(1);
  });

  test.each<Record<string, string>>([
    {
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20YTpi==,x=1',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'apm.example:4317' },
    { OTEL_EXPORTER_OTLP_CLIENT_KEY: pem, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: pem, OTEL_EXPORTER_OTLP_CERTIFICATE: pem },
    { OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'zstd' },
    { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' },
    { OTEL_TRACES_EXPORTER: 'console', OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' },
  ])('%j is fine', (env) => {
    expect(faults(env)).toEqual([]);
  });

  test('metrics: an interval, and a temporality that Glassway does not have', () => {
    expect(readMetricsVariables(ENDPOINT)).toEqual({ protocol: 'http/protobuf', interval_ms: 60_000 });
    expect(readMetricsVariables({ ...ENDPOINT, OTEL_METRICS_EXPORTER: 'none', OTEL_METRIC_EXPORT_INTERVAL: '1 s' })).toBeUndefined();
    const bad = { ...ENDPOINT, OTEL_METRIC_EXPORT_INTERVAL: '1 s', OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' };
    expect(() => readMetricsVariables(bad)).toThrow(/TEMPORALITY_PREFERENCE[\s\S]*cumulative[\s\S]*OTEL_METRIC_EXPORT_INTERVAL/);
  });
});

describe('sampling', () => {
  const call = (trace_id: string, trace_flags: number | null): SpanCall => ({
    ...sampleRecord({ trace_id, span_id: 'b7ad6b7169203331', parent_span_id: 'b7ad6b7169203332', trace_flags }),
    cost_usd: null,
    cost_source: 'none',
    price_version: '',
  });
  const LOW = `${'0'.repeat(31)}1`;
  // The SDK's sampler folds the id into 32 bits.
  const HIGH = `ffffffff${'0'.repeat(24)}`;

  test.each([
    [undefined, '', LOW, null, true],
    [undefined, '', LOW, 1, true],
    [undefined, '', LOW, 0, false],
    ['always_on', '', LOW, 0, true],
    ['always_off', '', LOW, 1, false],
    ['parentbased_always_off', '', LOW, null, false],
    ['parentbased_always_off', '', LOW, 1, true],
    ['traceidratio', '0.25', LOW, null, true],
    ['traceidratio', '0.25', HIGH, null, false],
    ['parentbased_traceidratio', '0.25', HIGH, null, false],
    ['parentbased_traceidratio', '0.25', HIGH, 1, true],
  ])('%s %s: a trace %s with flags %s is exported: %s', (name, argument, trace, flags, exported) => {
    const isExported = createSampler({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }, noFault);
    expect(isExported(call(trace, flags))).toBe(exported);
  });
});

test('the conventions in development are asked for among other words', () => {
  expect(wantsNextConventions({ OTEL_SEMCONV_STABILITY_OPT_IN: 'http, gen_ai_latest_experimental' })).toBe(true);
  expect(wantsNextConventions({ OTEL_SEMCONV_STABILITY_OPT_IN: 'http' })).toBe(false);
});

test('a resource says who we are, unless the variables do', () => {
  const { OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES } = process.env;
  expect(exportResource('1.2.3', 'i-1').attributes).toMatchObject({
    'service.name': 'glassway',
    'service.version': '1.2.3',
    'service.instance.id': 'i-1',
  });
  try {
    process.env['OTEL_SERVICE_NAME'] = 'gateway-eu';
    process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'deployment.environment.name=prod,service.name=not-this';
    expect(exportResource('1.2.3', 'i-1').attributes).toMatchObject({
      'service.name': 'gateway-eu',
      'deployment.environment.name': 'prod',
    });
  } finally {
    for (const [name, value] of Object.entries({ OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

describe('destinations', () => {
  test('a header’s variables are filled in, and one that is not set is named', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the settings name a variable
    const entry = { ...ENTRY, headers: { 'api-key': '${APM_KEY}', plain: 'Bearer x$y' } };
    expect(destinationsOf([entry], { APM_KEY: 'secret' })[0]?.target).toMatchObject({
      headers: { 'api-key': 'secret', plain: 'Bearer x$y' },
    });
    expect(() => destinationsOf([entry], {})).toThrow(
      new ConfigError('The trace export', [{ at: 'otlp.0.headers.api-key', problem: 'the variable APM_KEY is not set' }]),
    );
  });

  test('projects with an entry have their own route, all others one together', () => {
    const destinations = destinationsOf([ENTRY], ENDPOINT);
    const routing = createRouting(destinations);
    expect([routing.routeOf('checkout'), routing.routeOf('search')]).toEqual(['project:checkout', 'default']);
    expect(destinations.flatMap(routesOf)).toEqual(['project:checkout', 'default']);
    expect(routing.condition('default')).toEqual({ sql: 'project NOT IN {routed:Array(String)}', params: { routed: ['checkout'] } });
  });

  test('nothing is exported when the SDK is disabled', () => {
    expect(destinationsOf([ENTRY], { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' })).toEqual([]);
  });

  test('faults of the settings are named, all at once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'glassway-otlp-'));
    const file = join(folder, 'glassway.yaml');
    const otlp = [{ ...ENTRY, endpoint: 'apm:4317' }, { ...ENTRY, protocol: 'smoke', projects: [] }, ENTRY, ENTRY];
    writeFileSync(file, JSON.stringify({ otlp, traces: { resendWithin: '30d', queue: 1 } }));
    try {
      loadSettings({ file, env: {} });
      throw new Error('accepted');
    } catch (error) {
      const faults = (error as ConfigError).faults.map(({ at }) => at);
      expect(faults).toEqual(
        expect.arrayContaining(['otlp.0.endpoint', 'otlp.1.protocol', 'otlp.1.projects', 'traces.resendWithin', 'traces.queue']),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a project in two entries is a fault', () => {
    expect(OtlpEntries.safeParse([ENTRY, ENTRY]).error?.issues[0]).toMatchObject({
      path: [1, 'projects'],
      message: expect.stringContaining('checkout'),
    });
  });
});
