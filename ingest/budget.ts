/**
 * How much may be in work at once: batches and the bytes that they hold. A batch takes its share as its
 * bytes arrive and gives it back when it is answered; what goes beyond is refused before memory grows.
 */
import { Refusal } from './refusal.ts';

export interface BudgetLimits {
  readonly batches: number;
  /**
   * Decoded bytes. A batch holds them some six times while it is in work: body, records, rows, what is being sent, and what is
   * not collected yet. Measured with 24 batches of 32 MiB at once and ClickHouse standing still: ingest took 538 MiB at its
   * highest, 336 more than before (test/e2e/load-shedding.test.ts).
   */
  readonly bytes: number;
}

export const BUDGET_LIMITS: BudgetLimits = { batches: 64, bytes: 64 * 1024 * 1024 };

/** One batch's share. */
export interface Share {
  /** @throws Refusal `overloaded` */
  add(bytes: number): void;
  /** Gives everything back; further calls do nothing. */
  release(): void;
}

export class WorkBudget {
  readonly #limits: BudgetLimits;
  #batches = 0;
  #bytes = 0;

  constructor(limits: BudgetLimits = BUDGET_LIMITS) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get batches(): number {
    return this.#batches;
  }

  /** @throws Refusal `overloaded` */
  enter(): Share {
    if (this.#batches >= this.#limits.batches)
      throw new Refusal('overloaded', `${this.#batches} batches, at most ${this.#limits.batches}.`);
    this.#batches += 1;
    let held = 0;
    let released = false;
    return {
      add: (bytes) => {
        if (this.#bytes + bytes > this.#limits.bytes)
          throw new Refusal('overloaded', `They hold ${this.#bytes} bytes, at most ${this.#limits.bytes}.`);
        this.#bytes += bytes;
        held += bytes;
      },
      release: () => {
        if (released) return;
        released = true;
        this.#batches -= 1;
        this.#bytes -= held;
      },
    };
  }
}
