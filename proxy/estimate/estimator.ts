/**
 * Counts tokens off the event loop: takes jobs, gives each its counts, or undefined when there was no room or
 * no time for it. One thread, started when first needed and let go when idle; jobs one after the other, so
 * that one that hangs costs itself only. Bounded in jobs and bytes; every end of a job is counted.
 */
import { Worker } from 'node:worker_threads';
import type { CountJob, TokenCounts } from './job.ts';

export type EstimateResult = 'counted' | 'queue_full' | 'timeout' | 'failed' | 'stopped';

export interface EstimatorOptions {
  readonly onResult: (result: EstimateResult) => void;
  readonly jobsMax?: number;
  readonly bytesMax?: number;
  /** For one job, the loading of the tables included. */
  readonly jobMs?: number;
}

export interface Estimator {
  /** Calls back exactly once, never before it returns unless there is no room. */
  count(job: CountJob, done: (counts: TokenCounts | undefined) => void): void;
  /** Waits for the jobs under way, within their time limits together, and ends the thread. */
  close(): Promise<void>;
}

const JOBS_MAX = 1_000;
const BYTES_MAX = 32 * 1024 * 1024;
const JOB_MS = 10_000;
/** The tables are worth some 100 MB: given back after a while without work. */
const IDLE_MS = 300_000;
const CLOSE_MS = 5_000;

interface Waiting {
  readonly job: CountJob;
  readonly done: (counts: TokenCounts | undefined) => void;
}

export function createEstimator(options: EstimatorOptions): Estimator {
  return new ThreadEstimator(options);
}

class ThreadEstimator implements Estimator {
  readonly #options: Required<EstimatorOptions>;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #current: Waiting | undefined;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: EstimatorOptions) {
    this.#options = { jobsMax: JOBS_MAX, bytesMax: BYTES_MAX, jobMs: JOB_MS, ...options };
  }

  count(job: CountJob, done: Waiting['done']): void {
    const { jobsMax, bytesMax, onResult } = this.#options;
    if (this.#closed || this.#waiting.length >= jobsMax || this.#bytes + job.bytes > bytesMax) {
      onResult(this.#closed ? 'stopped' : 'queue_full');
      done(undefined);
      return;
    }
    this.#bytes += job.bytes;
    this.#waiting.push({ job, done });
    if (this.#current === undefined) this.#next();
  }

  async close(): Promise<void> {
    if (this.#current !== undefined) {
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      const limit = setTimeout(() => this.#abandon(), CLOSE_MS);
      await drained;
      clearTimeout(limit);
    }
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#current = this.#waiting.shift();
    if (this.#current === undefined) {
      this.#drained?.();
      this.#timer = setTimeout(() => this.#dropWorker(), IDLE_MS).unref();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#dropWorker();
      this.#finish('timeout', undefined);
    }, this.#options.jobMs).unref();
    try {
      this.#worker ??= this.#startWorker();
      this.#worker.postMessage(this.#current.job);
    } catch {
      this.#dropWorker();
      // Not at once: a thread that cannot be started must not make a queue of jobs a recursion.
      setImmediate(() => this.#finish('failed', undefined));
    }
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./count-worker.ts', import.meta.url));
    worker.unref();
    worker.on('message', (counts: TokenCounts) => {
      if (worker === this.#worker) this.#finish('counted', counts);
    });
    const onEnd = (): void => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      if (this.#current !== undefined) this.#finish('failed', undefined);
    };
    worker.on('error', onEnd);
    worker.on('exit', onEnd);
    return worker;
  }

  #finish(result: EstimateResult, counts: TokenCounts | undefined): void {
    const ended = this.#current;
    if (ended === undefined) return;
    this.#bytes -= ended.job.bytes;
    this.#options.onResult(result);
    ended.done(counts);
    this.#next();
  }

  #dropWorker(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  /** The stop's time is over: what waits goes without. */
  #abandon(): void {
    this.#closed = true;
    this.#dropWorker();
    const left = this.#waiting.splice(0);
    for (const { job, done } of left) {
      this.#bytes -= job.bytes;
      this.#options.onResult('stopped');
      done(undefined);
    }
    this.#finish('stopped', undefined);
  }
}
