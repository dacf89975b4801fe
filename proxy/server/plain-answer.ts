/** Answers on a connection that Glassway reads itself: HTTP/1.1, to a request that may be answered with a body. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { rawHeader } from '../headers.ts';
import { type Answer, canHaveBody } from './caller.ts';
import { HeldPieces, LAST_CHUNK, latin1, ONE_PIECE_BYTES_MAX } from './held-pieces.ts';

/** Whose connection it is. */
export interface AnswerOwner {
  readonly socket: Socket;
  /** Another request may follow; asked when the head is made. */
  readonly keeps: boolean;
  /** In the head of an answer after which the connection is kept. */
  readonly keepAliveLines: string;
  /** The answer is written. `kept`: its head said that the connection stays. */
  answered(kept: boolean): void;
}

export class PlainAnswer implements Answer {
  readonly #owner: AnswerOwner;
  readonly #method: string;
  readonly #held = new HeldPieces();
  #head = '';
  #begun = false;
  #chunked = false;
  #kept = false;
  #closed = false;
  #ended = false;
  #onDrain: (() => void) | undefined;
  #onClose: (() => void)[] = [];

  constructor(owner: AnswerOwner, method: string) {
    this.#owner = owner;
    this.#method = method;
  }

  get begun(): boolean {
    return this.#begun;
  }

  get over(): boolean {
    return this.#ended;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  begin(status: number, reason: string, headers: readonly string[]): void {
    this.#chunked = canHaveBody(this.#method, status) && rawHeader(headers, 'content-length') === '';
    this.#makeHead(status, reason, headers, this.#owner.keeps);
  }

  hold(piece: Buffer): void {
    this.#held.hold(piece);
  }

  flush(framed?: Buffer): boolean {
    const bytes = this.#held.take(this.#chunked, framed, '');
    return this.#ended || this.#closed || this.#write(bytes);
  }

  flushBeforeEnd(): void {
    if (this.#chunked) this.flush();
  }

  end(trailers: readonly string[], framed?: Buffer): void {
    if (this.#ended || this.#closed) return;
    const endMark = !this.#chunked ? '' : trailers.length === 0 ? LAST_CHUNK : lastChunk(trailers);
    this.#write(this.#held.take(this.#chunked, framed, endMark));
    this.#end();
  }

  cut(): void {
    this.flush();
    this.#owner.socket.destroySoon();
  }

  whole(status: number, headers: string[], body: Buffer, close: boolean): void {
    if (this.#ended || this.#closed) return;
    this.#makeHead(status, STATUS_CODES[status] ?? '', headers, this.#owner.keeps && !close);
    this.#write(body);
    this.#end();
  }

  /** For the connection: its client takes more. */
  drained(): void {
    this.#onDrain?.();
  }

  /** For the connection: it is no more. */
  gone(): void {
    this.#closed = true;
    if (!this.#ended) this.#tellClosed();
  }

  /** The lines of the hop are those that Node writes, in its order. */
  #makeHead(status: number, reason: string, headers: readonly string[], kept: boolean): void {
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.#head = `${head}${kept ? this.#owner.keepAliveLines : 'Connection: close\r\n'}${this.#chunked ? 'Transfer-Encoding: chunked\r\n' : ''}\r\n`;
    this.#begun = true;
    this.#kept = kept;
  }

  /** With the head, if that is still here. False: the client is full. */
  #write(bytes: Buffer): boolean {
    const { socket } = this.#owner;
    const head = this.#head;
    if (head === '') return bytes.length === 0 || socket.write(bytes);
    this.#head = '';
    if (bytes.length <= ONE_PIECE_BYTES_MAX) return socket.write(head + latin1(bytes), 'latin1');
    socket.cork();
    socket.write(head, 'latin1');
    const more = socket.write(bytes);
    socket.uncork();
    return more;
  }

  #end(): void {
    this.#ended = true;
    this.#owner.answered(this.#kept);
    this.#tellClosed();
  }

  #tellClosed(): void {
    for (const tell of this.#onClose.splice(0)) tell();
  }
}

/** RFC 9112 §7.1.2. */
function lastChunk(trailers: readonly string[]): string {
  let text = '0\r\n';
  for (let i = 0; i + 1 < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return `${text}\r\n`;
}
