/**
 * Takes a chunked body apart (RFC 9112 §7.1) as its bytes come, cut anywhere: gives the payload's pieces without copying
 * them, and the trailers. Strict: a line ends in CRLF, a size is hexadecimal digits, and a line is bounded.
 * It never throws: what is wrong is its `fault`, after which it reads no more.
 */
import { invalidAnswer, type UpstreamFault } from './faults.ts';
import { parseFields } from './head.ts';

/** What the next byte belongs to. */
type State = 'size' | 'extension' | 'size_lf' | 'data' | 'data_cr' | 'data_lf' | 'trailer' | 'done';

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
const SIZE_DIGITS_MAX = 12;
/** RFC 9112 §7.1.1: chunk extensions need a limit; no provider sends any. */
const EXTENSION_BYTES_MAX = 4_096;
const NO_TRAILERS: readonly string[] = [];

export class ChunkedBody {
  readonly #trailerBytesMax: number;
  #state: State = 'size';
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #extended = false;
  #trailerText = '';
  #trailers: readonly string[] = NO_TRAILERS;
  #fault: UpstreamFault | undefined;

  constructor(trailerBytesMax: number) {
    this.#trailerBytesMax = trailerBytesMax;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Between two chunks: nothing of one has been read that is not over. */
  get between(): boolean {
    return (this.#state === 'size' && this.#digits === 0) || (this.#state === 'done' && this.#trailers === NO_TRAILERS);
  }

  /** A chunk had an extension, which is for one hop only. */
  get extended(): boolean {
    return this.#extended;
  }

  get fault(): UpstreamFault | undefined {
    return this.#fault;
  }

  /** Raw list; once done. */
  get trailers(): readonly string[] {
    return this.#trailers;
  }

  /** Reads from `from` on, pushes payload onto `pieces` and says how far it came: to the end of the bytes, or of the body. */
  read(bytes: Buffer, from: number, pieces: Buffer[]): number {
    try {
      return this.#read(bytes, from, pieces);
    } catch (fault) {
      this.#fault = fault as UpstreamFault;
      return from;
    }
  }

  #read(bytes: Buffer, from: number, pieces: Buffer[]): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        pieces.push(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data_cr';
      } else if (this.#state === 'trailer') at = this.#readTrailer(bytes, at);
      else if (this.#state === 'done') break;
      else {
        this.#step(bytes[at] as number);
        at += 1;
      }
    }
    return at;
  }

  /** One byte of what stands between payload and payload. */
  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#readSize(byte);
        break;
      case 'extension':
        if (byte === CR) this.#state = 'size_lf';
        else if (byte === LF || ++this.#extensionBytes > EXTENSION_BYTES_MAX) throw invalidAnswer('a chunk extension that does not end');
        break;
      case 'size_lf':
        if (byte !== LF) throw invalidAnswer('a chunk size that does not end in CRLF');
        this.#state = this.#left > 0 ? 'data' : 'trailer';
        this.#digits = 0;
        this.#extensionBytes = 0;
        break;
      case 'data_cr':
        if (byte !== CR) throw invalidAnswer('a chunk longer than its size');
        this.#state = 'data_lf';
        break;
      default:
        if (byte !== LF) throw invalidAnswer('a chunk that does not end in CRLF');
        this.#state = 'size';
        this.#left = 0;
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      if (this.#digits > SIZE_DIGITS_MAX) throw invalidAnswer('a chunk size beyond all bounds');
      this.#left = this.#left * 16 + digit;
    } else if (this.#digits > 0 && byte === CR) this.#state = 'size_lf';
    else if (this.#digits > 0 && byte === SEMICOLON) {
      this.#state = 'extension';
      this.#extended = true;
    } else throw invalidAnswer('a chunk size that is no number');
  }

  /** Trailer lines are gathered until the empty one. */
  #readTrailer(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const end = bytes.indexOf(LF, at);
      const stop = end < 0 ? bytes.length : end + 1;
      this.#trailerText += bytes.toString('latin1', at, stop);
      at = stop;
      if (this.#trailerText.length > this.#trailerBytesMax) throw invalidAnswer('trailers that are too large');
      if (end >= 0 && (this.#trailerText === '\r\n' || this.#trailerText.endsWith('\r\n\r\n'))) {
        if (this.#trailerText.length > 2) this.#trailers = parseFields(this.#trailerText.slice(0, -2), 0);
        this.#trailerText = '';
        this.#state = 'done';
        return at;
      }
    }
    return at;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
