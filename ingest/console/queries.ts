/**
 * The questions the console asks of table `calls`, each one SELECT with bound parameters.
 * Takes a checked time range and filters, gives the API's answers. Knows SQL and nothing of HTTP.
 * A rollup for long ranges would be chosen here, in `source`, without anyone else noticing.
 */
import { CALL_COLUMNS, OUTCOMES, type Outcome } from '../../contract/columns.ts';
import type { CallRow, CapturedBodies } from '../../contract/record.ts';
import type {
  CallAnswer,
  CallSummary,
  CallsAnswer,
  CostSplit,
  FacetName,
  FacetsAnswer,
  FacetValue,
  OverviewAnswer,
  Period,
  ProjectSummary,
  SeriesAnswer,
  StatusAnswer,
  Summary,
  UnpricedModel,
} from './api-types.ts';
import { type Cursor, FILTERS, type FilterName, type Filters, formatCursor, MODEL_SQL, type TimeRange } from './params.ts';
import type { Read } from './read.ts';

/** One question's scope: what to read, how, and until when anybody cares. */
export interface Scope {
  readonly read: Read;
  readonly signal: AbortSignal;
  readonly range: TimeRange;
  readonly filters: Filters;
}

export const PROJECTS_MAX = 200;
export const UNPRICED_MAX = 20;
const FACET_VALUES_MAX = 200;
const SPLIT_NAMES_MAX = 6;
const BUCKETS_MAX = 100;
const BUCKET_SECONDS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

const CALLS = '{database:Identifier}.calls';

/** Tokens are known, their price is not. */
const UNPRICED_SQL = 'cost_usd IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)';

/** sum() over Nullable gives NULL when nothing is known: unknown never becomes 0. */
const SUMMARY_SQL = `
  count() AS calls,
  countIf(outcome NOT IN ('ok', 'client_abort')) AS errors,
  toFloat64(sum(cost_usd)) AS cost_usd,
  countIf(${UNPRICED_SQL}) AS unpriced_calls,
  countIf(cost_usd IS NULL AND input_tokens IS NULL AND output_tokens IS NULL AND status BETWEEN 200 AND 399) AS unmetered_calls,
  quantiles(0.5, 0.95)(duration_ms) AS duration_ms,
  quantiles(0.5, 0.95)(ttft_ms) AS ttft_ms,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cache_read_tokens) AS cache_read_tokens`;

type Quantiles = readonly (number | null)[];
type SummaryRow = Omit<Summary, 'duration_p50_ms' | 'duration_p95_ms' | 'ttft_p50_ms' | 'ttft_p95_ms'> & {
  readonly duration_ms: Quantiles;
  readonly ttft_ms: Quantiles;
};

const NO_CALLS: Summary = {
  calls: 0,
  errors: 0,
  cost_usd: null,
  unpriced_calls: 0,
  unmetered_calls: 0,
  duration_p50_ms: null,
  duration_p95_ms: null,
  ttft_p50_ms: null,
  ttft_p95_ms: null,
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
};

function toSummary(row: SummaryRow | undefined): Summary {
  if (!row) return NO_CALLS;
  const { duration_ms, ttft_ms, ...sums } = row;
  return {
    ...sums,
    duration_p50_ms: duration_ms[0] ?? null,
    duration_p95_ms: duration_ms[1] ?? null,
    ttft_p50_ms: ttft_ms[0] ?? null,
    ttft_p95_ms: ttft_ms[1] ?? null,
  };
}

async function readUnpriced(scope: Scope): Promise<UnpricedModel[]> {
  const { sql, params } = source(scope);
  return scope.read<UnpricedModel>(
    `SELECT provider, ${MODEL_SQL} AS model, count() AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
     FROM ${sql} AND ${UNPRICED_SQL} GROUP BY provider, model ORDER BY calls DESC, provider, model LIMIT ${UNPRICED_MAX + 1}`,
    params,
    scope.signal,
  );
}

export async function readOverview(scope: Scope): Promise<OverviewAnswer> {
  const { fromMs, toMs } = scope.range;
  const current = source(scope);
  const doubled = source({ ...scope, range: { fromMs: 2 * fromMs - toMs, toMs } });
  const [totals, projects, unpriced] = await Promise.all([
    scope.read<SummaryRow & { current: boolean }>(
      `SELECT started_at >= {middle:DateTime64(6, 'UTC')} AS current, ${SUMMARY_SQL} FROM ${doubled.sql} GROUP BY current`,
      { ...doubled.params, middle: sqlTime(fromMs) },
      scope.signal,
    ),
    scope.read<SummaryRow & { project: string }>(
      `SELECT project, ${SUMMARY_SQL} FROM ${current.sql} GROUP BY project ORDER BY calls DESC, project LIMIT ${PROJECTS_MAX + 1}`,
      current.params,
      scope.signal,
    ),
    readUnpriced(scope),
  ]);
  const half = (wanted: boolean): Summary => {
    const row = totals.find((candidate) => Boolean(candidate.current) === wanted);
    if (!row) return NO_CALLS;
    const { current: _, ...sums } = row;
    return toSummary(sums);
  };
  return {
    ...period(scope.range),
    total: half(true),
    previous: half(false),
    projects: projects.slice(0, PROJECTS_MAX).map((row) => toSummary(row) as ProjectSummary),
    more_projects: projects.length > PROJECTS_MAX,
    unpriced: unpriced.slice(0, UNPRICED_MAX),
    more_unpriced: unpriced.length > UNPRICED_MAX,
  };
}

