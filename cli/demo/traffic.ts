/**
 * Sends the demo's planned calls through a running proxy, at their moments, over kept connections.
 * Gives counts of what became of them. A call that fails is counted and never repeated; calls in flight are
 * bounded, and those that had to wait for a free place are counted as delayed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { KEY_HEADER } from '../../proxy/admit.ts';
import { field, text } from './json.ts';
import { type PlannedCall, planCalls } from './plan.ts';

export interface TrafficProgress {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  readonly aborted: number;
  readonly inFlight: number;
  readonly elapsed_s: number;
  readonly total_s: number;
}

export interface TrafficOptions {
  readonly proxyUrl: string;
  /** Calls a second, on average. */
  readonly rate: number;
  readonly minutes: number;
  readonly seed: number;
  /** What to show to the proxy, by project. */
  readonly keys?: ReadonlyMap<string, string> | undefined;
  readonly inFlightMax?: number;
  /** Stops the traffic: nothing new is sent, what is in flight gets a moment to end. */
  readonly signal?: AbortSignal;
  onProgress?(progress: TrafficProgress): void;
}

export interface ProjectSummary {
  readonly project: string;
  calls: number;
  ok: number;
  failed: number;
  aborted: number;
}

export interface TrafficSummary extends TrafficProgress {
  readonly delayed: number;
  readonly inFlightHighest: number;
  readonly projects: readonly ProjectSummary[];
  /** How often what went wrong on the way: network error codes, and the gateway's own error codes. */
  readonly problems: ReadonlyMap<string, number>;
}

type CallResult = 'ok' | 'failed' | 'aborted';

