/**
 * Carries the batches of one journal to ingest: one at a time, in order, compressed unless ingest is on this machine, the
 * same batch id on every try, for ever, with growing pauses and jitter. What ingest can never take is found by halving its
 * batch and set aside with the reason; it holds up nothing else. Never touches a call: it runs between them.
 */
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { Agent, request } from 'undici';
import type { ClientTls } from '../contract/client-tls.ts';
import { isLoopback } from '../contract/listen.ts';
import type { Log } from '../contract/log.ts';
import { BATCH_AGE_HEADER, BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH, VERSION_FAULT } from '../contract/record.ts';
import { faultText } from './fault-text.ts';
import type { Batch, BatchSource, DeadLetter } from './journal/batch.ts';
import type { ProxyMetrics } from './metrics.ts';

const gzipAsync = promisify(gzip);

/** Records wait this long for company, so that a batch is worth ClickHouse's insert. */
const LINGER_MS = 250;
/** With so many waiting they are company enough. */
const LINGER_RECORDS_MAX = 2_000;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 15_000;
const ANSWER_TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
/** Asked again while an upgrade is under way. */
const OLD_INGEST_WAIT_MS = 2_000;

export interface Shipper {
  /**
   * Ships at once what there is, until it is empty or `deadline_ms` (monotonic) is past; says whether it is empty.
   * Not `patient`: gives up when ingest cannot be had.
   */
  flush(deadline_ms: number, patient: boolean): Promise<boolean>;
  /** Resolves with true when everything is shipped, with false when it was stopped before. */
  drained(): Promise<boolean>;
  /** Stops at once; an attempt under way is cut off, and made again by whoever has the journal next. */
  stop(): Promise<void>;
}

/** What the proxy and ingest know each other by. */
export interface IngestLink {
  readonly secret: string | undefined;
  readonly tls: ClientTls;
}

export interface ShipperOptions {
  readonly ingestUrl: string;
  /** Missing: ingest asks nothing. */
  readonly link?: IngestLink;
  readonly source: BatchSource;
  readonly metrics: ProxyMetrics;
  readonly log: Log;
}

type Attempt =
  | { readonly kind: 'done'; readonly rejected: readonly { readonly line: number; readonly reason: string }[] }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'later'; readonly reason: string; readonly wait_ms: number };

/** A batch, or a part of one that was refused whole. */
interface Part {
  readonly id: string;
  readonly rows: number;
  readonly body: Buffer;
}

export function startShipper(options: ShipperOptions): Shipper {
  return new BatchShipper(options);
}

class BatchShipper implements Shipper {
  readonly #options: ShipperOptions;
  readonly #url: string;
  readonly #agent: Agent;
  readonly #headers: Record<string, string>;
  /** Bytes that stay on this machine cost less than making them fewer. */
  readonly #compresses: boolean;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #hurried = false;
  #failures = 0;
  #wake: () => void = () => {};
  #onEmpty: (() => void)[] = [];

  constructor(options: ShipperOptions) {
    this.#options = options;
    const { secret, tls = {} } = options.link ?? {};
    this.#agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS, connections: 2, connect: { ...tls } });
    this.#compresses = !isLoopback(new URL(options.ingestUrl).hostname);
    this.#headers = {
      'content-type': BATCH_CONTENT_TYPE,
      ...(this.#compresses && { 'content-encoding': 'gzip' }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
    };
    this.#url = `${options.ingestUrl.replace(/\/+$/, '')}${BATCH_PATH}`;
    options.source.onAppend(() => {
      if (options.source.records === 1) this.#wake();
    });
    this.#loop = this.#run();
  }

