/** `90d` or `12h` in seconds. */
export function durationSeconds(text: string): number {
  return Number(text.slice(0, -1)) * (text.endsWith('d') ? 86_400 : 3_600);
}
