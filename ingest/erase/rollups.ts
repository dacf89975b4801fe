/**
 * The tables that add calls up, found by asking the server for the views on `calls`, so that one that a later release
 * adds is not forgotten. After an erasure they say again what `calls` says: of each hour or minute of which all calls are
 * still there the sums are made anew; older ones, whose calls retention has taken, keep sums that name nobody, but for
 * rows whose key is the erased one's own, which go.
 */

import { type RollupTable, rebuildPartition } from '../reprice/rollup.ts';
import { command, type Month, months, rows, type Scope } from '../reprice/scope.ts';
import { findSummed } from '../reprice/summed.ts';
import { callsCondition, condition, isWholeProject, SUBJECT_COLUMNS, type Subject, type SubjectColumn, untilText } from './subject.ts';

/** Survives a kill: without it nobody would know which sums still hold what is gone. Names nobody. */
const NOTES_TABLE = 'erase_buckets';

export interface KeyedRollup extends RollupTable {
  /** How its rows say the name of a project, a user, a session; missing: they do not. */
  readonly keys: Partial<Record<SubjectColumn, string>>;
}

/** Tables whose rows say in one column what the other is about (calls_by_day). */
const LABELS: Readonly<Record<Exclude<SubjectColumn, 'project'>, string>> = { user_id: 'user', session_id: 'session' };

/** @throws Error when one adds calls up in a way that this release does not know */
export async function findRollups(scope: Scope): Promise<KeyedRollup[]> {
  const found = await findSummed(scope);
  // Others are not about calls of anybody but about which numbers a proxy gave, and an erased call is no lost one.
  const ofSomebody = found.filter(({ columns }) => SUBJECT_COLUMNS.some((column) => columns.includes(column)));
  return ofSomebody.map(({ columns, ...rollup }) => ({ ...rollup, keys: keysOf(columns) }));
}

function keysOf(columns: readonly string[]): KeyedRollup['keys'] {
  const keys: Partial<Record<SubjectColumn, string>> = {};
  for (const column of SUBJECT_COLUMNS) if (columns.includes(column)) keys[column] = column;
  if (columns.includes('label') && columns.includes('value'))
    for (const [column, label] of Object.entries(LABELS)) keys[column as SubjectColumn] ??= `if(label = '${label}', value, '')`;
  return keys;
}

/** The rows that name the subject, whatever their time; undefined: it has none that name all of it. */
function namedCondition(scope: Scope, { keys }: KeyedRollup, subject: Subject): string | undefined {
  const columns = SUBJECT_COLUMNS.filter((column) => subject[column] !== undefined);
  const labels = columns.filter((column) => keys[column]?.startsWith('if('));
  // A row has one label.
  if (labels.length > 1 || !columns.every((column) => keys[column] !== undefined)) return undefined;
  return condition(scope, columns, keys);
}

/** Those of them that are wholly before the moment. */
function keyedCondition(scope: Scope, rollup: KeyedRollup, subject: Subject): string | undefined {
  const named = namedCondition(scope, rollup, subject);
  return named === undefined ? undefined : `${named} AND ${rollup.bucket} < ${boundary(rollup, subject)}`;
}

/** The same for counting: with the bucket that the moment falls in, unless that has later calls. */
export function leftCondition(scope: Scope, rollup: KeyedRollup, subject: Subject): string | undefined {
  const named = namedCondition(scope, rollup, subject);
  if (named === undefined) return undefined;
  const later = `(SELECT count() FROM ${scope.database}.calls WHERE ${condition(
    scope,
    SUBJECT_COLUMNS.filter((column) => subject[column] !== undefined),
  )} AND started_at >= '${untilText(subject)}')`;
  return `${named} AND (${rollup.bucket} < ${boundary(rollup, subject)} OR (${rollup.bucket} = ${boundary(rollup, subject)} AND ${later} = 0))`;
}

/** The bucket that the moment falls in may hold later calls: it is made anew, and not left out. */
function boundary({ ofCall }: RollupTable, subject: Subject): string {
  return ofCall.replace('started_at', `toDateTime64('${untilText(subject)}', 6, 'UTC')`);
}