  async flush(deadline_ms: number, patient: boolean): Promise<boolean> {
    const { source } = this.#options;
    const failuresMax = patient ? Number.POSITIVE_INFINITY : this.#failures;
    this.#hurried = true;
    this.#wake();
    while (source.records > 0 && performance.now() < deadline_ms && this.#failures <= failuresMax)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return source.records === 0;
  }

  async drained(): Promise<boolean> {
    if (this.#options.source.records > 0 && !this.#stopped)
      await new Promise<void>((resolve) => {
        this.#onEmpty.push(resolve);
      });
    return this.#options.source.records === 0;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#agent.destroy();
    await this.#loop;
    this.#tellEmpty();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { source, log } = this.#options;
    while (!this.#stopped) {
      if (source.records === 0) {
        this.#tellEmpty();
        await this.#idle(undefined);
        continue;
      }
      if (!this.#hurried && source.records < LINGER_RECORDS_MAX) await this.#idle(LINGER_MS);
      try {
        const batch = await source.take();
        if (batch === undefined)
          await this.#idle(LINGER_MS); // the disk does not give them now
        else if (await this.#deliver(batch, batch, performance.now())) source.acknowledge(batch);
      } catch (error) {
        log('error', `shipping failed in Glassway, and is tried again: ${faultText(error)}`);
        await this.#idle(BACKOFF_MAX_MS);
      }
    }
  }

  /** Tries a part until it is in or set aside; false when stopped before. */
  async #deliver(batch: Batch, part: Part, taken_ms: number): Promise<boolean> {
    const body = this.#compresses ? await gzipAsync(part.body, { level: constants.Z_BEST_SPEED }) : part.body;
    for (let tries = 0; !this.#stopped; tries += 1) {
      const attempt = await this.#send(part, body, age(batch, tries, taken_ms));
      // What came of an attempt that we cut off ourselves is not known.
      if (this.#stopped && attempt.kind === 'later') return false;
      this.#options.metrics.batches.inc({ result: attempt.kind });
      if (attempt.kind === 'later') await this.#backOff(attempt);
      else {
        if (this.#failures > 0) this.#options.log('info', `ingest accepts batches again, after ${this.#failures} attempts`);
        this.#failures = 0;
        if (attempt.kind === 'done') {
          const lines = attempt.rejected.length === 0 ? [] : part.body.toString('utf8').split('\n');
          this.#setAside(
            'rejected',
            part,
            attempt.rejected.flatMap(({ line, reason }) =>
              lines[line - 1] === undefined ? [] : [{ reason, record: lines[line - 1] ?? '' }],
            ),
          );
          return true;
        }
        if (part.rows === 1) {
          this.#setAside('refused', part, [{ reason: attempt.reason, record: part.body.toString('utf8') }]);
          return true;
        }
        for (const half of halves(part)) if (!(await this.#deliver(batch, half, taken_ms))) return false;
        return true;
      }
    }
    return false;
  }

  async #backOff({ reason, wait_ms }: Attempt & { kind: 'later' }): Promise<void> {
    this.#failures += 1;
    if (this.#failures === 1 || this.#failures % 20 === 0)
      this.#options.log(
        'warn',
        `ingest cannot take batches (${reason}); ${this.#options.source.records} records wait, attempt ${this.#failures}`,
      );
    const backoff_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures - 1, 10));
    await this.#idle(Math.max(wait_ms, backoff_ms * (0.5 + Math.random() / 2)));
  }

  async #send(part: Part, body: Buffer, age: Record<string, string>): Promise<Attempt> {
    try {
      const headers = { ...this.#headers, [BATCH_ID_HEADER]: part.id, ...age };
      const answer = await request(this.#url, { method: 'POST', dispatcher: this.#agent, headers, body, signal: this.#stopping.signal });
      return readAttempt(part.id, answer.statusCode, await readBounded(answer.body), retryAfterMs(answer.headers['retry-after']));
    } catch (error) {
      return { kind: 'later', reason: error instanceof Error ? error.message || error.name : String(error), wait_ms: 0 };
    }
  }

  /** Records that ingest will never take: the rest of their batch is in. */
  #setAside(why: 'rejected' | 'refused', part: Part, letters: readonly DeadLetter[]): void {
    if (letters.length === 0) return;
    const { source, metrics, log } = this.#options;
    const lost = source.setAside(letters);
    metrics.deadLetters.inc({ reason: why }, letters.length - lost);
    if (lost > 0) metrics.recordsDropped.inc({ reason: why }, lost);
    log('error', `ingest ${why} ${letters.length} records of batch ${part.id} for good, they are set aside: ${letters[0]?.reason}`);
  }

  #idle(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
  }

  #tellEmpty(): void {
    for (const tell of this.#onEmpty.splice(0)) tell();
  }
}

/**
 * What an answer means. Only ingest itself may say "done" or "never", in its own words: whatever else answers
 * at that address, a captive portal or another service, must not make records disappear.
 */
function readAttempt(id: string, status: number, text: string, wait_ms: number): Attempt {
  const answer = parsedObject(text);
  if (status === 200 && answer['batch_id'] === id) {
    const listed: unknown[] = Array.isArray(answer['rejected']) ? answer['rejected'] : [];
    const rejected = listed.filter(isRejection);
    // An ingest of an earlier release knows none of these records, and the next one will.
    if (answer['accepted'] === 0 && rejected.length > 0 && rejected.every(({ reason }) => reason.startsWith(VERSION_FAULT)))
      return { kind: 'later', reason: `ingest is of an earlier release; upgrade it: ${rejected[0]?.reason}`, wait_ms: OLD_INGEST_WAIT_MS };
    return { kind: 'done', rejected };
  }
  const reason = `${status} ${text.slice(0, 300)}`;
  const error = answer['error'];
  const inOurWords = typeof error === 'object' && error !== null && 'code' in error;
  const never = status >= 400 && status < 500 && ![401, 403, 404, 405, 408, 429].includes(status);
  return never && inOurWords ? { kind: 'refused', reason } : { kind: 'later', reason, wait_ms };
}

/** How long ago the batch was first sent: what lets ingest know when ClickHouse may have forgotten its token. */
function age(batch: Batch, tries: number, taken_ms: number): Record<string, string> {
  if (batch.sentAt_ms === 'unknown') return { [BATCH_AGE_HEADER]: 'unknown' };
  if (batch.sentAt_ms === undefined) return tries === 0 ? {} : { [BATCH_AGE_HEADER]: seconds(performance.now() - taken_ms) };
  const age_ms = Date.now() - batch.sentAt_ms;
  // The clock was set back: nothing is known.
  return { [BATCH_AGE_HEADER]: age_ms < 0 ? 'unknown' : seconds(age_ms) };
}

function seconds(ms: number): string {
  return String(Math.ceil(ms / 1_000));
}

function halves(part: Part): Part[] {
  const middle = part.rows >> 1;
  let at = -1;
  for (let row = 0; row < middle; row += 1) at = part.body.indexOf(NEWLINE, at + 1);
  return [
    { id: `${part.id}:a`, rows: middle, body: part.body.subarray(0, at) },
    { id: `${part.id}:b`, rows: part.rows - middle, body: part.body.subarray(at + 1) },
  ];
}

function parsedObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isRejection(entry: unknown): entry is { line: number; reason: string } {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'line' in entry &&
    Number.isInteger(entry.line) &&
    'reason' in entry &&
    typeof entry.reason === 'string'
  );
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
