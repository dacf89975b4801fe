/**
 * Computes costs anew from the rows themselves, at today's prices: find what differs, show it, write it, make the rollup
 * follow. Interrupted at any step and run again it ends at the same sums, because every step says what should be and not
 * what should be added: changes set a cost, a rollup partition is built from the calls, and the months whose rollup
 * differs are found by comparing, not by remembering.
 */
import type { Pricer } from '../price.ts';
import { applyChunk, type Found, findChanges } from './changes.ts';
import { takeLock } from './lock.ts';
import { isTrue, ROLLUPS, type Rollup, rebuild } from './rollup.ts';
import { ceilMinute, floorMinute, type Month, months, type Scope } from './scope.ts';

export interface RepriceOptions extends Scope {
  readonly price: Pricer['price'];
  readonly dryRun: boolean;
  /** Shows what would change; false: nothing is written. Not asked when nothing changes. */
  readonly confirm: (found: Found) => Promise<boolean>;
  readonly say: (line: string) => void;
  /** Called before each step; for tests, which throw in it. */
  readonly onStep?: (step: RepriceStep) => void;
}

export type RepriceStep = 'staged' | 'chunk' | 'rebuild' | 'verify';

export interface Repriced {
  readonly found: Found;
  /** False: dry run, or not confirmed. */
  readonly written: boolean;
  readonly monthsRebuilt: readonly string[];
  /** Minutes whose calls are partly gone: their sums stay as they were. */
  readonly minutesKept: number;
}

const REBUILDS_MAX = 3;

export async function reprice(options: RepriceOptions): Promise<Repriced> {
  const scope: Scope = { ...options, since: floorMinute(options.since), until: ceilMinute(options.until) };
  if (options.dryRun) {
    const found = await findChanges(scope, options.price, false);
    await options.confirm(found);
    return { found, written: false, monthsRebuilt: [], minutesKept: 0 };
  }
  const lock = await takeLock(scope, () => options.say('Another repricing runs, or was killed a moment ago: waiting for it.'));
  try {
    const found = await findChanges(scope, options.price, true);
    options.onStep?.('staged');
    if (found.changed > 0 && !(await options.confirm(found))) return { found, written: false, monthsRebuilt: [], minutesKept: 0 };
    for (const chunk of found.chunks) {
      lock.check();
      options.onStep?.('chunk');
      await applyChunk(scope, chunk);
    }
    return { found, written: true, ...(await rebuildWhatDiffers(scope, options, lock.check)) };
  } finally {
    await lock.release();
  }
}

async function rebuildWhatDiffers(
  scope: Scope,
  options: RepriceOptions,
  check: () => void,
): Promise<Pick<Repriced, 'monthsRebuilt' | 'minutesKept'>> {
  const monthsRebuilt = new Set<string>();
  let minutesKept = 0;
  for (const month of months({ from: scope.since, to: scope.until }))
    for (const rollup of ROLLUPS)
      if (!(await isTrue(scope, rollup, month))) {
        const kept = await rebuildMonth(scope, rollup, month, options, check);
        if (rollup.bucket === 'minute') minutesKept += kept;
        monthsRebuilt.add(month.id);
      }
  return { monthsRebuilt: [...monthsRebuilt], minutesKept };
}

/** A batch that is just arriving can make a true month look false, so that it is looked at again before that is a fault. */
async function rebuildMonth(scope: Scope, rollup: Rollup, month: Month, options: RepriceOptions, check: () => void): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    options.onStep?.('rebuild');
    options.say(`Rebuilding the sums by the ${rollup.bucket} of ${month.id.slice(0, 4)}-${month.id.slice(4)}; inserts wait meanwhile.`);
    const kept = await rebuild(scope, rollup, month, check);
    options.onStep?.('verify');
    if (await isTrue(scope, rollup, month)) return kept;
    if (attempt === REBUILDS_MAX)
      throw new Error(`The sums by the ${rollup.bucket} of ${month.id} still differ from the calls; run the same command again.`);
  }
}
