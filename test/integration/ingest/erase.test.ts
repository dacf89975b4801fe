/** Erasing against a real ClickHouse: what goes, what stays, and what an interruption at each step leaves behind. */
import type { CallRow } from '../../../contract/record.ts';
import { lossByProxy } from '../../../dashboards/pipeline.ts';
import type { Read } from '../../../ingest/console/read.ts';
import { type ErasureStep, type Found, openErasure } from '../../../ingest/erase/erase.ts';
import { findRollups } from '../../../ingest/erase/rollups.ts';
import type { Subject } from '../../../ingest/erase/subject.ts';
import { readLoss } from '../../../ingest/loss.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { filesWith } from '../../kit/files.ts';
import { sampleCall } from '../../kit/sample-calls.ts';

let server: TestClickHouse;
let batches = 0;
const GONE = 'user-who-leaves-7c1e';
const UNTIL = new Date('2026-06-01T00:00:00Z');

beforeAll(async () => {
  server = await startTestClickHouse();
}, 120_000);
afterAll(() => server?.stop());

const scope = () => ({
  client: server.client,
  database: server.database,
  since: new Date(0),
  until: UNTIL,
  project: undefined,
  signal: new AbortController().signal,
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const answer = await server.client.query({
    query: sql,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return answer.json();
}

/** Two months, two projects, ten users; some calls with bodies. */
const CALLS: readonly CallRow[] = Array.from({ length: 400 }, (_, n) =>
  sampleCall({
    id: `call-${n}`,
    seq: n + 1,
    project: n % 3 === 0 ? 'search' : 'checkout',
    user_id: n % 10 === 0 ? GONE : `user-${n % 10}`,
    session_id: `session-${n % 20}`,
    started_at: `2026-0${n % 2 === 0 ? 1 : 2}-1${(n >> 1) % 2} 12:${String(n % 60).padStart(2, '0')}:07.${String(n).padStart(6, '0')}`,
    tags: { owner: n % 10 === 0 ? 'leaving' : 'staying' },
  }),
);

beforeEach(async () => {
  const tables = await query(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT LIKE '%migrations%'",
  );
  for (const { name } of tables) await server.client.command({ query: `TRUNCATE TABLE ${String(name)}` });
  batches += 1;
  const settings = (table: string) => ({
    insert_deduplication_token: `erase-${batches}:${table}`,
    deduplicate_blocks_in_dependent_materialized_views: 1 as const,
  });
  await server.client.insert({ table: 'calls', values: CALLS, format: 'JSONEachRow', clickhouse_settings: settings('calls') });
  const bodies = CALLS.filter((_, n) => n % 4 === 0).map(({ id, project, started_at, user_id }) => ({
    id,
    project,
    started_at,
    request: `said by ${user_id}`,
    response: 'r',
    capture: 'full',
  }));
  await server.client.insert({ table: 'bodies', values: bodies, format: 'JSONEachRow', clickhouse_settings: settings('bodies') });
});

async function erase(
  subject: Omit<Subject, 'until'>,
  onStep: (step: ErasureStep) => void = () => {},
  until = UNTIL,
): Promise<{ before: Found[]; after: Found[]; sumsKept: number; oldParts: number }> {
  const erasure = await openErasure(scope(), { ...subject, until }, { say: () => {}, onStep });
  try {
    const before = await erasure.look();
    const erased = await erasure.erase();
    return { before, after: await erasure.look(), ...erased };
  } finally {
    await erasure.close();
  }
}

/** Calls by project and minute, and tokens, as each of two tables says. */
async function expectRollupsEqualCalls(): Promise<void> {
  for (const { table, bucket, ofCall } of await findRollups(scope())) {
    const summed = await query(
      `SELECT project, toString(${bucket}) AS at, sum(calls) AS calls FROM ${table} WHERE ${table === 'calls_by_day' ? "label = 'all'" : '1'} GROUP BY project, at ORDER BY project, at`,
    );
    if (table === 'limits_by_hour') continue;
    const counted = await query(
      `SELECT project, toString(${ofCall}) AS at, count() AS calls FROM calls WHERE ${table === 'failures_by_hour' ? "outcome != 'ok'" : '1'} GROUP BY project, at ORDER BY project, at`,
    );
    expect({ table, rows: summed }).toEqual({ table, rows: counted });
  }
  const tokens = async (table: string) =>
    query(`SELECT sum(input_tokens) AS i, sum(output_tokens) AS o, toString(sum(cost_usd)) AS usd FROM ${table}`);
  expect(await tokens('calls_by_minute')).toEqual(await tokens('calls'));
}

const sum = (found: readonly Found[]): number => found.reduce((all, { rows }) => all + rows, 0);
const expectNothingLeftBehind = async (): Promise<void> =>
  expect(
    await query("SELECT name FROM system.tables WHERE database = currentDatabase() AND (name LIKE 'erase%' OR name LIKE 'reprice%')"),
  ).toEqual([]);

test('a user is gone from calls, bodies and the files of both; the sums are those of the calls that stay', async () => {
  const { before, after, sumsKept, oldParts } = await erase({ user_id: GONE });
  expect(before.slice(0, 2)).toEqual([
    { place: 'table calls', rows: 40 },
    { place: 'table bodies', rows: 20 },
  ]);
  expect([sum(after), sumsKept, oldParts]).toEqual([0, 0, 0]);
  expect(await query('SELECT count() AS n, uniq(user_id) AS users FROM calls')).toEqual([{ n: 360, users: 9 }]);
  expect(await query('SELECT count() AS n FROM bodies')).toEqual([{ n: 80 }]);
  await expectRollupsEqualCalls();
  await expectNothingLeftBehind();
  expect(
    await query("SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND NOT active AND table = 'calls'"),
  ).toEqual([{ n: 0 }]);
  expect(filesWith(server.dataDir, GONE)).toEqual([]);
}, 120_000);

test('what was erased does not count as lost; what never came still does', async () => {
  // A proxy's calls of the last days, some of them of whoever leaves; of one more number there never was a row.
  const recent = Array.from({ length: 60 }, (_, n) =>
    sampleCall({
      id: `recent-${n}`,
      seq: n < 30 ? n + 1 : n + 2,
      proxy_id: 'recent-proxy',
      project: 'checkout',
      user_id: n % 4 === 0 ? 'leaves-soon' : 'stays',
      started_at: `${new Date(Date.now() - 2 * 86_400_000 + n * 60_000).toISOString().slice(0, 23).replace('T', ' ')}000`,
    }),
  );
  await server.client.insert({ table: 'calls', values: recent, format: 'JSONEachRow' });
  const read: Read = async <Row>(sql: string, params: Record<string, unknown>) => {
    const query_params = { ...params, database: server.database };
    return (
      await server.client.query({
        query: sql,
        query_params,
        format: 'JSONEachRow',
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      })
    ).json<Row>();
  };
  const loss = async () => {
    const { missing, duplicates, proxies } = await readLoss(read, new AbortController().signal);
    return { missing, duplicates, proxies };
  };
  const lost = { missing: 1, duplicates: 0, proxies: [expect.objectContaining({ proxy_id: 'recent-proxy', missing: 1 })] };
  expect(await loss()).toEqual(lost);
  const { after } = await erase({ user_id: 'leaves-soon' }, () => {}, new Date());
  expect(sum(after)).toBe(0);
  expect(await query("SELECT count() AS n FROM calls WHERE proxy_id = 'recent-proxy'")).toEqual([{ n: 45 }]);
  expect(await loss()).toEqual(lost);
  const from = '(now64(3) - toIntervalDay(3))';
  expect(await query(`SELECT proxy, missing FROM (${lossByProxy(from, 'now64(3)')})`)).toEqual([{ proxy: 'recent-proxy', missing: 1 }]);
}, 120_000);

test('a project is gone from the rollups too; a session of one project leaves the same session of another', async () => {
  const project = await erase({ project: 'search' });
  expect(sum(project.after)).toBe(0);
  expect(await query('SELECT DISTINCT project FROM calls_by_minute UNION DISTINCT SELECT DISTINCT project FROM latency_by_hour')).toEqual([
    { project: 'checkout' },
  ]);
  await expectRollupsEqualCalls();
  const session = await erase({ project: 'checkout', session_id: 'session-1' });
  expect(sum(session.after)).toBe(0);
  expect(await query("SELECT count() AS n FROM calls WHERE session_id = 'session-1'")).toEqual([{ n: 0 }]);
  expect(await query("SELECT count() > 0 AS some FROM calls WHERE session_id = 'session-2'")).toEqual([{ some: 1 }]);
  await expectRollupsEqualCalls();
}, 120_000);

test.each(['noted', 'calls', 'rollups'] as const)(
  'interrupted after %s and run again, it ends where it would have ended',
  async (step) => {
    await expect(
      erase({ user_id: GONE }, (reached) => {
        if (reached === step) throw new Error('killed here');
      }),
    ).rejects.toThrow('killed here');
    const { after } = await erase({ user_id: GONE });
    expect(sum(after)).toBe(0);
    await expectRollupsEqualCalls();
    await expectNothingLeftBehind();
  },
  120_000,
);

test('sums whose calls retention has taken stay, and are said', async () => {
  await server.client.command({
    query: "ALTER TABLE calls DELETE WHERE started_at < '2026-02-01' AND user_id = 'user-2' SETTINGS mutations_sync = 1",
  });
  const [before] = await query("SELECT sum(calls) AS n FROM calls_by_minute WHERE minute < '2026-02-01'");
  const { after, sumsKept } = await erase({ user_id: GONE });
  expect(sum(after)).toBe(0);
  expect(sumsKept).toBeGreaterThan(0);
  const [kept] = await query("SELECT sum(calls) AS n FROM calls_by_minute WHERE minute < '2026-02-01'");
  expect(Number(kept?.['n'])).toBeGreaterThan(Number(before?.['n']) - 41);
}, 120_000);
