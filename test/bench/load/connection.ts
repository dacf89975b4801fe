/**
 * One keep-alive connection of the load generator: writes a ready-made request, reads just enough of the answer
 * to know its status, its events and its end. No HTTP client in between: the generator must not be what is measured.
 */
import { connect, type Socket } from 'node:net';

export interface Reply {
  readonly status: number;
  /** Events of a stream; 0 for a whole answer. */
  readonly events: number;
  /** When its first body byte came. */
  readonly first_ms: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const EVENT = Buffer.from('data: {');

export class Connection {
  readonly #socket: Socket;
  #headHeld: Buffer | undefined;
  #status = 0;
  #bytesLeft = 0;
  #chunked = false;
  #tail: Buffer = Buffer.alloc(0);
  #events = 0;
  #first_ms = 0;
  #done: ((reply: Reply) => void) | undefined;
  readonly #onFault: (reason: string) => void;

  constructor(port: number, onReady: (connection: Connection) => void, onFault: (reason: string) => void) {
    this.#onFault = onFault;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('connect', () => onReady(this));
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('closed'));
  }

  send(request: Buffer, done: (reply: Reply) => void): void {
    this.#done = done;
    this.#status = 0;
    this.#events = 0;
    this.#first_ms = 0;
    this.#tail = Buffer.alloc(0);
    this.#socket.write(request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #fail(reason: string): void {
    if (this.#done === undefined) return;
    this.#done = undefined;
    this.#onFault(reason);
  }

  #read(chunk: Buffer): void {
    if (this.#done === undefined) return;
    if (this.#status !== 0) {
      this.#readBody(chunk);
      return;
    }
    const bytes = this.#headHeld === undefined ? chunk : Buffer.concat([this.#headHeld, chunk]);
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      this.#headHeld = bytes;
      return;
    }
    this.#headHeld = undefined;
    const head = bytes.toString('latin1', 0, end + 2);
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#chunked = length === undefined;
    this.#bytesLeft = Number(length ?? 0);
    this.#readBody(bytes.subarray(end + 4));
  }

  #readBody(chunk: Buffer): void {
    if (chunk.length > 0 && this.#first_ms === 0) this.#first_ms = performance.now();
    if (!this.#chunked) {
      this.#bytesLeft -= chunk.length;
      if (this.#bytesLeft <= 0) this.#finish();
      return;
    }
    for (let at = chunk.indexOf(EVENT); at >= 0; at = chunk.indexOf(EVENT, at + EVENT.length)) this.#events += 1;
    this.#tail = chunk.length >= LAST_CHUNK.length ? chunk.subarray(-LAST_CHUNK.length) : Buffer.concat([this.#tail, chunk]).subarray(-5);
    if (this.#tail.equals(LAST_CHUNK)) this.#finish();
  }

  /** Events so far of a stream that still runs. */
  get events(): number {
    return this.#events;
  }

  #finish(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.({ status: this.#status, events: this.#events, first_ms: this.#first_ms });
  }
}
