/** Repricing against a real ClickHouse: what it writes, what it leaves alone, and what an interruption at each step leaves behind. */
import type { CallRow } from '../../../contract/record.ts';
import { createPricer, type PricerOptions } from '../../../ingest/price.ts';
import { type Repriced, type RepriceOptions, type RepriceStep, reprice } from '../../../ingest/reprice/reprice.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { sampleCall } from '../../kit/sample-calls.ts';

let server: TestClickHouse;
let batches = 0;

beforeAll(async () => {
  server = await startTestClickHouse();
}, 60_000);
afterAll(() => server?.stop());
beforeEach(async () => {
  for (const table of ['calls', 'calls_by_minute', 'calls_by_day']) await server.client.command({ query: `TRUNCATE TABLE ${table}` });
});

/** As ingest inserts: one block, one token, the rollup with it. */
async function insert(rows: readonly CallRow[]): Promise<void> {
  batches += 1;
  await server.client.insert({
    table: 'calls',
    values: rows,
    format: 'JSONEachRow',
    clickhouse_settings: { insert_deduplication_token: `batch-${batches}`, deduplicate_blocks_in_dependent_materialized_views: 1 },
  });
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const answer = await server.client.query({
    query: sql,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0, output_format_json_quote_decimals: 1 },
  });
  return answer.json();
}

/** Two months, two projects, two models; some without a price, one priced by its provider. */
const CALLS: readonly CallRow[] = Array.from({ length: 240 }, (_, n) =>
  sampleCall({
    id: `call-${n}`,
    seq: n + 1,
    project: n % 3 === 0 ? 'search' : 'checkout',
    user_id: n % 5 === 0 ? '' : `user-${n % 4}`,
    tags: n % 2 === 0 ? { env: n % 4 === 0 ? 'production' : 'staging' } : {},
    started_at: `2026-0${n % 2 === 0 ? 1 : 2}-1${(n >> 1) % 2} 12:${String(n % 60).padStart(2, '0')}:07.${String(n).padStart(6, '0')}`,
    response_model: n % 7 === 0 ? 'gpt-4o' : 'gpt-5-mini-2025-08-07',
    cost_usd: n % 11 === 0 ? null : '0.500000000',
    cost_source: n % 11 === 0 ? 'none' : n % 13 === 0 ? 'provider' : 'catalogue',
    price_version: n % 11 === 0 || n % 13 === 0 ? '' : 'genai-prices@0.0.1',
  }),
);
const SINCE = new Date('2026-01-01T00:00:00Z');
const UNTIL = new Date('2026-03-01T00:00:00Z');

function run(changes: Partial<RepriceOptions> = {}, prices: PricerOptions = {}): Promise<Repriced> {
  return reprice({
    client: server.client,
    database: server.database,
    since: SINCE,
    until: UNTIL,
    project: undefined,
    price: createPricer(prices).price,
    dryRun: false,
    confirm: async () => true,
    say: () => {},
    signal: new AbortController().signal,
    ...changes,
  });
}

const KEYS = 'project, minute, provider, model, outcome';
const minutesOfCalls = () =>
  query(`SELECT project, toStartOfMinute(call.started_at, 'UTC') AS minute, provider, if(response_model != '', response_model, request_model) AS model, outcome,
    count() AS n, countIf(call.cost_usd IS NOT NULL) AS priced, sum(call.cost_usd) AS usd, sum(call.input_tokens) AS tokens,
    quantileDDMerge(0.01, 0.5)(d) AS half FROM (SELECT *, initializeAggregation('quantileDDState(0.01, 0.5)', assumeNotNull(duration_ms)) AS d FROM calls) AS call GROUP BY ${KEYS} ORDER BY ${KEYS}`);
const minutesOfRollup = () =>
  query(`SELECT ${KEYS}, sum(calls) AS n, sum(calls_with_cost) AS priced, sum(cost_usd) AS usd, sum(input_tokens) AS tokens,
    quantileDDMerge(0.01, 0.5)(duration_ms) AS half FROM calls_by_minute GROUP BY ${KEYS} ORDER BY ${KEYS}`);
const LABELS = ['all', 'user', 'sdk', 'tag:env'] as const;
const daysOfCalls = async () =>
  Object.fromEntries(
    await Promise.all(
      Object.entries({ all: "''", user: 'user_id', sdk: 'toString(sdk)', 'tag:env': "tags['env']" }).map(async ([label, value]) => [
        label,
        await query(`SELECT toString(toDate(call.started_at, 'UTC')) AS day, ${value} AS value, count() AS n, countIf(call.cost_usd IS NOT NULL) AS priced,
          sum(call.cost_usd) AS usd FROM calls AS call WHERE value != '' OR '${label}' IN ('all', 'sdk') GROUP BY day, value ORDER BY day, value`),
      ]),
    ),
  );
