/**
 * A month of calls and three weeks of health in a folder, for `npm run bench:dashboards`. Takes a ClickHouse and how many
 * calls are wanted; makes what is missing, says how far it is and how long it will take, and gives the time of the last
 * call. What was wanted stands in a file beside the data, so that an interrupted run goes on where it stopped.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { TestClickHouse } from '../kit/clickhouse.ts';
import { generateCalls } from '../kit/generated-calls.ts';
import { generateHealth } from '../kit/generated-health.ts';

const DAY_MS = 86_400_000;
export const MONTH_DAYS = 30;
/** Kept for two weeks, in parts of a week (the migration that creates the table). */
const HEALTH_DAYS = 21;
export const TELL_EVERY_MS = 15_000;
const STATEMENT_MS_MAX = 3_600_000;

interface State {
  readonly count: number;
  /** When the last call is to be. */
  readonly to: string;
}

export async function makeMonth(server: TestClickHouse, wanted: number): Promise<Date> {
  const file = join(server.dataDir, 'bench.json');
  const state = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : { count: wanted, to: new Date().toISOString() };
  writeFileSync(file, JSON.stringify(state));
  // A machine that is told to stand still for some minutes is no reason to give up.
  const client = createClient({
    url: server.url,
    database: server.database,
    ...server.writer,
    request_timeout: STATEMENT_MS_MAX,
    log: { level: ClickHouseLogLevel.OFF },
  });
  try {
    const made = await rowsOf(client, 'calls');
    if (made < state.count) await makeCalls(client, state, made);
    const to = await lastCall(client);
    if ((await rowsOf(client, 'health')) === 0) await generateHealth(client, { from: new Date(to.getTime() - HEALTH_DAYS * DAY_MS), to });
    return to;
  } finally {
    await client.close();
  }
}

async function makeCalls(client: ClickHouseClient, { count, to: end }: State, made: number): Promise<void> {
  const to = new Date(end);
  const begun = Date.now();
  let told = begun;
  await generateCalls(client, {
    count,
    made,
    from: new Date(to.getTime() - MONTH_DAYS * DAY_MS),
    to,
    onProgress: (calls) => {
      if (Date.now() - told < TELL_EVERY_MS && calls < count) return;
      told = Date.now();
      const rate = (calls - made) / ((told - begun) / 1000);
      const left_min = (count - calls) / rate / 60;
      console.log(
        `${calls.toLocaleString('en')} of ${count.toLocaleString('en')} calls made, ${Math.round(rate).toLocaleString('en')} a second, ${left_min.toFixed(1)} min left`,
      );
    },
  });
}

async function rowsOf(client: ClickHouseClient, table: string): Promise<number> {
  const answer = await client.query({ query: `SELECT count() AS rows FROM ${table}`, format: 'JSONEachRow' });
  const [row] = await answer.json<{ rows: string }>();
  return Number(row?.rows);
}

async function lastCall(client: ClickHouseClient): Promise<Date> {
  const answer = await client.query({ query: 'SELECT toUnixTimestamp64Milli(max(started_at)) AS ms FROM calls', format: 'JSONEachRow' });
  const [row] = await answer.json<{ ms: string }>();
  return new Date(Number(row?.ms));
}
