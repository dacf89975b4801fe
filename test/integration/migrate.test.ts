import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { CALL_COLUMNS } from '../../contract/columns.ts';
import { type MigrateOptions, MigrationError, migrate } from '../../ingest/migrate.ts';
import { readMigrations } from '../../ingest/migrations/index.ts';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';

const RETENTION = { callsTtlSeconds: 90 * 86_400, bodiesTtlSeconds: 7 * 86_400 };

let server: TestClickHouse;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await startTestClickHouse({ migrated: false });
  client = createClient({ url: server.url, ...server.writer, log: { level: ClickHouseLogLevel.OFF } });
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});
beforeEach(() => client.command({ query: 'DROP DATABASE IF EXISTS glassway SYNC' }));

async function select<Row>(query: string): Promise<Row[]> {
  const answer = await client.query({ query, format: 'JSONEachRow', clickhouse_settings: { output_format_json_quote_64bit_integers: 0 } });
  return answer.json<Row>();
}

function run(changes: Partial<MigrateOptions> = {}) {
  const logged: string[] = [];
  const options = { database: 'glassway', ...RETENTION, log: (level: string, message: string) => logged.push(`${level}: ${message}`) };
  return migrate(client, { ...options, ...changes }).then((migrated) => ({ ...migrated, logged }));
}

const names = readMigrations().map(({ name }) => name);

test('an empty server gets its database and tables, and a second run changes nothing', async () => {
  expect(await run()).toMatchObject({ applied: names, version: names.length });
  const tables = await select("SELECT name, create_table_query FROM system.tables WHERE database = 'glassway' ORDER BY name");
  expect(await run()).toEqual({ applied: [], version: names.length, logged: [] });
  expect(await select("SELECT name, create_table_query FROM system.tables WHERE database = 'glassway' ORDER BY name")).toEqual(tables);
});

test('several ingests may migrate an empty server at once', async () => {
  await Promise.all([run(), run(), run(), run()]);
  expect(await run()).toEqual({ applied: [], version: names.length, logged: [] });
  expect(await select('SELECT DISTINCT name FROM glassway.migrations ORDER BY version')).toEqual(names.map((name) => ({ name })));
});

test('a migration that stopped half way is taken up where it stopped', async () => {
  const migrations = readMigrations();
  await run({ migrations: migrations.slice(0, 2) });
  await client.command({ query: migrations[2]?.statement ?? '', query_params: { database: 'glassway' } });
  expect(await run()).toMatchObject({ applied: names.slice(2), version: names.length });
});

test('the columns of table calls are those of the contract', async () => {
  await run();
  const columns = await select("SELECT name, type FROM system.columns WHERE database = 'glassway' AND table = 'calls' ORDER BY position");
  expect(columns).toEqual(CALL_COLUMNS.map(({ name, type }) => ({ name, type })));
});

