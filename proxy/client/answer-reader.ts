/**
 * Reads one answer after another from a connection's bytes, cut anywhere, and tells of it as it comes. Takes bytes that
 * are good until it returns, and copies what it gives out, once. Does no I/O.
 * @throws UpstreamFault INVALID_ANSWER, after all that came before the fault was told
 */
import { ChunkedBody } from './chunked.ts';
import { invalidAnswer } from './faults.ts';
import { type AnswerHead, parseHead } from './head.ts';

export interface AnswerEvents {
  onHead(head: AnswerHead): void;
  /** A piece of the body, to keep. */
  onData(piece: Buffer): void;
  /** What has come so far is told. `framed`: this read's pieces as the chunks they came in, nothing else in between. */
  onReadDone(framed: Buffer | undefined): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LF = 10;
const CR = 13;
const NO_TRAILERS: readonly string[] = [];

export class AnswerReader {
  readonly #headBytesMax: number;
  readonly #pieces: Buffer[] = [];
  #events: AnswerEvents | undefined;
  #method = '';
  #held: Buffer | undefined;
  #head: AnswerHead | undefined;
  #left = 0;
  #chunked: ChunkedBody | undefined;
  #framed: Buffer | undefined;
  #clean = true;

  constructor(headBytesMax: number) {
    this.#headBytesMax = headBytesMax;
  }

  /** The next answer is one to a request of this method. */
  begin(method: string, events: AnswerEvents): void {
    this.forget();
    this.#method = method;
    this.#events = events;
  }

  /** Whatever comes is told to nobody. */
  forget(): void {
    this.#events = undefined;
    this.#held = undefined;
    this.#head = undefined;
    this.#chunked = undefined;
    this.#framed = undefined;
  }

  get head(): AnswerHead | undefined {
    return this.#head;
  }

  /** Raw list; of an answer that is whole. */
  get trailers(): readonly string[] {
    return this.#chunked?.trailers ?? NO_TRAILERS;
  }

  /** The last read's pieces as chunks, the end mark included, if they came so. */
  get framed(): Buffer | undefined {
    return this.#framed;
  }

  /** Nothing came behind the answer. */
  get clean(): boolean {
    return this.#clean;
  }

  /** True: the answer is whole. */
  read(bytes: Buffer): boolean {
    const all = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = undefined;
    const at = this.#head === undefined ? this.#readHead(all) : 0;
    if (this.#head === undefined || this.#events === undefined) return false;
    switch (this.#head.framing) {
      case 'chunked':
        return this.#readChunks(all, at);
      case 'close':
        if (at < all.length) this.#events.onData(Buffer.from(all.subarray(at)));
        this.#events?.onReadDone(undefined);
        return false;
      default:
        return this.#readKnown(all, at);
    }
  }

  /** The provider has closed: true if that is how its answer ends. */
  close(): boolean {
    this.#clean = true;
    return this.#head?.framing === 'close';
  }

  /** Where the body begins, once the head is there. Interim answers are for the hop that asked (RFC 9110 §15.2). */
  #readHead(bytes: Buffer): number {
    let at = 0;
    for (let end = bytes.indexOf(HEAD_END); end >= 0; end = bytes.indexOf(HEAD_END, at)) {
      if (end - at > this.#headBytesMax) throw tooLarge();
      const head = parseHead(bytes.toString('latin1', at, end + 2), this.#method);
      at = end + HEAD_END.length;
      if (head.status < 200) continue;
      this.#head = head;
      this.#left = head.length;
      if (head.framing === 'chunked') this.#chunked = new ChunkedBody(this.#headBytesMax);
      this.#events?.onHead(head);
      return at;
    }
    if (bytes.length - at > this.#headBytesMax) throw tooLarge();
    const rest = Buffer.from(bytes.subarray(at));
    checkBeginning(rest);
    this.#held = rest;
    return bytes.length;
  }

  /** A body of a known length, which may be 0. */
  #readKnown(bytes: Buffer, at: number): boolean {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#clean = end === bytes.length;
    if (end > at) this.#events?.onData(Buffer.from(bytes.subarray(at, end)));
    if (this.#left === 0) return true;
    this.#events?.onReadDone(undefined);
    return false;
  }

  #readChunks(read: Buffer, from: number): boolean {
    const chunked = this.#chunked as ChunkedBody;
    const bytes = Buffer.from(from === 0 ? read : read.subarray(from));
    const begun = chunked.between;
    const pieces = this.#pieces;
    const end = chunked.read(bytes, 0, pieces);
    this.#clean = end === bytes.length;
    this.#framed = begun && chunked.between && !chunked.extended && this.#clean ? bytes : undefined;
    for (let i = 0; i < pieces.length; i += 1) this.#events?.onData(pieces[i] as Buffer);
    pieces.length = 0;
    if (chunked.fault) throw chunked.fault;
    if (chunked.done) return true;
    this.#events?.onReadDone(this.#framed);
    return false;
  }
}

const tooLarge = (): Error => invalidAnswer('headers that are too large');

/** Of a head that is not whole: whether it can still become one, so that what is no HTTP is not waited for. */
function checkBeginning(bytes: Buffer): void {
  const begins = 'HTTP/1.';
  if (!begins.startsWith(bytes.toString('latin1', 0, begins.length))) throw invalidAnswer('no HTTP/1.1 status line');
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1))
    if (bytes[at - 1] !== CR) throw invalidAnswer('a line that does not end in CRLF');
}
