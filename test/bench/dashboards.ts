/**
 * `npm run bench:dashboards -- [--calls N] [--data DIR] [--runs N]`: how long each panel's query takes on a month
 * of calls, over 30 days and over one. Makes the calls in an embedded ClickHouse of its own (or takes those
 * that an earlier run left in DIR), asks each query as the read-only user, prints the slowest and how they
 * compare with the limits. One run says what a user sees who opens a board; on a machine that does other
 * things too, the fastest of a few says what the queries cost. Ends with 1 if one is over its limit.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ClickHouseClient } from '@clickhouse/client';
import { startTestClickHouse } from '../kit/clickhouse.ts';
import { expandFor, type PanelQuery, panelQueries } from '../kit/dashboards.ts';
import { MONTH_DAYS, makeMonth, TELL_EVERY_MS } from './month.ts';

const DAY_MS = 86_400_000;
const RANGES = [
  { days: MONTH_DAYS, limitMs: 500 },
  { days: 1, limitMs: 150 },
] as const;
/** That of `glassway up`, which is what a laptop runs. */
const MEMORY_BYTES = 2 * 1024 ** 3;
const SLOWEST_SHOWN = 15;
/** Only one project's board asks about one project. */
const ONE_PROJECT = 'support-chat';

interface Measured {
  readonly name: string;
  readonly ms: number;
  readonly rowsRead: number;
  readonly limitMs: number;
  readonly days: number;
}

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '10000000' }, data: { type: 'string' }, runs: { type: 'string', default: '1' } },
});
const count = Number(values.calls);
if (!Number.isSafeInteger(count) || count < 1) throw new Error(`--calls ${values.calls}: want a whole number from 1`);
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: want a whole number from 1`);
const dataDir = values.data ?? mkdtempSync(join(tmpdir(), 'glassway-bench-'));

const server = await startTestClickHouse({ dataDir, memoryBytes: MEMORY_BYTES });
try {
  const to = await makeMonth(server, count);
  await tellSizes(server.client);
  const measured: Measured[] = [];
  const queries = panelQueries();
  let told = Date.now();
  for (const { days, limitMs } of RANGES)
    for (const query of queries) {
      measured.push({ ...(await measure(server.readerClient, query, days, to)), limitMs, days });
      if (Date.now() - told < TELL_EVERY_MS) continue;
      told = Date.now();
      console.log(`${measured.length} of ${RANGES.length * queries.length} questions answered`);
    }
  report(measured);
} finally {
  await server.stop();
  if (values.data === undefined) rmSync(dataDir, { recursive: true, force: true });
}

/** What there is to read, and what it takes on the disk. */
async function tellSizes(client: ClickHouseClient): Promise<void> {
  const answer = await client.query({
    query:
      'SELECT table, toString(sum(rows)) AS rows, toString(sum(bytes_on_disk)) AS bytes, toString(count()) AS parts FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY sum(bytes_on_disk) DESC',
    format: 'JSONEachRow',
  });
  console.log(`\n${availableParallelism()} cores, ${MEMORY_BYTES / 1024 ** 3} GiB for ClickHouse`);
  for (const { table, rows, bytes, parts } of await answer.json<{ table: string; rows: string; bytes: string; parts: string }>())
    console.log(`${table.padEnd(18)} ${rows.padStart(12)} rows ${(Number(bytes) / 1e6).toFixed(1).padStart(9)} MB in ${parts} parts`);
}

async function measure(client: ClickHouseClient, { name, board, sql }: PanelQuery, days: number, to: Date) {
  const projects = board === 'project' ? { projects: [ONE_PROJECT] } : {};
  const query = expandFor(sql, { from: new Date(to.getTime() - days * DAY_MS), to, ...projects });
  let ms = Number.POSITIVE_INFINITY;
  let rowsRead = 0;
  for (let run = 0; run < runs; run += 1) {
    const started = performance.now();
    try {
      const answer = await client.query({ query, format: 'JSONCompact' });
      const { statistics } = await answer.json<unknown[]>();
      rowsRead = statistics?.rows_read ?? 0;
    } catch (error) {
      // Over its limit whatever that is; the others are measured all the same.
      console.log(`${name} over ${days} d: ${error instanceof Error ? error.message : String(error)}`);
    }
    ms = Math.min(ms, performance.now() - started);
  }
  return { name, ms, rowsRead };
}

function report(measured: readonly Measured[]): void {
  for (const { days, limitMs } of RANGES) {
    const ofRange = measured.filter((each) => each.days === days).sort((a, b) => b.ms - a.ms);
    const over = ofRange.filter(({ ms }) => ms > limitMs);
    console.log(
      `\n${days} d: ${ofRange.length} queries, ${over.length} over ${limitMs} ms, median ${ofRange[Math.floor(ofRange.length / 2)]?.ms.toFixed(0)} ms`,
    );
    for (const { name, ms, rowsRead } of ofRange.slice(0, SLOWEST_SHOWN))
      console.log(
        `${ms.toFixed(0).padStart(6)} ms  ${(ms / limitMs).toFixed(2).padStart(5)} of the limit  ${String(rowsRead).padStart(9)} rows  ${name}`,
      );
    if (over.length > 0) process.exitCode = 1;
  }
}