test('a migration that was changed after it was applied is refused by name', async () => {
  await run();
  const changed = readMigrations().map((migration) => (migration.version === 2 ? { ...migration, checksum: 'other' } : migration));
  const failure = await run({ migrations: changed }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(MigrationError);
  expect(String(failure)).toContain('0002-create-bodies');
});

test('a database that a later release migrated is used, and said to be so', async () => {
  await run();
  const older = await run({ migrations: readMigrations().slice(0, 3) });
  expect(older).toMatchObject({ applied: [], version: names.length });
  expect(older.logged).toEqual([
    expect.stringMatching(new RegExp(`^warn: .*version ${names.length} by a later release; this one knows up to 3`)),
  ]);
});

test('retention follows the settings, and one beyond what ClickHouse can date deletes nothing', async () => {
  const ttl = () =>
    select<{ name: string; ttl: string }>(
      "SELECT name, extract(create_table_query, 'toIntervalSecond\\\\((\\\\d+)\\\\)') AS ttl FROM system.tables WHERE database = 'glassway' AND ttl != '' ORDER BY name",
    );
  await run();
  expect(await ttl()).toEqual([
    { name: 'bodies', ttl: String(7 * 86_400) },
    { name: 'calls', ttl: String(90 * 86_400) },
    // Until the last call of the day, or of the hour, goes.
    { name: 'calls_by_day', ttl: String(91 * 86_400) },
    { name: 'calls_by_minute', ttl: String(400 * 86_400) },
    { name: 'failures_by_hour', ttl: String(90 * 86_400 + 3_600) },
    { name: 'latency_by_hour', ttl: String(400 * 86_400) },
    { name: 'limits_by_hour', ttl: String(90 * 86_400 + 3_600) },
    { name: 'numbers_by_hour', ttl: String(90 * 86_400 + 3_600) },
  ]);
  await insert('a', [call({ id: 'kept' })]);
  const { logged } = await run({ callsTtlSeconds: 99_999 * 86_400, bodiesTtlSeconds: 3_600 });
  expect(logged).toHaveLength(8);
  const longest = { ttl: String(50 * 365 * 86_400) };
  expect(await ttl()).toMatchObject([{ ttl: '3600' }, longest, longest, longest, longest, longest, longest, longest]);
  await client.command({ query: 'OPTIMIZE TABLE glassway.calls FINAL' });
  expect(await select('SELECT id FROM glassway.calls')).toEqual([{ id: 'kept' }]);
});

test('a call older than its retention goes', async () => {
  await run();
  await insert('a', [call({ id: 'old', started_at: '2020-01-01 00:00:00.000000' }), call({ id: 'new' })]);
  await client.command({ query: 'OPTIMIZE TABLE glassway.calls FINAL' });
  expect(await select('SELECT id FROM glassway.calls')).toEqual([{ id: 'new' }]);
});

describe('a batch', () => {
  beforeEach(() => run());

  test('that is sent again with its token is counted once, in the calls and in the rollups, also after other batches', async () => {
    const batch = [call({ id: '1' }), call({ id: '2', project: 'other' })];
    await insert('a', batch);
    await insert('a', batch);
    expect(await counts()).toEqual({ calls: 2, rollup: 2, timed: 2, labelled: 2, numbered: 2, input_tokens: 20 });
    await insert('b', [call({ id: '3' })]);
    await insert('a', batch);
    await insert('b', [call({ id: '3' })]);
    expect(await counts()).toEqual({ calls: 3, rollup: 3, timed: 3, labelled: 3, numbered: 3, input_tokens: 30 });
  });

  test('with the same rows as another and a token of its own is counted too', async () => {
    const batch = [call({ id: '1' })];
    await insert('a', batch);
    await insert('b', batch);
    expect(await counts()).toEqual({ calls: 2, rollup: 2, timed: 2, labelled: 2, numbered: 2, input_tokens: 20 });
  });

  test('of captured bodies is stored once as well', async () => {
    const bodies = [{ id: '1', project: 'p', started_at: started(), request: 'q', response: 'a', capture: 'full' }];
    for (const token of ['a', 'a', 'b', 'a'])
      await client.insert({
        table: 'glassway.bodies',
        values: bodies,
        format: 'JSONEachRow',
        clickhouse_settings: { insert_deduplication_token: token },
      });
    expect(await select('SELECT count() AS n FROM glassway.bodies')).toEqual([{ n: 2 }]);
  });
});

describe('the rollup', () => {
  beforeEach(() => run());

  test('adds up what is known, says of how many calls, and keeps unknown apart from 0', async () => {
    await insert('a', [
      call({ id: '1', output_tokens: 0, cost_usd: '0.000000001', duration_ms: 100 }),
      call({ id: '2', input_tokens: null, output_tokens: null, cost_usd: null, usage_source: 'none' }),
      call({ id: '3', usage_source: 'estimated', cost_usd: '0.5', duration_ms: 300, ttft_ms: 20 }),
    ]);
    const [row] = await select(`
      SELECT sum(calls) AS calls, sum(calls_with_usage) AS with_usage, sum(calls_usage_estimated) AS estimated,
        sum(calls_with_cost) AS with_cost, sum(input_tokens) AS input, sum(output_tokens) AS output, sum(reasoning_tokens) AS reasoning,
        toString(sum(cost_usd)) AS cost, sum(response_bytes) AS bytes,
        round(quantileDDMerge(0.01, 1)(duration_ms) / 300, 1) AS slowest, ifNotFinite(quantileDDMerge(0.01, 0.5)(overhead_ms), NULL) AS overhead
      FROM glassway.calls_by_minute`);
    expect(row).toEqual({
      calls: 3,
      with_usage: 2,
      estimated: 1,
      with_cost: 2,
      input: 20,
      output: 0,
      reasoning: null,
      cost: '0.500000001',
      bytes: 60,
      slowest: 1,
      overhead: null,
    });
  });

  test('of latency knows how fast streams write, and leaves out what has no speed', async () => {
    await insert('a', [
      call({ id: '1', stream: true, output_tokens: 91, ttft_ms: 100, duration_ms: 1000, max_gap_ms: 40 }),
      call({ id: '2', stream: true, output_tokens: 90, ttft_ms: null, duration_ms: 1000 }),
      call({ id: '3', stream: true, output_tokens: null, ttft_ms: 100, duration_ms: 100 }),
      call({ id: '4', stream: true, output_tokens: 90, ttft_ms: 999.99, duration_ms: 1000 }),
    ]);
    const [row] = await select(`
      SELECT sum(calls) AS calls, round(quantileDDMerge(0.01, 0.5)(tokens_per_second) / 100, 1) AS of_100_per_second,
        round(quantileDDMerge(0.01, 1)(tokens_per_second) / 100, 1) AS fastest, round(quantileDDMerge(0.01, 1)(max_gap_ms) / 40, 1) AS gap
      FROM glassway.latency_by_hour`);
    expect(row).toEqual({ calls: 4, of_100_per_second: 1, fastest: 1, gap: 1 });
  });

  test('by the day has a call once for each of its labels, and knows which proxy gave which numbers', async () => {
    await insert('a', [
      call({ id: '1', user_id: 'u', tags: { env: 'x', team: '' }, sdk: 's', proxy_id: 'p', seq: 1, outcome: 'timeout', cost_usd: null }),
      call({ id: '2', user_id: 'u', session_id: 'c', key_fingerprint: 'k', proxy_id: 'p', seq: 2, cost_usd: '0.5', input_tokens: null }),
    ]);
    const byLabel = await select(
      'SELECT label, value, sum(calls) AS calls, sum(calls_failed) AS failed, toFloat64(sum(cost_usd)) AS usd FROM glassway.calls_by_day GROUP BY label, value ORDER BY label, value',
    );
    expect(byLabel).toEqual([
      { label: 'all', value: '', calls: 2, failed: 1, usd: 0.5 },
      { label: 'key', value: '', calls: 1, failed: 1, usd: null },
      { label: 'key', value: 'k', calls: 1, failed: 0, usd: 0.5 },
      { label: 'sdk', value: '', calls: 1, failed: 0, usd: 0.5 },
      { label: 'sdk', value: 's', calls: 1, failed: 1, usd: null },
      { label: 'session', value: 'c', calls: 1, failed: 0, usd: 0.5 },
      { label: 'tag:env', value: 'x', calls: 1, failed: 1, usd: null },
      { label: 'user', value: 'u', calls: 2, failed: 1, usd: 0.5 },
    ]);
    const numbers = await select(
      'SELECT proxy_id, sum(calls) AS calls, min(first) AS first, max(last) AS last, bitmapToArray(groupBitmapMergeState(numbers)) AS numbers FROM glassway.numbers_by_hour GROUP BY proxy_id',
    );
    expect(numbers).toEqual([{ proxy_id: 'p', calls: 2, first: 1, last: 2, numbers: [1, 2] }]);
  });

  test('of failures holds each kind once with what was said last, and nothing of calls that went well', async () => {
    const failed = { outcome: 'rate_limited', status: 429, error_type: 'slow_down', key_fingerprint: 'k' };
    await insert('a', [
      call({ id: '1', ...failed, started_at: minutesAfterHour(1), error_message: 'first' }),
      call({ id: '2', ...failed, started_at: minutesAfterHour(2), error_message: 'last' }),
      call({ id: '3', ...failed, started_at: minutesAfterHour(1), key_fingerprint: 'other' }),
      call({ id: '4' }),
    ]);
    expect(
      await select(
        'SELECT key_fingerprint AS key, status, sum(calls) AS calls, argMaxMerge(message) AS message FROM glassway.failures_by_hour GROUP BY key, status ORDER BY key',
      ),
    ).toEqual([
      { key: 'k', status: 429, calls: 2, message: 'last' },
      { key: 'other', status: 429, calls: 1, message: '' },
    ]);
  });

  test('of limits knows what was left at last and at least, by unit, and nothing of limits that are not told', async () => {
    const told = (remaining: number) => ({
      limit_requests: 100,
      remaining_requests: remaining,
      remaining_tokens: 5,
      limit: 10,
      remaining: 9,
    });
    await insert('a', [
      call({ id: '1', started_at: minutesAfterHour(1), rate_limits: told(20) }),
      call({ id: '2', started_at: minutesAfterHour(2), rate_limits: told(60) }),
      call({ id: '3', rate_limits: { retry_after_s: 1 } }),
    ]);
    expect(
      await select(
        'SELECT unit, sum(calls) AS calls, argMaxMerge(remaining) AS room, argMaxMerge(allowed) AS limit, min(left_share_min) AS least FROM glassway.limits_by_hour GROUP BY unit ORDER BY unit',
      ),
    ).toEqual([
      { unit: '', calls: 2, room: 9, limit: 10, least: 0.9 },
      { unit: 'requests', calls: 2, room: 60, limit: 100, least: 0.2 },
    ]);
  });

  test("knows a failed call by the model that was asked for, and others by the provider's word", async () => {
    await insert('a', [call({ id: '1', response_model: 'm-2026' }), call({ id: '2', response_model: '', outcome: 'rate_limited' })]);
    expect(await select('SELECT model, outcome, calls FROM glassway.calls_by_minute ORDER BY model')).toEqual([
      { model: 'm', outcome: 'rate_limited', calls: 1 },
      { model: 'm-2026', outcome: 'ok', calls: 1 },
    ]);
  });
});

/** Of this hour, so that both fall into one. */
function minutesAfterHour(minutes: number): string {
  return `${new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 + minutes * 60_000).toISOString().slice(0, 23).replace('T', ' ')}000`;
}

function started(): string {
  return `${new Date().toISOString().slice(0, 23).replace('T', ' ')}000`;
}

function call(changes: Record<string, unknown>) {
  const base = { project: 'p', started_at: started(), provider: 'openai', request_model: 'm', outcome: 'ok', usage_source: 'provider' };
  return { ...base, input_tokens: 10, response_bytes: 20, ...changes };
}

function insert(token: string, values: readonly unknown[]) {
  return client.insert({
    table: 'glassway.calls',
    values,
    format: 'JSONEachRow',
    clickhouse_settings: { insert_deduplication_token: token, deduplicate_blocks_in_dependent_materialized_views: 1 },
  });
}

async function counts() {
  const [calls] = await select<{ calls: number }>('SELECT count() AS calls FROM glassway.calls');
  const [rollup] = await select('SELECT sum(calls) AS rollup, sum(input_tokens) AS input_tokens FROM glassway.calls_by_minute');
  const [others] = await select(`SELECT (SELECT sum(calls) FROM glassway.latency_by_hour) AS timed,
    (SELECT sum(calls) FROM glassway.calls_by_day WHERE label = 'all') AS labelled, (SELECT sum(calls) FROM glassway.numbers_by_hour) AS numbered`);
  return { ...calls, ...(rollup as object), ...(others as object) };
}
