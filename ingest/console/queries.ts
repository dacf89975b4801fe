/**
 * The questions the console asks of table `calls`, each one SELECT with bound parameters.
 * Takes a checked time range and filters, gives the API's answers. Knows SQL and nothing of HTTP.
 */
import { OUTCOMES, type Outcome } from '../../contract/columns.ts';
import type {
  CostSplit,
  FacetName,
  FacetsAnswer,
  FacetValue,
  OverviewAnswer,
  ProjectSummary,
  SeriesAnswer,
  StatusAnswer,
  Summary,
  UnpricedModel,
} from './api-types.ts';
import { FILTERS, MODEL_SQL } from './filters.ts';
import type { Read } from './read.ts';
import { bucketSeconds, bucketTimes, CALLS, period, type Scope, source, sqlTime } from './source.ts';

export const PROJECTS_MAX = 200;
export const UNPRICED_MAX = 20;
const FACET_VALUES_MAX = 200;
const SPLIT_NAMES_MAX = 6;

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
  const times = bucketTimes(scope.range, step);
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
