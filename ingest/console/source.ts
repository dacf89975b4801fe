/**
 * Where the console's questions read from: the table, a time range and the filters as FROM and WHERE, and the few
 * conversions between the API's times and ClickHouse's. A question adds its SELECT in front and may add conditions with AND.
 */
import type { Period } from './api-types.ts';
import { type CallFilter, conditions } from './filters.ts';
import type { TimeRange } from './params.ts';
import type { Read } from './read.ts';

/** One question's scope: what to read, how, and until when anybody cares. */
export interface Scope {
  readonly read: Read;
  readonly signal: AbortSignal;
  readonly range: TimeRange;
  readonly filter: CallFilter;
}

export const CALLS = '{database:Identifier}.calls';
export const BUCKETS_MAX = 100;
const BUCKET_SECONDS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

export interface Source {
  readonly sql: string;
  readonly params: Record<string, unknown>;
}

/** FROM and WHERE of a scope. */
export function source(scope: Pick<Scope, 'range' | 'filter'>): Source {
  const filter = conditions(scope.filter);
  const all = [
    "started_at >= {from:DateTime64(6, 'UTC')}",
    "started_at < {to:DateTime64(6, 'UTC')}",
    // The sorting key names the hour before the moment: without it, a range over all projects skips whole months only.
    "toStartOfHour(started_at) >= toStartOfHour({from:DateTime64(6, 'UTC')})",
    "toStartOfHour(started_at) <= toStartOfHour({to:DateTime64(6, 'UTC')})",
    ...filter.sql,
  ];
  const params = { from: sqlTime(scope.range.fromMs), to: sqlTime(scope.range.toMs), ...filter.params };
  return { sql: `${CALLS} WHERE ${all.join(' AND ')}`, params };
}

/** So long that a range has at most BUCKETS_MAX of them, and a length that people count in. */
export function bucketSeconds(rangeSeconds: number, bucketsMax: number = BUCKETS_MAX): number {
  return BUCKET_SECONDS.find((step) => rangeSeconds / step <= bucketsMax) ?? 604_800;
}

export function bucketTimes({ fromMs, toMs }: TimeRange, step: number): number[] {
  const times: number[] = [];
  for (let time = Math.floor(fromMs / 1000 / step) * step; time * 1000 < toMs; time += step) times.push(time);
  return times;
}

export function period(range: TimeRange): Period {
  return { from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString() };
}

/** Milliseconds since 1970 as ClickHouse reads a DateTime64(6). */
export function sqlTime(ms: number): string {
  return `${new Date(Math.max(ms, 0)).toISOString().slice(0, -1).replace('T', ' ')}000`;
}

export function isoTime(stored: string): string {
  return `${stored.replace(' ', 'T')}Z`;
}
