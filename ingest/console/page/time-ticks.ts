/** Which of many buckets of time are named on an axis: those at lengths that people read clocks by, on the reader's own clock. Pure. */

const TICK_SECONDS = [
  5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
];

/** Room that a label takes with what must be free beside it. */
const CLOCK_PX = 62;
const DAY_CLOCK_PX = 92;

export interface TimeTicks {
  /** From one name to the next. */
  readonly seconds: number;
  readonly isTick: (index: number) => boolean;
}

/** @param times seconds since 1970, the start of each bucket */
export function timeTicks(times: readonly number[], bucketSeconds: number, widthPx: number): TimeTicks {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  // As `formatBucket` writes them: 15:30, or 24 Nov, 16:00.
  const labelsMax = Math.max(2, Math.floor(widthPx / (bucketSeconds < 7200 ? CLOCK_PX : DAY_CLOCK_PX)));
  const seconds = TICK_SECONDS.find((tick) => tick % bucketSeconds === 0 && span / tick <= labelsMax) ?? 2_592_000;
  return { seconds, isTick: (index) => localSeconds(times[index] ?? 0) % seconds < bucketSeconds };
}

/** Multiples of hours and days are those of the reader's clock. */
function localSeconds(seconds: number): number {
  return seconds - new Date(seconds * 1000).getTimezoneOffset() * 60;
}
