/**
 * What calls can be filtered by: the API's parameters, how people call them, and how a value is chosen. A table.
 * Keys stand in links: never renamed.
 */

export interface FilterEntry {
  readonly label: string;
  /**
   * `values`: any of those there are; `tag`: a name, then a value; `range`: from and to, under `<key>_min` and `<key>_max`;
   * `choice`: one of a few; `text`: words.
   */
  readonly kind: 'values' | 'tag' | 'range' | 'choice' | 'text';
  readonly unit?: string;
  readonly choices?: Readonly<Record<string, string>>;
  /** Ids are shown as they are typed, in a fixed-width face. */
  readonly mono?: boolean;
}

export const FILTERS = {
  project: { label: 'Project', kind: 'values' },
  provider: { label: 'Provider', kind: 'values' },
  model: { label: 'Model', kind: 'values' },
  outcome: { label: 'Outcome', kind: 'values' },
  user: { label: 'User', kind: 'values', mono: true },
  session: { label: 'Session', kind: 'values', mono: true },
  tag: { label: 'Tag', kind: 'tag' },
  error_type: { label: 'Error type', kind: 'values', mono: true },
  status: { label: 'HTTP status', kind: 'values' },
  cost: { label: 'Cost', kind: 'range', unit: 'US$' },
  duration: { label: 'Duration', kind: 'range', unit: 'ms' },
  ttft: { label: 'First token', kind: 'range', unit: 'ms' },
  stream: { label: 'Stream', kind: 'choice', choices: { true: 'streamed', false: 'not streamed' } },
  operation: { label: 'Operation', kind: 'values' },
  upstream: { label: 'Upstream', kind: 'values' },
  finish_reason: { label: 'Finish reason', kind: 'values' },
  service_tier: { label: 'Service tier', kind: 'values' },
  sdk: { label: 'SDK', kind: 'values' },
  key: { label: 'Key fingerprint', kind: 'values', mono: true },
  usage_source: { label: 'Tokens known from', kind: 'values' },
  cost_source: { label: 'Cost known from', kind: 'values' },
  q: { label: 'Search', kind: 'text' },
} as const satisfies Readonly<Record<string, FilterEntry>>;

type Entries = typeof FILTERS;
export type FilterKey = keyof Entries;
type RangeKey = { [K in FilterKey]: Entries[K]['kind'] extends 'range' ? K : never }[FilterKey];

/** The parameters: a range has two. */
export type FilterName = Exclude<FilterKey, RangeKey> | `${RangeKey}_min` | `${RangeKey}_max`;

export const FILTER_KEYS = Object.keys(FILTERS) as FilterKey[];

export function filterEntry(key: FilterKey): FilterEntry {
  return FILTERS[key];
}

export function namesOf(key: FilterKey): readonly FilterName[] {
  return (filterEntry(key).kind === 'range' ? [`${key}_min`, `${key}_max`] : [key]) as FilterName[];
}

export const FILTER_NAMES: readonly FilterName[] = FILTER_KEYS.flatMap(namesOf);
