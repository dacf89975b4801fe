/**
 * Reads the query string of an API request into a checked value. Takes what the browser sent, gives
 * times, filters and limits, or throws a BadParameter that names the parameter, its value and what
 * is accepted. Values never reach SQL as text: each filter becomes a bound query parameter.
 */
import { OUTCOMES } from '../../contract/columns.ts';
import { BadParameter } from './bad-parameter.ts';
import {
  type Bounds,
  type CallFilter,
  FILTER_NAMES,
  type FilterName,
  type Filters,
  RANGE_NAMES,
  RANGES,
  type TagFilter,
} from './filters.ts';
import { DIRECTIONS, type Listing, type Order } from './order.ts';

export { BadParameter } from './bad-parameter.ts';

/** Before the name of a filter: calls with this value are left out. A name of its own, so that no value needs an escape. */
const NOT = 'not-';
const FILTER_VALUES_MAX = 50;
const FILTER_VALUE_CHARS_MAX = 512;
const DECIMAL = /^\d{1,9}(\.\d{1,9})?$/;

const DAY_SECONDS = 86_400;
const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: DAY_SECONDS };
const RANGE_SECONDS_MAX = 400 * DAY_SECONDS;
const RANGE_ACCEPTED = 'a number and m, h or d, at most 400d: 15m, 6h, 30d';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z$/;
const INSTANT_ACCEPTED = 'an ISO 8601 time in UTC from 1970 to 2200: 2026-01-31T12:00:00Z';
const INSTANT_MS_MAX = Date.UTC(2200, 0, 1);

export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The parameters of one request, each read once; `done` refuses those that nobody asked for. */
export class Params {
  readonly #search: URLSearchParams;
  readonly #known = new Set<string>();

  constructor(url: string) {
    this.#search = new URL(url, 'http://console').searchParams;
  }

  one(name: string): string | undefined {
    this.#known.add(name);
    const values = this.#search.getAll(name);
    if (values.length > 1) throw new BadParameter(name, values.join(', '), 'one value');
    return values[0];
  }

  all(name: string): string[] {
    this.#known.add(name);
    return [...new Set(this.#search.getAll(name))];
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.one(name);
    if (text === undefined) return fallback;
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new BadParameter(name, text, `one of ${choices.join(', ')}`);
    return found;
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const text = this.one(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new BadParameter(name, text, `a whole number from ${min} to ${max}`);
    return value;
  }

  /** Either `range`, which ends now by the server's clock, or `from` and `to`. Nothing: the last hour. */
  timeRange(nowMs: number): TimeRange {
    const range = this.one('range');
    const from = this.#instant('from');
    const to = this.#instant('to');
    if (from === undefined && to === undefined) {
      const lengthMs = parseRange(range ?? '1h') * 1000;
      return { fromMs: nowMs - lengthMs, toMs: nowMs };
    }
    if (range !== undefined) throw new BadParameter('range', range, 'either range, or from and to, not both');
    if (from === undefined) throw new BadParameter('from', '', INSTANT_ACCEPTED);
    const toMs = to ?? nowMs;
    if (toMs <= from) throw new BadParameter('to', this.one('to') ?? 'now', 'a time after from');
    if (toMs - from > RANGE_SECONDS_MAX * 1000) throw new BadParameter('from', this.one('from') ?? '', 'a time at most 400 days before to');
    return { fromMs: from, toMs };
  }

  /** Everything that calls can be filtered by. */
  callFilter(): CallFilter {
    const stream = this.one('stream');
    if (stream !== undefined && stream !== 'true' && stream !== 'false') throw new BadParameter('stream', stream, 'true or false');
    const ranges = RANGE_NAMES.flatMap((name) => {
      const bounds = this.#bounds(name);
      return bounds === undefined ? [] : [[name, bounds] as const];
    });
    return {
      equal: this.#equal(''),
      unequal: this.#equal(NOT),
      ranges: Object.fromEntries(ranges),
      tags: this.#tags('tag'),
      withoutTags: this.#tags(`${NOT}tag`),
      ...(stream !== undefined && { stream: stream === 'true' }),
      text: this.text('q'),
    };
  }

  order<Name extends string>(listing: Listing<Name | 'time'>): Order<Name | 'time'> {
    const names = Object.keys(listing.keys) as (Name | 'time')[];
    return { listing, sort: this.choice('sort', names, 'time'), direction: this.choice('order', DIRECTIONS, 'desc') };
  }

  /** Some words, '' when there are none. */
  text(name: string): string {
    const text = this.one(name)?.trim() ?? '';
    if (text.length > FILTER_VALUE_CHARS_MAX) throw new BadParameter(name, text, `at most ${FILTER_VALUE_CHARS_MAX} characters`);
    return text;
  }

  #tags(name: string): TagFilter[] {
    return this.#values(name).map((text) => parseTag(name, text));
  }

  #equal(prefix: '' | typeof NOT): Filters {
    const filters: Partial<Record<FilterName, readonly string[]>> = {};
    for (const name of FILTER_NAMES) {
      const values = this.#values(prefix + name);
      if (values.length === 0) continue;
      const strange = name === 'outcome' ? values.find((value) => !(OUTCOMES as readonly string[]).includes(value)) : undefined;
      if (strange !== undefined) throw new BadParameter(prefix + name, strange, `one of ${OUTCOMES.join(', ')}`);
      filters[name] = values;
    }
    return filters;
  }

  #values(name: string): string[] {
    const values = this.all(name);
    if (values.length > FILTER_VALUES_MAX) throw new BadParameter(name, `${values.length} values`, `at most ${FILTER_VALUES_MAX} values`);
    for (const value of values)
      if (value.length > FILTER_VALUE_CHARS_MAX) throw new BadParameter(name, value, `at most ${FILTER_VALUE_CHARS_MAX} characters`);
    return values;
  }

