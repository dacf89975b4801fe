/**
 * An incremental JSON parser (RFC 8259) for bodies too large to be held. Takes bytes cut anywhere and
 * gives what JSON.parse would, except that long strings are elided and arrays of many elements are cut
 * short; given room for texts, long strings that look like text are held as far as it reaches. What it holds is bounded whatever comes; what is no JSON gives undefined. Never throws.
 */

/** Longer strings become ELIDED: no fact that a row needs is as long. */
export const STRING_BYTES_MAX = 4 * 1024;
export const ELIDED = '…';
/** Further elements of an array are checked and dropped. */
export const ARRAY_ELEMENTS_MAX = 1024;
/** Once so many values are held, array elements are dropped from there on. */
export const VALUES_SOFT_MAX = 20_000;
/** A body that would have more values held than this is given up. */
export const VALUES_HARD_MAX = 100_000;
/** Once strings of so many bytes are held, strings are held only up to a short length. */
export const STRINGS_BYTES_SOFT_MAX = 1024 * 1024;
const STRING_BYTES_MAX_LATE = 256;
export const DEPTH_MAX = 512;
const NUMBER_BYTES_MAX = 1024;
const KEY_BYTES_MAX = 512;

/** Asked before more of a long text is held. */
export interface TextRoom {
  reserve(bytes: number): boolean;
}

type Container = Record<string, unknown> | unknown[];

