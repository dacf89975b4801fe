/**
 * Time for one call: durations from the monotonic clock, the moment it began from the wall clock with
 * the monotonic clock's resolution. Follows steps of the system clock within a second.
 */

const ANCHOR_AGE_MAX_MS = 1_000;

let anchorWall_ms = Date.now();
let anchorMonotonic_ms = performance.now();

/** Milliseconds of the monotonic clock, with fractions. */
export const monotonicMs = (): number => performance.now();

/** `YYYY-MM-DD hh:mm:ss.ffffff` in UTC: what ClickHouse reads as DateTime64(6). */
export function wallClockText(): string {
  const now_ms = performance.now();
  if (now_ms - anchorMonotonic_ms > ANCHOR_AGE_MAX_MS) {
    anchorWall_ms = Date.now();
    anchorMonotonic_ms = now_ms;
  }
  const wall_us = anchorWall_ms * 1_000 + Math.floor((now_ms - anchorMonotonic_ms) * 1_000);
  const milliseconds = Math.floor(wall_us / 1_000);
  const text = new Date(milliseconds).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${String(wall_us % 1_000).padStart(3, '0')}`;
}
