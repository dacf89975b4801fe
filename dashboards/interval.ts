/**
 * How long the buckets of a panel are: as Grafana rounds them, so that a board shows the same points wherever
 * it is drawn. Takes a range and how many points there is room for; gives milliseconds.
 * packages/grafana-data, rangeutil.roundInterval
 */
const NICE_INTERVALS_S = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function bucketMs(rangeMs: number, points: number, minMs: number): number {
  const idealS = Math.max(rangeMs / points, minMs) / 1000;
  return (NICE_INTERVALS_S.find((nice) => nice >= idealS) ?? 86_400) * 1000;
}

/** A panel's `interval`: the shortest bucket that it wants. Missing: a second. */
export function parseIntervalMs(text = '1s'): number {
  const [, count = '', unit = ''] = /^>?(\d+)([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new Error(`interval ${JSON.stringify(text)} is not a number and s, m, h or d`);
  return ms;
}
