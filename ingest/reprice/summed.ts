/**
 * The tables that add calls up, found by asking the server for the views on `calls`, so that one that a later release adds is
 * not forgotten. Each is partitioned by the month of its bucket of time and filled by the view of its name with `_view`.
 */
import { type RollupTable, VIEW_SOURCE } from './rollup.ts';
import { rows, type Scope } from './scope.ts';

export interface SummedTable extends RollupTable {
  readonly columns: readonly string[];
}

const VIEW_TARGET = /\sTO\s+(?:`?\w+`?\.)?`?(\w+)`?/;
const BUCKETS: readonly Pick<RollupTable, 'bucket' | 'type' | 'ofCall' | 'bound'>[] = [
  { bucket: 'minute', type: "DateTime('UTC')", ofCall: "toStartOfMinute(started_at, 'UTC')", bound: (parameter) => parameter },
  { bucket: 'hour', type: "DateTime('UTC')", ofCall: "toStartOfHour(started_at, 'UTC')", bound: (parameter) => parameter },
  { bucket: 'day', type: 'Date', ofCall: "toDate(started_at, 'UTC')", bound: (parameter) => `toDate(substring(${parameter}, 1, 10))` },
];

/** @throws Error when one adds calls up in a way that this release does not know */
export async function findSummed(scope: Scope): Promise<SummedTable[]> {
  const views = await rows<{ name: string; create_table_query: string; as_select: string }>(
    scope,
    `SELECT name, create_table_query, as_select FROM system.tables
     WHERE database = {database:String} AND engine = 'MaterializedView' ORDER BY name`,
  );
  const found: SummedTable[] = [];
  for (const { name, create_table_query, as_select } of views) {
    const target = VIEW_TARGET.exec(create_table_query)?.[1];
    if (VIEW_SOURCE.test(as_select) && target !== undefined) found.push(await readSummed(scope, name, target));
  }
  return found;
}

async function readSummed(scope: Scope, view: string, table: string): Promise<SummedTable> {
  const [target] = await rows<{ partition_key: string; columns: string[] }>(
    scope,
    `SELECT partition_key, (SELECT groupArray(name) FROM system.columns WHERE database = {database:String} AND table = {table:String}) AS columns
     FROM system.tables WHERE database = {database:String} AND name = {table:String}`,
    { table },
  );
  const columns = target?.columns ?? [];
  const bucket = BUCKETS.find((each) => columns.includes(each.bucket));
  if (bucket === undefined || target?.partition_key !== `toYYYYMM(${bucket.bucket})` || view !== `${table}_view`)
    throw new Error(`Table ${table} adds calls up in a way that this release does not know; nothing was changed.`);
  return { table, ...bucket, columns };
}
