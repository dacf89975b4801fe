/**
 * How many calls a second ingest takes into the embedded ClickHouse, on the machine that also makes them: batches as
 * proxies ship them, each answered only when it is committed. And how long ingest's event loop was held meanwhile, as its
 * own metrics say.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH } from '../../../contract/record.ts';
import { startGlassway } from '../../kit/glassway.ts';
import { sampleRecord } from '../../unit/ingest/sample.ts';
import { percentiles } from '../stats.ts';
import type { Part } from './index.ts';

const ROWS = 1_000_000;
const ROWS_QUICK = 100_000;
/** About what one read of a busy proxy's journal gives. */
const BATCH_ROWS = 3_000;
const SENDERS = 3;
/** The resolution of Node's histogram of event-loop delays, which is in each of its values. */
const RESOLUTION_MS = 10;

export const measureIngest: Part = async ({ quick, tell }) => {
  const rows = quick ? ROWS_QUICK : ROWS;
  const glassway = await startGlassway();
  try {
    const secret = readFileSync(join(glassway.dataDir, 'ingest.key')).toString('hex');
    const held_ms: number[] = [];
    await heldMs(glassway.consoleUrl); // what was before is not counted
    const look = (): void =>
      void heldMs(glassway.consoleUrl).then(
        (ms) => held_ms.push(ms),
        () => {},
      );
    const watch = setInterval(look, 1_000);
    const started_ms = performance.now();
    await sendAll(glassway.consoleUrl, secret, rows);
    const seconds = (performance.now() - started_ms) / 1_000;
    clearInterval(watch);
    held_ms.push(await heldMs(glassway.consoleUrl));
    const [count] = await glassway.query('SELECT count() AS n FROM calls');
    if (count?.['n'] !== rows) tell(`ClickHouse has ${String(count?.['n'])} rows of ${rows}`);
    const { p50, max } = percentiles(held_ms);
    return { rows: new Map([['ingest', { rows, seconds, rows_s: rows / seconds, loop_held_each_s_ms: p50, loop_held_max_ms: max }]]) };
  } finally {
    await glassway.stop();
  }
};

async function sendAll(url: string, secret: string, rows: number): Promise<void> {
  let next = 0;
  const sender = async (_: unknown, number: number): Promise<void> => {
    while (next < rows) {
      const from = next;
      next = Math.min(rows, next + BATCH_ROWS);
      await send(url, secret, `bench-${number}.${from}-${next}`, gzipSync(batch(from, next), { level: 1 }));
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

async function send(url: string, secret: string, id: string, body: Buffer): Promise<void> {
  const headers = {
    'content-type': BATCH_CONTENT_TYPE,
    'content-encoding': 'gzip',
    [BATCH_ID_HEADER]: id,
    authorization: `Bearer ${secret}`,
  };
  for (;;) {
    const answer = await fetch(`${url}${BATCH_PATH}`, { method: 'POST', headers, body: new Uint8Array(body) });
    const text = await answer.text();
    if (answer.ok) return;
    if (answer.status !== 503 && answer.status !== 429) throw new Error(`ingest answers ${answer.status}: ${text}`);
    await sleep(100);
  }
}

/** A record with marks where each call differs. */
const [BEFORE_ID = '', BEFORE_TIME = '', BEFORE_SEQ = '', END = ''] = JSON.stringify(
  sampleRecord({
    id: '@@',
    started_at: '2026-11-01 10:00:00.987654',
    proxy_id: 'bench',
    seq: 123_456_789,
    project: 'bench',
    trace_id: 'a'.repeat(32),
    span_id: 'b'.repeat(16),
    usage_raw: '{"prompt_tokens":212,"completion_tokens":187,"total_tokens":399,"prompt_tokens_details":{"cached_tokens":0}}',
    rate_limits: { limit_requests: 10_000, remaining_requests: 9_999, reset_requests_s: 0.006 },
  }),
).split(/@@|987654|123456789/);

function batch(from: number, to: number): string {
  const lines: string[] = [];
  for (let number = from; number < to; number += 1) {
    const microseconds = String(1_000_000 + (number % 1_000_000)).slice(1);
    lines.push(`${BEFORE_ID}bench-${number}${BEFORE_TIME}${microseconds}${BEFORE_SEQ}${number + 1}${END}`);
  }
  return lines.join('\n');
}

/** The longest time since the last look for which ingest's event loop was held. */
async function heldMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const seconds = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]);
  return Math.max(0, seconds * 1_000 - RESOLUTION_MS);
}
