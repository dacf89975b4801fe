/** Sums that are younger than their calls, against a real ClickHouse: what is added, what is left alone. */
import { type Backfilled, backfill } from '../../../ingest/backfill/backfill.ts';
import { findSummed } from '../../../ingest/reprice/summed.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { insertCalls, sampleCall } from '../../kit/sample-calls.ts';

let server: TestClickHouse;
let said: string[] = [];

beforeAll(async () => {
  server = await startTestClickHouse();
  await insertCalls(
    server.client,
    Array.from({ length: 60 }, (_, n) =>
      sampleCall({
        id: `call-${n}`,
        seq: n + 1,
        started_at: `2026-0${1 + (n % 2)}-1${n % 3} 1${n % 2}:0${n % 7}:07.000000`,
        outcome: n % 6 === 0 ? 'rate_limited' : 'ok',
        rate_limits: { limit_requests: 100, remaining_requests: 100 - n },
        user_id: `user-${n % 4}`,
      }),
    ),
  );
}, 60_000);
afterAll(() => server?.stop());
beforeEach(() => {
  said = [];
});

const scope = () => ({
  client: server.client,
  database: server.database,
  since: new Date(0),
  until: new Date(),
  project: undefined,
  signal: new AbortController().signal,
});
const run = (dryRun = false): Promise<Backfilled> => backfill({ ...scope(), dryRun, say: (line) => said.push(line) });
const command = (query: string) => server.client.command({ query, clickhouse_settings: { mutations_sync: '2' } });

/** Everything that the tables say, as text. */
async function sums(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { table, bucket, columns } of await findSummed(scope())) {
    const shown = ['cost_usd', 'last_seen', 'left_share_min', 'first', 'last'].filter((name) => columns.includes(name));
    const answer = await server.client.query({
      query: `SELECT ${bucket}, sum(calls) AS n, ${shown.map((name) => `toString(${name === 'cost_usd' ? 'sum' : 'max'}(${name})) AS ${name}_`).join(', ') || '1'}
        FROM ${table} GROUP BY ${bucket} ORDER BY ${bucket}`,
      format: 'JSONEachRow',
    });
    found[table] = await answer.json();
  }
  return found;
}

test('what a new or emptied table lacks is added from the calls, month by month, and a second run finds nothing to do', async () => {
  const whole = await sums();
  expect(Object.keys(whole)).toEqual([
    'calls_by_day',
    'calls_by_minute',
    'failures_by_hour',
    'latency_by_hour',
    'limits_by_hour',
    'numbers_by_hour',
  ]);
  for (const table of ['failures_by_hour', 'latency_by_hour', 'limits_by_hour', 'numbers_by_hour'])
    await command(`TRUNCATE TABLE ${table}`);
  await command("ALTER TABLE calls_by_day DELETE WHERE day = '2026-02-11'");
  const lacking = await sums();
  expect(lacking).not.toEqual(whole);

  expect((await run(true)).months).toBe(8);
  expect(await sums()).toEqual(lacking);
  expect((await run()).months).toBe(8);
  expect(said).toContain('2026-02 (month 2 of 2), calls_by_day: 1 days to add; inserts wait meanwhile.');
  expect(await sums()).toEqual(whole);
  expect(await run()).toEqual({ months: 0 });
});

test('sums of calls that retention has taken stay', async () => {
  const whole = await sums();
  await command("ALTER TABLE calls DELETE WHERE toDate(started_at) = '2026-01-10'");
  await command('TRUNCATE TABLE limits_by_hour');
  expect((await run()).months).toBe(2);
  const { limits_by_hour: limits, ...others } = await sums();
  expect(others).toEqual(Object.fromEntries(Object.entries(whole).filter(([table]) => table !== 'limits_by_hour')));
  expect(JSON.stringify(limits)).not.toContain('2026-01-10');
});
