/**
 * Where calls are safe: takes a start when a call goes to the provider and a record when it is over, gives
 * batches to the shipper. Both are in the kernel's page cache before the call goes on, so that no kill of this
 * process loses one; `fsync` says what a kill of the machine may lose. What the disk does is never felt by a
 * call: a disk that fails or stalls is left alone for a while and records wait in memory, bounded and counted.
 *
 * What one turn of the event loop brings, starts and records of all its calls, is written at once when the turn is over, and
 * only then do those go on who wait: a write of its own takes a busy proxy 4 µs an entry, all of a turn's together as much as one.
 */
import type { Settings } from '../contract/config.ts';
import type { Log } from '../contract/log.ts';
import type { CallRecord } from '../contract/record.ts';
import type { BatchSource } from './journal/batch.ts';
import { DiskJournal } from './journal/disk-journal.ts';
import type { InFlight } from './journal/turn.ts';
import type { StartColumns } from './journal/unfinished.ts';

export type FinishedRecord = Omit<CallRecord, 'seq' | 'proxy_id'>;
/** What a record says beyond its call's start. */
export type RecordEnd = Omit<FinishedRecord, keyof StartColumns>;

/** Why records were lost. `journal_full`: the oldest, for room; `queue_full`: no disk, and memory full; `damaged`: by the disk. */
export type LossReason = 'journal_full' | 'queue_full' | 'damaged';

export interface JournalOptions {
  /** `<data>/journal`; undefined: in memory only. */
  readonly root: string | undefined;
  readonly proxyId: string;
  readonly fsync: Settings['journal']['fsync'];
  readonly bytesMax: number;
  readonly memory: { readonly records: number; readonly bytes: number };
  readonly log: Log;
}

export interface JournalState {
  /** The disk takes what is written; otherwise why not. */
  readonly fault: string | undefined;
  readonly inFlight: number;
  readonly memoryRecords: number;
  readonly diskBytes: number;
}

/** A call that was given a start and no end; its insides are the journal's own. */
export type BegunCall = InFlight;

export interface Journal extends BatchSource {
  /** Bytes held: on disk, and in memory for want of a disk. */
  readonly bytes: number;
  readonly state: JournalState;
  /** A call begins. It goes to the provider once `whenWritten` says so. */
  start(columns: StartColumns): BegunCall;
  /** Calls back once all that the journal was given so far is in the page cache: at once, or at the end of this turn of the event loop. */
  whenWritten(done: () => void): void;
  /** Writes at once what this turn has brought so far. */
  write(): void;
  /**
   * The call is over, and its record is still being worked on: this becomes it should that work never end. `done` is
   * called once it is as safe as `fsync` asks. True: as `finish` says.
   */
  draft(call: BegunCall, end: RecordEnd, done: () => void): boolean;
  /**
   * The call is over; `done` is called once its record, start and end together, is as safe as `fsync` asks. True: that is before
   * this turn of the event loop is over.
   */
  finish(call: BegunCall, end: RecordEnd, done: () => void): boolean;
  /** A record without a start: it is whole as it comes. */
  add(record: FinishedRecord): void;
  /** The call is over, and no record could be made of it: what its start said becomes one. */
  finishUnknown(call: BegunCall, errorType: string): void;
  /** Called with each loss, and with each fault of the disk. */
  onLoss(listener: (reason: LossReason, records: number) => void): void;
  onFault(listener: (code: string) => void): void;
  /** Leaves on disk what was not shipped; says how many records are lost because they are not on disk. */
  close(): number;
}

export function openJournal(options: JournalOptions): Journal {
  return new DiskJournal(options);
}
