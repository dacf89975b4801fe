/**
 * The largest resident memory of a part of the stand, whatever processes it has been by then: their peaks, read often
 * enough that a process that is killed has been read shortly before.
 */
import { beginNewPeak, peakBytes } from '../kit/process-memory.ts';
import { tree } from '../kit/processes.ts';

const EVERY_MS = 200;

export interface MemoryWatch {
  /** Workers and first process together. */
  readonly largest_mb: number;
  /** Gives it and begins anew. */
  take_mb(): number;
  close(): void;
}

export function watchPart(pidNow: () => number | undefined): MemoryWatch {
  let largest_bytes = 0;
  const processes = (): number[] => {
    const pid = pidNow();
    return pid === undefined ? [] : tree(pid);
  };
  const look = (): void => {
    const now_bytes = processes().reduce((sum, pid) => sum + unlessGone(() => peakBytes(pid)), 0);
    largest_bytes = Math.max(largest_bytes, now_bytes);
  };
  const timer = setInterval(look, EVERY_MS);
  const watch: MemoryWatch = {
    get largest_mb() {
      return Math.round(largest_bytes / 1024 ** 2);
    },
    take_mb() {
      look();
      const { largest_mb } = watch;
      largest_bytes = 0;
      for (const pid of processes()) unlessGone(() => beginNewPeak(pid));
      return largest_mb;
    },
    close: () => clearInterval(timer),
  };
  return watch;
}

function unlessGone(look: () => unknown): number {
  try {
    return Number(look() ?? 0);
  } catch {
    return 0;
  }
}
