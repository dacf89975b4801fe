/**
 * The journal (journal.ts says what it promises) on a disk, and in memory for as long as there is none: which entry goes where,
 * and what happens when the disk fails, fills up, or comes back.
 */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { BATCH_BYTES_MAX } from '../../contract/record.ts';
import { faultText } from '../fault-text.ts';
import type { FinishedRecord, Journal, JournalOptions, JournalState, LossReason, RecordEnd } from '../journal.ts';
import { UNLISTED, UnorderedList } from '../unordered-list.ts';
import type { Batch, BatchSource } from './batch.ts';
import { DEAD_LETTER_FILE, keepDeadLetters } from './dead-letters.ts';
import { createEncoder, ENTRY_KINDS } from './entry.ts';
import { claimFolder, removeFolder } from './folder.ts';
import { MemoryQueue } from './memory.ts';
import { SEGMENT_BYTES, Segments } from './segments.ts';
import { Syncs } from './syncs.ts';
import { type InFlight, Turn, type TurnEntry } from './turn.ts';
import { type StartColumns, unfinishedRecord } from './unfinished.ts';

const TICK_MS = 1_000;
const RETRY_MS_MAX = 30_000;
/** A write into the page cache takes microseconds. One that takes this long is a disk that hangs, and with it every call. */
const STALL_MS = 1_000;
const NOT_ON_DISK = -1;
const NOT_YET_ON_DISK = -2;
/** A batch must hold at least one record, and its line's end. */
const RECORD_BYTES_MAX = BATCH_BYTES_MAX - 1;

/** More is not put together: a turn's entries stay a small part of a segment. */
const TURN_BYTES_MAX = 128 * 1024;

