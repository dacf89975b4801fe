/**
 * Makes the tables that add calls up know of the calls that were there before them: a view sees only what is inserted after it
 * was made. Found by comparing, month by month, and not by remembering; a bucket of time that says of fewer calls than there are
 * is made anew from the calls, the month's partition replaced in one step (reprice/rollup.ts). What retention has taken from the
 * calls stays in the sums. Killed at any step and run again it ends at the same place.
 */
import { takeLock } from '../reprice/lock.ts';
import { behindBuckets, countBehind, rebuildPartition } from '../reprice/rollup.ts';
import { type Month, monthOf, months, rows, type Scope } from '../reprice/scope.ts';
import { findSummed, type SummedTable } from '../reprice/summed.ts';

export interface BackfillOptions extends Scope {
  /** Says what is to do and does nothing. */
  readonly dryRun: boolean;
  readonly say: (line: string) => void;
}

export interface Backfilled {
  /** Months of tables that are, or were, behind. */
  readonly months: number;
}

export async function backfill(options: BackfillOptions): Promise<Backfilled> {
  const { say, dryRun } = options;
  const span = await spanOfCalls(options);
  if (span === undefined) return { months: 0 };
  const lock = await takeLock(options, () =>
    say('Another backfill, a repricing or an erasure runs, or was killed a moment ago: waiting for it.'),
  );
  try {
    const tables = await findSummed(options);
    const all = [...months(span)];
    let behind = 0;
    for (const [at, month] of all.entries())
      for (const table of tables) {
        options.signal.throwIfAborted();
        const buckets = await countBehind(options, table, month);
        if (buckets === 0) continue;
        behind += 1;
        say(
          `${nameOf(month)} (month ${at + 1} of ${all.length}), ${table.table}: ${buckets} ${table.bucket}s to add${dryRun ? '' : '; inserts wait meanwhile'}.`,
        );
        if (!dryRun) await fill(options, table, month, lock.check);
      }
    return { months: behind };
  } finally {
    await lock.release();
  }
}

async function fill(scope: Scope, table: SummedTable, month: Month, check: () => void): Promise<void> {
  await rebuildPartition(scope, table, month, { anew: await behindBuckets(scope, table), check });
}

/** Whole months, from the first call to the last. */
async function spanOfCalls(scope: Scope): Promise<{ from: Date; to: Date } | undefined> {
  const [row] = await rows<{ calls: number; first: number; last: number }>(
    scope,
    'SELECT count() AS calls, toUnixTimestamp(min(started_at)) AS first, toUnixTimestamp(max(started_at)) AS last FROM {database:Identifier}.calls',
  );
  if (row === undefined || row.calls === 0) return undefined;
  const [first, last] = [new Date(row.first * 1000), new Date(row.last * 1000)];
  return { from: new Date(`${dayOf(monthOf(first))}`), to: new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1)) };
}

function dayOf(month: string): string {
  return `${month.slice(0, 4)}-${month.slice(4)}-01T00:00:00Z`;
}

function nameOf({ id }: Month): string {
  return `${id.slice(0, 4)}-${id.slice(4)}`;
}