type SeriesRow = SummaryRow & Readonly<Record<`outcome_${Outcome}`, number>> & { readonly bucket: number };

export async function readSeries(scope: Scope, split: CostSplit): Promise<SeriesAnswer> {
  const { fromMs, toMs } = scope.range;
  const step = bucketSeconds((toMs - fromMs) / 1000);
  const { sql, params } = source(scope);
  const bucket = 'intDiv(toUnixTimestamp(started_at), {step:UInt32}) * {step:UInt32}';
  const outcomes = OUTCOMES.map((outcome) => `countIf(outcome = '${outcome}') AS outcome_${outcome}`).join(', ');
  const name = FILTERS[split];
  const [rows, costs] = await Promise.all([
    scope.read<SeriesRow>(
      `SELECT ${bucket} AS bucket, ${outcomes}, ${SUMMARY_SQL} FROM ${sql} GROUP BY bucket`,
      { ...params, step },
      scope.signal,
    ),
    scope.read<{ bucket: number; name: string; cost: number }>(
      `WITH dearest AS (
         SELECT toString(${name}) FROM ${sql} AND cost_usd > 0 AND ${name} != '' GROUP BY 1 ORDER BY sum(cost_usd) DESC LIMIT ${SPLIT_NAMES_MAX})
       SELECT ${bucket} AS bucket, if(toString(${name}) IN dearest, toString(${name}), '') AS name, toFloat64(sum(cost_usd)) AS cost
       FROM ${sql} AND cost_usd > 0 GROUP BY bucket, name`,
      { ...params, step },
      scope.signal,
    ),
  ]);
  const times: number[] = [];
  for (let time = Math.floor(fromMs / 1000 / step) * step; time * 1000 < toMs; time += step) times.push(time);
  const byTime = new Map(rows.map((row) => [row.bucket, row]));
  const measures = times.map((time) => toSummary(byTime.get(time)));
  const column = <K extends keyof Summary>(key: K): Summary[K][] => measures.map((measure) => measure[key]);
  return {
    ...period(scope.range),
    bucket_seconds: step,
    times,
    calls: column('calls'),
    errors: column('errors'),
    outcomes: outcomeColumns(times, byTime),
    cost_usd: column('cost_usd'),
    duration_p50_ms: column('duration_p50_ms'),
    duration_p95_ms: column('duration_p95_ms'),
    ttft_p50_ms: column('ttft_p50_ms'),
    input_tokens: column('input_tokens'),
    output_tokens: column('output_tokens'),
    cache_read_tokens: column('cache_read_tokens'),
    split,
    cost_by: costColumns(times, costs),
  };
}

function outcomeColumns(times: readonly number[], byTime: ReadonlyMap<number, SeriesRow>): SeriesAnswer['outcomes'] {
  const columns = OUTCOMES.map((outcome) => [outcome, times.map((time) => byTime.get(time)?.[`outcome_${outcome}`] ?? 0)] as const);
  return Object.fromEntries(columns.filter(([, counts]) => counts.some((count) => count > 0)));
}

function costColumns(
  times: readonly number[],
  rows: readonly { bucket: number; name: string; cost: number }[],
): { name: string; cost_usd: number[] }[] {
  const names = new Map<string, Map<number, number>>();
  const sums = new Map<string, number>();
  for (const { bucket, name, cost } of rows) {
    const buckets = names.get(name) ?? new Map<number, number>();
    names.set(name, buckets.set(bucket, cost));
    sums.set(name, (sums.get(name) ?? 0) + cost);
  }
  const rank = (name: string): number => (name === '' ? -1 : (sums.get(name) ?? 0));
  return [...names]
    .sort(([a], [b]) => rank(b) - rank(a))
    .map(([name, buckets]) => ({ name, cost_usd: times.map((time) => buckets.get(time) ?? 0) }));
}

const LIST_SQL = `
  id, project, provider, operation, request_model, response_model, stream, status, outcome, error_type, input_tokens, output_tokens,
  cache_read_tokens, duration_ms, ttft_ms, user_id, session_id, usage_source, toString(started_at) AS stored_at, toFloat64(cost_usd) AS cost`;

