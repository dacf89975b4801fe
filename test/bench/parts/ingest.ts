/**
 * How many calls a second ingest takes into the embedded ClickHouse, on the machine that also makes them: batches as
 * proxies ship them, each answered only when it is committed. How long ingest's event loop was held meanwhile, as its own
 * metrics say, and who had the processors. Beside it what ClickHouse takes of the same rows, ready, from a plain client.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@clickhouse/client';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH } from '../../../contract/record.ts';
import { type RunningGlassway, startGlassway } from '../../kit/glassway.ts';
import { processTree, usageOf } from '../processes.ts';
import { percentiles } from '../stats.ts';
import type { Figures, Part } from './index.ts';
import { createRecords, createRows } from './ingest-calls.ts';

const ROWS = 1_000_000;
const ROWS_QUICK = 100_000;
/** About what one read of a busy proxy's journal gives. */
const BATCH_ROWS = 3_000;
const SENDERS = 3;
/** On a machine that is busy with other things it ends with fewer. */
const SECONDS_MAX = 120;
const PLAIN_ROWS_MAX = 200_000;
const PLAIN_SECONDS_MAX = 40;
/** The resolution of Node's histogram of event-loop delays, which is in each of its values. */
const RESOLUTION_MS = 10;
const PROCESSES = { clickhouse: /clickhouse[/\\]server-process/, ingest: /glassway ingest|main\.ts.ingest/ } as const;

export const measureIngest: Part = async ({ quick, tell }) => {
  const rows = quick ? ROWS_QUICK : ROWS;
  const glassway = await startGlassway();
  const kill = () => void glassway.process.kill();
  process.once('exit', kill);
  try {
    const shipped = await measureShipped(glassway, rows, tell);
    const plain = await measurePlain(glassway, Math.min(rows, PLAIN_ROWS_MAX));
    return {
      rows: new Map([
        ['batches through ingest', shipped],
        ['ready rows, plain client', plain],
      ]),
      yardstick: 'ready rows, plain client',
    };
  } finally {
    await glassway.stop();
    process.off('exit', kill);
  }
};

async function measureShipped(glassway: RunningGlassway, rows: number, tell: (message: string) => void): Promise<Figures> {
  const secret = readFileSync(join(glassway.dataDir, 'ingest.key')).toString('hex');
  const held_ms: number[] = [];
  await heldMs(glassway.consoleUrl); // what was before is not counted
  const look = (): void =>
    void heldMs(glassway.consoleUrl).then(
      (ms) => held_ms.push(ms),
      () => {},
    );
  const watch = setInterval(look, 1_000);
  const records = createRecords();
  const limits = { rows, seconds: SECONDS_MAX };
  const measured = await sendAll(glassway, limits, (from, to) =>
    send(glassway.consoleUrl, secret, `bench.${from}-${to}`, records(from, to)),
  );
  clearInterval(watch);
  held_ms.push(await heldMs(glassway.consoleUrl));
  const [count] = await glassway.query('SELECT count() AS n FROM calls');
  if (count?.['n'] !== measured.rows) tell(`ClickHouse has ${String(count?.['n'])} rows of ${measured.rows}`);
  const { p50, max } = percentiles(held_ms);
  return { ...measured, loop_held_each_s_ms: p50, loop_held_max_ms: max };
}

/** Rows a second as an operator's own script would insert them: in blocks of the same size, into the same table with its views. */
async function measurePlain(glassway: RunningGlassway, rows: number): Promise<Figures> {
  const client = createClient({
    url: `http://127.0.0.1:${glassway.ports.clickhouseHttp}`,
    username: 'glassway_ingest',
    password: readFileSync(join(glassway.dataDir, 'clickhouse/writer-password'), 'utf8').trim(),
    max_open_connections: SENDERS,
  });
  const ready = createRows();
  try {
    return await sendAll(glassway, { rows, seconds: PLAIN_SECONDS_MAX }, async (from, to) => {
      const { stream } = await client.exec({
        query: 'INSERT INTO glassway.calls FORMAT JSONEachRow',
        values: Readable.from([ready(from, to)], { objectMode: false }),
      });
      stream.resume();
      await finished(stream);
    });
  } finally {
    await client.close();
  }
}

/** Each sender sends its next batch when it has an answer. Processor time a row, by who had it: the rest is the senders'. */
async function sendAll(
  glassway: RunningGlassway,
  limits: { readonly rows: number; readonly seconds: number },
  sendRows: (from: number, to: number) => Promise<void>,
) {
  const before = spentBy(glassway);
  const own = process.cpuUsage();
  const started_ms = performance.now();
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < limits.rows && performance.now() - started_ms < limits.seconds * 1_000) {
      const from = next;
      const to = Math.min(limits.rows, from + BATCH_ROWS);
      next = to;
      await sendRows(from, to);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  const rows = next;
  const seconds = (performance.now() - started_ms) / 1_000;
  const after = spentBy(glassway);
  const { user, system } = process.cpuUsage(own);
  const perRow = (name: keyof typeof PROCESSES): number => ((after[name] - before[name]) * 1_000) / rows;
  return {
    rows,
    seconds,
    rows_s: rows / seconds,
    clickhouse_us: perRow('clickhouse'),
    ingest_us: perRow('ingest'),
    sender_us: (user + system) / rows,
  };
}

/** Milliseconds on the processors so far. */
function spentBy({ process: { pid = 0 } }: RunningGlassway): Record<keyof typeof PROCESSES, number> {
  const spent = { clickhouse: 0, ingest: 0 };
  for (const each of processTree(pid)) {
    const line = commandLine(each);
    for (const name of ['clickhouse', 'ingest'] as const) if (PROCESSES[name].test(line)) spent[name] += usageOf(each).cpu_ms;
  }
  return spent;
}

/** Empty where the system does not tell. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Uncompressed, as to an ingest on the same machine. */
async function send(url: string, secret: string, id: string, body: string): Promise<void> {
  const headers = { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: id, authorization: `Bearer ${secret}` };
  for (;;) {
    const answer = await fetch(`${url}${BATCH_PATH}`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (answer.ok) return;
    if (answer.status !== 503 && answer.status !== 429) throw new Error(`ingest answers ${answer.status}: ${text}`);
    await sleep(100);
  }
}

/** The longest time since the last look for which ingest's event loop was held. */
async function heldMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const seconds = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]);
  return Math.max(0, seconds * 1_000 - RESOLUTION_MS);
}
