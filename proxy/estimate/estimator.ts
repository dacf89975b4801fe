/**
 * Counts tokens off the event loop: takes jobs, gives each its counts, or undefined when there was no room or
 * no time for it (job-thread.ts). Every end of a job is counted.
 */
import { createJobThread } from '../job-thread.ts';
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

export function createEstimator({ onResult, jobsMax = JOBS_MAX, bytesMax = BYTES_MAX, jobMs = JOB_MS }: EstimatorOptions): Estimator {
  const thread = createJobThread<CountJob, TokenCounts>({
    script: new URL('./count-worker.ts', import.meta.url),
    onResult: (result) => onResult(result === 'done' ? 'counted' : result),
    jobsMax,
    bytesMax,
  });
  return {
    count: (job, done) => thread.run(job, jobMs, done),
    close: () => thread.close(),
  };
}
