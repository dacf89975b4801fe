/**
 * Traces as a team gets them: by OpenTelemetry's own variables, from a real `glassway up`, with a caller that is
 * instrumented with OpenTelemetry's SDK, and whatever is killed in between.
 */
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import OpenAI from 'openai';
import { type RunningGlassway, runToEnd, startGlassway } from '../kit/glassway.ts';
import { until } from '../kit/ingest.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../kit/otlp-receiver.ts';
import { childNamed } from '../kit/processes.ts';
import { type HttpUpstream, startUpstream } from '../kit/upstream.ts';

const ANSWER = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4o-2024-08-06',
  system_fingerprint: 'fp_1',
  service_tier: 'default',
  choices: [{ index: 0, message: { role: 'assistant', content: 'It rains.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } },
};

let provider: HttpUpstream;
let receiver: OtlpReceiver;
let glassway: RunningGlassway;

beforeAll(async () => {
  provider = await startUpstream((res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(ANSWER));
  });
  receiver = await startOtlpReceiver();
  glassway = await startGlassway({
    settings: {
      upstreams: { openai: { baseUrl: provider.origin } },
      projects: { support: { capture: 'full' } },
      traces: { takeOverAfterSeconds: 2 },
    },
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.httpUrl,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=k-1',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
      OTEL_SERVICE_NAME: 'llm-gateway',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  });
});

afterAll(async () => {
  await glassway.stop();
  await receiver.stop();
  await provider.close();
});

const clientOf = (project: string) =>
  new OpenAI({
    baseURL: `${glassway.proxyUrl}/openai/v1`,
    apiKey: 'sk-test',
    maxRetries: 0,
    defaultHeaders: { 'x-glassway-project': project },
  });
const ask = (project: string, headers: Record<string, string> = {}) =>
  clientOf(project).chat.completions.create(
    { model: 'gpt-4o', temperature: 0.5, messages: [{ role: 'user', content: 'Weather?' }] },
    { headers },
  );
const plain = (attributes: ReadonlyMap<string, object> | undefined) =>
  Object.fromEntries([...(attributes ?? [])].map(([name, value]) => [name, Object.values(value)[0] as unknown]));

test('a caller with OpenTelemetry’s SDK: its span is the parent of ours, in one trace', async () => {
  const memory = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const span = tracers.getTracer('app').startSpan('answer a customer', { kind: SpanKind.SERVER });
  const headers: Record<string, string> = {};
  new W3CTraceContextPropagator().inject(trace.setSpan(context.active(), span), headers, {
    set: (carrier, key, value) => Object.assign(carrier as object, { [key]: String(value) }),
  });
  headers['tracestate'] = 'vendor=t61rcWkgMzE,other=1';
  await ask('checkout', headers);
  span.end();
  await tracers.forceFlush();
  const [mine] = memory.getFinishedSpans();
  await until('the span arrives', () => receiver.spans.length === 1);
  const [found] = receiver.spans;
  expect(found).toMatchObject({
    traceId: mine?.spanContext().traceId,
    parentSpanId: mine?.spanContext().spanId,
    traceState: headers['tracestate'],
    name: 'chat gpt-4o',
    headers: { 'x-key': 'k-1', 'content-encoding': 'gzip' },
  });
  const { rawHeaders = [] } = provider.requests.at(-1) ?? {};
  expect(rawHeaders[rawHeaders.indexOf('traceparent') + 1]).toBe(headers['traceparent']);
  expect(plain(found?.attributes)).toMatchObject({
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.temperature': 0.5,
    'gen_ai.response.id': 'chatcmpl-1',
    'gen_ai.usage.input_tokens': 12,
    'gen_ai.usage.cache_read.input_tokens': 4,
    'openai.response.system_fingerprint': 'fp_1',
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(provider.origin).port),
    'glassway.project': 'checkout',
    'glassway.outcome': 'ok',
  });
  expect(plain(found?.resource)).toMatchObject({ 'service.name': 'llm-gateway', 'deployment.environment.name': 'test' });
  expect(found?.attributes.has('gen_ai.input.messages')).toBe(false);
  propagation.disable();
});