export async function readCalls(scope: Scope, limit: number, before: Cursor | undefined): Promise<CallsAnswer> {
  const { sql, params } = source(scope);
  const older = before ? "AND (started_at, id) < ({before_at:DateTime64(6, 'UTC')}, {before_id:String})" : '';
  const rows = await scope.read<Omit<CallSummary, 'started_at' | 'cost_usd'> & { stored_at: string; cost: number | null }>(
    `SELECT ${LIST_SQL} FROM ${sql} ${older} ORDER BY started_at DESC, id DESC LIMIT {limit:UInt32}`,
    { ...params, limit: limit + 1, ...(before && { before_at: before.startedAt, before_id: before.id }) },
    scope.signal,
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    ...period(scope.range),
    calls: shown.map(({ stored_at, cost, ...call }) => ({ ...call, started_at: isoTime(stored_at), cost_usd: cost })),
    next: rows.length > limit && last ? formatCursor({ startedAt: last.stored_at, id: last.id }) : null,
  };
}

/** One call by its id. Ids are the callers' own and may repeat: `startedAt` picks one, else it is the latest. */
export async function readCall(
  read: Read,
  signal: AbortSignal,
  id: string,
  startedAt: string | undefined,
): Promise<CallAnswer | undefined> {
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

const FACETS: Readonly<Record<FacetName, string>> = {
  project: 'toString(project)',
  provider: 'toString(provider)',
  model: MODEL_SQL,
  outcome: 'toString(outcome)',
};

/** The values there are to filter by, most calls first. */
export async function readFacets(scope: Scope): Promise<FacetsAnswer> {
  const { sql, params } = source(scope);
  const pairs = Object.entries(FACETS).map(([name, expression]) => `('${name}', ${expression})`);
  const rows = await scope.read<{ facet: FacetName; value: string; calls: number }>(
    `SELECT pair.1 AS facet, pair.2 AS value, count() AS calls FROM (SELECT arrayJoin([${pairs.join(', ')}]) AS pair FROM ${sql})
     WHERE value != '' GROUP BY facet, value ORDER BY calls DESC, value LIMIT ${FACET_VALUES_MAX} BY facet`,
    params,
    scope.signal,
  );
  const facets: Record<FacetName, FacetValue[]> = { project: [], provider: [], model: [], outcome: [] };
  for (const { facet, value, calls } of rows) facets[facet].push({ value, calls });
  return { ...period(scope.range), facets };
}

/** While the oldest call is younger than this many seconds, this range shows all there is. */
const YOUNG_RANGES: readonly (readonly [ageSecondsMax: number, range: string])[] = [
  [900, '15m'],
  [3600, '1h'],
  [21_600, '6h'],
];
const USUAL_RANGE = '24h';
const YOUNG_SECONDS = 21_600;

/** Whether there are calls, and how far back one has to look to see them. Reads little, however many there are. */
export async function readHistory(read: Read, signal: AbortSignal): Promise<Pick<StatusAnswer, 'has_calls' | 'default_range'>> {
  const old = await read(`SELECT 1 FROM ${CALLS} WHERE started_at < now() - {seconds:UInt32} LIMIT 1`, { seconds: YOUNG_SECONDS }, signal);
  if (old.length > 0) return { has_calls: true, default_range: USUAL_RANGE };
  const [young] = await read<{ calls: number; age: number }>(
    `SELECT count() AS calls, dateDiff('second', min(started_at), now64(6)) AS age FROM ${CALLS}`,
    {},
    signal,
  );
  const range = YOUNG_RANGES.find(([max]) => (young?.age ?? 0) <= max)?.[1] ?? USUAL_RANGE;
  return { has_calls: (young?.calls ?? 0) > 0, default_range: range };
}

/** FROM and WHERE of a scope; more conditions may be appended with AND. */
function source(scope: Pick<Scope, 'range' | 'filters'>): { sql: string; params: Record<string, unknown> } {
  const params: Record<string, unknown> = { from: sqlTime(scope.range.fromMs), to: sqlTime(scope.range.toMs) };
  const conditions = [
    "started_at >= {from:DateTime64(6, 'UTC')}",
    "started_at < {to:DateTime64(6, 'UTC')}",
    // The sorting key names the hour before the moment: without it, a range over all projects skips whole months only.
    "toStartOfHour(started_at) >= toStartOfHour({from:DateTime64(6, 'UTC')})",
    "toStartOfHour(started_at) <= toStartOfHour({to:DateTime64(6, 'UTC')})",
  ];
  for (const [name, values] of Object.entries(scope.filters) as [FilterName, readonly string[]][]) {
    params[`filter_${name}`] = values;
    conditions.push(`${FILTERS[name]} IN {filter_${name}:Array(String)}`);
  }
  return { sql: `${CALLS} WHERE ${conditions.join(' AND ')}`, params };
}

function bucketSeconds(rangeSeconds: number): number {
  return BUCKET_SECONDS.find((step) => rangeSeconds / step <= BUCKETS_MAX) ?? 604_800;
}

function period(range: TimeRange): Period {
  return { from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString() };
}

/** Milliseconds since 1970 as ClickHouse reads a DateTime64(6). */
function sqlTime(ms: number): string {
  return `${new Date(Math.max(ms, 0)).toISOString().slice(0, -1).replace('T', ' ')}000`;
}

function isoTime(stored: string): string {
  return `${stored.replace(' ', 'T')}Z`;
}
