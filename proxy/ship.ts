/**
 * Carries the journal's batches to ingest: one at a time, in order, gzip, the same batch id on every try,
 * for ever, with growing pauses and jitter. Only what ingest can never accept is given up, counted and logged.
 * Never touches a call: it runs between them.
 */
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { Agent, request } from 'undici';
import type { Log } from '../contract/log.ts';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH } from '../contract/record.ts';
import type { Batch, Journal } from './journal.ts';
import type { ProxyMetrics } from './metrics.ts';

const gzipAsync = promisify(gzip);

/** Records wait this long for company, so that a batch is worth ClickHouse's insert. */
const LINGER_MS = 250;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 15_000;
const ANSWER_TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 1024 * 1024;

export interface Shipper {
  /** Ships what the journal holds, until it is empty or `deadline_ms` (monotonic) is past; says whether it is empty. */
  flush(deadline_ms: number): Promise<boolean>;
  /** Stops after the attempt under way. */
  stop(): Promise<void>;
}

type Attempt =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'later'; readonly reason: string; readonly wait_ms: number };

export function startShipper(options: { ingestUrl: string; journal: Journal; metrics: ProxyMetrics; log: Log }): Shipper {
  const { journal, metrics, log } = options;
  const agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS, connections: 2 });
  const url = `${options.ingestUrl.replace(/\/+$/, '')}${BATCH_PATH}`;
  let running = true;
  let hurried = false;
  let failures = 0;
  let wake: () => void = () => {};
  const idle = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const loop = (async () => {
    while (running) {
      if (journal.records === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (!hurried) await idle(LINGER_MS);
      const batch = journal.take();
      if (batch === undefined) continue;
      const body = await gzipAsync(batch.lines.join('\n'), { level: constants.Z_BEST_SPEED });
      await ship(batch, body);
    }
  })();
  journal.onAppend(() => {
    if (journal.records === 1) wake();
  });

  /** Tries one batch until it is in or refused for good. */
  async function ship(batch: Batch, body: Buffer): Promise<void> {
    while (running) {
      const attempt = await send(batch, body);
      metrics.batches.inc({ result: attempt.kind });
      if (attempt.kind !== 'later') {
        if (attempt.kind === 'refused') {
          metrics.recordsDropped.inc({ reason: 'refused' }, batch.lines.length);
          log('error', `ingest refused batch ${batch.id} for good, ${batch.lines.length} records are lost: ${attempt.reason}`);
        } else if (failures > 0) log('info', `ingest accepts batches again, after ${failures} attempts`);
        failures = 0;
        journal.acknowledge(batch);
        return;
      }
      if (!running) return;
      failures += 1;
      if (failures === 1 || failures % 20 === 0)
        log('warn', `ingest cannot take batches (${attempt.reason}); ${journal.records} records wait, attempt ${failures}`);
      const backoff_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 10));
      await idle(Math.max(attempt.wait_ms, backoff_ms * (0.5 + Math.random() / 2)));
    }
  }

  async function send(batch: Batch, body: Buffer): Promise<Attempt> {
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: { 'content-type': BATCH_CONTENT_TYPE, 'content-encoding': 'gzip', [BATCH_ID_HEADER]: batch.id },
        body,
      });
      const text = await readBounded(answer.body);
      if (answer.statusCode === 200) {
        countRejected(batch, text);
        return { kind: 'done' };
      }
      const reason = `${answer.statusCode} ${text.slice(0, 300)}`;
      const { statusCode } = answer;
      if (
        statusCode >= 400 &&
        statusCode < 500 &&
        statusCode !== 408 &&
        statusCode !== 429 &&
        statusCode !== 401 &&
        statusCode !== 403 &&
        statusCode !== 404
      )
        return { kind: 'refused', reason };
      return { kind: 'later', reason, wait_ms: retryAfterMs(answer.headers['retry-after']) };
    } catch (error) {
      return { kind: 'later', reason: error instanceof Error ? error.message || error.name : String(error), wait_ms: 0 };
    }
  }

  /** Records that ingest set aside: the rest of their batch is in. */
  function countRejected(batch: Batch, text: string): void {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      return;
    }
    const rejected = typeof answer === 'object' && answer !== null && 'rejected' in answer ? answer.rejected : undefined;
    if (!Array.isArray(rejected) || rejected.length === 0) return;
    metrics.recordsDropped.inc({ reason: 'rejected' }, rejected.length);
    log(
      'error',
      `ingest rejected ${rejected.length} of ${batch.lines.length} records of batch ${batch.id}: ${JSON.stringify(rejected[0])}`,
    );
  }

  return {
    async flush(deadline_ms) {
      hurried = true;
      wake();
      while (journal.records > 0 && performance.now() < deadline_ms) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        wake();
      }
      return journal.records === 0;
    },
    async stop() {
      running = false;
      wake();
      await agent.destroy();
      await loop;
    },
  };
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function retryAfterMs(value: string | string[] | undefined): number {
  const seconds = Number(Array.isArray(value) ? value[0] : value);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, BACKOFF_MAX_MS) : 0;
}
