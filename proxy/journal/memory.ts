/**
 * Records in memory, for as long as the disk does not take them: bounded by number and bytes, shipped before
 * what is on the disk, since a crash would lose them. Lost room is the caller's to count.
 */
import { BATCH_BYTES_MAX, BATCH_ROWS_MAX } from '../../contract/record.ts';
import type { Batch } from './batch.ts';

export interface MemoryLimits {
  readonly records: number;
  readonly bytes: number;
}

export interface HeldRecord {
  readonly seq: number;
  readonly json: string;
}

export class MemoryQueue {
  readonly #proxyId: string;
  readonly #limits: MemoryLimits;
  #held: HeldRecord[] = [];
  #bytes = 0;
  /** How many records have ever left: what makes batch ids unique, since a record's number says nothing of the order here. */
  #left = 0;
  #taken: { batch: Batch; count: number } | undefined;

  constructor(proxyId: string, limits: MemoryLimits) {
    this.#proxyId = proxyId;
    this.#limits = limits;
  }

  get records(): number {
    return this.#held.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: there is no room. */
  push(record: HeldRecord): boolean {
    if (this.#held.length >= this.#limits.records || this.#bytes + record.json.length > this.#limits.bytes) return false;
    this.#held.push(record);
    this.#bytes += record.json.length;
    return true;
  }

  take(): Batch | undefined {
    if (this.#taken || this.#held.length === 0) return this.#taken?.batch;
    let bytes = 0;
    let count = 0;
    for (const { json } of this.#held) {
      bytes += Buffer.byteLength(json) + 1;
      if (count >= BATCH_ROWS_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    const body = Buffer.from(
      this.#held
        .slice(0, count)
        .map(({ json }) => json)
        .join('\n'),
    );
    const id = `${this.#proxyId}.m${this.#left + 1}-${this.#left + count}`;
    this.#taken = { batch: { id, rows: count, body, sentAt_ms: undefined }, count };
    return this.#taken.batch;
  }

  /** False: the batch is not from here. */
  acknowledge(batch: Batch): boolean {
    if (this.#taken?.batch !== batch) return false;
    this.#release(0, this.#taken.count);
    this.#taken = undefined;
    return true;
  }

  /** Gives the records that are not on their way to `keep`, one by one, until it throws; those it took are forgotten. */
  moveTo(keep: (record: HeldRecord) => void): void {
    const first = this.#taken?.count ?? 0;
    let moved = 0;
    try {
      for (const record of this.#held.slice(first)) {
        keep(record);
        moved += 1;
      }
    } finally {
      this.#release(first, moved);
    }
  }

  #release(first: number, count: number): void {
    for (const { json } of this.#held.splice(first, count)) this.#bytes -= json.length;
    this.#left += count;
  }
}
