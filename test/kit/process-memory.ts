/**
 * What a process takes of memory while something is done to it, by Linux's /proc: of a child process, never of Jest's own,
 * which holds what every test before left to the garbage collector.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Asks the kernel to begin a new peak, as if the process had started now (proc_pid_clear_refs(5)). */
const NEW_PEAK = '5';

/** Gives how far the process's memory has risen, at its highest, above where it stands now. */
export function watchMemory(pid: number): () => number {
  beginNewPeak(pid);
  const before_bytes = statusBytes(pid, 'VmRSS');
  return () => peakBytes(pid) - before_bytes;
}

export function beginNewPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, NEW_PEAK);
}

/** Its largest resident memory since it started, or since a new peak was begun. @throws when it is gone */
export function peakBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

function statusBytes(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (found === null) throw new Error(`no ${name} of process ${pid}`);
  return Number(found[1]) * 1024;
}