  #bounds(name: keyof typeof RANGES): Bounds | undefined {
    const [min, max] = (['min', 'max'] as const).map((end) => {
      const text = this.one(`${name}_${end}`);
      if (text !== undefined && !DECIMAL.test(text))
        throw new BadParameter(
          `${name}_${end}`,
          text,
          `${RANGES[name].unit} as a plain number, at most nine digits on either side of the point`,
        );
      return text;
    });
    if (min !== undefined && max !== undefined && Number(max) < Number(min))
      throw new BadParameter(`${name}_max`, max, `at least ${name}_min, ${min}`);
    if (min === undefined && max === undefined) return undefined;
    return { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
  }

  /** A misspelt parameter must not silently widen what is shown. */
  done(): void {
    for (const [name, value] of this.#search)
      if (!this.#known.has(name)) throw new BadParameter(name, value, `a known parameter: ${[...this.#known].sort().join(', ')}`);
  }

  #instant(name: string): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    const value = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
    if (!(value >= 0 && value <= INSTANT_MS_MAX)) throw new BadParameter(name, text, INSTANT_ACCEPTED);
    return value;
  }
}

function parseRange(text: string): number {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(text);
  const seconds = match ? Number(match[1]) * (UNIT_SECONDS[match[2] ?? ''] ?? Number.NaN) : Number.NaN;
  if (!(seconds <= RANGE_SECONDS_MAX)) throw new BadParameter('range', text, RANGE_ACCEPTED);
  return seconds;
}

/** `name=value`, or `name` for any value. A tag's name is part of a header's, which has no equals sign. */
function parseTag(parameter: string, text: string): TagFilter {
  const at = text.indexOf('=');
  const name = at === -1 ? text : text.slice(0, at);
  if (name === '') throw new BadParameter(parameter, text, 'name=value, or a name alone: env=production');
  return at === -1 ? { name } : { name, value: text.slice(at + 1) };
}

/** `2026-01-31T12:00:00.123456Z` as ClickHouse stores it, or undefined. */
export function storedTime(iso: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d{6})Z$/.exec(iso);
  return match ? `${match[1]} ${match[2]}.${match[3]}` : undefined;
}
