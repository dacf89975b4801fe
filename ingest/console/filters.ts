/**
 * What calls can be filtered by: the parameters' names, what each is compared with, and the conditions they make.
 * Takes values that params.ts has checked; gives SQL whose every value is a bound parameter. Several values of one
 * filter mean any of them; different filters must all hold.
 */

/** The model a call is counted under: what the provider says it used, else what was asked for. */
export const MODEL_SQL = "if(response_model != '', toString(response_model), toString(request_model))";

/** Filters by equality: the parameter's name and the SQL it is compared with. */
export const FILTERS = {
  project: 'project',
  provider: 'provider',
  model: MODEL_SQL,
  outcome: 'outcome',
  user: 'user_id',
  session: 'session_id',
  error_type: 'error_type',
  status: 'toString(status)',
  operation: 'operation',
  upstream: 'upstream',
  finish_reason: 'finish_reason',
  service_tier: 'service_tier',
  sdk: 'sdk',
  key: 'key_fingerprint',
  usage_source: 'usage_source',
  cost_source: 'cost_source',
} as const;
export type FilterName = keyof typeof FILTERS;
export const FILTER_NAMES = Object.keys(FILTERS) as FilterName[];

/** Filters by size: `cost_min`, `cost_max`, …, both ends included. A value that is not known fits none. */
export const RANGES = {
  cost: { sql: 'cost_usd', type: 'Decimal(18, 9)', unit: 'US dollars' },
  duration: { sql: 'duration_ms', type: 'Float32', unit: 'milliseconds' },
  ttft: { sql: 'ttft_ms', type: 'Float32', unit: 'milliseconds' },
} as const;
export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

/** What a search looks into. Part of a value is enough, upper and lower case are the same. */
export const SEARCHED = ['id', 'trace_id', 'path', 'error_type', 'error_message'] as const;

export interface TagFilter {
  readonly name: string;
  /** Missing: whatever its value. */
  readonly value?: string;
}

export interface Bounds {
  /** As digits: a double would change what was asked for. */
  readonly min?: string;
  readonly max?: string;
}

export type Filters = Readonly<Partial<Record<FilterName, readonly string[]>>>;

export interface CallFilter {
  readonly equal: Filters;
  readonly ranges: Readonly<Partial<Record<RangeName, Bounds>>>;
  readonly tags: readonly TagFilter[];
  readonly stream?: boolean;
  /** '' looks for nothing. */
  readonly text: string;
}

export const NO_FILTER: CallFilter = { equal: {}, ranges: {}, tags: [], text: '' };

export interface Conditions {
  readonly sql: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
}

export function conditions(filter: CallFilter): Conditions {
  const sql: string[] = [];
  const params: Record<string, unknown> = {};
  for (const name of FILTER_NAMES) {
    const values = filter.equal[name];
    if (values === undefined) continue;
    params[`filter_${name}`] = values;
    sql.push(`${FILTERS[name]} IN {filter_${name}:Array(String)}`);
  }
  for (const name of RANGE_NAMES)
    for (const [end, comparison] of [
      ['min', '>='],
      ['max', '<='],
    ] as const) {
      const bound = filter.ranges[name]?.[end];
      if (bound === undefined) continue;
      params[`${name}_${end}`] = bound;
      sql.push(`${RANGES[name].sql} ${comparison} {${name}_${end}:${RANGES[name].type}}`);
    }
  if (filter.stream !== undefined) sql.push(filter.stream ? 'stream' : 'NOT stream');
  if (filter.text !== '') {
    params['text'] = filter.text;
    sql.push(`(${SEARCHED.map((column) => `positionCaseInsensitiveUTF8(${column}, {text:String}) > 0`).join(' OR ')})`);
  }
  addTags(filter.tags, sql, params);
  return { sql, params };
}

function addTags(tags: readonly TagFilter[], sql: string[], params: Record<string, unknown>): void {
  const names = [...new Set(tags.map(({ name }) => name))];
  for (const [index, name] of names.entries()) {
    const values = tags.flatMap((tag) => (tag.name === name && tag.value !== undefined ? [tag.value] : []));
    params[`tag_${index}`] = name;
    sql.push(`mapContains(tags, {tag_${index}:String})`);
    if (tags.some((tag) => tag.name === name && tag.value === undefined)) continue;
    params[`tag_${index}_values`] = values;
    sql.push(`tags[{tag_${index}:String}] IN {tag_${index}_values:Array(String)}`);
  }
}
