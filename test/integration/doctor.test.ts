/** `glassway doctor`: a whole deployment that is well, and each thing that can be wrong with one. */
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import {
  checkDeduplication,
  checkDisk,
  checkRetention,
  checkRights,
  checkSchema,
  checkServer,
  skew,
  spaceFinding,
} from '../../cli/doctor/clickhouse.ts';
import type { Finding, Patient } from '../../cli/doctor/finding.ts';
import { checkCall, checkIngest, checkJournalDisk, checkPrices, checkProxy, PRICES_OF } from '../../cli/doctor/parts.ts';
import { loadSettings } from '../../contract/config.ts';
import { readMigrations } from '../../ingest/migrations/index.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { type RunningGlassway, runToEnd, startGlassway } from '../kit/glassway.ts';
import { insertCalls, sampleCall } from '../kit/sample-calls.ts';
import { listenOnLoopback } from '../kit/upstream.ts';

const ENV = { GLASSWAY_RETENTION_CALLS: '7300d', GLASSWAY_RETENTION_BODIES: '7300d' };
let clickhouse: TestClickHouse;
const servers: Server[] = [];

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
});
afterAll(async () => {
  for (const server of servers) server.close();
  await clickhouse?.stop();
});

function patient(changes: Partial<Patient> = {}, env: Record<string, string> = {}): Patient {
  const nowhere = 'http://127.0.0.1:9';
  return {
    settings: loadSettings({ file: '/dev/null', env: { ...ENV, ...env } }),
    dataDir: tmpdir(),
    version: '0.1.0',
    writer: clickhouse.client,
    reader: clickhouse.readerClient,
    urls: { proxy: nowhere, admin: nowhere, ingest: nowhere },
    key: undefined,
    ...changes,
  };
}

