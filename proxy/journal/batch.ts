/**
 * What the shipper carries: a batch of records, fixed once taken, and where batches come from.
 */

/** Records that go to ingest together. Every try of a batch has the same id and the same bytes. */
export interface Batch {
  readonly id: string;
  readonly rows: number;
  /** The records, one a line. */
  readonly body: Buffer;
  /** When it was first sent, by the wall clock; `unknown`: perhaps, by a process that died; undefined: never. */
  readonly sentAt_ms: number | 'unknown' | undefined;
}

/** A record that ingest will never take, and why. */
export interface DeadLetter {
  readonly reason: string;
  readonly record: string;
}

export interface BatchSource {
  /** Records that wait. */
  readonly records: number;
  /** The oldest records as a batch, or undefined when there are none. The same batch until it is acknowledged. */
  take(): Promise<Batch | undefined>;
  /** The batch that `take` gave is safe, or set aside: it is forgotten. */
  acknowledge(batch: Batch): void;
  /** Keeps records that ingest refused where a person can find them; says how many could not be kept. */
  setAside(letters: readonly DeadLetter[]): number;
  /** `listener` is called whenever a record has come. */
  onAppend(listener: () => void): void;
}