/** What is expected next. */
type State = 'value' | 'first-element' | 'first-key' | 'key' | 'colon' | 'after-value' | 'string' | 'number' | 'literal' | 'done' | 'bad';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LITERALS: Readonly<Record<number, readonly [string, unknown]>> = {
  116: ['true', true],
  102: ['false', false],
  110: ['null', null],
};
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export class JsonSkimmer {
  private state: State = 'value';
  /** Bytes of a byte order mark seen; -1 once it can be none. */
  private markBytes = 0;
  /** Open containers, innermost last; undefined stands for one that is checked but not held. Its kind is in `kinds`. */
  private readonly open: (Container | undefined)[] = [];
  private readonly kinds: ('object' | 'array')[] = [];
  private readonly keys: string[] = [];
  private root: unknown;
  private values = 0;
  private stringsBytes = 0;

  // The string, number or literal being read.
  private readonly short = Buffer.allocUnsafe(STRING_BYTES_MAX);
  private text = this.short;
  private textLength = 0;
  private textTooLong = false;
  /** All of its bytes, held or not. */
  private textBytes = 0;
  private stringIsKey = false;
  private stringEscaped = false;
  /** Inside an escape: 1 after the backslash, 2 to 5 when hexadecimal digits of \u are due. */
  private escapeLeft = 0;
  private literal = '';
  private numberHeld = false;

  /** Bytes of strings that were not held, those aside that are no text (base64), and numbers that were not. */
  droppedTextBytes = 0;
  droppedNumbers = 0;
  private readonly room: TextRoom | undefined;

  constructor(room?: TextRoom) {
    this.room = room;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.markBytes >= 0 && at < chunk.length) {
      if (this.markBytes < MARK.length && chunk[at] === MARK[this.markBytes]) {
        this.markBytes += 1;
        at += 1;
      } else {
        if (this.markBytes % MARK.length !== 0) this.state = 'bad';
        this.markBytes = -1;
      }
    }
    while (at < chunk.length && this.state !== 'bad') {
      if (this.state === 'string') at = this.readString(chunk, at);
      else if (this.state === 'number') at = this.readNumber(chunk, at);
      else if (this.state === 'literal') at = this.readLiteral(chunk, at);
      else {
        const byte = chunk[at] as number;
        at += 1;
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.readToken(byte);
      }
    }
  }

  /** The value, or undefined when the text was not one whole JSON value. */
  end(): unknown {
    if (this.state === 'number') this.closeNumber();
    return this.state === 'done' ? this.root : undefined;
  }

  private readToken(byte: number): void {
    switch (this.state) {
      case 'first-element':
        if (byte === 0x5d) this.closeContainer();
        else this.startValue(byte);
        return;
      case 'value':
        this.startValue(byte);
        return;
      case 'first-key':
        if (byte === 0x7d) this.closeContainer();
        else this.startKey(byte);
        return;
      case 'key':
        this.startKey(byte);
        return;
      case 'colon':
        this.state = byte === 0x3a ? 'value' : 'bad';
        return;
      case 'after-value': {
        const kind = this.kinds[this.kinds.length - 1];
        if (byte === 0x2c) this.state = kind === 'array' ? 'value' : 'key';
        else if (byte === (kind === 'array' ? 0x5d : 0x7d)) this.closeContainer();
        else this.state = 'bad';
        return;
      }
      default:
        this.state = 'bad';
    }
  }

  private startValue(byte: number): void {
    const literal = LITERALS[byte];
    this.textLength = 0;
    this.textTooLong = false;
    if (byte === QUOTE) this.startString(false);
    else if (byte === 0x7b) this.openContainer('object');
    else if (byte === 0x5b) this.openContainer('array');
    else if (literal) {
      this.literal = literal[0];
      this.textLength = 1;
      this.state = 'literal';
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      this.text = this.short;
      this.text[0] = byte;
      this.textLength = 1;
      this.numberHeld = this.held;
      this.state = 'number';
    } else this.state = 'bad';
  }

  private startKey(byte: number): void {
    if (byte === QUOTE) this.startString(true);
    else this.state = 'bad';
  }

  private startString(isKey: boolean): void {
    this.textLength = 0;
    this.textTooLong = false;
    this.textBytes = 0;
    this.text = this.short;
    this.stringIsKey = isKey;
    this.stringEscaped = false;
    this.escapeLeft = 0;
    this.state = 'string';
  }

  /** Whether the value now read will be held: its container is, and has room. */
  private get held(): boolean {
    const depth = this.open.length;
    if (depth === 0) return true;
    const container = this.open[depth - 1];
    if (container === undefined) return false;
    return !Array.isArray(container) || (container.length < ARRAY_ELEMENTS_MAX && this.values < VALUES_SOFT_MAX);
  }

  private openContainer(kind: 'object' | 'array'): void {
    if (this.open.length >= DEPTH_MAX) {
      this.state = 'bad';
      return;
    }
    const container: Container | undefined = this.held ? (kind === 'array' ? [] : {}) : undefined;
    this.open.push(container);
    this.kinds.push(kind);
    this.keys.push('');
    this.state = kind === 'array' ? 'first-element' : 'first-key';
  }

  private closeContainer(): void {
    const container = this.open.pop();
    this.kinds.pop();
    this.keys.pop();
    if (container === undefined && this.open.length > 0) this.afterValue();
    else this.hold(container);
  }

  private hold(value: unknown): void {
    const depth = this.open.length;
    if (depth === 0) {
      this.root = value;
      this.state = 'done';
      return;
    }
    if (this.held) {
      this.values += 1;
      const container = this.open[depth - 1] as Container;
      if (Array.isArray(container)) container.push(value);
      else setOwn(container, this.keys[depth - 1] as string, value);
    }
    if (this.values > VALUES_HARD_MAX) this.state = 'bad';
    else this.afterValue();
  }

  private afterValue(): void {
    this.state = 'after-value';
  }

  private readString(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length) {
      if (this.escapeLeft > 0) {
        if (!this.readEscape(chunk[at] as number)) return chunk.length;
        at += 1;
        continue;
      }
      const start = at;
      let byte = 0x20;
      while (at < chunk.length) {
        byte = chunk[at] as number;
        if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
        at += 1;
      }
      this.keepText(chunk, start, at);
      if (at === chunk.length) return at;
      at += 1;
      if (byte === QUOTE) {
        this.closeString();
        return at;
      }
      if (byte !== BACKSLASH) {
        this.state = 'bad';
        return at;
      }
      this.stringEscaped = true;
      this.escapeLeft = 1;
      this.keepText(chunk, at - 1, at);
    }
    return at;
  }

  /** One byte of an escape; false when it is none. */
  private readEscape(byte: number): boolean {
    if (this.escapeLeft === 1) {
      if (byte === 0x75) this.escapeLeft = 5;
      else if (ESCAPES.has(byte)) this.escapeLeft = 0;
      else this.state = 'bad';
    } else if (isHexDigit(byte)) this.escapeLeft = this.escapeLeft === 2 ? 0 : this.escapeLeft - 1;
    else this.state = 'bad';
    if (this.state === 'bad') return false;
    ONE_BYTE[0] = byte;
    this.keepText(ONE_BYTE, 0, 1);
    return true;
  }

  private keepText(chunk: Uint8Array, start: number, end: number): void {
    this.textBytes += end - start;
    if (this.textTooLong || start === end) return;
    const needed = this.textLength + end - start;
    if (needed > this.text.length && !this.growText(needed, chunk.subarray(start, end))) {
      this.textTooLong = true;
      // As much as fits: its beginning says what the string is.
      const rest = chunk.subarray(start, start + this.text.length - this.textLength);
      this.text.set(rest, this.textLength);
      this.textLength += rest.length;
      return;
    }
    this.text.set(chunk.subarray(start, end), this.textLength);
    this.textLength = needed;
  }

  /** A long string is held only where its text is wanted and it is text: images in base64 are most of what is long. */
  private growText(needed: number, next: Uint8Array): boolean {
    if (this.room === undefined || this.state !== 'string' || this.stringIsKey || !this.held) return false;
    if (this.text === this.short && looksLikeBase64(this.textLength > 0 ? this.text.subarray(0, this.textLength) : next)) return false;
    const grown = Math.max(needed, 2 * this.text.length);
    if (!this.room.reserve(grown - this.text.length)) return false;
    const larger = Buffer.allocUnsafe(grown);
    this.text.copy(larger, 0, 0, this.textLength);
    this.text = larger;
    return true;
  }

  private closeString(): void {
    if (this.stringIsKey) {
      // An object's key that is too long is no field that anyone reads: all such share one name.
      const tooLong = this.textTooLong || this.textLength > KEY_BYTES_MAX;
      if (this.open[this.open.length - 1] !== undefined) this.keys[this.keys.length - 1] = tooLong ? ELIDED : this.takeText();
      this.state = 'colon';
      return;
    }
    if (!this.held) {
      this.dropText(this.textBytes);
      this.afterValue();
      return;
    }
    // A long text has its own room; its beginning stays where that was too small for the whole.
    if (this.text !== this.short) {
      this.dropText(this.textBytes - this.textLength);
      this.hold(this.textTooLong ? this.takeCutText() : this.takeText());
      return;
    }
    const bytesMax = this.stringsBytes > STRINGS_BYTES_SOFT_MAX ? STRING_BYTES_MAX_LATE : STRING_BYTES_MAX;
    const value = this.textTooLong || this.textLength > bytesMax ? this.dropText(this.textBytes) : this.takeText();
    this.stringsBytes += value.length;
    this.hold(value);
  }

  /** Measures text that is not held. What stands in its place: nothing where texts are measured, for then it is not missed. */
  private dropText(bytes: number): string {
    if (this.room === undefined || looksLikeBase64(this.text.subarray(0, this.textLength))) return ELIDED;
    this.droppedTextBytes += bytes;
    return '';
  }

  private takeText(): string {
    const raw = this.text.toString('utf8', 0, this.textLength);
    return this.stringEscaped ? (JSON.parse(`"${raw}"`) as string) : raw;
  }

  /** As takeText; a cut may have gone through an escape or a character. */
  private takeCutText(): string {
    const raw = this.text.toString('utf8', 0, this.textLength);
    if (!this.stringEscaped) return raw;
    // No escape is longer than 12 characters: half of a surrogate pair counts for itself.
    for (let end = raw.length; end > raw.length - 12 && end > 0; end -= 1) {
      try {
        return JSON.parse(`"${raw.slice(0, end)}"`) as string;
      } catch {}
    }
    return '';
  }

  private readNumber(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && isNumberByte(chunk[at] as number)) at += 1;
    if (this.numberHeld) {
      if (this.textLength + at - from > NUMBER_BYTES_MAX) this.textTooLong = true;
      this.keepText(chunk, from, at);
    }
    if (at < chunk.length) this.closeNumber();
    return at;
  }

  private closeNumber(): void {
    // The millions of numbers that embeddings consist of are not worth a check of their form.
    if (!this.numberHeld) {
      this.droppedNumbers += 1;
      this.afterValue();
      return;
    }
    const text = this.text.toString('latin1', 0, this.textLength);
    // Nobody can say what a number of more than a thousand digits counts: it is held as null.
    if (this.textTooLong) this.hold(null);
    else if (NUMBER.test(text)) this.hold(Number(text));
    else this.state = 'bad';
  }

  private readLiteral(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.textLength < this.literal.length) {
      if (chunk[at] !== this.literal.charCodeAt(this.textLength)) {
        this.state = 'bad';
        return at;
      }
      this.textLength += 1;
      at += 1;
    }
    if (this.textLength === this.literal.length) this.hold(LITERALS[this.literal.charCodeAt(0)]?.[1]);
    return at;
  }
}

const MARK = Buffer.from('\ufeff');
const ONE_BYTE = new Uint8Array(1);
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

const SAMPLE_BYTES = 512;
const SPACE = 0x20;

/** Long, ASCII, and without a space at its beginning: data, not text. Chinese has no spaces but is not ASCII. */
function looksLikeBase64(text: Uint8Array): boolean {
  const sample = text.subarray(0, SAMPLE_BYTES);
  return sample.length === SAMPLE_BYTES && sample.every((byte) => byte < 0x80 && byte > SPACE);
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d || byte === 0x2b || byte === 0x65 || byte === 0x45;
}

/** As JSON.parse does it: a key `__proto__` is a field like any other. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}
