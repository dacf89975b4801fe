/**
 * How much text of running calls may be held for counting, over all calls and per call. Asked before
 * anything is kept; a call gives back all of its share at once when it is over.
 */

/** For all calls of a proxy together. */
const ALL_BYTES_MAX = 64 * 1024 * 1024;
/** For one side of one call. What comes beyond it is reckoned from what was kept. */
const SIDE_BYTES_MAX = 1024 * 1024;

export class HeldBytes {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = ALL_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** One side of one call: its request's text, or its answer's. */
export class Share {
  readonly #all: HeldBytes;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(all: HeldBytes, bytesMax: number = SIDE_BYTES_MAX) {
    this.#all = all;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax || !this.#all.reserve(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  releaseAll(): void {
    this.#all.release(this.#bytes);
    this.#bytes = 0;
  }
}
