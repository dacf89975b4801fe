/**
 * The loss meter. A proxy numbers its calls from 1 without gaps, so a number that is missing is a row that is
 * missing, and one that is there twice is a row too many. Numbers above the last that began more than the grace
 * period ago may belong to calls still in flight, and are not looked at yet. A row that arrived and was erased since is not
 * missing: its number stays in `numbers_by_hour`, which names nobody.
 */
import type { CallLoss } from './console/api-types.ts';
import type { Read } from './console/read.ts';

/** Longer than a call may take, so that none in flight counts as missing. */
export const LOSS_GRACE_SECONDS = 3_600;
export const LOSS_WINDOW_SECONDS = 7 * 86_400;
/**
 * Missing numbers before a proxy's first row count only up to here: beyond, it is likelier that the proxy began so
 * long ago that its first rows have passed their retention.
 */
const HEAD_MAX = 1_000;
const PROXIES_MAX = 100;
/** Prometheus asks every few seconds; the scan is not worth that. */
const READING_AGE_MAX_MS = 60_000;
const READING_MS_MAX = 10_000;

/**
 * One row a proxy. `groupBitmap` counts different numbers in a few bytes for each run of neighbours, where `uniqExact`
 * would hold them all. GLOBAL: on a cluster the inner question is asked once, of all shards, and not by each of its own.
 */
export const LOSS_SQL = `
WITH
  now64(6) - toIntervalSecond({window:UInt32}) AS window_begin,
  bounds AS (
    SELECT proxy_id, min(seq) AS lowest, maxIf(seq, started_at < now64(6) - toIntervalSecond({grace:UInt32})) AS settled
    FROM {database:Identifier}.calls WHERE started_at >= window_begin GROUP BY proxy_id),
  began_before AS (
    SELECT DISTINCT proxy_id FROM {database:Identifier}.calls
    WHERE started_at < window_begin AND proxy_id GLOBAL IN (SELECT proxy_id FROM bounds WHERE lowest BETWEEN 2 AND ${HEAD_MAX})),
  counted AS (
    SELECT proxy_id, settled, if(lowest > ${HEAD_MAX} OR proxy_id GLOBAL IN (began_before), lowest, 1) AS first_seq, count() AS calls,
      groupBitmap(seq) AS different, groupBitmapState(seq) AS numbers
    FROM {database:Identifier}.calls GLOBAL INNER JOIN bounds USING (proxy_id)
    WHERE started_at >= window_begin AND seq <= settled
    GROUP BY proxy_id, settled, lowest),
  arrived AS (
    SELECT proxy_id, groupBitmapMergeState(numbers) AS ever FROM {database:Identifier}.numbers_by_hour
    WHERE hour >= toStartOfHour(window_begin, 'UTC') GROUP BY proxy_id)
SELECT
  proxy_id,
  calls,
  toInt64(settled) - toInt64(first_seq) + 1 - toInt64(bitmapCardinality(bitmapSubsetInRange(bitmapOr(numbers, ever), first_seq, settled + 1))) AS missing,
  toInt64(calls) - toInt64(different) AS duplicates
FROM counted GLOBAL LEFT JOIN arrived USING (proxy_id)
ORDER BY missing DESC, duplicates DESC, proxy_id`;

export async function readLoss(read: Read, signal: AbortSignal, grace_seconds = LOSS_GRACE_SECONDS): Promise<CallLoss> {
  const rows = await read<CallLoss['proxies'][number]>(LOSS_SQL, { window: LOSS_WINDOW_SECONDS, grace: grace_seconds }, signal);
  const sum = (column: 'calls' | 'missing' | 'duplicates') => rows.reduce((total, row) => total + row[column], 0);
  return {
    calls: sum('calls'),
    missing: sum('missing'),
    duplicates: sum('duplicates'),
    proxies: rows.filter(({ missing, duplicates }) => missing > 0 || duplicates > 0).slice(0, PROXIES_MAX),
  };
}

export type LossMeter = () => Promise<CallLoss | undefined>;

/** For metrics: the latest reading, at most this old, or undefined when ClickHouse does not give any. One question at a time. */
export function createLossMeter(read: Read): LossMeter {
  let reading: Promise<CallLoss | undefined> | undefined;
  let read_ms = Number.NEGATIVE_INFINITY;
  return () => {
    if (reading === undefined || performance.now() - read_ms > READING_AGE_MAX_MS) {
      read_ms = performance.now();
      reading = readLoss(read, AbortSignal.timeout(READING_MS_MAX)).catch(() => undefined);
    }
    return reading;
  };
}
