/**
 * The explorer's questions of table `calls`: a page of calls, when they were, which values there are to filter by, and one
 * call whole. Each is one SELECT with bound parameters. Takes a checked scope, gives the API's answers.
 */
import { CALL_COLUMNS, OUTCOMES, type Outcome } from '../../contract/columns.ts';
import type { CallRow, CapturedBodies } from '../../contract/record.ts';
import type { CallSummary, CallsAnswer, FacetValue, HistogramAnswer, ValuesAnswer } from './api-types.ts';
import { type CallFilter, FILTERS, type FilterName } from './filters.ts';
import { afterSql, type Cursor, cursorSql, formatCursor, type Order, orderSql } from './order.ts';
import type { Read } from './read.ts';
import { bucketSeconds, bucketTimes, CALLS, isoTime, period, type Scope, source } from './source.ts';

const LIST_COLUMNS = [
  ...['id', 'project', 'provider', 'operation', 'upstream', 'path', 'request_model', 'response_model', 'stream', 'status', 'outcome'],
  ...['error_type', 'finish_reason', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'reasoning_tokens', 'usage_source'],
  ...['duration_ms', 'ttfb_ms', 'ttft_ms', 'answer_ttft_ms', 'overhead_ms', 'user_id', 'session_id', 'trace_id', 'tags', 'sdk'],
].join(', ');

type ListRow = Omit<CallSummary, 'started_at' | 'cost_usd'> & { stored_at: string; cost: number | null; place: Cursor };

/** The newest calls of a month are nearly always of its last hour: looking there first reads a thousandth of the month. */
const NEWEST_WINDOWS_MS = [3_600_000, 86_400_000];

export async function readCalls(scope: Scope, order: Order, limit: number, cursor: Cursor | undefined): Promise<CallsAnswer> {
  const { fromMs, toMs } = scope.range;
  const newestFirst = order.sort === 'time' && order.direction === 'desc';
  const untilMs = newestFirst && cursor?.[1] ? Math.min(toMs, Date.parse(isoTime(cursor[1])) + 1) : toMs;
  const windows = newestFirst ? NEWEST_WINDOWS_MS.filter((ms) => untilMs - ms > fromMs).map((ms) => untilMs - ms) : [];
  for (const windowFromMs of windows) {
    const rows = await listCalls({ ...scope, range: { fromMs: windowFromMs, toMs } }, order, limit + 1, cursor);
    if (rows.length > limit) return toPage(scope, order, limit, rows);
  }
  return toPage(scope, order, limit, await listCalls(scope, order, limit + 1, cursor));
}

async function listCalls(scope: Scope, order: Order, limit: number, cursor: Cursor | undefined): Promise<ListRow[]> {
  const { sql, params } = source(scope);
  const after = cursor === undefined ? undefined : afterSql(order, cursor);
  return await scope.read<ListRow>(
    `SELECT ${LIST_COLUMNS}, toString(started_at) AS stored_at, toFloat64(cost_usd) AS cost, ${cursorSql(order)} AS place
     FROM ${sql}${after === undefined ? '' : ` AND ${after.sql}`} ORDER BY ${orderSql(order)} LIMIT {limit:UInt32}`,
    { ...params, ...after?.params, limit },
    scope.signal,
  );
}

function toPage(scope: Scope, order: Order, limit: number, rows: readonly ListRow[]): CallsAnswer {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    ...period(scope.range),
    calls: shown.map(({ stored_at, cost, place: _, ...call }) => ({ ...call, started_at: isoTime(stored_at), cost_usd: cost })),
    next: rows.length > limit && last ? formatCursor(order, last.place) : null,
  };
}

interface HistogramRow {
  readonly bucket: number;
  readonly outcome: Outcome;
  readonly calls: number;
  readonly cost: number | null;
  readonly unpriced: number;
  readonly input: number | null;
  readonly output: number | null;
}

/** How many calls there were when, by outcome, and what they add up to. */
export async function readHistogram(scope: Scope): Promise<HistogramAnswer> {
  const { sql, params } = source(scope);
  const step = bucketSeconds((scope.range.toMs - scope.range.fromMs) / 1000);
  const rows = await scope.read<HistogramRow>(
    `SELECT intDiv(toUnixTimestamp(started_at), {step:UInt32}) * {step:UInt32} AS bucket, outcome, count() AS calls,
       toFloat64(sum(cost_usd)) AS cost, countIf(cost_usd IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)) AS unpriced,
       sum(input_tokens) AS input, sum(output_tokens) AS output
     FROM ${sql} GROUP BY bucket, outcome`,
    { ...params, step },
    scope.signal,
  );
  const times = bucketTimes(scope.range, step);
  const places = new Map(times.map((time, index) => [time, index]));
  const outcomes: Partial<Record<Outcome, number[]>> = {};
  for (const { bucket, outcome, calls } of rows) {
    outcomes[outcome] ??= times.map(() => 0);
    outcomes[outcome][places.get(bucket) ?? -1] = calls;
  }
  const present = OUTCOMES.flatMap((outcome) => (outcomes[outcome] === undefined ? [] : [[outcome, outcomes[outcome]] as const]));
  return { ...period(scope.range), bucket_seconds: step, times, outcomes: Object.fromEntries(present), total: totalOf(rows) };
}

