/**
 * Erases calls from ClickHouse: the bodies, then the calls that lead to them, then what the rollups hold of them, then the
 * files in which they were. Takes whose; gives what is left, which is to be nothing. Killed at any step and run again it
 * ends at the same place: what was to be made anew is written down before anything goes.
 */
import { takeLock } from '../reprice/lock.ts';
import type { Scope } from '../reprice/scope.ts';
import { deleteRows, endOldDeletions, waitForOldParts } from './parts.ts';
import { findRollups, type KeyedRollup, leftCondition, noteBuckets, rebuildRollups } from './rollups.ts';
import { bodiesCondition, callsCondition, count, dropStaged, type Subject, stageCalls, stageSubject } from './subject.ts';

/** One place where something of the erased one may be. */
export interface Found {
  readonly place: string;
  readonly rows: number;
}

export interface ErasureOptions {
  readonly say: (line: string) => void;
  /** Called before each step; for tests, which throw in it. */
  readonly onStep?: (step: ErasureStep) => void;
}

export type ErasureStep = 'noted' | 'bodies' | 'calls' | 'rollups' | 'parts';

export interface Erasure {
  /** What there is now. */
  look(): Promise<Found[]>;
  erase(): Promise<Erased>;
  /** Takes the names out of ClickHouse again. */
  close(): Promise<void>;
}

export interface Erased {
  /** Hours and minutes whose sums hold calls that retention has taken: they name nobody, and stay. */
  readonly sumsKept: number;
  /** Files with deleted rows that ClickHouse has not removed yet. */
  readonly oldParts: number;
}

/** Waits for another erasure or a repricing to end. */
export async function openErasure(scope: Scope, subject: Subject, options: ErasureOptions): Promise<Erasure> {
  const lock = await takeLock(scope, () => options.say('Another erasure or a repricing runs, or was killed a moment ago: waiting for it.'));
  try {
    await endOldDeletions(scope);
    const rollups = await findRollups(scope);
    await stageSubject(scope, subject);
    return {
      look: () => look(scope, subject, rollups),
      erase: () => erase(scope, subject, rollups, { ...options, check: lock.check }),
      async close() {
        await dropStaged(scope);
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function look(scope: Scope, subject: Subject, rollups: readonly KeyedRollup[]): Promise<Found[]> {
  await stageCalls(scope, subject);
  const found: Found[] = [
    { place: 'table calls', rows: await count(scope, 'calls', callsCondition(scope, subject)) },
    { place: 'table bodies', rows: await count(scope, 'bodies', bodiesCondition(scope, subject)) },
  ];
  for (const rollup of rollups) {
    const keyed = leftCondition(scope, rollup, subject);
    if (keyed !== undefined) found.push({ place: `table ${rollup.table}`, rows: await count(scope, rollup.table, keyed) });
  }
  return found;
}

async function erase(
  scope: Scope,
  subject: Subject,
  rollups: readonly KeyedRollup[],
  options: ErasureOptions & { readonly check: () => void },
): Promise<Erased> {
  const { say, check, onStep } = options;
  await stageCalls(scope, subject);
  const sumsKept = await noteBuckets(scope, rollups, subject);
  onStep?.('noted');
  check();
  await deleteRows(scope, 'bodies', bodiesCondition(scope, subject), say);
  onStep?.('bodies');
  // Last, because they are what leads to their bodies.
  await deleteRows(scope, 'calls', callsCondition(scope, subject), say);
  onStep?.('calls');
  await rebuildRollups(scope, rollups, subject, { check, say });
  onStep?.('rollups');
  const oldParts = await waitForOldParts(scope, ['calls', 'bodies', ...rollups.map(({ table }) => table)], say);
  onStep?.('parts');
  return { sumsKept, oldParts };
}
