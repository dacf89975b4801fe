/**
 * What the collector of the young generation takes for alive. Loaded into a process of Glassway by `NODE_OPTIONS=--import`, it
 * writes that at the process's end into the file that GC_WATCH_FILE names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { GCProfiler } from 'node:v8';

const FILE = 'GC_WATCH_FILE';

export interface Survivors {
  /** In the second half: the first ones meet what a start makes, and code that is being compiled. */
  readonly scavenges: number;
  /** Of what the young generation held then, the part that was copied, wherever to: 0 to 1. */
  readonly survived: number;
}

export const gcWatchEnv = (file: string): Record<string, string> => ({ NODE_OPTIONS: `--import ${import.meta.url}`, [FILE]: file });

export const survivorsIn = (file: string): Survivors => JSON.parse(readFileSync(file, 'utf8')) as Survivors;

/** From now on; to be asked once. */
export function survivors(): () => Survivors {
  const profiler = new GCProfiler();
  profiler.start();
  return () => {
    const all = profiler.stop()?.statistics.filter(({ gcType }) => gcType === 'Scavenge') ?? [];
    const counted = all.slice(Math.floor(all.length / 2));
    let bytes = 0;
    let alive = 0;
    for (const { beforeGC, afterGC } of counted) {
      bytes += usedBytes(beforeGC, 'new_space');
      alive += usedBytes(afterGC, 'new_space') + usedBytes(afterGC, 'old_space') - usedBytes(beforeGC, 'old_space');
    }
    return { scavenges: counted.length, survived: alive / bytes };
  };
}

interface Heap {
  readonly heapSpaceStatistics: readonly { readonly spaceName: string; readonly spaceUsedSize: number }[];
}

function usedBytes({ heapSpaceStatistics }: Heap, space: string): number {
  return heapSpaceStatistics.find(({ spaceName }) => spaceName === space)?.spaceUsedSize ?? 0;
}

const file = process.env[FILE];
if (file !== undefined) {
  const survived = survivors();
  process.once('exit', () => writeFileSync(file, JSON.stringify(survived())));
}