const daysOfRollup = async () =>
  Object.fromEntries(
    await Promise.all(
      LABELS.map(async (label) => [
        label,
        await query(`SELECT toString(day) AS day, value, sum(calls) AS n, sum(calls_with_cost) AS priced, sum(cost_usd) AS usd
          FROM calls_by_day WHERE label = '${label}' GROUP BY day, value ORDER BY day, value`),
      ]),
    ),
  );
const table = async () => ({ minutes: await minutesOfCalls(), days: await daysOfCalls() });
const rollup = async () => ({ minutes: await minutesOfRollup(), days: await daysOfRollup() });
const leftovers = () =>
  query(
    `SELECT name FROM system.tables WHERE database = '${server.database}' AND (startsWith(name, 'reprice') OR position(create_table_query, 'reprice_pause') > 0)`,
  );

/** gpt-5-mini: 0.25 in, 2 out; gpt-4o: 2.5 in, 10 out; 1,000 and 100 tokens. */
const MINI_USD = 0.00045;
const FOUR_O_USD = 0.0035;
const expected = (factor = 1) =>
  CALLS.reduce(
    (sum, call, n) => sum + (n % 11 !== 0 && n % 13 === 0 ? 0.5 : (call.response_model === 'gpt-4o' ? FOUR_O_USD : MINI_USD) * factor),
    0,
  );

async function total(): Promise<number> {
  const [row] = await query('SELECT toFloat64(sum(cost_usd)) AS usd FROM calls');
  return Number(row?.['usd']);
}

test('every call has the cost of today, the rollup says the same, and nothing is left behind', async () => {
  await insert(CALLS);
  const { found, monthsRebuilt, minutesKept } = await run();
  expect(found.calls).toBe(CALLS.filter(({ cost_source }) => cost_source !== 'provider').length);
  expect(found.changed).toBe(found.calls);
  expect(monthsRebuilt).toEqual(['202601', '202602']);
  expect(minutesKept).toBe(0);
  expect(await total()).toBeCloseTo(expected(), 9);
  expect(await rollup()).toEqual(await table());
  expect(await leftovers()).toEqual([]);
  expect(await query("SELECT count() AS n FROM calls WHERE cost_source = 'provider' AND cost_usd = 0.5 AND price_version = ''")).toEqual([
    { n: CALLS.filter(({ cost_source }) => cost_source === 'provider').length },
  ]);
  const [priced] = await query("SELECT DISTINCT price_version AS version FROM calls WHERE cost_source = 'catalogue'");
  expect(priced?.['version']).toMatch(/^genai-prices@/);
});

test('a second run finds nothing to change and rebuilds nothing', async () => {
  await insert(CALLS);
  await run();
  const again = await run({ confirm: () => Promise.reject(new Error('asked for nothing')) });
  expect(again.found.changed).toBe(0);
  expect(again.monthsRebuilt).toEqual([]);
});

test('a dry run, and a run that is not confirmed, change nothing and say what they would change', async () => {
  await insert(CALLS);
  const before = [await table(), await rollup()];
  for (const options of [{ dryRun: true }, { confirm: async () => false }]) {
    const { found, written } = await run(options);
    expect(written).toBe(false);
    expect(found.changed).toBeGreaterThan(0);
    const search = found.differences.filter(({ project }) => project === 'search');
    expect(search.map(({ model }) => model).sort()).toEqual(['gpt-4o', 'gpt-5-mini-2025-08-07']);
    expect(search.every(({ unpricedAfter, afterUsd }) => unpricedAfter === 0 && afterUsd > 0)).toBe(true);
  }
  expect([await table(), await rollup()]).toEqual(before);
  expect(await leftovers()).toEqual([]);
});

test('a cost that is no longer known becomes NULL in the rows and in the rollup, never 0', async () => {
  await insert(CALLS);
  await run({ project: 'search' }, { overrides: [{ project: 'search', perMillion: { input: 1 } }] });
  const [row] = await query(
    "SELECT countIf(cost_usd IS NULL) AS unknown, count() AS n FROM calls WHERE project = 'search' AND cost_source != 'provider'",
  );
  expect(row?.['unknown']).toBe(row?.['n']);
  expect(await rollup()).toEqual(await table());
  expect(await query("SELECT count() AS n FROM calls_by_minute WHERE project = 'search' AND calls_with_cost = 0 AND cost_usd = 0")).toEqual(
    [{ n: 0 }],
  );
});

