/**
 * Records that ingest will never take, one a line with the reason, in a file that a person can read, mend and
 * send again. Bounded; what no longer fits is lost, and the caller counts it.
 */
import { appendFileSync, statSync } from 'node:fs';
import type { DeadLetter } from './batch.ts';

export const DEAD_LETTER_FILE = 'dead-letter.ndjson';
const DEAD_LETTER_BYTES_MAX = 64 * 1024 ** 2;

/** Says how many could not be kept. */
export function keepDeadLetters(path: string, letters: readonly DeadLetter[]): number {
  let kept = 0;
  try {
    let bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    for (const { reason, record } of letters) {
      // What ingest calls no JSON may be just that.
      const line = `${JSON.stringify({ set_aside_at: new Date().toISOString(), reason, record: parsed(record) })}\n`;
      bytes += Buffer.byteLength(line);
      if (bytes > DEAD_LETTER_BYTES_MAX) break;
      appendFileSync(path, line, { mode: 0o600 });
      kept += 1;
    }
  } catch {
    // The same disk that the journal is on: its faults are reported there.
  }
  return letters.length - kept;
}

function parsed(record: string): unknown {
  try {
    return JSON.parse(record);
  } catch {
    return record;
  }
}
