/**
 * Takes turns at the event loop: whoever has much to compute works while `over` says no, then waits for `next`. In one
 * turn of the loop one of them works, for SLICE_MS at most, however many there are: what waits for the loop meanwhile, a
 * probe or the console, waits for that long.
 */
const SLICE_MS = 6;

export class Slices {
  readonly #waiting: (() => void)[] = [];
  #end_ms = 0;
  #scheduled = false;

  /** The slice of whoever works is used up. */
  get over(): boolean {
    return performance.now() >= this.#end_ms;
  }

  /** Resolves when the caller may work: in the order in which they came, each in a turn of its own. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#end_ms = performance.now() + SLICE_MS;
      this.#waiting.shift()?.();
      this.#schedule();
    });
  }
}
