/**
 * Retention, by rows that go: calls and bodies each at their own age, from the disk and not only from answers, without anybody
 * asking for it; sums outlive the calls they are of. ClickHouse looks for what has expired every four hours: here every second.
 */
import { join } from 'node:path';
import { migrate } from '../../../ingest/migrate.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { filesBelow } from '../../kit/files.ts';
import { until } from '../../kit/ingest.ts';
import { sampleCall } from '../../kit/sample-calls.ts';

const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;
/** Ages in days, about retentions of 7 and 90. */
const AGES = [1, 5, 10, 40, 89, 92, 120];
let server: TestClickHouse;

beforeAll(async () => {
  server = await startTestClickHouse(); // with tables that keep for many years
  const at = (age: number) => `${new Date(Date.now() - age * DAY_MS).toISOString().slice(0, 23).replace('T', ' ')}000`;
  // One insert for all, so that old and new share what they may share.
  const calls = AGES.map((age, n) =>
    sampleCall({ id: `age-${age}`, seq: n + 1, project: 'kept', user_id: `aged-${age}-days`, started_at: at(age) }),
  );
  await server.client.insert({ table: 'calls', values: calls, format: 'JSONEachRow' });
  const bodies = calls.map(({ id, project, started_at, user_id }) => ({
    id,
    project,
    started_at,
    request: `said by ${user_id}`,
    response: 'r',
    capture: 'full',
  }));
  await server.client.insert({ table: 'bodies', values: bodies, format: 'JSONEachRow' });
}, 120_000);
afterAll(() => server?.stop());

async function ages(table: string): Promise<number[]> {
  const answer = await server.client.query({ query: `SELECT id FROM ${table}`, format: 'JSONEachRow' });
  return (await answer.json<{ id: string }>()).map(({ id }) => Number(id.slice(4))).sort((a, b) => a - b);
}

/** Whose names the data files of a table still have; they are stored compressed only beyond some size, and by column. */
function onDisk(): string[] {
  const dir = join(server.dataDir, 'clickhouse', 'data');
  const texts = [...filesBelow(dir)].map(({ bytes }) => bytes.toString('latin1'));
  return AGES.map((age) => `aged-${age}-days`).filter((name) => texts.some((text) => text.includes(name)));
}

test('rows go at the age that the settings say, calls and bodies apart, and their sums stay', async () => {
  expect([await ages('calls'), await ages('bodies')]).toEqual([AGES, AGES]);
  // Parts that are just being merged may be seen neither as what they were nor as what they become.
  await until('the oldest to be seen on the disk', () => onDisk().includes('aged-120-days'));
  // What a start with these settings does.
  await migrate(server.client, {
    database: server.database,
    callsTtlSeconds: 90 * DAY_SECONDS,
    bodiesTtlSeconds: 7 * DAY_SECONDS,
    log: () => {},
  });
  for (const table of ['calls', 'bodies', 'calls_by_minute'])
    await server.client.command({ query: `ALTER TABLE ${table} MODIFY SETTING merge_with_ttl_timeout = 1, old_parts_lifetime = 1` });
  await until('calls older than 90 days to be gone', async () => (await ages('calls')).every((age) => age < 90));
  // Whole days at once: what is older than the seventh is gone a day later at the latest.
  await until('bodies older than 8 days to be gone', async () => (await ages('bodies')).every((age) => age <= 8));
  expect(await ages('calls')).toEqual([1, 5, 10, 40, 89]);
  expect(await ages('bodies')).toEqual([1, 5]);
  await until('the files in which they were to be gone', () => !onDisk().some((name) => /-(?:92|120)-/.test(name)));
  const sums = await server.client.query({ query: 'SELECT toUInt32(sum(calls)) AS n FROM calls_by_minute', format: 'JSONEachRow' });
  expect(await sums.json()).toEqual([{ n: AGES.length }]);
}, 120_000);

test('a shorter retention is a change of the settings: what is older goes then', async () => {
  await migrate(server.client, {
    database: server.database,
    callsTtlSeconds: 30 * DAY_SECONDS,
    bodiesTtlSeconds: 3 * DAY_SECONDS,
    log: () => {},
  });
  await until('calls older than 30 days to be gone', async () => (await ages('calls')).join() === '1,5,10');
  await until('bodies older than 4 days to be gone', async () => (await ages('bodies')).join() === '1');
}, 120_000);
