/**
 * The way of spans to one destination: a bounded queue, batches, a few of them under way at once. A receiver that cannot
 * take spans now puts the destination to rest; until it is over, spans are left to the table (Slot.defer) at once, and
 * what brings it back is an export from the table that works (`exportNow`). Nothing here waits for a receiver.
 */
import type { Sender, SendResult } from '../../contract/otlp/sender.ts';
import type { Slot } from './ledger.ts';
import type { CallSpan } from './span.ts';
import type { SpanCall } from './span-call.ts';

export interface OutboxOptions {
  readonly name: string;
  readonly sender: Sender<CallSpan[]>;
  readonly makeSpan: (call: SpanCall) => CallSpan;
  readonly queueSpansMax: number;
  readonly queueBytesMax: number;
  readonly batchSpansMax: number;
  readonly linger_ms: number;
  /** Spans that took a way, for the metrics: `sent`, `refused`, `deferred`. */
  readonly onSpans: (result: SpanResult, count: number) => void;
  readonly say: (level: 'info' | 'warn', message: string) => void;
}

export type SpanResult = 'sent' | 'refused' | 'deferred' | 'resent' | 'given_up';

interface Waiting {
  readonly call: SpanCall;
  readonly slot: Slot;
  readonly bytes: number;
}

const SENDINGS_MAX = 4;
/** Receivers limit a message, gRPC to 4 MiB by default. */
const BATCH_BYTES_MAX = 3 * 1024 ** 2;
const SPAN_BYTES = 1_024;
const REST_MIN_MS = 1_000;
const REST_MAX_MS = 60_000;
const RETRY_AFTER_MAX_MS = 3_600_000;

/** About what a span takes up. */
export function spanBytes({ bodies }: SpanCall): number {
  return SPAN_BYTES + (bodies === undefined ? 0 : bodies.request.length + bodies.response.length);
}

export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #sendings = 0;
  #timer: NodeJS.Timeout | undefined;
  #restUntil_ms = 0;
  #rest_ms = 0;
  #idle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get queuedSpans(): number {
    return this.#queue.length;
  }

  get resting(): boolean {
    return this.#rest_ms > 0;
  }

  /** Whether an export from the table may be tried now. */
  get mayTry(): boolean {
    return Date.now() >= this.#restUntil_ms;
  }

  offer(call: SpanCall, slot: Slot): void {
    const bytes = spanBytes(call);
    const { queueSpansMax, queueBytesMax, batchSpansMax, linger_ms } = this.#options;
    if (this.resting || this.#queue.length >= queueSpansMax || this.#queueBytes + bytes > queueBytesMax) {
      slot.defer();
      this.#options.onSpans('deferred', 1);
      return;
    }
    this.#queue.push({ call, slot, bytes });
    this.#queueBytes += bytes;
    if (this.#queue.length >= batchSpansMax || this.#queueBytes >= BATCH_BYTES_MAX) this.#pump();
    else this.#timer ??= setTimeout(() => this.#pump(true), linger_ms);
  }

  /** Sends these now, whatever rests. False: not possible now; the destination rests. */
  async exportNow(calls: readonly SpanCall[]): Promise<boolean> {
    for (const batch of batchesOf(calls, this.#options.batchSpansMax)) {
      const result = await this.#send(batch, 'resent');
      if (!result) return false;
    }
    return true;
  }

  /** Resolves when nothing is under way any more, or after so long; what is left then goes to the table. */
  async drain(limit_ms: number): Promise<void> {
    this.#pump(true);
    if (this.#sendings > 0 || this.#queue.length > 0)
      await Promise.race([
        new Promise<void>((resolve) => this.#idle.push(resolve)),
        new Promise((resolve) => setTimeout(resolve, limit_ms).unref()),
      ]);
    this.#deferQueue();
    clearTimeout(this.#timer);
    await Promise.race([this.#options.sender.close(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
  }

  #pump(partial = false): void {
    if (partial) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    while (this.#sendings < SENDINGS_MAX && this.#queue.length > 0) {
      const batch = this.#take(partial);
      if (batch.length === 0) break;
      void this.#sendWaiting(batch);
    }
  }

  /** The next batch; empty when there is not enough for a whole one. */
  #take(partial: boolean): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && count < this.#options.batchSpansMax) {
      const next = (this.#queue[count] as Waiting).bytes;
      if (count > 0 && bytes + next > BATCH_BYTES_MAX) break;
      bytes += next;
      count += 1;
    }
    const whole = count === this.#options.batchSpansMax || count < this.#queue.length || bytes >= BATCH_BYTES_MAX;
    if (!(whole || partial)) return [];
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #sendWaiting(batch: readonly Waiting[]): Promise<void> {
    this.#sendings += 1;
    const sent = await this.#send(
      batch.map(({ call }) => call),
      'sent',
    );
    if (!sent) this.#options.onSpans('deferred', batch.length);
    for (const { slot } of batch) sent ? slot.settle() : slot.defer();
    this.#sendings -= 1;
    if (!sent) this.#deferQueue();
    this.#pump(this.#timer === undefined);
    if (this.#sendings === 0 && this.#queue.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** False: not possible now. What the receiver will never take is halved until the span at fault is alone, and counted. */
  async #send(calls: readonly SpanCall[], as: SpanResult): Promise<boolean> {
    let result: SendResult;
    try {
      result = await this.#options.sender.send(calls.map((call) => this.#options.makeSpan(call)));
    } catch (error) {
      // A fault of ours in making or encoding one of them: the others should go.
      result = { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
    if (result.kind === 'failed') {
      this.#rest(result.reason, result.retryAfter_ms);
      return false;
    }
    if (this.resting) this.#options.say('info', `${this.#options.name} takes spans again`);
    this.#rest_ms = 0;
    this.#restUntil_ms = 0;
    if (result.kind === 'sent') {
      this.#options.onSpans(as, calls.length - result.rejected);
      if (result.rejected > 0) this.#options.onSpans('refused', result.rejected);
      return true;
    }
    if (calls.length === 1) {
      this.#options.onSpans('refused', 1);
      this.#options.say('warn', `${this.#options.name} refuses the span of call ${calls[0]?.id}: ${result.reason}`);
      return true;
    }
    const middle = calls.length >> 1;
    return (await this.#send(calls.slice(0, middle), as)) && (await this.#send(calls.slice(middle), as));
  }

  #rest(reason: string, retryAfter_ms: number): void {
    if (!this.resting)
      this.#options.say('warn', `${this.#options.name} cannot take spans now (${reason}); they are exported later, from the table`);
    this.#rest_ms = Math.min(REST_MAX_MS, Math.max(REST_MIN_MS, this.#rest_ms * 2));
    const wait_ms = Math.max(this.#rest_ms, Math.min(retryAfter_ms, RETRY_AFTER_MAX_MS));
    this.#restUntil_ms = Math.max(this.#restUntil_ms, Date.now() + wait_ms);
  }

  #deferQueue(): void {
    for (const { slot } of this.#queue) slot.defer();
    if (this.#queue.length > 0) this.#options.onSpans('deferred', this.#queue.length);
    this.#queue = [];
    this.#queueBytes = 0;
  }
}

/** Calls in batches that a receiver takes. */
export function* batchesOf(calls: readonly SpanCall[], spansMax: number): Generator<SpanCall[]> {
  let batch: SpanCall[] = [];
  let bytes = 0;
  for (const call of calls) {
    const next = spanBytes(call);
    if (batch.length > 0 && (batch.length >= spansMax || bytes + next > BATCH_BYTES_MAX)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(call);
    bytes += next;
  }
  if (batch.length > 0) yield batch;
}