/** A part that answers so, by path. */
async function stub(answers: Record<string, { status?: number; headers?: Record<string, string>; body: unknown }>): Promise<string> {
  const server = createServer((request, response) => {
    const { status = 200, headers = {}, body } = answers[request.url ?? ''] ?? { status: 404, body: {} };
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  servers.push(server);
  return `http://127.0.0.1:${await listenOnLoopback(server)}`;
}

const worst = (findings: readonly Finding[]) =>
  findings.find(({ status }) => status === 'fail') ?? findings.find(({ status }) => status !== 'ok');
const command = (query: string) => clickhouse.client.command({ query });

test('of a healthy ClickHouse every check is ok', async () => {
  for (const check of [checkServer, checkSchema, checkDeduplication, checkRetention, checkRights])
    expect((await check(patient())).map(({ check: name, status, message }) => ({ name, status, message }))).toEqual(
      expect.not.arrayContaining([expect.objectContaining({ status: expect.stringMatching(/warn|fail|skip/) })]),
    );
  expect((await checkDisk(patient()))[0]?.message).toMatch(/GiB of .* free/);
});

test('a table that forgets tokens too soon is named, with the statement that mends it', async () => {
  await command('ALTER TABLE calls_by_minute MODIFY SETTING non_replicated_deduplication_window = 10');
  const finding = worst(await checkDeduplication(patient()));
  expect(finding).toMatchObject({ status: 'fail', message: expect.stringContaining('calls_by_minute remembers 10') });
  await command(finding?.mend ?? '');
  expect(worst(await checkDeduplication(patient()))).toBeUndefined();
});

test('a retention other than that of the settings is said, and where rows move in the meantime is nobody’s fault', async () => {
  expect(worst(await checkRetention(patient({}, { GLASSWAY_RETENTION_CALLS: '30d' })))).toMatchObject({
    status: 'warn',
    message: expect.stringContaining('calls is kept by'),
  });
  await command(
    "ALTER TABLE calls MODIFY TTL toDateTime(started_at) + toIntervalSecond(630720000), toDateTime(started_at) + toIntervalDay(30) TO VOLUME 'default'",
  );
  expect(worst(await checkRetention(patient()))).toBeUndefined();
  await command('ALTER TABLE calls MODIFY TTL toDateTime(started_at) + toIntervalSecond(630720000)');
});

test('a migration that is missing, or from the future, is said', async () => {
  const last = readMigrations().at(-1);
  await command(`DELETE FROM migrations WHERE version = ${last?.version}`);
  expect(worst(await checkSchema(patient()))).toMatchObject({
    status: 'fail',
    message: `not applied: ${last?.name}`,
    mend: expect.stringContaining('migrate'),
  });
  await clickhouse.client.insert({
    table: 'migrations',
    values: [last, { version: 99, name: 'later' }].map((row) => ({ version: row?.version, name: row?.name, checksum: 'x' })),
    format: 'JSONEachRow',
  });
  expect(worst(await checkSchema(patient()))).toMatchObject({
    status: 'warn',
    message: expect.stringContaining('made by a later release'),
  });
  expect(worst(await checkSchema(patient({}, { GLASSWAY_CLICKHOUSE_CLUSTER: 'c' })))).toMatchObject({
    status: 'fail',
    message: expect.stringContaining('one server'),
  });
  expect(worst(await checkSchema(patient({}, { CLICKHOUSE_DATABASE: 'elsewhere' })))).toMatchObject({ status: 'fail' });
});

test('a console that reads as somebody who may write, and a writer who may not, are said', async () => {
  expect(worst(await checkRights(patient({ reader: clickhouse.client })))).toMatchObject({ check: 'reader', status: 'warn' });
  expect(worst(await checkRights(patient({ writer: clickhouse.readerClient })))).toMatchObject({
    check: 'rights',
    status: 'fail',
    message: expect.stringContaining('INSERT'),
    mend: expect.stringContaining('GRANT'),
  });
});

test('clocks apart and disks that fill are warnings first and failures then', () => {
  expect([0, 5_000, -120_000].map((ms) => skew('clock', ms).status)).toEqual(['ok', 'warn', 'fail']);
  expect([50, 10, 1].map((free) => spaceFinding('disk', free, 100).status)).toEqual(['ok', 'warn', 'fail']);
});

test('prices that are old, and calls without one, are said; the date of the prices is that of the pinned package', async () => {
  expect(packageJson.dependencies['@pydantic/genai-prices']).toBe(PRICES_OF.version);
  const months = (n: number) => new Date(Date.parse(PRICES_OF.published) + n * 30 * 86_400_000);
  expect((await checkPrices(patient(), months(1)))[0]).toMatchObject({ status: 'ok' });
  expect((await checkPrices(patient(), months(4)))[0]).toMatchObject({ status: 'warn', mend: expect.stringContaining('priceCatalogue') });
  expect(await checkPrices(patient({}, { GLASSWAY_PRICE_CATALOGUE_URL: 'https://prices.example/data.json' }), months(9))).toMatchObject([
    { status: 'ok' },
  ]);
  const started_at = new Date(Date.now() - 60_000).toISOString().replace('T', ' ').slice(0, 23).concat('000');
  await insertCalls(clickhouse.client, [sampleCall({ id: 'unpriced', started_at, cost_usd: null, cost_source: 'none' })]);
  expect((await checkPrices(patient(), months(1))).at(-1)).toMatchObject({ check: 'not priced', status: 'warn' });
});

test('parts that are away, not ready or of another version are said', async () => {
  expect(worst(await checkProxy(patient()))).toMatchObject({ status: 'fail', message: expect.stringContaining('does not answer') });
  expect(worst(await checkIngest(patient()))).toMatchObject({ status: 'fail', message: expect.stringContaining('does not answer') });
  const old = await stub({ '/healthz': { body: { version: '0.0.1' } }, '/readyz': { body: { ready: true } } });
  const findings = await checkProxy(patient({ urls: { proxy: old, admin: old, ingest: old } }));
  expect(worst(findings)).toMatchObject({ check: 'proxy version', status: 'warn' });
  const sick = await stub({
    '/healthz': { body: { version: '0.1.0' }, headers: { date: new Date(Date.now() - 300_000).toUTCString() } },
    '/readyz': { status: 503, body: { ready: false, reason: 'migrations: no', journal: { ok: false, fault: 'disk full' } } },
  });
  const urls = { proxy: sick, admin: sick, ingest: sick };
  expect((await checkProxy(patient({ urls }))).filter(({ status }) => status === 'fail').map(({ check }) => check)).toEqual([
    'proxy',
    'journal',
    'proxy clock',
  ]);
  expect(worst(await checkIngest(patient({ urls })))).toMatchObject({ status: 'fail', message: expect.stringContaining('migrations: no') });
});

test('a journal that could grow beyond its disk is said, and one that is elsewhere is passed over', async () => {
  const dir = { GLASSWAY_JOURNAL_DIR: tmpdir() };
  expect(await checkJournalDisk(patient({}, { ...dir, GLASSWAY_JOURNAL_BYTES_MAX: String(2 ** 52) }))).toContainEqual(
    expect.objectContaining({ check: 'journal size', status: 'warn' }),
  );
  expect(await checkJournalDisk(patient({}, { GLASSWAY_JOURNAL_DIR: '/nonexistent' }))).toMatchObject([{ status: 'skip' }]);
});

test('a proxy that wants a key is not called without one', async () => {
  const proxy = await stub({ '/openai/v1/chat/completions': { status: 401, headers: { 'x-glassway-error': 'key_missing' }, body: {} } });
  expect(await checkCall(patient({ urls: { proxy, admin: proxy, ingest: proxy } }))).toMatchObject([
    { status: 'skip', mend: expect.stringContaining('--key') },
  ]);
});

describe('the command, on a running Glassway', () => {
  let mock: MockProvider;
  let up: RunningGlassway;
  beforeAll(async () => {
    mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 3, latencyScale: 0 });
    up = await startGlassway({ settings: { upstreams: { openai: { baseUrl: `${mock.url}/openai` } } } });
  });
  afterAll(async () => {
    await up?.stop();
    await mock?.close();
  });
  const doctor = (...more: string[]) =>
    runToEnd(
      ['doctor', '--data', up.dataDir, ...more],
      Object.fromEntries(
        Object.entries(up.ports).map(([name, port]) => [`GLASSWAY_LISTEN_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`, String(port)]),
      ),
    );

  test('sends a call through all of it, and ends with 0; as JSON it says the same', async () => {
    const { code, output } = await doctor('--json');
    const { findings } = JSON.parse(output) as { findings: Finding[] };
    expect({ code, failed: findings.filter(({ status }) => status === 'fail') }).toEqual({ code: 0, failed: [] });
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['clickhouse', 'schema', 'deduplication', 'retention', 'ingest', 'proxy', 'a call']),
    );
    expect(await up.query("SELECT count() AS n FROM calls WHERE project = 'glassway-doctor'")).toEqual([{ n: 1 }]);
  });

  test('ends with 1 and says what to do when a part is away', async () => {
    const { code, output } = await doctor('--ingest-url', 'http://127.0.0.1:9', '--no-call');
    expect(code).toBe(1);
    expect(output).toMatch(/FAIL {2}ingest .*does not answer/);
    expect(output).toContain('→ Start it (`glassway ingest`)');
  });
});
