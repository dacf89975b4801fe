/**
 * A journal's files: entries appended to numbered segments, read back from the oldest as batches, deleted once
 * they are shipped. Takes a folder that the caller owns (lock.ts). Appending is synchronous and may throw what
 * the disk throws; reading is not and does not. Every file stays open until it goes, so that a folder that is
 * taken away takes nothing along that this process still has to ship.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import type { Batch } from './batch.ts';
import { CURSOR_START, type Cursor, CursorFile } from './cursor.ts';
import { entryBytes } from './entry.ts';
import { collectRecords, readFully, segmentPath } from './segment-file.ts';

/** Small enough that what is deleted goes in small pieces, large enough that files are few. */
export const SEGMENT_BYTES = 8 * 1024 ** 2;
/** What is read, checked and sent at a time: some 3,000 records. */
const READ_BYTES = 4 * 1024 ** 2;
/** Files written anew at a time after the folder was taken away, so that calls have their turn in between. */
const RESTORED_AT_ONCE = 2;
/** So many failed reads in a row mean that the disk will not give these bytes any more. */
const READ_FAULTS_MAX = 20;

interface Segment {
  readonly number: number;
  readonly path: string;
  file: number;
  /** Up to here its entries are whole; what a failed write left behind is beyond. */
  bytes: number;
  /** Records not yet acknowledged. */
  waiting: number;
  /** It has, or had, records. */
  used: boolean;
  /** Being read: to be closed later. */
  reading: boolean;
  retired: boolean;
}

interface Taken {
  readonly batch: Batch;
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/** One that a dead process left. */
export interface FoundSegment {
  readonly number: number;
  readonly path: string;
  readonly file: number;
  readonly bytes: number;
  /** Records beyond the cursor. */
  readonly waiting: number;
}

export interface SegmentsOptions {
  readonly dir: string;
  readonly proxyId: string;
  readonly segmentBytes: number;
  /** A segment is about to go: what must outlive it is to be written anew. False: not now. */
  readonly beforeRetire: (segment: number) => boolean;
  /** A segment's file is written to the end; another follows. */
  readonly onFull: (file: number) => void;
  /** Records whose bytes were damaged on the disk. */
  readonly onDamage: (records: number) => void;
  /** What a dead process left, with how far it had shipped. */
  readonly found?: { readonly segments: readonly FoundSegment[]; readonly cursor: Cursor };
}

export class Segments {
  readonly #options: SegmentsOptions;
  readonly #segments: Segment[];
  readonly #adopted: boolean;
  #current: Segment | undefined;
  #lastNumber: number;
  #cursor: Cursor;
  readonly #cursorFile: CursorFile;
  #taken: Taken | undefined;
  #records = 0;
  #bytes = 0;
  #readFaults = 0;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#segments = (options.found?.segments ?? []).map((found) => ({ ...found, used: true, reading: false, retired: false }));
    this.#adopted = options.found !== undefined;
    this.#cursor = options.found?.cursor ?? CURSOR_START;
    this.#cursorFile = new CursorFile(options.dir);
    this.#lastNumber = this.#segments.at(-1)?.number ?? 0;
    for (const { waiting, bytes } of this.#segments) {
      this.#records += waiting;
      this.#bytes += bytes;
    }
  }

