/**
 * Finished records on their way to ingest: takes one record a call, gives batches in order, forgets
 * them once they are acknowledged. Bounded by records and bytes; what does not fit is counted, never silent.
 * Held in memory: what a killed proxy had not shipped is lost, and its gap in `seq` shows that.
 */
import { BATCH_BYTES_MAX, BATCH_ROWS_MAX, type CallRecord } from '../contract/record.ts';

export interface JournalLimits {
  readonly records: number;
  readonly bytes: number;
}

/** Consecutive records, fixed once taken, so that every retry of a batch is the same batch. */
export interface Batch {
  readonly id: string;
  readonly lines: readonly string[];
}

interface Entry {
  readonly seq: number;
  readonly line: string;
  readonly bytes: number;
}

export interface Journal {
  /** Numbers the record and keeps it; false when it had to be dropped because the journal is full. */
  append(record: Omit<CallRecord, 'seq' | 'proxy_id'>): boolean;
  /** The oldest records as a batch, or undefined when there are none. The same batch until it is acknowledged. */
  take(): Batch | undefined;
  /** The batch that `take` gave is safe, or will never be: it is forgotten. */
  acknowledge(batch: Batch): void;
  /** Called whenever a record was appended. */
  onAppend(listener: () => void): void;
  readonly records: number;
  readonly bytes: number;
}

export function createJournal(proxyId: string, limits: JournalLimits): Journal {
  let entries: Entry[] = [];
  let bytes = 0;
  let seq = 0;
  let taken: { batch: Batch; count: number; bytes: number } | undefined;
  let listener: () => void = () => {};
  return {
    append(record) {
      // A dropped record uses its number up: the gap is how loss is seen.
      seq += 1;
      const line = JSON.stringify({ ...record, proxy_id: proxyId, seq });
      const lineBytes = Buffer.byteLength(line) + 1;
      if (entries.length >= limits.records || bytes + lineBytes > limits.bytes || lineBytes > BATCH_BYTES_MAX) return false;
      entries.push({ seq, line, bytes: lineBytes });
      bytes += lineBytes;
      listener();
      return true;
    },
    take() {
      if (taken) return taken.batch;
      const first = entries[0];
      if (first === undefined) return undefined;
      let count = 0;
      let batchBytes = 0;
      for (const entry of entries) {
        if (count >= BATCH_ROWS_MAX || (count > 0 && batchBytes + entry.bytes > BATCH_BYTES_MAX)) break;
        count += 1;
        batchBytes += entry.bytes;
      }
      const chosen = entries.slice(0, count);
      const last = chosen.at(-1) ?? first;
      taken = { batch: { id: `${proxyId}.${first.seq}-${last.seq}`, lines: chosen.map((entry) => entry.line) }, count, bytes: batchBytes };
      return taken.batch;
    },
    acknowledge(batch) {
      if (taken?.batch !== batch) throw new Error(`batch ${batch.id} is not the one that was taken`);
      entries = entries.slice(taken.count);
      bytes -= taken.bytes;
      taken = undefined;
    },
    onAppend(next) {
      listener = next;
    },
    get records() {
      return entries.length;
    },
    get bytes() {
      return bytes;
    },
  };
}
