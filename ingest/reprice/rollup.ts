/**
 * Makes the rollups with money in them say again what `calls` says, partition by partition: the new partition is built
 * beside the old one and replaces it in one step. Meanwhile nothing may be inserted, or it would be missing from the one
 * or be twice in the other: a constraint with an end of its own refuses inserts, ingest answers 503 and the proxies keep
 * their records and send them again. Whoever is killed here leaves nothing behind but a constraint that no longer refuses.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BUCKETS_TABLE, clickhouseSecond, command, daysWithCalls, type Month, rows, type Scope, STAGE_TABLE, wholeDays } from './scope.ts';

/** A table of sums, filled by the view of its name with `_view`. */
export interface RollupTable {
  readonly table: string;
  /** Its column of time, with its type, and that of a call. */
  readonly bucket: 'minute' | 'hour' | 'day';
  readonly type: string;
  readonly ofCall: string;
  /** A parameter `YYYY-MM-DD hh:mm:ss`, to compare the column with. */
  readonly bound: (parameter: string) => string;
}

/** One with money in it. */
export interface Rollup extends RollupTable {
  readonly keys: string;
  /** Of its rows those that together have each call once. */
  readonly once: string;
}

export const ROLLUPS: readonly Rollup[] = [
  {
    table: 'calls_by_minute',
    bucket: 'minute',
    type: "DateTime('UTC')",
    ofCall: "toStartOfMinute(started_at, 'UTC')",
    bound: (parameter) => parameter,
    keys: 'project, minute, provider, model, outcome',
    once: '1',
  },
  {
    table: 'calls_by_day',
    bucket: 'day',
    type: 'Date',
    ofCall: "toDate(started_at, 'UTC')",
    bound: (parameter) => `toDate(substring(${parameter}, 1, 10))`,
    keys: 'label, project, day, value, provider, model',
    once: "label = 'all'",
  },
];

const PAUSE_SECONDS = 60;
const RENEW_MS = 15_000;
const REPLACE_SECONDS_MIN = 30;
const INSERTS_END_MS = 120_000;
const POLL_MS = 50;
/** Building is small where it is done in days; the states of one day of many models are not, nor is a block of sketches as large as usual. */
const MEMORY =
  'max_bytes_before_external_group_by = 268435456, max_block_size = 4096, min_insert_block_size_rows = 32768, min_insert_block_size_bytes = 67108864, insert_deduplicate = 0, max_partitions_per_insert_block = 0';
/** The views' own statements read the table by this name (migrations 0004 and 0013). */
export const VIEW_SOURCE = /\bFROM\s+`?\w+`?\.`?calls`?\s+AS\s+call\b/;

/** Whether the rollup's money is that of the calls, bucket by bucket, in the part of a month. */
export async function isTrue(scope: Scope, rollup: Rollup, month: Month): Promise<boolean> {
  const { table, keys } = rollup;
  const checksum = `sum(cityHash64(${keys}, priced, ifNull(toString(usd), 'NULL')))`;
  const ofCalls = await viewSelect(scope, rollup, completeBuckets(rollup));
  const [row] = await rows<{ same: boolean }>(
    scope,
    `SELECT
       (SELECT ${checksum} FROM (
          SELECT ${keys}, sum(calls_with_cost) AS priced, sum(cost_usd) AS usd FROM {database:Identifier}.${table}
          WHERE ${inSpan(rollup)} AND ${rollup.bucket} IN (${completeBuckets(rollup)}) GROUP BY ${keys}))
       =
       (SELECT ${checksum} FROM (SELECT ${keys}, calls_with_cost AS priced, cost_usd AS usd FROM (${ofCalls})))
       AS same`,
    range(spanOf(rollup, month)),
  );
  return Boolean(row?.same);
}

/** Partly asked of a month is wholly asked of each of its buckets. */
function spanOf({ bucket }: RollupTable, month: Month): Month {
  return bucket === 'day' ? { ...month, ...wholeDays(month) } : month;
}

function inSpan({ bucket, bound }: RollupTable): string {
  return `${bucket} >= ${bound('{from:String}')} AND ${bucket} < ${bound('{to:String}')}`;
}

/**
 * The buckets of which no call is gone. The rollup outlives the calls: what has partly expired keeps the sums that were
 * made when all of it was there.
 */
