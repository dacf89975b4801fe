/**
 * What one turn of the event loop brings to the journal: entries, put together so that they are written at once, and those who
 * wait until they are. Whoever writes takes them; nothing is written here.
 */
import type { Listed } from '../unordered-list.ts';
import { EntryBuffer, type EntryKind } from './entry.ts';

/** A call that has begun and whose record is not on disk: what becomes of it should we die now. */
export interface InFlight extends Listed {
  readonly seq: number;
  /** With the call's number in it, as the record will have it. */
  readonly startJson: string;
  /** What is written of it: the start, or the draft. */
  json: string;
  kind: EntryKind;
  /** Where it is written. */
  segment: number;
  /** Its record is made, and among the turn's entries. */
  over: boolean;
}

export interface TurnEntry {
  readonly kind: EntryKind;
  readonly seq: number;
  readonly json: string;
  /** Undefined: a record without a start. */
  readonly call: InFlight | undefined;
}

export class Turn {
  readonly #buffer = new EntryBuffer();
  readonly #onEnd: () => void;
  readonly #onFault: (error: unknown) => void;
  #entries: TurnEntry[] = [];
  #waiting: (() => void)[] = [];
  #scheduled = false;

  /** `onEnd`: the turn is over, and brought something. `onFault`: one who waited threw; the others go on. */
  constructor(onEnd: () => void, onFault: (error: unknown) => void) {
    this.#onEnd = onEnd;
    this.#onFault = onFault;
  }

  get bytes(): number {
    return this.#buffer.length;
  }

  add(entry: TurnEntry): void {
    this.#buffer.add(entry.kind, entry.seq, entry.json);
    this.#entries.push(entry);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(endTurn, this);
  }

  /** Calls back when all that was added is written, and the turn is over; at once when nothing was. */
  whenOver(done: () => void): void {
    if (this.#scheduled) this.#waiting.push(done);
    else done();
  }

  /** What was added since the last time: `write` has its bytes until it returns. */
  take(write: (entries: readonly TurnEntry[], bytes: Buffer) => void): void {
    if (this.#entries.length === 0) return;
    const entries = this.#entries;
    this.#entries = [];
    try {
      write(entries, this.#buffer.bytes());
    } finally {
      this.#buffer.clear();
    }
  }

  end(): void {
    this.#scheduled = false;
    this.#onEnd();
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const done of waiting) {
      try {
        done();
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}

function endTurn(turn: Turn): void {
  turn.end();
}
