/**
 * What a repricing is about and what its parts share: the time range, whole minutes so that the rollup can follow,
 * and the few statements that all of them send. Everything goes through the writer's client.
 */
import type { ClickHouseClient } from '@clickhouse/client';

export interface Scope {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Whole minutes, UTC; until is exclusive. */
  readonly since: Date;
  readonly until: Date;
  readonly project: string | undefined;
  /** Aborted: stop at the next step, undo what only this run needs. */
  readonly signal: AbortSignal;
}

export const CHANGES_TABLE = 'reprice_changes';
export const STAGE_TABLE = 'reprice_rollup';
export const BUCKETS_TABLE = 'reprice_buckets';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export function command(scope: Scope, query: string, params: Record<string, unknown> = {}): Promise<unknown> {
  return scope.client.command({
    query,
    query_params: { ...params, database: scope.database },
    clickhouse_settings: { wait_end_of_query: 1 },
  });
}

export async function rows<Row>(scope: Scope, query: string, params: Record<string, unknown> = {}): Promise<Row[]> {
  const answer = await scope.client.query({
    query,
    query_params: { ...params, database: scope.database },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return answer.json<Row>();
}

/** `YYYY-MM-DD hh:mm:ss`, as both tables compare with. */
export function clickhouseSecond(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ');
}

export function floorMinute(time: Date): Date {
  return new Date(Math.floor(time.getTime() / MINUTE_MS) * MINUTE_MS);
}

export function ceilMinute(time: Date): Date {
  return new Date(Math.ceil(time.getTime() / MINUTE_MS) * MINUTE_MS);
}

export interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** From midnight to midnight (UTC), with the days that the span begins and ends in. */
export function wholeDays({ from, to }: Span): Span {
  return { from: new Date(Math.floor(from.getTime() / DAY_MS) * DAY_MS), to: new Date(Math.ceil(to.getTime() / DAY_MS) * DAY_MS) };
}

/** The range cut at midnights, days without calls left out: what is done in one statement stays small. */
export async function daysWithCalls(scope: Scope, { from, to }: Span): Promise<Span[]> {
  const found = await rows<{ day: string }>(
    scope,
    `SELECT DISTINCT toString(toDate(started_at)) AS day FROM {database:Identifier}.calls
     WHERE started_at >= {from:String} AND started_at < {to:String} ORDER BY day`,
    { from: clickhouseSecond(from), to: clickhouseSecond(to) },
  );
  return found.map(({ day }) => {
    const midnight_ms = Date.parse(`${day}T00:00:00Z`);
    return { from: new Date(Math.max(from.getTime(), midnight_ms)), to: new Date(Math.min(to.getTime(), midnight_ms + DAY_MS)) };
  });
}

export interface Month extends Span {
  /** The partition's id in both tables: YYYYMM. */
  readonly id: string;
}

/** The range cut at the partitions' borders. */
export function* months({ from, to }: Span): Generator<Month> {
  for (let start = from; start < to; ) {
    const next = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1));
    const end = next < to ? next : to;
    yield { id: monthOf(start), from: start, to: end };
    start = end;
  }
}

export function monthOf(time: Date): string {
  return time.toISOString().slice(0, 7).replace('-', '');
}
