/**
 * Redaction in the proxy's memory, off its event loop: takes what was kept of a call's bodies, gives the texts that may
 * be stored. A body that finds no room, or takes longer than it may, is not stored at all; each end is counted.
 */
import type { RedactSettings } from '../contract/privacy-settings.ts';
import type { CapturedBodies } from '../contract/record.ts';
import { createJobThread, type JobResult } from './job-thread.ts';
import type { RedactAnswer, RedactJob } from './redact/job.ts';

export type RedactResult = Exclude<JobResult, 'done'> | 'redacted';

export interface RedactorOptions {
  readonly onResult: (result: RedactResult) => void;
  readonly jobsMax?: number;
  readonly bytesMax?: number;
}

export interface RedactedCall {
  readonly bodies: CapturedBodies;
  /** Undefined: what it says is not known to be clean. */
  readonly errorMessage: string | undefined;
}

/** What a call gives: its project's settings are the caller's to know. */
export type RedactInput = Omit<RedactJob, 'bytes' | 'settings' | 'bodyBytesMax'>;

export interface Redactor {
  /** Calls back exactly once, at once when there is no room. */
  redact(job: RedactInput & Pick<RedactJob, 'bodyBytesMax'>, settings: RedactSettings, done: (call: RedactedCall) => void): void;
  close(): Promise<void>;
}

const JOBS_MAX = 1_000;
const BYTES_MAX = 64 * 1024 * 1024;

export function createRedactor({ onResult, jobsMax = JOBS_MAX, bytesMax = BYTES_MAX }: RedactorOptions): Redactor {
  let last: RedactResult = 'redacted';
  const thread = createJobThread<RedactJob, RedactAnswer>({
    script: new URL('./redact/redact-worker.ts', import.meta.url),
    onResult(result) {
      last = result === 'done' ? 'redacted' : result;
      onResult(last);
    },
    jobsMax,
    bytesMax,
  });
  return {
    redact(job, { classes, patterns, timeMs }, done) {
      const bytes = job.request.bytes.length + job.response.bytes.length;
      // An answer is told right after its result.
      thread.run({ ...job, settings: { classes, patterns }, bytes }, timeMs, (answer) =>
        done(
          answer === undefined
            ? refused(last, timeMs)
            : { bodies: { capture: 'redacted', ...texts(answer) }, errorMessage: answer.errorMessage },
        ),
      );
    },
    close: () => thread.close(),
  };
}

function texts({ request, response }: RedactAnswer): Pick<CapturedBodies, 'request' | 'response'> {
  return { request, response };
}

const REASONS: Readonly<Record<RedactResult, string>> = {
  redacted: '',
  queue_full: 'too many bodies were waiting for redaction',
  timeout: 'redaction took longer than it may',
  failed: 'redaction failed',
  stopped: 'the proxy was stopping',
};

function refused(result: RedactResult, timeMs: number): RedactedCall {
  const text = `[not stored: ${REASONS[result]}${result === 'timeout' ? ` (redact.timeMs: ${timeMs})` : ''}]`;
  return { bodies: { capture: 'redacted', request: text, response: text }, errorMessage: undefined };
}