function completeBuckets(rollup: Rollup): string {
  const { table, bucket, ofCall, once } = rollup;
  return `
  SELECT bucket FROM (
    SELECT ${bucket} AS bucket, sum(calls) AS summed, 0 AS present FROM {database:Identifier}.${table}
    WHERE ${inSpan(rollup)} AND ${once} GROUP BY bucket
    UNION ALL
    SELECT ${ofCall} AS bucket, 0 AS summed, count() AS present FROM {database:Identifier}.calls
    WHERE started_at >= {from:String} AND started_at < {to:String} GROUP BY bucket)
  GROUP BY bucket HAVING sum(present) >= sum(summed)`;
}

/** What the view makes of the calls in a span whose buckets are among `buckets`; missing: of all. */
async function viewSelect(scope: Scope, { table, ofCall }: RollupTable, buckets?: string): Promise<string> {
  const [view] = await rows<{ as_select: string }>(
    scope,
    'SELECT as_select FROM system.tables WHERE database = {database:String} AND name = {view:String}',
    { view: `${table}_view` },
  );
  const select = view?.as_select ?? '';
  if (!VIEW_SOURCE.test(select)) throw new Error(`${table}_view is not as this release makes it; the rollup cannot be rebuilt.`);
  const source = `FROM (SELECT * FROM {database:Identifier}.calls WHERE started_at >= {from:String} AND started_at < {to:String}${buckets === undefined ? '' : ` AND ${ofCall} IN (${buckets})`}) AS call`;
  return select.replace(VIEW_SOURCE, () => source);
}

/** The buckets of a month that say of fewer calls than there are: the table is younger than they, or was emptied. */
export async function behindBuckets(scope: Scope, rollup: RollupTable): Promise<string> {
  const { table, bucket } = rollup;
  return `
  SELECT bucket FROM (
    SELECT ${bucket} AS bucket, toInt64(sum(calls)) AS behind FROM (${await viewSelect(scope, rollup)}) GROUP BY bucket
    UNION ALL
    SELECT ${bucket} AS bucket, -toInt64(sum(calls)) AS behind FROM {database:Identifier}.${table} WHERE ${inSpan(rollup)} GROUP BY bucket)
  GROUP BY bucket HAVING sum(behind) > 0`;
}

/** How many they are. */
export async function countBehind(scope: Scope, rollup: RollupTable, month: Month): Promise<number> {
  const [row] = await rows<{ buckets: number }>(
    scope,
    `SELECT count() AS buckets FROM (${await behindBuckets(scope, rollup)})`,
    range(spanOf(rollup, month)),
  );
  return row?.buckets ?? 0;
}

/** Rebuilds the partition; gives how many buckets kept their old sums because their calls are partly gone. */
export function rebuild(scope: Scope, rollup: Rollup, month: Month, check: () => void): Promise<number> {
  return rebuildPartition(scope, rollup, month, { anew: completeBuckets(rollup), check });
}

export interface Rebuild {
  /** A statement that gives the buckets whose sums are made anew; all others are taken as they are. */
  readonly anew: string;
  /** Rows of the others that are not taken. */
  readonly gone?: string | undefined;
  readonly check: () => void;
}

export async function rebuildPartition(scope: Scope, rollup: RollupTable, month: Month, { anew, gone, check }: Rebuild): Promise<number> {
  const { table, bucket } = rollup;
  const span = spanOf(rollup, month);
  const pause = await pauseInserts(scope);
  try {
    const buckets = `SELECT bucket FROM {database:Identifier}.${BUCKETS_TABLE}`;
    const select = await viewSelect(scope, rollup, buckets);
    const columns = await rows<{ name: string }>(
      scope,
      'SELECT name FROM system.columns WHERE database = {database:String} AND table = {view:String} ORDER BY position',
      { view: `${table}_view` },
    );
    for (const name of [STAGE_TABLE, BUCKETS_TABLE]) await command(scope, `DROP TABLE IF EXISTS {database:Identifier}.${name} SYNC`);
    await command(scope, `CREATE TABLE {database:Identifier}.${STAGE_TABLE} AS ${scope.database}.${table}`);
    await command(scope, `CREATE TABLE {database:Identifier}.${BUCKETS_TABLE} (bucket ${rollup.type}) ENGINE = MergeTree ORDER BY bucket`);
    await command(scope, `INSERT INTO {database:Identifier}.${BUCKETS_TABLE} ${anew} SETTINGS insert_deduplicate = 0`, range(span));
    const stage = `INSERT INTO {database:Identifier}.${STAGE_TABLE}`;
    await command(
      scope,
      `${stage} SELECT * FROM {database:Identifier}.${table} WHERE toYYYYMM(${bucket}) = ${month.id} AND ${bucket} NOT IN (${buckets})
       ${gone === undefined ? '' : `AND NOT (${gone})`} SETTINGS ${MEMORY}`,
    );
    for (const day of await daysWithCalls(scope, span)) {
      scope.signal.throwIfAborted();
      await command(scope, `${stage} (${columns.map(({ name }) => name).join(', ')}) ${select} SETTINGS ${MEMORY}`, range(day));
    }
    const [kept] = await rows<{ buckets: number }>(
      scope,
      `SELECT uniqExact(${bucket}) AS buckets FROM {database:Identifier}.${table} WHERE ${inSpan(rollup)} AND ${bucket} NOT IN (${buckets})`,
      range(span),
    );
    const [staged] = await rows<{ rows: number }>(scope, `SELECT count() AS rows FROM {database:Identifier}.${STAGE_TABLE}`);
    check();
    await pause.hold();
    // By nothing a partition cannot be replaced: the server takes that for a mistake.
    const instead =
      staged?.rows === 0 ? `DROP PARTITION ID '${month.id}'` : `REPLACE PARTITION ID '${month.id}' FROM ${scope.database}.${STAGE_TABLE}`;
    await command(scope, `ALTER TABLE {database:Identifier}.${table} ${instead}`);
    return kept?.buckets ?? 0;
  } finally {
    await pause.end();
  }
}