/** Before the calls go: which buckets are to be made anew, and how many cannot be. */
export async function noteBuckets(scope: Scope, rollups: readonly KeyedRollup[], subject: Subject): Promise<number> {
  await command(
    scope,
    `CREATE TABLE IF NOT EXISTS {database:Identifier}.${NOTES_TABLE} (rollup String, bucket DateTime('UTC')) ENGINE = MergeTree ORDER BY (rollup, bucket)`,
  );
  let kept = 0;
  for (const rollup of rollups) {
    const affected = `SELECT DISTINCT ${rollup.ofCall} AS bucket FROM {database:Identifier}.calls WHERE ${callsCondition(scope, subject)}`;
    const complete = completeBuckets(rollup);
    await command(
      scope,
      `INSERT INTO {database:Identifier}.${NOTES_TABLE} SELECT {rollup:String}, bucket FROM (${affected})
       WHERE bucket IN (${complete}) SETTINGS insert_deduplicate = 0`,
      { rollup: rollup.table },
    );
    if (isWholeProject(subject)) continue;
    const [row] = await rows<{ left: number }>(
      scope,
      `SELECT toUInt64(count()) AS left FROM (${affected}) WHERE bucket NOT IN (${complete})`,
    );
    kept += row?.left ?? 0;
  }
  return kept;
}

/** Those of which no call is gone: the minutes' sums say how many there were. */
function completeBuckets({ ofCall }: RollupTable): string {
  return `
    SELECT bucket FROM (
      SELECT ${ofCall.replace('started_at', 'minute')} AS bucket, sum(calls) AS summed, 0 AS present FROM {database:Identifier}.calls_by_minute GROUP BY bucket
      UNION ALL
      SELECT ${ofCall} AS bucket, 0 AS summed, count() AS present FROM {database:Identifier}.calls GROUP BY bucket)
    GROUP BY bucket HAVING sum(present) >= sum(summed)`;
}

/** After the calls are gone: the noted buckets made anew, the erased one's own rows left out. */
export async function rebuildRollups(
  scope: Scope,
  rollups: readonly KeyedRollup[],
  subject: Subject,
  options: { readonly check: () => void; readonly say: (line: string) => void },
): Promise<void> {
  for (const rollup of rollups)
    for (const month of await monthsToRebuild(scope, rollup, subject)) {
      scope.signal.throwIfAborted();
      options.say(`Making the sums of ${month.id.slice(0, 4)}-${month.id.slice(4)} in ${rollup.table} anew; inserts wait meanwhile.`);
      const anew = `SELECT ${rollup.bucket === 'day' ? 'toDate(bucket)' : 'bucket'} FROM {database:Identifier}.${NOTES_TABLE}
        WHERE rollup = '${rollup.table}' AND toYYYYMM(bucket) = ${month.id}`;
      await rebuildPartition(scope, rollup, month, { anew, gone: keyedCondition(scope, rollup, subject), check: options.check });
    }
  await command(scope, `DROP TABLE IF EXISTS {database:Identifier}.${NOTES_TABLE} SYNC`);
}

async function monthsToRebuild(scope: Scope, rollup: KeyedRollup, subject: Subject): Promise<Month[]> {
  const gone = keyedCondition(scope, rollup, subject);
  const found = await rows<{ month: string }>(
    scope,
    `SELECT DISTINCT toString(toYYYYMM(bucket)) AS month FROM {database:Identifier}.${NOTES_TABLE} WHERE rollup = {rollup:String}
     ${gone === undefined ? '' : `UNION DISTINCT SELECT DISTINCT toString(toYYYYMM(${rollup.bucket})) AS month FROM {database:Identifier}.${rollup.table} WHERE ${gone}`}`,
    { rollup: rollup.table },
  );
  return found.map(({ month }) => monthOf(month)).sort((a, b) => a.from.getTime() - b.from.getTime());
}

function monthOf(id: string): Month {
  const from = new Date(Date.UTC(Number(id.slice(0, 4)), Number(id.slice(4)) - 1));
  const to = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1));
  return [...months({ from, to })][0] as Month;
}
