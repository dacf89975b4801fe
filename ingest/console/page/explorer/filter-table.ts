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

type ValueKey = { [K in FilterKey]: Entries[K]['kind'] extends 'values' | 'tag' ? K : never }[FilterKey];

/** Before a filter's name: calls with these values are left out. A name of its own, so that a value means what it says, whatever it begins with. */
const NOT = 'not-';
export type NotName = `${typeof NOT}${ValueKey}`;
/** The parameters: a range has two, what has values can be left out. */
export type FilterName = Exclude<FilterKey, RangeKey> | `${RangeKey}_min` | `${RangeKey}_max` | NotName;
/** What is shown as one thing: a filter, or what is left out by it. */
export type Chip = FilterKey | NotName;
export type Filters = Readonly<Record<FilterName, readonly string[]>>;
export type FilterValues = Readonly<Partial<Filters>>;

export const FILTER_KEYS = Object.keys(FILTERS) as FilterKey[];

export function filterEntry(chip: Chip): FilterEntry {
  return FILTERS[keyOf(chip)];
}

export function keyOf(chip: Chip): FilterKey {
  return (isNot(chip) ? chip.slice(NOT.length) : chip) as FilterKey;
}

export function isNot(chip: string): chip is NotName {
  return chip.startsWith(NOT);
}

/** The other way around; undefined for what has no other way. */
export function oppositeOf(name: Chip | FilterName): (FilterName & Chip) | undefined {
  const key = isNot(name) ? name.slice(NOT.length) : name;
  // An end of a range is no filter of its own.
  const kind = Object.hasOwn(FILTERS, key) ? FILTERS[key as FilterKey].kind : undefined;
  if (kind !== 'values' && kind !== 'tag') return undefined;
  return (isNot(name) ? key : `${NOT}${key}`) as FilterName & Chip;
}

export function namesOf(chip: Chip): readonly FilterName[] {
  return (filterEntry(chip).kind === 'range' ? [`${chip}_min`, `${chip}_max`] : [chip]) as FilterName[];
}

export const CHIPS: readonly Chip[] = FILTER_KEYS.flatMap((key) => [key, oppositeOf(key) ?? []].flat());
export const FILTER_NAMES: readonly FilterName[] = CHIPS.flatMap(namesOf);

/** `values` for one parameter; none of them stays left out, or asked for, at the same time. */
export function settingOf(filters: Filters, name: FilterName, values: readonly string[]): FilterValues {
  const opposite = oppositeOf(name);
  if (opposite === undefined) return { [name]: values };
  return { [name]: values, [opposite]: filters[opposite].filter((value) => !values.includes(value)) };
}

/** One value more, as chip or as what is left out. */
export function adding(filters: Filters, name: FilterName, value: string): FilterValues {
  return settingOf(filters, name, [...filters[name].filter((other) => other !== value), value]);
}
