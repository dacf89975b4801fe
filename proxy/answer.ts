/**
 * Writes a provider's answer to the client, as few pieces as came: what one read brought goes out in one write, with the
 * head where that is still here. Chunks keep their framing: taking it off and putting it on again is most of what a
 * streamed event would cost. Takes a response on which nothing was written; the end is for its caller to say.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Up to this size a body goes out as one string with its head: one system call, and cheaper than two pieces in it. */
const ONE_PIECE_BYTES_MAX = 16 * 1024;
const LAST_CHUNK = '0\r\n\r\n';
const NO_BYTES = Buffer.alloc(0);

export class Answer {
  readonly #res: ServerResponse;
  /** Called when a client that was full takes more. */
  readonly #onDrain: () => void;
  #held: Buffer[] = [];
  #framing = false;
  #headWaits = false;
  #drainWatched = false;

  constructor(res: ServerResponse, onDrain: () => void) {
    this.#res = res;
    this.#onDrain = onDrain;
    res.sendDate = false; // the provider's Date passes; none of ours is added
  }

  get begun(): boolean {
    return this.#res.headersSent;
  }

  /** Status and headers; they go out with the first bytes, or the next flush. */
  begin(status: number, reason: string, headers: readonly string[]): void {
    const res = this.#res;
    res.writeHead(status, reason, headers as string[]);
    this.#headWaits = true;
    if (res.chunkedEncoding && canHaveBody(res.req, status)) {
      // The head says chunked; Node would frame each write anew.
      this.#framing = true;
      res.chunkedEncoding = false;
    }
  }

  /** A piece of the body: to go out with the next flush or the end. */
  hold(piece: Buffer): void {
    this.#held.push(piece);
  }

  /**
   * Writes what is held, or just the head. False: the client is full, `onDrain` will be called. `framed`: the held pieces
   * as chunks, if they came so.
   */
  flush(framed?: Buffer): boolean {
    const bytes = this.#take(framed, '');
    if (this.#res.writableEnded || this.#res.destroyed) return true;
    if (bytes.length === 0) {
      // Not `res.flushHeaders()`: that writes UTF-8, and header bytes above ASCII would be doubled.
      if (this.#headWaits) this.#res.write('', 'latin1');
      this.#headWaits = false;
      return true;
    }
    const more = this.#headWaits && bytes.length <= ONE_PIECE_BYTES_MAX ? this.#res.write(latin1(bytes), 'latin1') : this.#res.write(bytes);
    this.#headWaits = false;
    if (!more) this.#watchDrain();
    return more;
  }

  /** Before the record of the call is safe: what may be seen already goes out, unless it is the end itself. */
  flushBeforeEnd(): void {
    if (this.#framing) this.flush();
  }

  /** What is held and the end, in one piece. `trailers` is a raw list; `framed` as above, end mark included. */
  end(trailers: readonly string[], framed?: Buffer): void {
    const res = this.#res;
    if (trailers.length > 0) this.#addTrailers(trailers);
    const bytes = this.#take(framed, this.#framing ? LAST_CHUNK : '');
    if (bytes.length === 0) res.end();
    else if (this.#headWaits && bytes.length <= ONE_PIECE_BYTES_MAX) res.end(latin1(bytes), 'latin1');
    else res.end(bytes);
  }

  /** Ends without an end mark, once all that was written is out: the client must see that the answer broke off. */
  cut(): void {
    this.flush();
    this.#res.socket?.destroySoon();
  }

  #take(framed: Buffer | undefined, endMark: string): Buffer {
    const held = this.#held;
    if (framed !== undefined && this.#framing) {
      this.#held = [];
      return framed;
    }
    if (held.length === 0) return endMark === '' ? NO_BYTES : Buffer.from(endMark, 'latin1');
    this.#held = [];
    if (this.#framing) return inChunks(held, endMark);
    return held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
  }

  #watchDrain(): void {
    if (this.#drainWatched) return;
    this.#drainWatched = true;
    this.#res.on('drain', this.#onDrain);
  }

  #addTrailers(raw: readonly string[]): void {
    const pairs: [string, string][] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i] as string, raw[i + 1] as string]);
    this.flush();
    if (this.#framing) {
      // The last chunk with its trailers is Node's to write.
      this.#framing = false;
      this.#res.chunkedEncoding = true;
    }
    try {
      this.#res.addTrailers(pairs);
    } catch {
      // A trailer that Node calls invalid: RFC 9110 §6.5.1 lets a proxy drop trailers.
    }
  }
}

/** Trailers need chunks (RFC 9112 §7.1.2); Node throws where they are announced without. */
export function canCarryTrailers(req: IncomingMessage, status: number): boolean {
  return req.httpVersion === '1.1' && canHaveBody(req, status);
}

function canHaveBody({ method }: IncomingMessage, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

/** Each piece as a chunk (RFC 9112 §7.1), in one buffer. */
function inChunks(pieces: readonly Buffer[], endMark: string): Buffer {
  const parts: Buffer[] = [];
  for (const piece of pieces) parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1'), piece, CRLF);
  if (endMark !== '') parts.push(Buffer.from(endMark, 'latin1'));
  return Buffer.concat(parts);
}

const CRLF = Buffer.from('\r\n');

const latin1 = (bytes: Buffer): string => bytes.toString('latin1', 0, bytes.length);
