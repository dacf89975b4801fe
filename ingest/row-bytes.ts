/**
 * Where a batch's rows wait as the bytes that ClickHouse reads: behind each other, in a few large pieces of memory. As
 * strings, and with the records that they were made of, thousands of objects live as long as the insert takes; moving
 * them is the garbage collector's work, which held the event loop for up to 45 ms.
 */
const PIECE_BYTES = 128 * 1024;
/** A UTF-16 unit takes three bytes of UTF-8 at most. */
const BYTES_PER_UNIT_MAX = 3;
const NEWLINE = 0x0a;

export class RowBytes {
  #piece: Buffer = Buffer.alloc(0);
  #used = 0;

  /** The row's line, with its newline. */
  add(json: string): Buffer {
    const needed = json.length * BYTES_PER_UNIT_MAX + 1;
    if (needed > PIECE_BYTES) return Buffer.from(`${json}\n`);
    if (needed > this.#piece.length - this.#used) {
      this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    const end = start + this.#piece.write(json, start);
    this.#piece[end] = NEWLINE;
    this.#used = end + 1;
    return this.#piece.subarray(start, this.#used);
  }
}

/** The bytes of all of them, those that lie behind each other as one. Copies nothing. */
export function* inPieces(rows: Iterable<{ readonly bytes: Buffer }>): Generator<Buffer> {
  let memory: ArrayBufferLike | undefined;
  let start = 0;
  let end = 0;
  for (const { bytes } of rows) {
    if (memory !== undefined && (bytes.buffer !== memory || bytes.byteOffset !== end)) {
      yield Buffer.from(memory as ArrayBuffer, start, end - start);
      memory = undefined;
    }
    if (memory === undefined) start = bytes.byteOffset;
    memory = bytes.buffer;
    end = bytes.byteOffset + bytes.length;
  }
  if (memory !== undefined) yield Buffer.from(memory as ArrayBuffer, start, end - start);
}
