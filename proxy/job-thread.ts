/**
 * Work off the event loop: takes jobs, gives each its answer, or undefined when there was no room or no time for it.
 * One thread, started when first needed and let go when idle; jobs one after the other, so that one that hangs costs
 * itself only: its thread is ended and the next job has a new one. Bounded in jobs and bytes; every end of a job is told.
 */
import { Worker } from 'node:worker_threads';

/** `done`: answered. */
export type JobResult = 'done' | 'queue_full' | 'timeout' | 'failed' | 'stopped';

export interface JobThreadOptions {
  /** The thread's code: says THREAD_READY once it is loaded, takes a job as a message, answers with one. */
  readonly script: URL;
  readonly onResult: (result: JobResult) => void;
  readonly jobsMax: number;
  readonly bytesMax: number;
}

export interface JobThread<Job, Answer> {
  /** Calls back exactly once, never before it returns unless there is no room. `limit_ms`: for this job alone, not for its wait. */
  run(job: Job, limit_ms: number, done: (answer: Answer | undefined) => void): void;
  /** Waits for the jobs under way, within their time limits together, and ends the thread. */
  close(): Promise<void>;
}

/** A thread's first message. What a job may take is counted from there: loading is not its fault. */
export const THREAD_READY = 'ready';
const START_MS = 10_000;

/** What a thread has loaded is given back after a while without work. */
const IDLE_MS = 300_000;
const CLOSE_MS = 5_000;

interface Waiting<Job, Answer> {
  readonly job: Job;
  readonly limit_ms: number;
  readonly done: (answer: Answer | undefined) => void;
}

export function createJobThread<Job extends { readonly bytes: number }, Answer>(options: JobThreadOptions): JobThread<Job, Answer> {
  return new QueuedThread<Job, Answer>(options);
}

class QueuedThread<Job extends { readonly bytes: number }, Answer> implements JobThread<Job, Answer> {
  readonly #options: JobThreadOptions;
  readonly #waiting: Waiting<Job, Answer>[] = [];
  #bytes = 0;
  #current: Waiting<Job, Answer> | undefined;
  #worker: Worker | undefined;
  #ready = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: JobThreadOptions) {
    this.#options = options;
  }

  run(job: Job, limit_ms: number, done: Waiting<Job, Answer>['done']): void {
    const { jobsMax, bytesMax, onResult } = this.#options;
    if (this.#closed || this.#waiting.length >= jobsMax || this.#bytes + job.bytes > bytesMax) {
      onResult(this.#closed ? 'stopped' : 'queue_full');
      done(undefined);
      return;
    }
    this.#bytes += job.bytes;
    this.#waiting.push({ job, limit_ms, done });
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
    this.#limit(this.#ready ? this.#current.limit_ms : START_MS);
    try {
      this.#worker ??= this.#startWorker();
      this.#worker.postMessage(this.#current.job);
    } catch {
      this.#dropWorker();
      // Not at once: a thread that cannot be started must not make a queue of jobs a recursion.
      setImmediate(() => this.#finish('failed', undefined));
    }
  }

  #limit(limit_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#dropWorker();
      this.#finish('timeout', undefined);
    }, limit_ms).unref();
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#options.script);
    worker.unref();
    worker.on('message', (answer: Answer | typeof THREAD_READY) => {
      if (worker !== this.#worker) return;
      if (answer !== THREAD_READY) this.#finish('done', answer);
      else {
        this.#ready = true;
        if (this.#current !== undefined) this.#limit(this.#current.limit_ms);
      }
    });
    const onEnd = (): void => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      this.#ready = false;
      if (this.#current !== undefined) this.#finish('failed', undefined);
    };
    worker.on('error', onEnd);
    worker.on('exit', onEnd);
    return worker;
  }

  #finish(result: JobResult, answer: Answer | undefined): void {
    const ended = this.#current;
    if (ended === undefined) return;
    this.#bytes -= ended.job.bytes;
    this.#options.onResult(result);
    ended.done(answer);
    this.#next();
  }

  #dropWorker(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#ready = false;
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
