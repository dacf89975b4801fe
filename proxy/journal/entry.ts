/**
 * The framing of the journal's files: entries one after another, each with its length, a checksum, its kind
 * and the number of its call before its JSON. Encodes into a buffer that is used again; reads back up to the
 * first entry that is not whole, which is where a crash cut the file off.
 */
import { crc32 } from 'node:zlib';

/**
 * `start`: a call goes to the provider. `record`: it is over, and this is its record. `draft`: it is over, and this is
 * its record should the one that is still being worked on never come. `erased`: what one of them held is gone.
 */
export const ENTRY_KINDS = { start: 1, record: 2, draft: 3, erased: 4 } as const;
const KNOWN_KINDS: ReadonlySet<number | undefined> = new Set(Object.values(ENTRY_KINDS));
export type EntryKind = (typeof ENTRY_KINDS)[keyof typeof ENTRY_KINDS];

export interface Entry {
  readonly kind: EntryKind;
  readonly seq: number;
  /** The JSON. A view of the bytes that were read. */
  readonly payload: Buffer;
  /** Where the next entry begins. */
  readonly end: number;
}

/** Length of the JSON (4 bytes), CRC-32 of all that follows it (4), kind (1), number of the call (8). */
const CHECKSUM_AT = 4;
const KIND_AT = 8;
const SEQ_AT = 9;
export const ENTRY_HEADER_BYTES = 17;
const BUFFER_BYTES = 64 * 1024;
/** A buffer that has grown larger is given back. */
const KEPT_BUFFER_BYTES_MAX = 512 * 1024;

/** Puts entries one after another into a buffer that is used again: what they are together is good until the next is added. */
export class EntryBuffer {
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(kind: EntryKind, seq: number, json: string): void {
    const at = this.#length;
    // A UTF-16 unit is at most three bytes of UTF-8; only what may not fit is measured.
    if (at + ENTRY_HEADER_BYTES + json.length * 3 > this.#buffer.length) this.#reserve(at + ENTRY_HEADER_BYTES + Buffer.byteLength(json));
    const buffer = this.#buffer;
    const length = buffer.write(json, at + ENTRY_HEADER_BYTES, 'utf8');
    const end = at + ENTRY_HEADER_BYTES + length;
    buffer.writeUInt32LE(length, at);
    buffer[at + KIND_AT] = kind;
    buffer.writeDoubleLE(seq, at + SEQ_AT);
    buffer.writeUInt32LE(crc32(buffer.subarray(at + KIND_AT, end)), at + CHECKSUM_AT);
    this.#length = end;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BUFFER_BYTES_MAX) this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Makes entries in one buffer: what `encode` gives is good until its next call. */
export function createEncoder(): (kind: EntryKind, seq: number, json: string) => Buffer {
  const entries = new EntryBuffer();
  return (kind, seq, json) => {
    entries.clear();
    entries.add(kind, seq, json);
    return entries.bytes();
  };
}

/** An entry that holds nothing, as long as one that held so many bytes of JSON. */
export function encodeErased(seq: number, payloadBytes: number): Buffer {
  return Buffer.from(createEncoder()(ENTRY_KINDS.erased, seq, ' '.repeat(payloadBytes)));
}

/** How many bytes the entry at `offset` takes, as it says itself; undefined when not even that is there. */
export function entryBytes(bytes: Buffer, offset: number): number | undefined {
  return offset + ENTRY_HEADER_BYTES <= bytes.length ? ENTRY_HEADER_BYTES + bytes.readUInt32LE(offset) : undefined;
}

/** The whole entries from `offset` on. Ends at the first that is cut off or whose checksum is wrong. */
export function* readEntries(bytes: Buffer, offset = 0): Generator<Entry> {
  for (let at = offset; ; ) {
    const end = at + (entryBytes(bytes, at) ?? Number.POSITIVE_INFINITY);
    if (end > bytes.length || bytes.readUInt32LE(at + CHECKSUM_AT) !== crc32(bytes.subarray(at + KIND_AT, end))) return;
    const kind = bytes[at + KIND_AT];
    if (!isKind(kind)) return;
    yield { kind, seq: bytes.readDoubleLE(at + SEQ_AT), payload: bytes.subarray(at + ENTRY_HEADER_BYTES, end), end };
    at = end;
  }
}

function isKind(kind: number | undefined): kind is EntryKind {
  return KNOWN_KINDS.has(kind);
}
