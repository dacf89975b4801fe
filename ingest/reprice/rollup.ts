/**
 * Makes `calls_by_minute` say again what `calls` says, partition by partition: the new partition is built beside the old
 * one and replaces it in one step. Meanwhile nothing may be inserted, or it would be missing from the one or be twice in
 * the other: a constraint with an end of its own refuses inserts, ingest answers 503 and the proxies keep their records
 * and send them again. Whoever is killed here leaves nothing behind but a constraint that no longer refuses.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clickhouseSecond, command, daysWithCalls, MINUTES_TABLE, type Month, rows, type Scope, STAGE_TABLE } from './scope.ts';

const PAUSE_SECONDS = 60;
const RENEW_MS = 15_000;
const REPLACE_SECONDS_MIN = 30;
const INSERTS_END_MS = 120_000;
const POLL_MS = 50;
/** Building is small where it is done in days; the states of one day of many models are not. */
const MEMORY = 'max_bytes_before_external_group_by = 268435456, insert_deduplicate = 0, max_partitions_per_insert_block = 0';
/** The view's own statement reads the table by this name (migration 0004). */
const VIEW_SOURCE = /\bFROM\s+`?\w+`?\.`?calls`?\s+AS\s+call\b/;

/** Whether the rollup's money is that of the calls, minute by minute, in the part of a month. */
export async function isTrue(scope: Scope, month: Month): Promise<boolean> {
  const keys = 'project, minute, provider, model, outcome';
  const checksum = `sum(cityHash64(${keys}, priced, ifNull(toString(usd), 'NULL')))`;
  const [row] = await rows<{ same: boolean }>(
    scope,
    `SELECT
       (SELECT ${checksum} FROM (
          SELECT ${keys}, sum(calls_with_cost) AS priced, sum(cost_usd) AS usd FROM {database:Identifier}.calls_by_minute
          WHERE minute >= {from:String} AND minute < {to:String} AND minute IN (${COMPLETE_MINUTES}) GROUP BY ${keys}))
       =
       (SELECT ${checksum} FROM (
          SELECT project, toStartOfMinute(call.started_at, 'UTC') AS minute, provider, if(response_model != '', response_model, request_model) AS model,
            outcome, countIf(call.cost_usd IS NOT NULL) AS priced, sum(call.cost_usd) AS usd FROM {database:Identifier}.calls AS call
          WHERE started_at >= {from:String} AND started_at < {to:String} AND minute IN (${COMPLETE_MINUTES}) GROUP BY ${keys}))
       AS same`,
    range(month),
  );
  return Boolean(row?.same);
}

/**
 * The minutes of which no call is gone. The rollup outlives the calls: what has partly expired keeps the sums that were
 * made when all of it was there.
 */
const COMPLETE_MINUTES = `
  SELECT minute FROM (
    SELECT minute, sum(calls) AS summed, 0 AS present FROM {database:Identifier}.calls_by_minute
    WHERE minute >= {from:String} AND minute < {to:String} GROUP BY minute
    UNION ALL
    SELECT toStartOfMinute(started_at, 'UTC') AS minute, 0 AS summed, count() AS present FROM {database:Identifier}.calls
    WHERE started_at >= {from:String} AND started_at < {to:String} GROUP BY minute)
  GROUP BY minute HAVING sum(present) >= sum(summed)`;

/** Rebuilds the partition; gives how many minutes kept their old sums because their calls are partly gone. */
export async function rebuild(scope: Scope, month: Month, check: () => void): Promise<number> {
  const pause = await pauseInserts(scope);
  try {
    const [view] = await rows<{ as_select: string }>(
      scope,
      "SELECT as_select FROM system.tables WHERE database = {database:String} AND name = 'calls_by_minute_view'",
    );
    const columns = await rows<{ name: string }>(
      scope,
      "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'calls_by_minute_view' ORDER BY position",
    );
    const select = view?.as_select ?? '';
    if (!VIEW_SOURCE.test(select)) throw new Error('calls_by_minute_view is not as this release makes it; the rollup cannot be rebuilt.');
    for (const table of [STAGE_TABLE, MINUTES_TABLE]) await command(scope, `DROP TABLE IF EXISTS {database:Identifier}.${table} SYNC`);
    await command(scope, `CREATE TABLE {database:Identifier}.${STAGE_TABLE} AS ${scope.database}.calls_by_minute`);
    await command(scope, `CREATE TABLE {database:Identifier}.${MINUTES_TABLE} (minute DateTime('UTC')) ENGINE = MergeTree ORDER BY minute`);
    await command(
      scope,
      `INSERT INTO {database:Identifier}.${MINUTES_TABLE} ${COMPLETE_MINUTES} SETTINGS insert_deduplicate = 0`,
      range(month),
    );
    const minutes = `(SELECT minute FROM {database:Identifier}.${MINUTES_TABLE})`;
    const stage = `INSERT INTO {database:Identifier}.${STAGE_TABLE}`;
    await command(
      scope,
      `${stage} SELECT * FROM {database:Identifier}.calls_by_minute WHERE toYYYYMM(minute) = ${month.id} AND minute NOT IN ${minutes} SETTINGS ${MEMORY}`,
    );
    for (const day of await daysWithCalls(scope, month)) {
      scope.signal.throwIfAborted();
      const source = `FROM (SELECT * FROM {database:Identifier}.calls WHERE started_at >= {from:String} AND started_at < {to:String} AND toStartOfMinute(started_at, 'UTC') IN ${minutes}) AS call`;
      await command(
        scope,
        `${stage} (${columns.map(({ name }) => name).join(', ')}) ${select.replace(VIEW_SOURCE, () => source)} SETTINGS ${MEMORY}`,
        range(day),
      );
    }
    const [kept] = await rows<{ minutes: number }>(
      scope,
      `SELECT uniqExact(minute) AS minutes FROM {database:Identifier}.calls_by_minute
       WHERE minute >= {from:String} AND minute < {to:String} AND minute NOT IN ${minutes}`,
      range(month),
    );
    check();
    await pause.hold();
    await command(
      scope,
      `ALTER TABLE {database:Identifier}.calls_by_minute REPLACE PARTITION ID '${month.id}' FROM ${scope.database}.${STAGE_TABLE}`,
    );
    return kept?.minutes ?? 0;
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
