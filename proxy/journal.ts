/**
 * Where calls are safe: takes a start when a call goes to the provider and a record when it is over, gives
 * batches to the shipper. Both are in the kernel's page cache before the call goes on, so that no kill of this
 * process loses one; `fsync` says what a kill of the machine may lose. What the disk does is never felt by a
 * call: a disk that fails or stalls is left alone for a while and records wait in memory, bounded and counted.
 *
 * What one turn of the event loop brings, starts and records of all its calls, is written at once when the turn is over, and
 * only then do those go on who wait: a write of its own takes a busy proxy 4 µs an entry, all of a turn's together as much as one.
 */
import { closeSync, fdatasync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../contract/config.ts';
import type { Log } from '../contract/log.ts';
import { BATCH_BYTES_MAX, type CallRecord } from '../contract/record.ts';
import { faultText } from './fault-text.ts';
import type { Batch, BatchSource } from './journal/batch.ts';
import { DEAD_LETTER_FILE, keepDeadLetters } from './journal/dead-letters.ts';
import { createEncoder, ENTRY_KINDS } from './journal/entry.ts';
import { claimFolder, removeFolder } from './journal/folder.ts';
import { MemoryQueue } from './journal/memory.ts';
import { SEGMENT_BYTES, Segments } from './journal/segments.ts';
import { type InFlight, Turn, type TurnEntry } from './journal/turn.ts';
import { type StartColumns, unfinishedRecord } from './journal/unfinished.ts';

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

export interface Journal extends BatchSource {
  /** Bytes held: on disk, and in memory for want of a disk. */
  readonly bytes: number;
  readonly state: JournalState;
  /** Numbers a call. It goes to the provider once `whenWritten` says so. */
  start(call: StartColumns): number;
  /** Calls back once all that the journal was given so far is in the page cache: at once, or at the end of this turn of the event loop. */
  whenWritten(done: () => void): void;
  /** Writes at once what this turn has brought so far. */
  write(): void;
  /**
   * The call is over, and its record is still being worked on: this becomes it should that work never end. `done` is
   * called once it is as safe as `fsync` asks. True: as `finish` says.
   */
  draft(seq: number, end: RecordEnd, done: () => void): boolean;
  /**
   * The call is over; `done` is called once its record, start and end together, is as safe as `fsync` asks. True: that is before
   * this turn of the event loop is over.
   */
  finish(seq: number, end: RecordEnd, done: () => void): boolean;
  /** A record without a start: it is whole as it comes. */
  add(record: FinishedRecord): void;
  /** The call is over, and no record could be made of it: what its start said becomes one. */
  finishUnknown(seq: number, errorType: string): void;
  /** Called with each loss, and with each fault of the disk. */
  onLoss(listener: (reason: LossReason, records: number) => void): void;
  onFault(listener: (code: string) => void): void;
  /** Leaves on disk what was not shipped; says how many records are lost because they are not on disk. */
  close(): number;
}

const TICK_MS = 1_000;
const RETRY_MS_MAX = 30_000;
/** A write into the page cache takes microseconds. One that takes this long is a disk that hangs, and with it every call. */
const STALL_MS = 1_000;
/** A client waits no longer than this for its end, whatever was asked of the disk. */
const SYNC_MS_MAX = 2_000;
const NOT_ON_DISK = -1;
const NOT_YET_ON_DISK = -2;
/** A batch must hold at least one record, and its line's end. */
const RECORD_BYTES_MAX = BATCH_BYTES_MAX - 1;

/** More is not put together: a turn's entries stay a small part of a segment. */
const TURN_BYTES_MAX = 128 * 1024;

export function openJournal(options: JournalOptions): Journal {
  return new DiskJournal(options);
}

class DiskJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #dir: string | undefined;
  readonly #encode = createEncoder();
  readonly #turn: Turn;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #memory: MemoryQueue;
  readonly #segments: Segments | undefined;
  readonly #timer: NodeJS.Timeout;
  #lock: number | undefined;
  #opened = false;
  #closed = false;
  #seq = 0;
  /** Records that this turn has brought. */
  #turnRecords = 0;
  #fault: string | undefined;
  #retryAt_ms = 0;
  #retry_ms = TICK_MS;
  #unsynced = false;
  #syncing = false;
  /** The disk has not come back from a sync: nobody waits for it. */
  #syncHangs = false;
  /** Files of full segments that are not synced yet. */
  #full: number[] = [];
  #waiting: (() => void)[] = [];
  #onAppend: () => void = () => {};
  #onLoss: (reason: LossReason, records: number) => void = () => {};
  #onFault: (code: string) => void = () => {};

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#memory = new MemoryQueue(options.proxyId, options.memory);
    this.#turn = new Turn(
      () => this.write(),
      (error) => options.log('error', `a call that waited for the journal failed: ${faultText(error)}`),
    );
    if (options.root !== undefined) {
      this.#dir = join(options.root, options.proxyId);
      this.#segments = new Segments({
        dir: this.#dir,
        proxyId: options.proxyId,
        segmentBytes: Math.min(SEGMENT_BYTES, Math.ceil(options.bytesMax / 8)),
        beforeRetire: (segment) => this.#carryForward(segment),
        onDamage: (records) => this.#lose('damaged', records),
        onFull: (file) => this.#syncFull(file),
      });
      this.#fault = 'not opened yet';
      this.#recover();
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  get records(): number {
    return this.#memory.records + this.#turnRecords + (this.#segments?.records ?? 0);
  }

  get bytes(): number {
    return this.#memory.bytes + (this.#segments?.bytes ?? 0);
  }

  get state(): JournalState {
    return {
      fault: this.#fault,
      inFlight: this.#inFlight.size,
      memoryRecords: this.#memory.records,
      diskBytes: this.#segments?.bytes ?? 0,
    };
  }

  start(call: StartColumns): number {
    this.#seq += 1;
    const json = this.#numbered(call, this.#seq);
    this.#hold(this.#seq, { kind: ENTRY_KINDS.start, startJson: json, json, segment: NOT_ON_DISK, over: false });
    return this.#seq;
  }

  draft(seq: number, end: RecordEnd, done: () => void): boolean {
    const { startJson, segment } = this.#begun(seq);
    // Captured text is written once, with the record.
    const json = joined(startJson, end.bodies === undefined ? end : { ...end, bodies: undefined });
    this.#hold(seq, { kind: ENTRY_KINDS.draft, startJson, json, segment, over: false });
    return this.#whenSafe(done);
  }

  finish(seq: number, end: RecordEnd, done: () => void): boolean {
    const call = this.#begun(seq);
    let json = joined(call.startJson, end);
    // Only captured text can be so long (JSON writes a control character as six bytes): the call itself is kept.
    if (json.length * 3 > RECORD_BYTES_MAX && Buffer.byteLength(json) > RECORD_BYTES_MAX)
      json = joined(call.startJson, { ...end, bodies: undefined });
    this.#keep(seq, json, call);
    return this.#whenSafe(done);
  }

  add(record: FinishedRecord): void {
    this.#seq += 1;
    this.#keep(this.#seq, this.#numbered(record, this.#seq), undefined);
  }

  finishUnknown(seq: number, errorType: string): void {
    const held = this.#inFlight.get(seq);
    if (held === undefined || held.over) return;
    const isDraft = held.kind === ENTRY_KINDS.draft;
    this.#keep(seq, isDraft ? held.json : JSON.stringify(unfinishedRecord(JSON.parse(held.json), errorType)), held);
  }

  whenWritten(done: () => void): void {
    this.#turn.whenOver(done);
  }

  async take(): Promise<Batch | undefined> {
    this.write();
    return this.#memory.take() ?? (await this.#segments?.take());
  }

  acknowledge(batch: Batch): void {
    if (!this.#memory.acknowledge(batch)) this.#segments?.acknowledge(batch);
  }

  setAside(letters: Parameters<BatchSource['setAside']>[0]): number {
    return this.#dir === undefined ? letters.length : keepDeadLetters(join(this.#dir, DEAD_LETTER_FILE), letters);
  }

  onAppend(listener: () => void): void {
    this.#onAppend = listener;
  }

  onLoss(listener: (reason: LossReason, records: number) => void): void {
    this.#onLoss = listener;
  }

  onFault(listener: (code: string) => void): void {
    this.#onFault = listener;
  }

  close(): number {
    if (this.#closed) return this.#memory.records;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#turn.end();
    if (this.#fault !== undefined && this.#segments !== undefined) this.#recover();
    const shipped = this.records === 0 && this.#inFlight.size === 0;
    this.#segments?.close(shipped);
    if (shipped && this.#dir !== undefined) removeFolder(this.#dir);
    if (this.#lock !== undefined) closeSync(this.#lock);
    for (const done of this.#waiting.splice(0)) done();
    return this.#memory.records;
  }

  /** Cheaper than copying forty columns into a new object. */
  #numbered(columns: object, seq: number): string {
    return `${JSON.stringify(columns).slice(0, -1)},"proxy_id":"${this.#options.proxyId}","seq":${seq}}`;
  }

  #begun(seq: number): InFlight {
    const call = this.#inFlight.get(seq);
    if (call === undefined || call.over) throw new Error(`call ${seq} has not begun, or is over`);
    return call;
  }

  get #diskWorks(): boolean {
    return this.#segments !== undefined && this.#fault === undefined;
  }

  #hold(seq: number, call: InFlight): void {
    this.#inFlight.set(seq, call);
    if (!this.#diskWorks) {
      call.segment = NOT_ON_DISK;
      return;
    }
    if (call.segment === NOT_ON_DISK) call.segment = NOT_YET_ON_DISK;
    this.#add({ kind: call.kind, seq, json: call.json, call });
  }

  #keep(seq: number, json: string, call: InFlight | undefined): void {
    const entry: TurnEntry = { kind: ENTRY_KINDS.record, seq, json, call };
    if (call !== undefined) call.over = true;
    if (this.#diskWorks) {
      this.#turnRecords += 1;
      this.#add(entry);
    } else this.#keepInMemory(entry);
    this.#onAppend();
  }

  #add(entry: TurnEntry): void {
    this.#turn.add(entry);
    if (this.#turn.bytes > TURN_BYTES_MAX) this.write();
  }

  #keepInMemory({ kind, seq, json, call }: TurnEntry): void {
    if (kind !== ENTRY_KINDS.record) {
      if (call !== undefined) call.segment = NOT_ON_DISK;
      return;
    }
    this.#inFlight.delete(seq);
    if (!this.#memory.push({ seq, json })) this.#lose('queue_full', 1);
  }

  /** True: before this turn is over. */
  #whenSafe(done: () => void): boolean {
    if (this.#options.fsync !== 'always' || !this.#diskWorks || this.#syncHangs) {
      this.#turn.whenOver(done);
      return true;
    }
    this.#waiting.push(done);
    return false;
  }

  write(): void {
    this.#writeTurn();
    // Starts too, for which no call waits: they are safe long before the provider has answered.
    if (this.#options.fsync === 'always') this.#sync();
  }

  #writeTurn(): void {
    this.#turn.take((entries, bytes) => {
      const segment = this.#append(bytes, this.#turnRecords);
      this.#turnRecords = 0;
      for (const entry of entries) {
        if (segment === NOT_ON_DISK) this.#keepInMemory(entry);
        else if (entry.kind === ENTRY_KINDS.record) this.#inFlight.delete(entry.seq);
        else if (entry.call !== undefined) entry.call.segment = segment;
      }
    });
  }

  /** The segment that has the entries, or NOT_ON_DISK. */
  #append(entries: Buffer, records: number): number {
    const segments = this.#segments;
    if (segments === undefined || this.#fault !== undefined) return NOT_ON_DISK;
    while (segments.bytes + entries.length > this.#options.bytesMax) {
      const lost = segments.dropOldest();
      if (lost === undefined) break;
      this.#lose('journal_full', lost);
    }
    const before_ms = performance.now();
    try {
      const segment = segments.append(entries, records);
      this.#unsynced = true;
      if (performance.now() - before_ms > STALL_MS) this.#fail(new Error(`the disk took more than ${STALL_MS} ms for a write`), 'stalled');
      return segment;
    } catch (error) {
      this.#fail(error);
      return NOT_ON_DISK;
    }
  }

  /** Starts and drafts of calls still in flight, from a segment that is about to go. */
  #carryForward(segment: number): boolean {
    for (const [seq, start] of this.#inFlight) {
      // Starts are in the order of their numbers, but for those carried before.
      if (start.segment !== segment) continue;
      if (this.#fault !== undefined || this.#segments === undefined) return false;
      try {
        start.segment = this.#segments.append(this.#encode(start.kind, seq, start.json), 0);
      } catch (error) {
        this.#fail(error);
        return false;
      }
    }
    return true;
  }

  #lose(reason: LossReason, records: number): void {
    if (records > 0) this.#onLoss(reason, records);
  }

  #fail(error: unknown, code = codeOf(error), told = false): void {
    if (this.#fault !== undefined) return;
    this.#fault = `${code}: ${error instanceof Error ? error.message : String(error)}`;
    this.#retryAt_ms = performance.now() + this.#retry_ms;
    this.#segments?.seal();
    this.#onFault(code);
    if (!told) this.#options.log('error', `the journal's disk fails (${this.#fault}); calls go on, records wait in memory`);
    for (const done of this.#waiting.splice(0)) done();
  }

  #tick(): void {
    const segments = this.#segments;
    if (segments === undefined) return;
    if (this.#fault !== undefined) {
      if (performance.now() >= this.#retryAt_ms) this.#recover();
    } else if (!segments.isInPlace()) this.#fail(new Error(`files in ${this.#dir} were removed`), 'removed');
    else {
      segments.retireCurrent();
      if (this.#unsynced && this.#options.fsync === 'second') this.#sync();
    }
  }

  /** Tries the disk again: the folder, what was removed from it, the starts and records that it missed. */
  #recover(): void {
    const segments = this.#segments;
    if (segments === undefined || this.#dir === undefined || this.#options.root === undefined) return;
    const failed = this.#fault;
    try {
      const lock = claimFolder(this.#options.root, this.#options.proxyId);
      if (lock !== undefined) {
        if (this.#lock !== undefined) closeSync(this.#lock);
        this.#lock = lock;
      }
      if (!segments.restore()) return; // the next tick goes on
      for (const [seq, start] of this.#inFlight)
        if (start.segment === NOT_ON_DISK) start.segment = segments.append(this.#encode(start.kind, seq, start.json), 0);
      this.#memory.moveTo(({ seq, json }) => segments.append(this.#encode(ENTRY_KINDS.record, seq, json), 1));
      this.#fault = undefined;
      this.#retry_ms = TICK_MS;
      if (this.#opened) this.#options.log('info', `the journal's disk works again (it had failed: ${failed})`);
      this.#opened = true;
    } catch (error) {
      segments.seal();
      this.#retry_ms = Math.min(this.#retry_ms * 2, RETRY_MS_MAX);
      this.#retryAt_ms = performance.now() + this.#retry_ms;
      // Told once, not at every try.
      const told = this.#opened;
      this.#opened = true;
      this.#fault = undefined;
      this.#fail(error, codeOf(error), told);
    }
  }

  /** What is in a full segment is not in the next one's fdatasync. */
  #syncFull(file: number): void {
    if (this.#options.fsync === 'never') return;
    this.#full.push(file);
    this.#unsynced = true;
  }

  /** One at a time; whoever comes meanwhile shares the next. */
  #sync(): void {
    if (this.#syncing || this.#fault !== undefined) return;
    // Who waits may wait for what this turn has brought.
    this.#writeTurn();
    if (!this.#diskWorks || (!this.#unsynced && this.#waiting.length === 0)) return;
    this.#unsynced = false;
    const current = this.#segments?.currentFile;
    const files = current === undefined ? this.#full.splice(0) : [...this.#full.splice(0), current];
    const waiting = this.#waiting.splice(0);
    const release = (): void => {
      for (const done of waiting.splice(0)) done();
    };
    const limit = setTimeout(() => {
      this.#syncHangs = true;
      this.#fail(new Error(`the disk took more than ${SYNC_MS_MAX} ms for a sync`), 'stalled');
      release();
    }, SYNC_MS_MAX).unref();
    this.#syncing = true;
    syncAll(files, (error) => {
      clearTimeout(limit);
      this.#syncing = false;
      this.#syncHangs = false;
      if (error !== undefined) this.#fail(error);
      release();
      if (this.#waiting.length > 0 || (this.#unsynced && this.#options.fsync === 'always')) this.#sync();
    });
  }
}

/** Gives the first fault of the disk, once all are through. */
function syncAll(files: readonly number[], done: (error?: Error) => void): void {
  let left = files.length;
  let fault: Error | undefined;
  if (left === 0) done();
  for (const file of files)
    fdatasync(file, (error) => {
      // The segment was shipped and deleted meanwhile, which is safer still, and its number may be a socket's now.
      if (error && error.code !== 'EBADF' && error.code !== 'EINVAL') fault ??= error;
      left -= 1;
      if (left === 0) done(fault);
    });
}

/** The start's text is there already: its columns are not written out again. */
function joined(startJson: string, end: object): string {
  return `${startJson.slice(0, -1)},${JSON.stringify(end).slice(1)}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'error';
}
