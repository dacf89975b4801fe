/**
 * Time for one call: durations from the monotonic clock, the moment it began from the wall clock with
 * the monotonic clock's resolution. Follows steps of the system clock within a second.
 */

const ANCHOR_AGE_MAX_MS = 1_000;

let anchorWall_ms = Date.now();
let anchorMonotonic_ms = performance.now();
/** The last second's text: calls of one second share all but the fraction. */
let textSecond = Number.NaN;
let secondText = '';

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
  const second = Math.floor(wall_us / 1_000_000);
  if (second !== textSecond) {
    const text = new Date(second * 1_000).toISOString();
    secondText = `${text.slice(0, 10)} ${text.slice(11, 19)}.`;
    textSecond = second;
  }
  // A leading 1 in place of padding with zeros.
  return secondText + String(1_000_000 + (wall_us - second * 1_000_000)).slice(1);
}
