/** Answers on a connection that Node reads. Takes a response on which nothing was written. */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { type Answer, canHaveBody } from './caller.ts';
import { HeldPieces, LAST_CHUNK, latin1, ONE_PIECE_BYTES_MAX } from './held-pieces.ts';

export class NodeAnswer implements Answer {
  readonly #res: ServerResponse;
  readonly #held = new HeldPieces();
  #onDrain: () => void = () => {};
  #framing = false;
  #headWaits = false;
  #drainWatched = false;

  constructor(res: ServerResponse) {
    this.#res = res;
    res.sendDate = false; // the provider's Date passes; none of ours is added
  }

  get begun(): boolean {
    return this.#res.headersSent;
  }

  get over(): boolean {
    return this.#res.writableFinished;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  onClose(listener: () => void): void {
    this.#res.on('close', listener);
  }

  begin(status: number, reason: string, headers: readonly string[]): void {
    const res = this.#res;
    res.writeHead(status, reason, headers as string[]);
    this.#headWaits = true;
    if (res.chunkedEncoding && canHaveBody(res.req.method, status)) {
      // The head says chunked; Node would frame each write anew.
      this.#framing = true;
      res.chunkedEncoding = false;
    }
  }

  hold(piece: Buffer): void {
    this.#held.hold(piece);
  }

  flush(framed?: Buffer): boolean {
    const bytes = this.#held.take(this.#framing, framed, '');
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

  flushBeforeEnd(): void {
    if (this.#framing) this.flush();
  }

  end(trailers: readonly string[], framed?: Buffer): void {
    const res = this.#res;
    if (trailers.length > 0) this.#addTrailers(trailers);
    const bytes = this.#held.take(this.#framing, framed, this.#framing ? LAST_CHUNK : '');
    if (bytes.length === 0) res.end();
    else if (this.#headWaits && bytes.length <= ONE_PIECE_BYTES_MAX) res.end(latin1(bytes), 'latin1');
    else res.end(bytes);
  }

  cut(): void {
    this.flush();
    this.#res.socket?.destroySoon();
  }

  whole(status: number, headers: string[], body: Buffer, close: boolean): void {
    if (close) headers.push('connection', 'close');
    this.#res.writeHead(status, STATUS_CODES[status], headers);
    this.#res.end(body);
  }

  #watchDrain(): void {
    if (this.#drainWatched) return;
    this.#drainWatched = true;
    this.#res.on('drain', () => this.#onDrain());
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
