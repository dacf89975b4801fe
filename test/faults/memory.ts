/**
 * The largest resident memory of a part of the stand, whatever processes it has been by then: the kernel's own high-water
 * marks (VmHWM), read often enough that a process that is killed has been read shortly before.
 */
import { writeFileSync } from 'node:fs';
import { memoryOf, tree } from '../kit/processes.ts';

const EVERY_MS = 200;
/** proc(5), clear_refs: the mark goes back to what is resident now. */
const RESET_MARK = '5';

export interface MemoryWatch {
  /** In MiB, workers and first process together. */
  readonly largest_mb: number;
  /** Gives it and begins anew. */
  take_mb(): number;
  close(): void;
}

export function watchMemory(pidNow: () => number | undefined): MemoryWatch {
  let largest_mb = 0;
  const processes = (): number[] => {
    const pid = pidNow();
    return pid === undefined ? [] : tree(pid);
  };
  const look = (): void => {
    const now_mb = processes().reduce((sum, pid) => sum + memoryOf(pid, 'VmHWM'), 0);
    largest_mb = Math.max(largest_mb, now_mb);
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    get largest_mb() {
      return largest_mb;
    },
    take_mb() {
      look();
      const taken_mb = largest_mb;
      largest_mb = 0;
      for (const pid of processes()) resetMark(pid);
      return taken_mb;
    },
    close: () => clearInterval(timer),
  };
}

function resetMark(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, RESET_MARK);
  } catch {
    // gone; or a kernel without it, where the mark stays that of the process's whole life
  }
}