export class DiskJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #dir: string | undefined;
  readonly #encode = createEncoder();
  readonly #turn: Turn;
  readonly #inFlight = new UnorderedList<InFlight>();
  readonly #memory: MemoryQueue;
  readonly #segments: Segments | undefined;
  readonly #syncs: Syncs;
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
    this.#syncs = new Syncs({
      fsync: options.fsync,
      prepare: () => {
        this.#writeTurn();
        return this.#diskWorks;
      },
      currentFile: () => this.#segments?.currentFile,
      onFault: (error, code) => this.#fail(error, code),
    });
    if (options.root !== undefined) {
      this.#dir = join(options.root, options.proxyId);
      this.#segments = new Segments({
        dir: this.#dir,
        proxyId: options.proxyId,
        segmentBytes: Math.min(SEGMENT_BYTES, Math.ceil(options.bytesMax / 8)),
        beforeRetire: (segment) => this.#carryForward(segment),
        onDamage: (records) => this.#lose('damaged', records),
        onFull: (file) => this.#syncs.fileIsFull(file),
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

  start(columns: StartColumns): InFlight {
    this.#seq += 1;
    const json = this.#numbered(columns, this.#seq);
    const call = { seq: this.#seq, kind: ENTRY_KINDS.start, startJson: json, json, segment: NOT_ON_DISK, over: false, at: UNLISTED };
    this.#inFlight.add(call);
    this.#hold(call);
    return call;
  }

  draft(call: InFlight, end: RecordEnd, done: () => void): boolean {
    checkNotOver(call);
    call.kind = ENTRY_KINDS.draft;
    // Captured text is written once, with the record.
    call.json = joined(call.startJson, end.bodies === undefined ? end : { ...end, bodies: undefined });
    this.#hold(call);
    return this.#whenSafe(done);
  }

  finish(call: InFlight, end: RecordEnd, done: () => void): boolean {
    checkNotOver(call);
    let json = joined(call.startJson, end);
    // Only captured text can be so long (JSON writes a control character as six bytes): the call itself is kept.
    if (json.length * 3 > RECORD_BYTES_MAX && Buffer.byteLength(json) > RECORD_BYTES_MAX)
      json = joined(call.startJson, { ...end, bodies: undefined });
    this.#keep(call.seq, json, call);
    return this.#whenSafe(done);
  }

  add(record: FinishedRecord): void {
    this.#seq += 1;
    this.#keep(this.#seq, this.#numbered(record, this.#seq), undefined);
  }

  finishUnknown(call: InFlight, errorType: string): void {
    if (call.over) return;
    const isDraft = call.kind === ENTRY_KINDS.draft;
    this.#keep(call.seq, isDraft ? call.json : JSON.stringify(unfinishedRecord(JSON.parse(call.json), errorType)), call);
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
    this.#syncs.release();
    return this.#memory.records;
  }

  /** Cheaper than copying forty columns into a new object. */
  #numbered(columns: object, seq: number): string {
    return `${JSON.stringify(columns).slice(0, -1)},"proxy_id":"${this.#options.proxyId}","seq":${seq}}`;
  }

  get #diskWorks(): boolean {
    return this.#segments !== undefined && this.#fault === undefined;
  }

  #hold(call: InFlight): void {
    if (!this.#diskWorks) {
      call.segment = NOT_ON_DISK;
      return;
    }
    if (call.segment === NOT_ON_DISK) call.segment = NOT_YET_ON_DISK;
    this.#add({ kind: call.kind, seq: call.seq, json: call.json, call });
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
    if (call !== undefined) this.#inFlight.remove(call);
    if (!this.#memory.push({ seq, json })) this.#lose('queue_full', 1);
  }

  /** True: before this turn is over. */
  #whenSafe(done: () => void): boolean {
    if (this.#diskWorks && this.#syncs.areWaitedFor) {
      this.#syncs.wait(done);
      return false;
    }
    this.#turn.whenOver(done);
    return true;
  }

  write(): void {
    this.#writeTurn();
    this.#syncs.afterWrite();
  }

  #writeTurn(): void {
    this.#turn.take((entries, bytes) => {
      const segment = this.#append(bytes, this.#turnRecords);
      this.#turnRecords = 0;
      for (const entry of entries) {
        if (segment === NOT_ON_DISK) this.#keepInMemory(entry);
        else if (entry.call === undefined) continue;
        else if (entry.kind === ENTRY_KINDS.record) this.#inFlight.remove(entry.call);
        else entry.call.segment = segment;
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
      this.#syncs.written();
      if (performance.now() - before_ms > STALL_MS) this.#fail(new Error(`the disk took more than ${STALL_MS} ms for a write`), 'stalled');
      return segment;
    } catch (error) {
      this.#fail(error);
      return NOT_ON_DISK;
    }
  }

  /** Starts and drafts of calls still in flight, from a segment that is about to go. */
  #carryForward(segment: number): boolean {
    for (const start of this.#inFlight) {
      if (start.segment !== segment) continue;
      if (this.#fault !== undefined || this.#segments === undefined) return false;
      try {
        start.segment = this.#segments.append(this.#encode(start.kind, start.seq, start.json), 0);
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
    this.#syncs.release();
  }

  #tick(): void {
    const segments = this.#segments;
    if (segments === undefined) return;
    if (this.#fault !== undefined) {
      if (performance.now() >= this.#retryAt_ms) this.#recover();
    } else if (!segments.isInPlace()) this.#fail(new Error(`files in ${this.#dir} were removed`), 'removed');
    else {
      segments.retireCurrent();
      this.#syncs.eachSecond();
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
      for (const start of this.#inFlight)
        if (start.segment === NOT_ON_DISK) start.segment = segments.append(this.#encode(start.kind, start.seq, start.json), 0);
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
}

function checkNotOver({ seq, over }: InFlight): void {
  if (over) throw new Error(`call ${seq} is over`);
}

/** The start's text is there already: its columns are not written out again. */
function joined(startJson: string, end: object): string {
  return `${startJson.slice(0, -1)},${JSON.stringify(end).slice(1)}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'error';
}