function totalOf(rows: readonly HistogramRow[]): HistogramAnswer['total'] {
  const sum = (value: (row: HistogramRow) => number | null): number | null =>
    rows.reduce<number | null>((total, row) => {
      const part = value(row);
      return part === null ? total : (total ?? 0) + part;
    }, null);
  return {
    calls: sum((row) => row.calls) ?? 0,
    errors: sum((row) => (row.outcome === 'ok' || row.outcome === 'client_abort' ? 0 : row.calls)) ?? 0,
    cost_usd: sum((row) => row.cost),
    unpriced_calls: sum((row) => row.unpriced) ?? 0,
    input_tokens: sum((row) => row.input),
    output_tokens: sum((row) => row.output),
  };
}

/** What values are asked for: those of a filter, the tags' names, or the values of one tag. */
export type ValuesOf = { readonly filter: FilterName } | { readonly tag: string };

/** The values there are, most calls first. The filter that they are for does not narrow them down: it can hold several. */
export async function readValues(scope: Scope, of: ValuesOf, containing: string, limit: number): Promise<ValuesAnswer> {
  const { expression, filter, params: own } = valuesSql(scope, of);
  const { sql, params } = source({ ...scope, filter });
  const search = containing === '' ? '' : 'AND positionCaseInsensitiveUTF8(value, {containing:String}) > 0';
  const values = await scope.read<FacetValue>(
    `SELECT ${expression} AS value, count() AS calls FROM ${sql} AND value != '' ${search}
     GROUP BY value ORDER BY calls DESC, value LIMIT {limit:UInt32}`,
    { ...params, ...own, limit: limit + 1, ...(containing !== '' && { containing }) },
    scope.signal,
  );
  return { ...period(scope.range), values: values.slice(0, limit), more: values.length > limit };
}

function valuesSql({ filter }: Scope, of: ValuesOf): { expression: string; filter: Scope['filter']; params: Record<string, string> } {
  if ('filter' in of) {
    const { [of.filter]: _, ...equal } = filter.equal;
    const { [of.filter]: __, ...unequal } = filter.unequal;
    return { expression: `toString(${FILTERS[of.filter]})`, filter: { ...filter, equal, unequal }, params: {} };
  }
  if (of.tag === '') return { expression: 'arrayJoin(mapKeys(tags))::String', filter, params: {} };
  const others = (tags: CallFilter['tags']): CallFilter['tags'] => tags.filter(({ name }) => name !== of.tag);
  return {
    expression: 'tags[{values_of:String}]',
    filter: { ...filter, tags: others(filter.tags), withoutTags: others(filter.withoutTags) },
    params: { values_of: of.tag },
  };
}

/** One call by its id. Ids are the callers' own and may repeat: `startedAt` picks one, else it is the latest. */
export async function readCall(
  read: Read,
  signal: AbortSignal,
  id: string,
  startedAt: string | undefined,
): Promise<{ call: CallRow; bodies: CapturedBodies | null } | undefined> {
  const columns = CALL_COLUMNS.map((column) => column.name).join(', ');
  const [call] = await read<CallRow>(
    `SELECT ${columns} FROM ${CALLS} WHERE id = {id:String} ${startedAt ? "AND started_at = {at:DateTime64(6, 'UTC')} AND toStartOfHour(started_at) = toStartOfHour({at:DateTime64(6, 'UTC')})" : ''}
     ORDER BY calls.started_at DESC LIMIT 1`,
    { id, ...(startedAt && { at: startedAt }) },
    signal,
  );
  if (!call) return undefined;
  const [bodies] = await read<CapturedBodies>(
    `SELECT capture, request, response FROM {database:Identifier}.bodies
     WHERE id = {id:String} AND project = {project:String} AND started_at = {at:DateTime64(6, 'UTC')} LIMIT 1`,
    { id, project: call.project, at: call.started_at },
    signal,
  );
  return { call, bodies: bodies ?? null };
}
