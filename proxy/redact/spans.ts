/**
 * Places in a text that must not be stored, and the text without them. Pure.
 */

export interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** What was there; stands in the stored text as `[redacted:<label>]`. */
  readonly label: string;
}

/** In order, overlapping ones as one under the first one's label. */
export function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last !== undefined && span.start < last.end) {
      if (span.end > last.end) merged[merged.length - 1] = { ...last, end: span.end };
    } else if (span.end > span.start) merged.push(span);
  }
  return merged;
}

/** The text with a label in each span's place. */
export function withoutSpans(text: string, spans: readonly Span[]): string {
  let clean = '';
  let at = 0;
  for (const { start, end, label } of mergeSpans(spans)) {
    clean += `${text.slice(at, start)}${labelText(label)}`;
    at = end;
  }
  return at === 0 ? text : clean + text.slice(at);
}

export function labelText(label: string): string {
  return `[redacted:${label}]`;
}
