import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, type ConfigFault, durationSeconds, environmentNames, loadSettings, type Settings } from '../../contract/config.ts';
import { checkUpstreams, upstreamTable } from '../../proxy/config.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassway-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function load(yaml: string, env: Record<string, string> = {}): Settings {
  const file = join(folder, 'glassway.yaml');
  writeFileSync(file, yaml);
  return loadSettings({ file, env, checks: [checkUpstreams] });
}

function faults(yaml: string, env: Record<string, string> = {}): readonly ConfigFault[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error('was accepted');
}

test('an empty file gives the defaults, frozen all the way down', () => {
  const settings = load('');
  expect(settings.listen).toMatchObject({
    host: '127.0.0.1',
    proxy: 4700,
    ingest: 4701,
    clickhouseHttp: 4702,
    clickhouseNative: 4703,
    proxyAdmin: 4704,
  });
  expect(settings.retention).toEqual({ calls: '90d', bodies: '7d' });
  expect(settings.defaultUpstream).toBe('openai');
  expect(Object.isFrozen(settings) && Object.isFrozen(settings.listen) && Object.isFrozen(settings.upstreams)).toBe(true);
});

test('every fault is named at once, with its key, its value and what is accepted', () => {
  const found = faults(`
listen: { proxy: 99999, prxy: 1 }
retention: { calls: "90 days" }
projects: { shop: { capture: everything } }
upstreams: { "My Upstream": { baseUrl: "ftp://x" } }
colour: blue
`);
  const at = (key: string) => found.find((fault) => fault.at === key)?.problem ?? '';
  expect(at('listen.proxy')).toMatch(/99999/);
  expect(at('listen.prxy')).toMatch(/unknown key; accepted here: host, proxy, ingest/);
  expect(at('retention.calls')).toMatch(/"90 days".*12h, 90d/);
  expect(at('projects.shop.capture')).toMatch(/"everything"/);
  expect(at('colour')).toMatch(/unknown key; accepted here: listen, upstreams/);
  expect(found.some((fault) => fault.at.includes('My Upstream'))).toBe(true);
});

test('an error’s text names the file and every fault', () => {
  expect(() => load('colour: blue\nshape: round')).toThrow(/glassway\.yaml is not valid:[\s\S]*colour[\s\S]*shape/);
});

test.each([
  ['{ my-vllm: { dialect: openai } }', 'upstreams.my-vllm.baseUrl', /missing/],
  ['{ x: { baseUrl: "http://h", dialect: klingon } }', 'upstreams.x.dialect', /"klingon".*openai.*anthropic/],
  ['{ x: { baseUrl: "http://h", dialect: constructor } }', 'upstreams.x.dialect', /constructor/],
  ['{ v1: { baseUrl: "http://h" } }', 'upstreams.v1', /reserved/],
  ['{ x: { baseUrl: "http://h/{bad-name}" } }', 'upstreams.x.baseUrl', /\{bad-name\}/],
  ['{ x: { baseUrl: "http://h/?a=1" } }', 'upstreams.x.baseUrl', /query string/],
  ['{ x: { baseUrl: "http://u:p@h" } }', 'upstreams.x.baseUrl', /credentials/],
])('upstreams %s is refused at %s', (yaml, at, problem) => {
  expect(faults(`upstreams: ${yaml}`)).toContainEqual({ at, problem: expect.stringMatching(problem) });
});

test('an unknown default upstream is refused with the known ones', () => {
  expect(faults('defaultUpstream: nowhere')).toContainEqual({ at: 'defaultUpstream', problem: expect.stringMatching(/"nowhere".*openai/) });
});

test('YAML that is none, or no mapping, or no file, is one clear fault', () => {
  expect(faults('a: [1')[0]?.at).toBe('YAML');
  expect(faults('- a list')[0]).toMatchObject({ at: 'YAML', problem: expect.stringContaining('mapping') });
  expect(() => loadSettings({ file: join(folder, 'absent.yaml'), env: {} })).toThrow(/absent\.yaml[\s\S]*no such file/);
});

