/**
 * A buffer that protobuf is written to, field by field; it grows. Numbers are as protobuf's encoding says:
 * https://protobuf.dev/programming-guides/encoding/
 */

const FIRST_BYTES = 64 * 1024;
const TWO_32 = 2 ** 32;
export const INT64_BYTES_MAX = 10;
/** Shorter text is written faster by a loop than by a call into Node. */
const LOOP_CHARS_MAX = 40;

export class Wire {
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  at = 0;
  #view = new DataView(this.bytes.buffer);

  /** Makes room for so many bytes, which may then be written without looking. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + bytes));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** An integer from 0 to 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest >= TWO_32) {
      this.bytes[this.at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  /** Any int64, in the most bytes that one takes, so that its length is known before. */
  bigVarint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (let i = 1; i < INT64_BYTES_MAX; i += 1) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.at++] = Number(rest);
  }

  double(value: number): void {
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  fixed32(value: number): void {
    this.#view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** Microseconds as nanoseconds, which are more than a number holds exactly. */
  nanoseconds(value_us: number): void {
    const low = (value_us % TWO_32) * 1_000;
    const high = Math.floor(value_us / TWO_32) * 1_000 + Math.floor(low / TWO_32);
    this.#view.setUint32(this.at, low % TWO_32, true);
    this.#view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  /** Hexadecimal digits as the bytes that they stand for, with their length before them. */
  hex(digits: string): void {
    this.byte(digits.length >> 1);
    this.at += this.bytes.write(digits, this.at, 'hex');
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** A text's bytes, whose number (`utf8Size`) the caller has written. */
  utf8(text: string, size: number): void {
    if (size === text.length && size <= LOOP_CHARS_MAX) for (let i = 0; i < size; i += 1) this.bytes[this.at++] = text.charCodeAt(i);
    else this.at += this.bytes.write(text, this.at, 'utf8');
  }

  /** Field `tag` (number and wire type, one byte), a text; makes room itself. */
  text(tag: number, text: string): void {
    const size = utf8Size(text);
    this.reserve(size + 16);
    this.byte(tag);
    this.varint(size);
    this.utf8(text, size);
  }

  /** Begins a message within one whose length is not known yet, and gives where: `end` takes it. */
  begin(tag: number): number {
    this.reserve(16);
    this.byte(tag);
    this.at += LENGTH_BYTES;
    return this.at;
  }

  end(start: number): void {
    const length = this.at - start;
    const size = varintSize(length);
    this.reserve(8);
    if (size !== LENGTH_BYTES) this.bytes.copyWithin(start + size - LENGTH_BYTES, start, this.at);
    this.at = start - LENGTH_BYTES;
    this.varint(length);
    this.at += length;
  }
}

/** What most messages' lengths take: a span has 128 bytes to 16 KiB. */
const LENGTH_BYTES = 2;

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let size = 3;
  for (let rest = value / 0x200000; rest >= 1; rest /= 128) size += 1;
  return size;
}

export function utf8Size(text: string): number {
  const { length } = text;
  if (length > LOOP_CHARS_MAX) return Buffer.byteLength(text);
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  return length;
}