  /** Records that wait to be shipped. */
  get records(): number {
    return this.#records;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The file that is written to, for its fdatasync. */
  get currentFile(): number | undefined {
    return this.#current?.file;
  }

  /**
   * Writes entries, so many of them records, and says in which segment they are. A positioned write: what an earlier one left half-written is
   * written over.
   * @throws what the disk throws; then they are not there
   */
  append(entries: Uint8Array, records: number): number {
    let segment = this.#current;
    if (segment === undefined || (segment.bytes > 0 && segment.bytes + entries.length > this.#options.segmentBytes))
      segment = this.#openNext();
    const written = writeSync(segment.file, entries, 0, entries.length, segment.bytes);
    // A disk that takes only a part has no room for the rest.
    if (written < entries.length)
      throw Object.assign(new Error(`only ${written} of ${entries.length} bytes were written`), { code: 'ENOSPC' });
    segment.bytes += entries.length;
    this.#bytes += entries.length;
    segment.waiting += records;
    segment.used ||= records > 0;
    this.#records += records;
    return segment.number;
  }

  /** After a fault of the disk: nothing more is written to this segment. */
  seal(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current?.bytes === 0) this.#remove(current);
  }

  /** Gives up the oldest segment, for room; how many records that loses, or undefined when there is only the current one. */
  dropOldest(): number | undefined {
    const oldest = this.#segments[0];
    if (oldest === undefined || oldest === this.#current || !this.#options.beforeRetire(oldest.number)) return undefined;
    // A batch under way from it most likely arrives.
    const underWay = this.#taken?.segment === oldest ? this.#taken.batch.rows : 0;
    this.#records -= oldest.waiting;
    this.#remove(oldest);
    return Math.max(0, oldest.waiting - underWay);
  }

  /** Everything is shipped: what is in the current segment need not stay until it is full. */
  retireCurrent(): void {
    const current = this.#current;
    if (current === undefined || !current.used || this.#records > 0 || this.#taken !== undefined) return;
    this.#current = undefined;
    this.#cursor = { segment: current.number, offset: current.bytes };
    this.#retireShipped();
  }

  async take(): Promise<Batch | undefined> {
    while (this.#taken === undefined) {
      const segment = this.#segments.find(
        ({ number, bytes }) => number > this.#cursor.segment || (number === this.#cursor.segment && bytes > this.#cursor.offset),
      );
      if (segment === undefined || this.#records === 0) return undefined;
      const from = segment.number === this.#cursor.segment ? this.#cursor.offset : 0;
      const bytes = await this.#read(segment, from);
      if (segment.retired) continue;
      if (bytes === undefined && this.#readFaults < READ_FAULTS_MAX) return undefined;
      this.#readFaults = 0;
      const { body, rows, to } = collectRecords(bytes ?? Buffer.alloc(0), this.#endOfTaken(segment, from));
      if (to === 0) this.#skipDamage(segment);
      else if (rows === 0) {
        this.#cursor = { segment: segment.number, offset: from + to };
        this.#retireShipped();
      } else this.#fix(segment, from, from + to, rows, body);
    }
    return this.#taken.batch;
  }

  acknowledge(batch: Batch): void {
    const taken = this.#taken;
    if (taken?.batch !== batch) throw new Error(`batch ${batch.id} is not the one that was taken`);
    this.#taken = undefined;
    if (!taken.segment.retired) {
      taken.segment.waiting -= batch.rows;
      this.#records -= batch.rows;
      this.#cursor = { segment: taken.segment.number, offset: taken.to };
    }
    // With more to come, the next batch's cursor says this too.
    if (this.#records === 0) this.#saveCursor();
    this.#retireShipped();
  }

  /** Whether the files are still where they belong; someone may have removed the folder. */
  isInPlace(): boolean {
    return this.#segments.every((segment) => inPlace(segment));
  }

  /** Writes removed files anew from what is still open of them, a few at a time; says whether all are back. */
  restore(): boolean {
    const gone = this.#segments.filter((segment) => !inPlace(segment));
    this.#cursorFile.close();
    for (const segment of gone.slice(0, RESTORED_AT_ONCE)) {
      const bytes = Buffer.alloc(segment.bytes);
      readSync(segment.file, bytes, 0, bytes.length, 0);
      writeFileSync(segment.path, bytes, { mode: 0o600 });
      if (segment.reading) continue; // its file stays open for the reader; the next round replaces it
      closeSync(segment.file);
      segment.file = openSync(segment.path, 'r+');
    }
    return gone.length <= RESTORED_AT_ONCE;
  }

  /** Closes all files; they stay for whoever adopts them, unless there is nothing left in them. */
  close(empty = false): void {
    this.#current = undefined;
    this.#cursorFile.close();
    if (empty) for (const segment of [...this.#segments]) this.#remove(segment);
    for (const segment of this.#segments.splice(0)) {
      segment.retired = true;
      if (!segment.reading) closeSync(segment.file);
    }
  }

  #openNext(): Segment {
    if (this.#current !== undefined) this.#options.onFull(this.#current.file);
    const number = this.#lastNumber + 1;
    const path = segmentPath(this.#options.dir, number);
    // Its number is used up also when it cannot be opened: a file may be there all the same.
    this.#lastNumber = number;
    const segment: Segment = {
      number,
      path,
      file: openSync(path, 'wx+', 0o600),
      bytes: 0,
      waiting: 0,
      used: false,
      reading: false,
      retired: false,
    };
    this.#segments.push(segment);
    this.#current = segment;
    return segment;
  }

  /** What is left of a segment, at most READ_BYTES unless one entry is longer; undefined: the disk does not give it now. */
  async #read(segment: Segment, from: number): Promise<Buffer | undefined> {
    segment.reading = true;
    try {
      const first = await readFully(segment.file, from, Math.min(READ_BYTES, segment.bytes - from));
      const needed = entryBytes(first, 0) ?? 0;
      return needed > first.length && needed <= segment.bytes - from ? await readFully(segment.file, from, needed) : first;
    } catch {
      this.#readFaults += 1;
      return undefined;
    } finally {
      segment.reading = false;
      if (segment.retired) closeSync(segment.file);
    }
  }

  /** Where the batch ends that a dead process had sent from here, as an offset into what is read; undefined: it had sent none. */
  #endOfTaken(segment: Segment, from: number): number | undefined {
    const { taken } = this.#cursor;
    return taken?.segment === segment.number && taken.from === from ? taken.to - from : undefined;
  }

  #fix(segment: Segment, from: number, to: number, rows: number, body: Buffer): void {
    const { taken } = this.#cursor;
    const again = taken?.segment === segment.number && taken.from === from && taken.to === to;
    const at_ms = again ? taken.at_ms : Date.now();
    const sentAt_ms = again ? at_ms : this.#adopted ? 'unknown' : undefined;
    const id = `${this.#options.proxyId}.${segment.number}-${from}-${to}`;
    this.#taken = { batch: { id, rows, body, sentAt_ms }, segment, from, to };
    this.#cursor = { ...this.#cursor, taken: { segment: segment.number, from, to, at_ms } };
    this.#saveCursor();
  }

  #saveCursor(): void {
    try {
      this.#cursorFile.write(this.#cursor);
    } catch {
      this.#cursorFile.close();
      // Without it a later adopter only asks ingest which records are there already.
    }
  }

  #skipDamage(segment: Segment): void {
    this.#options.onDamage(segment.waiting);
    this.#records -= segment.waiting;
    segment.waiting = 0;
    if (segment === this.#current) this.#current = undefined;
    this.#cursor = { segment: segment.number, offset: segment.bytes };
    this.#retireShipped();
  }

  #retireShipped(): void {
    for (let oldest = this.#segments[0]; oldest !== undefined && oldest !== this.#current; oldest = this.#segments[0]) {
      const shipped =
        oldest.number < this.#cursor.segment || (oldest.number === this.#cursor.segment && oldest.bytes <= this.#cursor.offset);
      if (!shipped || !this.#options.beforeRetire(oldest.number)) return;
      this.#remove(oldest);
    }
  }

  #remove(segment: Segment): void {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    this.#bytes -= segment.bytes;
    segment.retired = true;
    if (!segment.reading) closeSync(segment.file);
    try {
      rmSync(segment.path, { force: true });
    } catch {
      // A folder that nothing can be removed from: its bytes are no longer counted, its records are shipped.
    }
  }
}

function inPlace(segment: Segment): boolean {
  try {
    return statSync(segment.path, { throwIfNoEntry: false })?.ino === fstatSync(segment.file).ino;
  } catch {
    // A folder that may not be looked into: its files are there, and open.
    return true;
  }
}
