/**
 * What calls can be filtered by: the parameters' names, what each is compared with, and the conditions they make.
 * Takes values that params.ts has checked; gives SQL whose every value is a bound parameter. Several values of one
 * filter mean any of them; different filters must all hold. Whatever is filtered by equality can be left out too.
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
  /** Calls with none of these values; those that have no value at all stay. */
  readonly unequal: Filters;
  readonly ranges: Readonly<Partial<Record<RangeName, Bounds>>>;
  readonly tags: readonly TagFilter[];
  readonly withoutTags: readonly TagFilter[];
  readonly stream?: boolean;
  /** '' looks for nothing. */
  readonly text: string;
}

export const NO_FILTER: CallFilter = { equal: {}, unequal: {}, ranges: {}, tags: [], withoutTags: [], text: '' };

export interface Conditions {
  readonly sql: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
}

export function conditions(filter: CallFilter): Conditions {
  const sql: string[] = [];
  const params: Record<string, unknown> = {};
  for (const [values, operator, prefix] of [
    [filter.equal, 'IN', 'filter'],
    [filter.unequal, 'NOT IN', 'without'],
  ] as const)
    for (const name of FILTER_NAMES) {
      if (values[name] === undefined) continue;
      params[`${prefix}_${name}`] = values[name];
      sql.push(`${FILTERS[name]} ${operator} {${prefix}_${name}:Array(String)}`);
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
  const held = tagConditions(filter.tags, 'tag');
  const left = tagConditions(filter.withoutTags, 'without_tag');
  return {
    sql: [...sql, ...held.sql, ...left.sql.map((condition) => `NOT (${condition})`)],
    params: { ...params, ...held.params, ...left.params },
  };
}

/** A condition for each tag's name: that a call has it with one of the values, or at all. */
function tagConditions(tags: readonly TagFilter[], prefix: string): Conditions {
  const params: Record<string, unknown> = {};
  const names = [...new Set(tags.map(({ name }) => name))];
  const sql = names.map((name, index) => {
    params[`${prefix}_${index}`] = name;
    const has = `mapContains(tags, {${prefix}_${index}:String})`;
    const own = tags.filter((tag) => tag.name === name);
    if (own.some(({ value }) => value === undefined)) return has;
    params[`${prefix}_${index}_values`] = own.map(({ value }) => value);
    return `${has} AND tags[{${prefix}_${index}:String}] IN {${prefix}_${index}_values:Array(String)}`;
  });
  return { sql, params };
}
