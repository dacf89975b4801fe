/**
 * The explorer's questions about sessions: which there are in a range, one of them whole, and a call's place in its own.
 * A session is what calls of one project name as `session_id`: two projects' sessions of the same name are two.
 */
import type { CallRow } from '../../contract/record.ts';
import type { CallSession, SessionAnswer, SessionSummary, SessionsAnswer } from './api-types.ts';
import { readCalls } from './calls-query.ts';
import { MODEL_SQL, NO_FILTER } from './filters.ts';
import { afterSql, CALLS_LISTING, type Cursor, cursorSql, formatCursor, type Order, orderSql } from './order.ts';
import type { Read } from './read.ts';
import { CALLS, isoTime, type Scope, source } from './source.ts';

/** Names of users and models that are listed by session; the counts are of all. */
const NAMES_MAX = 5;
export const SESSION_CALLS_MAX = 500;

/** What a session adds up to. A session lasts until its last call's end. */
export const SESSION_SQL = `
  toString(project) AS project, session_id, count() AS calls, countIf(outcome NOT IN ('ok', 'client_abort')) AS errors, sum(cost_usd) AS cost,
  countIf(cost_usd IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)) AS unpriced_calls,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  min(started_at) AS first_at, max(started_at) AS last_at,
  dateDiff('ms', min(started_at), max(started_at + toIntervalMillisecond(toInt64(ifNull(duration_ms, 0))))) AS span_ms,
  arraySort(groupUniqArrayIf(${NAMES_MAX})(user_id, user_id != '')) AS users, uniqExactIf(user_id, user_id != '') AS user_count,
  arraySort(groupUniqArrayIf(${NAMES_MAX})(${MODEL_SQL} AS model, model != '')) AS models, uniqExactIf(${MODEL_SQL} AS model, model != '') AS model_count`;

const SHOWN_SQL = `
  project, session_id, calls, errors, toFloat64(cost) AS cost_usd, unpriced_calls, input_tokens, output_tokens, cache_read_tokens,
  toString(first_at) AS first, toString(last_at) AS last, span_ms, users, user_count, models, model_count`;

type SessionRow = Omit<SessionSummary, 'first_at' | 'last_at'> & { first: string; last: string };

export async function readSessions(scope: Scope, order: Order, limit: number, cursor: Cursor | undefined): Promise<SessionsAnswer> {
  const { sql, params } = source(scope);
  const after = cursor === undefined ? undefined : afterSql(order, cursor);
  const rows = await scope.read<SessionRow & { place: Cursor }>(
    `SELECT ${SHOWN_SQL}, ${cursorSql(order)} AS place
     FROM (SELECT ${SESSION_SQL} FROM ${sql} AND session_id != '' GROUP BY project, session_id)
     ${after === undefined ? '' : `WHERE ${after.sql}`} ORDER BY ${orderSql(order)} LIMIT {limit:UInt32}`,
    { ...params, ...after?.params, limit: limit + 1 },
    scope.signal,
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    from: new Date(scope.range.fromMs).toISOString(),
    to: new Date(scope.range.toMs).toISOString(),
    sessions: shown.map(({ place: _, ...row }) => toSession(row)),
    next: rows.length > limit && last ? formatCursor(order, last.place) : null,
  };
}

function toSession({ first, last, ...row }: SessionRow): SessionSummary {
  return { ...row, first_at: isoTime(first), last_at: isoTime(last) };
}

/** A whole session, whenever it was: its sums, and its first SESSION_CALLS_MAX calls in order. */
export async function readSession(read: Read, signal: AbortSignal, project: string, session: string): Promise<SessionAnswer | undefined> {
  const [row] = await read<SessionRow>(
    `SELECT ${SHOWN_SQL} FROM (
       SELECT ${SESSION_SQL} FROM ${CALLS} WHERE project = {project:String} AND session_id = {session:String} GROUP BY project, session_id)`,
    { project, session },
    signal,
  );
  if (row === undefined) return undefined;
  const summary = toSession(row);
  const { calls, next } = await readCalls(
    {
      read,
      signal,
      range: { fromMs: Date.parse(summary.first_at) - 1, toMs: Date.parse(summary.last_at) + 1 },
      filter: { ...NO_FILTER, equal: { project: [project], session: [session] } },
    },
    { listing: CALLS_LISTING, sort: 'time', direction: 'asc' },
    SESSION_CALLS_MAX,
    undefined,
  );
  return { session: summary, calls, more: next !== null };
}

interface Neighbours {
  readonly calls: number;
  readonly before: number;
  readonly previous: readonly [id: string, at: string];
  readonly next: readonly [id: string, at: string];
}

/** Where a call stands in its session, and the calls around it. Null: it is in none. */
export async function readCallSession(read: Read, signal: AbortSignal, call: CallRow): Promise<CallSession | null> {
  if (call.session_id === '') return null;
  const own = "({at:DateTime64(6, 'UTC')}, {id:String})";
  const neighbour = (aggregate: string, comparison: string): string =>
    `${aggregate}((id, toString(started_at)), (started_at, id), (started_at, id) ${comparison} ${own})`;
  const [row] = await read<Neighbours>(
    `SELECT count() AS calls, countIf((started_at, id) < ${own}) AS before,
       ${neighbour('argMaxIf', '<')} AS previous, ${neighbour('argMinIf', '>')} AS next
     FROM ${CALLS} WHERE project = {project:String} AND session_id = {session:String}`,
    { project: call.project, session: call.session_id, at: call.started_at, id: call.id },
    signal,
  );
  if (row === undefined) return null;
  const place = row.before + 1;
  const link = ([id, at]: Neighbours['next']) => ({ id, started_at: isoTime(at) });
  return {
    place,
    calls: row.calls,
    previous: place > 1 ? link(row.previous) : null,
    next: place < row.calls ? link(row.next) : null,
  };
}
