/**
 * Loaded into a process of Glassway by `NODE_OPTIONS=--import`: writes what the collector of the young generation did, at the
 * process's end, as JSON lines into the file that GC_WATCH_FILE names. `scavengesIn` reads them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { GCProfiler } from 'node:v8';

const FILE = 'GC_WATCH_FILE';

export interface Scavenge {
  /** What the young generation held before, and what of that was still alive, wherever it was copied to. */
  readonly bytes: number;
  readonly survivedBytes: number;
}

export const gcWatchEnv = (file: string): Record<string, string> => ({
  NODE_OPTIONS: `--import ${import.meta.url}`,
  [FILE]: file,
});

export function scavengesIn(file: string): Scavenge[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Scavenge[];
}

const file = process.env[FILE];
if (file !== undefined) {
  const profiler = new GCProfiler();
  profiler.start();
  process.once('exit', () => {
    const statistics = profiler.stop()?.statistics ?? [];
    const scavenges = statistics
      .filter(({ gcType }) => gcType === 'Scavenge')
      .map(({ beforeGC, afterGC }) => {
        const used = (when: typeof beforeGC, space: string): number =>
          when.heapSpaceStatistics.find(({ spaceName }) => spaceName === space)?.spaceUsedSize ?? 0;
        const promoted = used(afterGC, 'old_space') - used(beforeGC, 'old_space');
        return { bytes: used(beforeGC, 'new_space'), survivedBytes: used(afterGC, 'new_space') + promoted };
      });
    writeFileSync(file, JSON.stringify(scavenges));
  });
}
