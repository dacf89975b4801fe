/**
 * The SQL of the panels, written once for ranges of any length: short ones read table `calls` and are exact
 * to the call; long ones read sums from `calls_by_minute` and quantiles from `latency_by_hour`. Takes names of
 * dimensions and measures, gives one statement in the macros of Grafana's ClickHouse plugin. Every way is in
 * the statement; a constant condition on the range turns off what is not wanted before anything of it is
 * read. Table names stand without a database: that is the data source's `defaultDatabase`.
 */

/** Up to here panels read the calls themselves. */
export const SHORT_RANGE_SECONDS_MAX = 86_400;
export const SERIES_MAX = 9;
const REST = '(others)';
const NOT_KNOWN = '(not known)';

/** What counts as a failure: a caller that hangs up got what it wanted. The console counts alike. */
export const FAILED = "c.outcome NOT IN ('ok', 'client_abort')";

/**
 * The hour stands in the key of `calls` before the time itself, and ClickHouse does not conclude from one to
 * the other: without the hour a day of all projects reads its whole month (7.3 million rows of 10, for 0.3).
 */
export function startedWithin(from: string, to: string): string {
  return `toStartOfHour(c.started_at) >= toStartOfHour(${from}, 'UTC') AND toStartOfHour(c.started_at) <= ${to}`;
}
export const CALLS_IN_RANGE = `$__timeFilter_ms(c.started_at) AND ${startedWithin('$__fromTime', '$__toTime')}`;

/** Where a figure is read: the table, its column of time, and when. */
const TABLES = {
  calls: { table: 'calls', inRange: CALLS_IN_RANGE, time: '$__timeInterval_ms(c.started_at)' },
  minutes: {
    table: 'calls_by_minute',
    inRange: 'c.minute >= toStartOfMinute($__fromTime) AND c.minute <= $__toTime',
    time: '$__timeInterval(c.minute)',
  },
  hours: {
    table: 'latency_by_hour',
    inRange: "c.hour >= toStartOfHour($__fromTime, 'UTC') AND c.hour <= $__toTime",
    time: 'toStartOfInterval(c.hour, toIntervalSecond(greatest($__interval_s, 3600)))',
  },
} as const;
type Source = keyof typeof TABLES;
type Rollup = Exclude<Source, 'calls'>;

/** One figure in the words of the calls and of the rollup that keeps it. `c` is the table's alias: a result may then be named like a column. */
interface Measured {
  readonly calls: string;
  readonly rollup: Rollup;
  readonly long: string;
}

/** The rollups' `model` is this already. */
export const MODEL = "if(c.response_model != '', c.response_model, c.request_model)";
const modelIn = (source: Source) => (source === 'calls' ? MODEL : 'c.model');

const orNotKnown = (text: string) => `if(${text} != '', toString(${text}), '${NOT_KNOWN}')`;

const DIMENSIONS = {
  time: (source: Source) => TABLES[source].time,
  project: () => 'toString(c.project)',
  provider: () => orNotKnown('c.provider'),
  model: (source: Source) => orNotKnown(modelIn(source)),
  outcome: () => 'toString(c.outcome)',
} as const satisfies Readonly<Record<string, (source: Source) => string>>;
export type Dimension = keyof typeof DIMENSIONS;

const sums = (calls: string, long = calls): Measured => ({ calls, rollup: 'minutes', long });
/**
 * All levels of a column are one aggregate, which ClickHouse then makes once for the whole statement. Of the
 * sketches any level may be read, whatever their type names; their NaN is "no such call". See the migration that creates calls_by_minute.
 */
const LEVELS = [0.5, 0.95, 0.99, 1] as const;
const quantile = (level: (typeof LEVELS)[number], column: string, calls = `c.${column}`): Measured => {
  const nth = LEVELS.indexOf(level) + 1;
  return {
    // Of no values at all `quantilesExact` says 0, which nobody measured.
    calls: `if(count(${calls}) > 0, quantilesExact(${LEVELS.join(', ')})(${calls})[${nth}], NULL)`,
    rollup: 'hours',
    long: `ifNotFinite(quantilesDDMerge(0.01, ${LEVELS.join(', ')})(c.${column})[${nth}], NULL)`,
  };
};
const ratio = (above: Measured, below: Measured): Measured =>
  sums(`${above.calls} / nullIf(${below.calls}, 0)`, `${above.long} / nullIf(${below.long}, 0)`);

