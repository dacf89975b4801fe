/**
 * One moment on all charts of a board (Grafana's `graphTooltip: 1`): where the pointer is on one, the others show a line.
 * Takes times in seconds since 1970; holds one listener for each chart that is there.
 */
type Listener = (seconds: number | undefined) => void;

const listeners = new Set<Listener>();

/** Gives a function that ends it. */
export function followMoment(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param own who says so, and need not be told; undefined seconds: the pointer has left */
export function showMoment(seconds: number | undefined, own: Listener): void {
  for (const listener of listeners) if (listener !== own) listener(seconds);
}

/** The place of the bucket that holds this moment; undefined when none does. */
export function bucketOf(times: readonly number[], bucketSeconds: number, seconds: number): number | undefined {
  const at = times.findLastIndex((time) => time <= seconds);
  return at === -1 || seconds >= (times[at] ?? 0) + bucketSeconds ? undefined : at;
}