test("only the named project's calls and only the named time are priced anew", async () => {
  await insert(CALLS);
  const half = { overrides: [{ multiplier: 0.5 }] };
  await run({ project: 'search', until: new Date('2026-02-01T00:00:00Z') }, half);
  expect(
    await query(
      "SELECT count() AS n FROM calls WHERE cost_source = 'override' AND (project != 'search' OR started_at >= '2026-02-01 00:00:00')",
    ),
  ).toEqual([{ n: 0 }]);
  expect(
    await query(
      "SELECT count() AS n FROM calls WHERE cost_source != 'override' AND cost_source != 'provider' AND project = 'search' AND started_at < '2026-02-01 00:00:00'",
    ),
  ).toEqual([{ n: 0 }]);
  expect(await rollup()).toEqual(await table());
});

describe('interrupted and repeated', () => {
  const moments: readonly (readonly [RepriceStep, number])[] = [
    ['staged', 1],
    ['chunk', 1],
    ['chunk', 2],
    ['rebuild', 1],
    ['verify', 1],
    ['rebuild', 2],
  ];
  test.each(moments)('at %s, time %i: the sums are those of an uninterrupted run', async (step, time) => {
    await insert(CALLS);
    let seen = 0;
    const onStep = (now: RepriceStep) => {
      if (now === step) seen += 1;
      if (seen === time) throw new Error('interrupted');
    };
    await run({ onStep }, { overrides: [{ multiplier: 3 }] }).catch((error: unknown) => expect(String(error)).toContain('interrupted'));
    await run({}, { overrides: [{ multiplier: 3 }] });
    expect(await total()).toBeCloseTo(expected(3), 9);
    expect(await rollup()).toEqual(await table());
    expect(await leftovers()).toEqual([]);
  });
});

test('calls that arrive meanwhile are neither lost nor counted twice', async () => {
  await insert(CALLS);
  let stop = false;
  let sent = 0;
  let refused = 0;
  const sender = (async () => {
    while (!stop) {
      sent += 1;
      const row = sampleCall({
        id: `late-${sent}`,
        proxy_id: 'proxy-b',
        seq: sent,
        started_at: `2026-01-10 12:0${sent % 10}:30.000000`,
        cost_usd: '0.000450000',
      });
      for (let done = false; !done; )
        try {
          await insert([row]);
          done = true;
        } catch (error) {
          // What ingest answers with 503: it comes again.
          expect(String(error)).toContain('glassway reprice rebuilds the rollup');
          refused += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
    }
  })();
  try {
    await run({}, { overrides: [{ multiplier: 2 }] });
  } finally {
    stop = true;
    await sender;
  }
  expect(await query("SELECT count() AS n FROM calls WHERE proxy_id = 'proxy-b'")).toEqual([{ n: sent }]);
  expect(await rollup()).toEqual(await table());
  expect(sent + refused).toBeGreaterThan(1);
});

test('minutes whose calls are partly gone keep the sums that were made of all of them', async () => {
  await insert(CALLS);
  const [gone] = await query(
    "SELECT toString(toStartOfMinute(started_at, 'UTC')) AS minute, id FROM calls WHERE project = 'search' ORDER BY started_at LIMIT 1",
  );
  const minute = String(gone?.['minute']);
  await server.client.command({
    query: `DELETE FROM calls WHERE id = '${String(gone?.['id'])}'`,
    clickhouse_settings: { mutations_sync: '1' },
  });
  const sums = () => query(`SELECT sum(calls) AS n, sum(cost_usd) AS usd FROM calls_by_minute WHERE minute = '${minute}'`);
  const before = await sums();
  const { minutesKept } = await run();
  expect(minutesKept).toBe(1);
  expect(await sums()).toEqual(before);
});

test('a lock whose owner was killed is taken over once it has expired', async () => {
  await insert(CALLS);
  const stale = "throwIf(ignore(id) = 0 AND toUnixTimestamp(now()) < 1, 'glassway reprice') = 0";
  await server.client.command({ query: `ALTER TABLE calls ADD CONSTRAINT reprice_pause CHECK ${stale}` });
  await server.client.command({ query: 'CREATE TABLE reprice_rollup AS glassway.calls_by_minute' });
  await server.client.command({
    query:
      "CREATE TABLE reprice_changes (chunk UInt32, key String, value String) ENGINE = MergeTree ORDER BY chunk COMMENT 'glassway reprice, alive until 1'",
  });
  await run();
  expect(await total()).toBeCloseTo(expected(), 9);
  expect(await leftovers()).toEqual([]);
});