const counted = (condition: string): Measured => sums(`countIf(${condition})`, `sumIf(c.calls, ${condition})`);
const CALLS = sums('count()', 'sum(c.calls)');
const FAILURES = counted(FAILED);
const LIMITED = counted("c.outcome = 'rate_limited'");
const COST = sums('toFloat64(sum(c.cost_usd))');
export const METERED = 'c.input_tokens IS NOT NULL OR c.output_tokens IS NOT NULL';
const TOKENS = 'ifNull(c.input_tokens, 0) + ifNull(c.output_tokens, 0)';
/** What was written, and for how long, after the first token of the answer: reasoning comes before it, seen or not. */
const WRITTEN_TOKENS = '(c.output_tokens - ifNull(c.reasoning_tokens, 0) - 1)';
const WRITING_MS = '(c.duration_ms - ifNull(c.answer_ttft_ms, c.ttft_ms))';
/** The rule of the explorer (ingest/console/page/output-speed.ts) and of the hours' view: what came in one piece has no speed. */
const TOKENS_PER_SECOND = `if(c.stream AND ${WRITTEN_TOKENS} >= 1 AND ${WRITING_MS} >= 10, ${WRITTEN_TOKENS} * 1000 / ${WRITING_MS}, NULL)`;

/** From the end of the call to its row. */
export const INGEST_LAG_MS = "greatest(dateDiff('millisecond', c.started_at, c.ingested_at) - ifNull(c.duration_ms, 0), 0)";

/** Sums are NULL and shares are NULL where nothing is known: unknown never reads as 0. */
export const MEASURES = {
  calls: CALLS,
  calls_per_minute: sums(`${CALLS.calls} / ($__interval_s / 60)`, `${CALLS.long} / ($__interval_s / 60)`),
  errors: FAILURES,
  error_rate: ratio(FAILURES, CALLS),
  cost_usd: COST,
  cost_per_call_usd: ratio(COST, sums('countIf(c.cost_usd IS NOT NULL)', 'sum(c.calls_with_cost)')),
  // Only what is wholly priced: dividing by the tokens of unpriced calls too would make every price look lower.
  cost_per_1k_tokens_usd: sums(
    `${COST.calls} * 1000 / nullIf(sumIf(${TOKENS}, c.cost_usd IS NOT NULL), 0)`,
    `toFloat64(sumIf(c.cost_usd, c.calls_with_cost >= c.calls_with_usage)) * 1000 / nullIf(sumIf(${TOKENS}, c.calls_with_cost >= c.calls_with_usage), 0)`,
  ),
  cost_failed_usd: sums("toFloat64(sumIf(c.cost_usd, c.outcome != 'ok'))"),
  input_tokens: sums('sum(c.input_tokens)'),
  output_tokens: sums('sum(c.output_tokens)'),
  cache_read_tokens: sums('sum(c.cache_read_tokens)'),
  cache_write_tokens: sums('sum(c.cache_write_tokens)'),
  reasoning_tokens: sums('sum(c.reasoning_tokens)'),
  request_bytes: sums('sum(c.request_bytes)'),
  response_bytes: sums('sum(c.response_bytes)'),
  cache_share: sums('sum(c.cache_read_tokens) / nullIf(sum(c.input_tokens), 0)'),
  unpriced_calls: sums(
    `countIf(c.cost_usd IS NULL AND (${METERED}))`,
    'sum(toUInt64(greatest(toInt64(c.calls_with_usage) - toInt64(c.calls_with_cost), 0)))',
  ),
  unpriced_tokens: sums(`sumIf(${TOKENS}, c.cost_usd IS NULL)`, `sumIf(${TOKENS}, c.calls_with_cost = 0)`),
  estimated_calls: sums("countIf(c.usage_source = 'estimated')", 'sum(c.calls_usage_estimated)'),
  limited_calls: LIMITED,
  limited_share: ratio(LIMITED, CALLS),
  broken_streams: counted("c.outcome IN ('stream_error', 'stream_truncated')"),
  // The weight of quantiles, from where they are.
  timed_calls: { calls: 'count()', rollup: 'hours', long: 'sum(c.calls)' },
  duration_p50_ms: quantile(0.5, 'duration_ms'),
  duration_p95_ms: quantile(0.95, 'duration_ms'),
  duration_p99_ms: quantile(0.99, 'duration_ms'),
  ttft_p50_ms: quantile(0.5, 'ttft_ms'),
  ttft_p95_ms: quantile(0.95, 'ttft_ms'),
  ttft_p99_ms: quantile(0.99, 'ttft_ms'),
  overhead_p50_ms: quantile(0.5, 'overhead_ms'),
  overhead_p95_ms: quantile(0.95, 'overhead_ms'),
  overhead_p99_ms: quantile(0.99, 'overhead_ms'),
  max_gap_p95_ms: quantile(0.95, 'max_gap_ms'),
  max_gap_p99_ms: quantile(0.99, 'max_gap_ms'),
  ingest_lag_p50_ms: quantile(0.5, 'ingest_lag_ms', INGEST_LAG_MS),
  ingest_lag_p95_ms: quantile(0.95, 'ingest_lag_ms', INGEST_LAG_MS),
  ingest_lag_max_ms: quantile(1, 'ingest_lag_ms', INGEST_LAG_MS),
  tokens_per_second_p50: quantile(0.5, 'tokens_per_second', TOKENS_PER_SECOND),
} as const satisfies Readonly<Record<string, Measured>>;
export type Measure = keyof typeof MEASURES;

