/**
 * Calls at a steady rate, a third of them streams, against one proxy or several as a load balancer would: the next
 * one when the first does not take it, and round again. Remembers how each call ended for its client, and how long it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { ID_HEADER, SHAPE_HEADER } from './provider.ts';

const TICK_MS = 20;
const CALL_MS_MAX = 60_000;
/** How often a call that no proxy takes is offered to all of them: each is there most of the time, not all at the same time. */
const ROUNDS = 3;
const AGENT = { pipelining: 1, headersTimeout: CALL_MS_MAX, bodyTimeout: CALL_MS_MAX };
const BODY = JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] });

export interface CallOptions {
  /** As SHAPE_HEADER. */
  readonly shape?: string;
  /** The client goes away at the first bytes. */
  readonly vanish?: boolean;
  /** The client waits so long between pieces. */
  readonly pause_ms?: number;
}

export class Load {
  readonly answered = new Set<string>();
  readonly failed = new Map<string, string>();
  /** Closed under the call before any of its answer came, and taken to the next proxy. */
  readonly resets = new Map<string, string>();
  readonly #project: string;
  readonly #origins: () => readonly string[];
  readonly #agent = new Agent({ connections: 512, ...AGENT });
  /** Clients that read slowly or go away hold up nobody but themselves. */
  readonly #oddAgent = new Agent(AGENT);
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #durations: number[] = [];
  #calls = 0;

  constructor(project: string, origins: () => readonly string[]) {
    this.#project = project;
    this.#origins = origins;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Whether this is the id of one of its calls. */
  made(id: string): boolean {
    const number = id.slice(this.#project.length + 1);
    return id === `${this.#project}-${Number(number)}` && Number(number) < this.#calls;
  }

  start(rate: number): void {
    const begun_ms = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      for (due += 0; due < ((performance.now() - begun_ms) / 1_000) * rate; due += 1)
        this.call(this.#calls % 3 === 0 ? { shape: 'stream' } : {});
    }, TICK_MS);
  }

  /** So many calls, at most `atOnce` of them at a time. */
  async burst(calls: number, atOnce: number): Promise<void> {
    for (let i = 0; i < calls; i += 1) {
      while (this.#running.size >= atOnce) await Promise.race(this.#running);
      this.call({});
    }
  }

  call(options: CallOptions): void {
    const call = this.#call(`${this.#project}-${this.#calls}`, options).finally(() => this.#running.delete(call));
    this.#calls += 1;
    this.#running.add(call);
  }

  /** No more calls; resolves when those that run have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    await Promise.all([this.#agent.destroy(), this.#oddAgent.destroy()]);
  }

  /** The 99th percentile in milliseconds of the calls since this was last asked. */
  takeP99(): number {
    const sorted = this.#durations.sort((a, b) => a - b);
    this.#durations = [];
    return Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0);
  }

  async #call(id: string, options: CallOptions): Promise<void> {
    const begun_ms = performance.now();
    const origins = this.#origins();
    const offers = origins.length === 1 ? origins : Array.from({ length: ROUNDS }, () => origins).flat();
    for (const [index, origin] of offers.entries()) {
      try {
        await this.#attempt(origin, id, options);
        this.answered.add(id);
        if (!isOdd(options)) this.#durations.push(performance.now() - begun_ms);
        return;
      } catch (error) {
        const reset = isReset(error);
        if (reset) this.resets.set(id, textOf(error));
        if ((reset || isRefused(error)) && index + 1 < offers.length) continue;
        if (!options.vanish) this.failed.set(id, textOf(error));
        return;
      }
    }
  }

  async #attempt(origin: string, id: string, options: CallOptions): Promise<void> {
    const { shape, vanish = false, pause_ms = 0 } = options;
    const headers = {
      'content-type': 'application/json',
      'x-glassway-project': this.#project,
      'x-glassway-request-id': id,
      [ID_HEADER]: id,
    };
    const answer = await request(`${origin}/openai/v1/chat/completions`, {
      method: 'POST',
      dispatcher: isOdd(options) ? this.#oddAgent : this.#agent,
      headers: shape === undefined ? headers : { ...headers, [SHAPE_HEADER]: shape },
      body: BODY,
    });
    let bytes = 0;
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (vanish) {
        answer.body.destroy();
        throw new Error('went away');
      }
      if (pause_ms > 0) await sleep(pause_ms);
    }
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode} ${answer.headers['x-glassway-error'] ?? ''}`.trim());
    if (shape !== undefined && shape !== 'stream' && bytes < Number(shape)) throw new Error(`${bytes} of ${shape} bytes`);
  }
}

function isOdd({ vanish = false, pause_ms = 0 }: CallOptions): boolean {
  return vanish || pause_ms > 0;
}

/** Nothing was sent: a load balancer tries the next one, and so may everybody. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

/**
 * Sent on an idle connection in the very moment in which the proxy closed it, which HTTP/1.1 cannot avoid (RFC 9112
 * §9.5) and a proxy can only make rare. Had the call been carried all the same, it would be two rows.
 */
function isReset(error: unknown): boolean {
  return error instanceof Error && (('code' in error && error.code === 'ECONNRESET') || error.message === 'other side closed');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