const IN_FLIGHT_MIN = 64;
const IN_FLIGHT_MAX = 2_048;
/** A believable answer takes some seconds; slow ones ten times that. */
const IN_FLIGHT_PER_RATE = 20;
const ANSWER_TIMEOUT_MS = 120_000;
const GRACE_END_MS = 60_000;
const GRACE_STOP_MS = 2_000;
const PROGRESS_EVERY_MS = 250;
const TAIL_BYTES = 1_024;
const PROBLEMS_MAX = 64;
/** An error event in a 200, in any of the three dialects; made-up prose has no braces. */
const ERROR_EVENT = /"error":\s*\{|"type":\s*"error"/;

export async function runTraffic(options: TrafficOptions): Promise<TrafficSummary> {
  const inFlightMax = options.inFlightMax ?? Math.min(Math.max(IN_FLIGHT_MIN, Math.ceil(options.rate * IN_FLIGHT_PER_RATE)), IN_FLIGHT_MAX);
  const base = new URL(options.proxyUrl);
  const pool = new Pool(base.origin, { connections: inFlightMax, headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
  const prefix = base.pathname.replace(/\/$/, '');
  const book = openBook(options.minutes * 60);
  const ending = new AbortController();
  const inFlight = new Set<Promise<void>>();
  const gate = createGate();
  options.signal?.addEventListener('abort', gate.open);
  const ticker = setInterval(() => options.onProgress?.(book.progress(inFlight.size)), PROGRESS_EVERY_MS);
  const launch = (call: PlannedCall): void => {
    book.sent(call);
    const key = options.keys?.get(call.project);
    const headers = key === undefined ? call.headers : { ...call.headers, [KEY_HEADER]: key };
    const running = sendCall(pool, prefix, { ...call, headers }, ending.signal, book.problem).then((result) => {
      inFlight.delete(running);
      book.ended(call, result);
      gate.open();
    });
    inFlight.add(running);
    book.sawInFlight(inFlight.size);
  };
  try {
    for (const call of planCalls(options)) {
      await waitUntil(book.elapsed_s, call.at_s, options.signal);
      if (inFlight.size >= inFlightMax) book.delayed();
      while (inFlight.size >= inFlightMax && options.signal?.aborted !== true)
        await Promise.race([...inFlight, whenAborted(options.signal)]);
      if (options.signal?.aborted === true) break;
      launch(call);
    }
    await settle(inFlight, options.signal);
    ending.abort();
    await Promise.all(inFlight);
  } finally {
    clearInterval(ticker);
    options.signal?.removeEventListener('abort', gate.open);
    await pool.destroy();
  }
  options.onProgress?.(book.progress(0));
  return book.summary();
}

/** One waits, another lets it through; opening it while nobody waits does nothing. */
function createGate(): { wait(): Promise<void>; open(): void } {
  let waiting: (() => void) | undefined;
  return {
    wait: () =>
      new Promise((resolve) => {
        waiting = resolve;
      }),
    open: () => {
      waiting?.();
      waiting = undefined;
    },
  };
}

/** The run's counts. */
function openBook(total_s: number) {
  const started_ms = performance.now();
  const counts = { sent: 0, ok: 0, failed: 0, aborted: 0 };
  const projects = new Map<string, ProjectSummary>();
  const problems = new Map<string, number>();
  let delayed = 0;
  let inFlightHighest = 0;
  const of = (call: PlannedCall): ProjectSummary => {
    const known = projects.get(call.project) ?? { project: call.project, calls: 0, ok: 0, failed: 0, aborted: 0 };
    projects.set(call.project, known);
    return known;
  };
  const elapsed_s = (): number => (performance.now() - started_ms) / 1000;
  const progress = (inFlight: number): TrafficProgress => ({ ...counts, inFlight, elapsed_s: elapsed_s(), total_s });
  return {
    elapsed_s,
    progress,
    sent: (call: PlannedCall): void => {
      counts.sent += 1;
      of(call).calls += 1;
    },
    ended: (call: PlannedCall, result: CallResult): void => {
      counts[result] += 1;
      of(call)[result] += 1;
    },
    problem: (code: string): void => {
      const name = problems.has(code) || problems.size < PROBLEMS_MAX ? code : '(other)';
      problems.set(name, (problems.get(name) ?? 0) + 1);
    },
    delayed: (): void => {
      delayed += 1;
    },
    sawInFlight: (count: number): void => {
      inFlightHighest = Math.max(inFlightHighest, count);
    },
    summary: (): TrafficSummary => ({ ...progress(0), delayed, inFlightHighest, projects: [...projects.values()], problems }),
  };
}

async function sendCall(
  pool: Dispatcher,
  prefix: string,
  call: PlannedCall,
  signal: AbortSignal,
  problem: (code: string) => void,
): Promise<CallResult> {
  try {
    const answer = await pool.request({ method: 'POST', path: prefix + call.path, headers: { ...call.headers }, body: call.body, signal });
    const ownError = answer.headers['x-glassway-error'];
    if (typeof ownError === 'string') problem(ownError);
    let bytes = 0;
    let tail = Buffer.alloc(0);
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop destroys the body, and with it the connection: what a client that hangs up does.
      if (call.abortAfterBytes !== undefined && bytes >= call.abortAfterBytes) return 'aborted';
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    }
    return answer.statusCode < 400 && !ERROR_EVENT.test(tail.toString('latin1')) ? 'ok' : 'failed';
  } catch (error) {
    if (signal.aborted) return 'aborted';
    problem(text(field(error, 'code')) || 'network error');
    return 'failed';
  }
}

async function waitUntil(elapsed_s: () => number, at_s: number, signal: AbortSignal | undefined): Promise<void> {
  const wait_ms = (at_s - elapsed_s()) * 1000;
  if (wait_ms < 1 || signal?.aborted === true) return;
  await sleep(wait_ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Until nothing is in flight, or the grace is over, which a stop shortens. */
async function settle(inFlight: ReadonlySet<Promise<void>>, signal: AbortSignal | undefined): Promise<void> {
  const over = new AbortController();
  const all = Promise.all(inFlight).then(() => undefined);
  const pause = (wait_ms: number): Promise<void> => sleep(wait_ms, undefined, { signal: over.signal }).catch(() => undefined);
  if (signal?.aborted !== true) await Promise.race([all, pause(GRACE_END_MS), whenAborted(signal, over.signal)]);
  if (signal?.aborted === true) await Promise.race([all, pause(GRACE_STOP_MS)]);
  over.abort();
}

/** Resolves when `signal` aborts. `until` takes the listener off again. */
function whenAborted(signal: AbortSignal | undefined, until?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true, ...(until === undefined ? {} : { signal: until }) });
  });
}