/** The variables that calls are filtered by, with what each is compared with. */
const FILTERS = {
  project: () => 'c.project',
  provider: () => 'c.provider',
  model: modelIn,
} as const satisfies Readonly<Record<string, (source: Source) => string>>;

/** `All` leaves the condition out, so that a row whose value no list knows still counts. */
export function matches(expression: string, variable: string): string {
  return `$__conditionalAll(${expression} IN ($\{${variable}:singlequote}), $${variable})`;
}

export const IS_SHORT = `$__toTime - $__fromTime <= ${SHORT_RANGE_SECONDS_MAX}`;
const turnedOn = (source: Source) => (source === 'calls' ? IS_SHORT : `NOT (${IS_SHORT})`);

export interface Question {
  readonly by?: readonly Dimension[];
  readonly measures: readonly Measure[];
  /** Further conditions that all three tables understand. */
  readonly where?: readonly string[];
  readonly orderBy?: string;
  readonly limit?: number;
}

/** One statement that answers for any range. */
export function ask({ orderBy, limit, ...question }: Question): string {
  const order = orderBy ?? (question.by?.includes('time') ? question.by.join(', ') : undefined);
  return lines([
    `SELECT ${[...(question.by ?? []), ...question.measures].join(', ')}`,
    ...from(question),
    order && `ORDER BY ${order}`,
    limit !== undefined && `LIMIT ${limit}`,
  ]);
}

/**
 * A line or bar for each of the largest few values of a dimension. What is beyond them is added up
 * where adding is right, and left out where it is not: two 95th percentiles have no sum.
 */
export function askTop(
  by: Dimension,
  measure: Measure,
  options: { readonly weight?: Measure; readonly addRest: boolean; readonly where?: readonly string[] },
): string {
  const { weight = measure, addRest, where = [] } = options;
  const measures = weight === measure ? [measure] : [measure, weight];
  const ranked = [
    'FROM (',
    `  SELECT *, dense_rank() OVER (ORDER BY weight DESC, ${by}) AS place FROM (`,
    `    SELECT *, sum(${weight}) OVER (PARTITION BY ${by}) AS weight`,
    ...from({ by: ['time', by], measures, where }).map((line) => `    ${line}`),
    '  )',
    ')',
  ];
  if (!addRest) return lines([`SELECT time, ${by}, ${measure}`, ...ranked, `WHERE place <= ${SERIES_MAX}`, `ORDER BY time, ${by}`]);
  return lines([
    `SELECT time, name AS ${by}, sum(value) AS ${measure} FROM (`,
    `  SELECT time, if(place <= ${SERIES_MAX}, ${by}, '${REST}') AS name, ${measure} AS value`,
    ...ranked.map((line) => `  ${line}`),
    ')',
    'GROUP BY time, name',
    `ORDER BY time, ${by}`,
  ]);
}

/** Table `calls` within range and filters, for what only the calls themselves know: users, tags, error types. */
export function callsWhere(...where: readonly string[]): string {
  return sourceWhere('calls', where);
}

/** Likewise the rollup by the minute, for what compares minutes with one another. */
export function minutesWhere(...where: readonly string[]): string {
  return sourceWhere('minutes', where);
}

function sourceWhere(source: Source, where: readonly string[]): string {
  return lines([`FROM ${TABLES[source].table} AS c`, `WHERE ${conditions(source, where).join('\n  AND ')}`]);
}