test('the environment goes over the file, and its faults come with the file’s', () => {
  const settings = load('listen: { proxy: 1000, host: 0.0.0.0 }', {
    GLASSWAY_LISTEN_PROXY: '2000',
    CLICKHOUSE_URL: 'http://db:8123',
    GLASSWAY_LIMITS_BODY_BYTES: '5',
    GLASSWAY_DATA: '/x',
    PATH: '/bin',
  });
  expect(settings.listen).toMatchObject({ proxy: 2000, host: '0.0.0.0' });
  expect([settings.clickhouse.url, settings.limits.bodyBytes]).toEqual(['http://db:8123', 5]);
  const found = faults('colour: blue', { GLASSWAY_LISTEN_PROXI: '1', GLASSWAY_LISTEN_INGEST: 'many' }).map((fault) => fault.at);
  expect(found).toEqual(expect.arrayContaining(['colour', 'GLASSWAY_LISTEN_PROXI', 'listen.ingest']));
});

test('an empty variable is as good as none', () => {
  expect(load('', { GLASSWAY_LISTEN_PROXY: '' }).listen.proxy).toBe(4700);
});

test('every variable that sets something is known by its name', () => {
  expect(environmentNames()).toEqual(
    expect.arrayContaining(['GLASSWAY_LISTEN_PROXY_ADMIN', 'GLASSWAY_TIMEOUTS_DRAIN_MS', 'GLASSWAY_CLICKHOUSE_READ_USERNAME']),
  );
});

test('an override keeps what it does not name; what belonged to the old base URL goes with it', () => {
  const table = upstreamTable(
    load('upstreams: { vertex: { baseUrl: "http://gateway/{location}/" }, gemini: { provider: other }, mine: { baseUrl: "http://h:1/" } }'),
  );
  expect(table.get('vertex')).toMatchObject({
    baseUrl: 'http://gateway/{location}',
    provider: 'gcp.vertex_ai',
    dialect: { name: 'gemini' },
  });
  expect(table.get('vertex')?.exceptions).toBeUndefined();
  expect(table.get('gemini')).toMatchObject({ provider: 'other', baseUrl: 'https://generativelanguage.googleapis.com' });
  expect(table.get('mine')).toMatchObject({ baseUrl: 'http://h:1', provider: 'mine', dialect: { name: 'openai' } });
});

test('durations are hours or days', () => {
  expect([durationSeconds('12h'), durationSeconds('90d')]).toEqual([43_200, 7_776_000]);
});

test.each(['https://apm.example/trace/{trace_id}', 'http://127.0.0.1:16686/trace/{trace_id}?uiFind={span_id}'])(
  'console.traceUrl may be %s',
  (traceUrl) => {
    expect(load(`console: { traceUrl: "${traceUrl}" }`).console.traceUrl).toBe(traceUrl);
  },
);

test.each(['https://apm.example/traces', 'javascript:alert("{trace_id}")', 'https://apm.example/{trace}/{trace_id}', 'apm/{trace_id}'])(
  'console.traceUrl may not be %s',
  (traceUrl) => {
    expect(faults(`console: { traceUrl: '${traceUrl}' }`)).toContainEqual({
      at: 'console.traceUrl',
      problem: expect.stringContaining('{trace_id} in it'),
    });
  },
);

test('workers are a number or auto, from the file or the environment', () => {
  expect([load('').workers, load('workers: auto').workers, load('', { GLASSWAY_WORKERS: '3' }).workers]).toEqual([1, 'auto', 3]);
  expect(load('workers: 1', { GLASSWAY_WORKERS: 'auto' }).workers).toBe('auto');
  for (const wrong of ['0', '1.5', 'many', '999'])
    expect(faults(`workers: ${wrong}`)).toEqual([
      { at: 'workers', problem: expect.stringContaining('auto, or a whole number from 1 to 128') },
    ]);
});