test('text goes with the spans of projects that capture it', async () => {
  await ask('support');
  await until('the span arrives', () =>
    receiver.spans.some(({ attributes }) => attributes.get('glassway.project')?.stringValue === 'support'),
  );
  const found = plain(receiver.spans.find(({ attributes }) => attributes.get('glassway.project')?.stringValue === 'support')?.attributes);
  expect(JSON.parse(String(found['gen_ai.input.messages']))).toEqual([{ role: 'user', parts: [{ type: 'text', content: 'Weather?' }] }]);
  expect(JSON.parse(String(found['gen_ai.output.messages']))).toEqual([
    { role: 'assistant', parts: [{ type: 'text', content: 'It rains.' }], finish_reason: 'stop' },
  ]);
});

test('metrics arrive too, with the conventions’ bounds, and Glassway’s own', async () => {
  const named = (name: string) => receiver.metrics.findLast((metric) => metric.name === name);
  await until('they arrive', () => (named('gen_ai.client.token.usage')?.points.length ?? 0) > 0);
  const tokens = named('gen_ai.client.token.usage');
  expect(tokens?.unit).toBe('{token}');
  expect(tokens?.points[0]?.bounds?.slice(0, 3)).toEqual([1, 4, 16]);
  expect(tokens?.points.map(({ attributes }) => attributes.get('gen_ai.token.type')?.stringValue).sort()).toEqual(['input', 'output']);
  expect(named('gen_ai.client.operation.duration')?.points[0]?.bucketCounts).toHaveLength(15);
  expect(named('glassway_ingest_records_total')?.points.length).toBeGreaterThan(0);
  await until('the proxy’s arrive', () => named('glassway_proxy_calls_total')?.points.some(({ value }) => value === 2) ?? false);
  const [ofIngest, ofProxy] = ['glassway_ingest_ready', 'glassway_proxy_calls_total'].map((name) => named(name)?.resource);
  expect(plain(ofProxy)).toMatchObject({ 'service.name': 'llm-gateway', 'deployment.environment.name': 'test' });
  expect(ofProxy?.get('service.instance.id')).not.toEqual(ofIngest?.get('service.instance.id'));
});

test('ingest killed before spans are out, with the receiver away: each arrives, with the id that its row has', async () => {
  receiver.manners = { status: 503 };
  const before = receiver.spans.length;
  const calls = 8;
  for (let call = 0; call < calls; call += 1) await ask('killed');
  const rows = await glassway.rows("SELECT span_id FROM calls WHERE project = 'killed'", calls);
  const [child] = await glassway.query("SELECT ingest_id FROM calls WHERE project = 'killed' LIMIT 1");
  process.kill(childNamed(glassway, 'glassway ingest'), 'SIGKILL');
  await until('another ingest is there', async () => (await fetch(`${glassway.consoleUrl}/readyz`).catch(() => undefined))?.status === 200);
  receiver.manners = {};
  await until('all arrive', () => rows.every(({ span_id }) => receiver.spans.some(({ spanId }) => spanId === span_id)), 45_000);
  const wanted = new Set(rows.map(({ span_id }) => span_id));
  for (const { spanId, attributes } of receiver.spans.slice(before))
    if (attributes.get('glassway.project')?.stringValue === 'killed') expect(wanted.has(spanId)).toBe(true);
  // Exported by another process than the one that wrote the row.
  const exported = receiver.spans.find(({ spanId }) => wanted.has(spanId));
  expect(exported?.resource.get('service.instance.id')?.stringValue).not.toBe(child?.['ingest_id']);
});

test('traces resend: the same spans again, in a range and of a project', async () => {
  const [row] = await glassway.query("SELECT span_id FROM calls WHERE project = 'support'");
  // One of its own: at the other, ingest's late exports may still arrive.
  const resent = await startOtlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: resent.httpUrl, CLICKHOUSE_URL: '' };
  const args = ['traces', 'resend', '--since', '1h', '--project', 'support', '--data', glassway.dataDir];
  const listen = { GLASSWAY_LISTEN_CLICKHOUSE_HTTP: String(glassway.ports.clickhouseHttp) };
  const dry = await runToEnd([...args, '--dry-run'], { ...env, ...listen });
  expect(dry).toMatchObject({ code: 0, output: expect.stringContaining('1 calls from') });
  expect(resent.spans).toEqual([]);
  const { code, output } = await runToEnd(args, { ...env, ...listen });
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('1 spans sent') });
  expect(resent.spans.map(({ spanId }) => spanId)).toEqual([row?.['span_id']]);
  await resent.stop();
  const nowhere = await runToEnd(args, listen);
  expect(nowhere).toMatchObject({ code: 1, output: expect.stringContaining('There is no destination for project support') });
});