/** Two figures that are kept in different rollups meet in one row: each leaves NULL where the other has its own. */
function from(question: Question): string[] {
  const { by = [], measures } = question;
  const rollups = (['minutes', 'hours'] as const).filter((rollup) => measures.some((name) => MEASURES[name].rollup === rollup));
  const union = [
    'FROM (',
    ...['calls' as const, ...rollups].flatMap((source, at) => [...(at > 0 ? ['  UNION ALL'] : []), ...part(source, question)]),
    ')',
  ];
  if (rollups.length === 1) return union;
  if (by.includes('time')) throw new Error('sums and quantiles have buckets of different lengths: ask them apart');
  const columns = [...by, ...measures.map((name) => `max(${name}_) AS ${name}`)].join(', ');
  return [
    'FROM (',
    `  SELECT ${columns}`,
    ...union.map((line) => `  ${line}`),
    ...(by.length > 0 ? [`  GROUP BY ${by.join(', ')}`] : []),
    ')',
  ];
}

function part(source: Source, { by = [], measures, where = [] }: Question): string[] {
  const mixed = new Set(measures.map((name) => MEASURES[name].rollup)).size > 1;
  const figure = (name: Measure) => {
    const measure: Measured = MEASURES[name];
    if (source === 'calls') return measure.calls;
    return measure.rollup === source ? measure.long : 'NULL';
  };
  const columns = [
    ...by.map((name) => `${DIMENSIONS[name](source)} AS ${name}`),
    ...measures.map((name) => `${figure(name)} AS ${name}${mixed ? '_' : ''}`),
  ];
  return [
    `  SELECT ${columns.join(',\n    ')}`,
    `  FROM ${TABLES[source].table} AS c`,
    `  WHERE ${[turnedOn(source), ...conditions(source, where)].join('\n    AND ')}`,
    // Without groups an aggregate gives its one row even of nothing: what is turned off must not.
    by.length > 0 ? `  GROUP BY ${by.join(', ')}` : `  HAVING ${turnedOn(source)}`,
  ];
}

function conditions(source: Source, where: readonly string[]): string[] {
  return [TABLES[source].inRange, ...Object.entries(FILTERS).map(([name, of]) => matches(of(source), name)), ...where];
}

/**
 * A heatmap's rows: how many calls took up to each bound and longer than the one before. Sketches hold no such
 * counts, so that long ranges spread each hour's calls evenly over 40 quantiles: within 2.5 % of the calls.
 */
export function askDurations(boundsMs: readonly number[]): string {
  const FINE_LEVELS = Array.from({ length: 40 }, (_, at) => (at + 0.5) / 40);
  const cells = (count: (above: number | undefined, upTo: number | undefined) => string) =>
    [...boundsMs, undefined].map((upTo, at) => `${count(boundsMs[at - 1], upTo)} AS "${label(upTo)}"`).join(',\n    ');
  const label = (upTo: number | undefined) => (upTo === undefined ? '+Inf' : String(upTo / 1000));
  const within = (value: string, above: number | undefined, upTo: number | undefined) =>
    [above === undefined ? '' : `${value} > ${above}`, upTo === undefined ? '' : `${value} <= ${upTo}`].filter(Boolean).join(' AND ');
  const names = ['time', ...[...boundsMs, undefined].map((upTo) => `"${label(upTo)}"`)].join(', ');
  return lines([
    `SELECT ${names}`,
    'FROM (',
    `  SELECT ${TABLES.calls.time} AS time,`,
    `    ${cells((above, upTo) => `toFloat64(countIf(${within('c.duration_ms', above, upTo)}))`)}`,
    '  FROM calls AS c',
    `  WHERE ${[turnedOn('calls'), ...conditions('calls', [])].join('\n    AND ')}`,
    '  GROUP BY time',
    '  UNION ALL',
    '  SELECT time,',
    `    ${cells((above, upTo) => `arrayCount(v -> ${within('v', above, upTo)}, levels) * calls / ${FINE_LEVELS.length}`)}`,
    '  FROM (',
    `    SELECT ${TABLES.hours.time} AS time,`,
    `      quantilesDDMerge(0.01, ${FINE_LEVELS.join(', ')})(c.duration_ms) AS levels,`,
    '      sum(c.calls) AS calls',
    '    FROM latency_by_hour AS c',
    `    WHERE ${[turnedOn('hours'), ...conditions('hours', [])].join('\n      AND ')}`,
    '    GROUP BY time',
    '  )',
    ')',
    'ORDER BY time',
  ]);
}

export function lines(parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join('\n');
}