interface Pause {
  /** @throws Error unless inserts were refused all the while and go on being refused for long enough to replace */
  hold(): Promise<void>;
  end(): Promise<void>;
}

async function pauseInserts(scope: Scope): Promise<Pause> {
  let until = 0;
  let lapsed = false;
  const renew = async (): Promise<void> => {
    const now = await serverSeconds(scope);
    if (until !== 0 && now >= until) lapsed = true;
    const next = now + PAUSE_SECONDS;
    // Whatever a row holds: a condition without columns would be computed, and refuse, when it is declared.
    const refusal = `throwIf(ignore(id) = 0 AND toUnixTimestamp(now()) < ${next}, 'glassway reprice rebuilds the rollup: try again shortly') = 0`;
    await command(
      scope,
      `ALTER TABLE {database:Identifier}.calls DROP CONSTRAINT IF EXISTS reprice_pause, ADD CONSTRAINT reprice_pause CHECK ${refusal}`,
    );
    until = next;
  };
  await renew();
  let renewing = Promise.resolve();
  const timer = setInterval(() => {
    // A failed renewal shows in hold(): the time runs out.
    renewing = renewing.then(renew).catch(() => {});
  }, RENEW_MS);
  const end = async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
    await command(scope, 'ALTER TABLE {database:Identifier}.calls DROP CONSTRAINT IF EXISTS reprice_pause');
  };
  try {
    await insertsEnded(scope);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async hold() {
      await renewing;
      const left_seconds = until - (await serverSeconds(scope));
      if (lapsed || left_seconds < REPLACE_SECONDS_MIN)
        throw new Error('ClickHouse was away while inserts were paused; run the same command again.');
    },
    end,
  };
}

/** Inserts that began before the pause do not know of it; those that begin after it are refused. */
async function insertsEnded(scope: Scope): Promise<void> {
  const running = () =>
    rows<{ query_id: string }>(
      scope,
      "SELECT query_id FROM system.processes WHERE query_kind = 'Insert' AND match(query, {into:String}) AND query_id != queryID()",
      { into: `(?i)^\\s*INSERT\\s+INTO\\s+(\`?${scope.database}\`?\\.)?\`?calls\`?\\b` },
    );
  const before = new Set((await running()).map(({ query_id }) => query_id));
  const from_ms = performance.now();
  while (before.size > 0) {
    if (performance.now() - from_ms > INSERTS_END_MS)
      throw new Error('An insert into calls does not end; run the same command again later.');
    await sleep(POLL_MS, undefined, { signal: scope.signal });
    const still = new Set((await running()).map(({ query_id }) => query_id));
    for (const id of before) if (!still.has(id)) before.delete(id);
  }
}

async function serverSeconds(scope: Scope): Promise<number> {
  const [row] = await rows<{ now: number }>(scope, 'SELECT toUnixTimestamp(now()) AS now');
  return row?.now ?? 0;
}

function range({ from, to }: { readonly from: Date; readonly to: Date }): Record<string, string> {
  return { from: clickhouseSecond(from), to: clickhouseSecond(to) };
}
