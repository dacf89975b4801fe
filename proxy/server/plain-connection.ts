/**
 * A client's connection while all that comes on it is plain (plain-head.ts): reads one request after another, has each answered
 * before the next is told, and gives the connection away, with the bytes that have come, at the first that is not plain.
 */
import type { Socket } from 'node:net';
import { type Listed, UNLISTED } from '../unordered-list.ts';
import type { Caller } from './caller.ts';
import { type AnswerOwner, PlainAnswer } from './plain-answer.ts';
import { type PlainHead, parsePlainHead } from './plain-head.ts';

/** Who holds the connections. */
export interface PlainOwner {
  readonly headBytesMax: number;
  /** Bodies up to this are kept until they are whole. */
  readonly bodyBytesMax: number;
  readonly keepAliveLines: string;
  /** Connections end with their next answer. */
  readonly leaving: boolean;
  /** A client that has been told that its connection stays gets this long for another call; for while connections end. */
  readonly leave_ms: number;
  onCall(request: PlainRequest, answer: PlainAnswer): void;
  /** It is Node's from now on; `bytes` have come on it and are not read. */
  onOther(connection: PlainConnection, bytes: Buffer | undefined): void;
  onClose(connection: PlainConnection): void;
  onTimeout(socket: Socket): void;
}

/** A client that sends requests before it has the answers may be so far ahead. */
const AHEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

export class PlainRequest implements Caller {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly httpVersion = '1.1';
  readonly readableLength = 0;
  readonly socket: Socket;
  readonly #length: number;
  #pieces: Buffer[] = [];
  #received = 0;
  #onWhole: ((body: Buffer | undefined) => void) | undefined;

  constructor({ method, target, headers, length }: PlainHead, socket: Socket) {
    this.method = method;
    this.url = target;
    this.rawHeaders = headers;
    this.socket = socket;
    this.#length = length;
  }

  get complete(): boolean {
    return this.#received === this.#length;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  /** Calls back with the whole body, now or when it has come; undefined: it has none. */
  whenWhole(done: (body: Buffer | undefined) => void): void {
    if (this.complete) done(this.#body());
    else this.#onWhole = done;
  }

  /** For the connection: more of the body; says how many of these bytes are its. */
  take(bytes: Buffer): number {
    const count = Math.min(bytes.length, this.#length - this.#received);
    if (count === 0) return 0;
    this.#pieces.push(count === bytes.length ? bytes : bytes.subarray(0, count));
    this.#received += count;
    if (this.complete) this.#onWhole?.(this.#body());
    return count;
  }

  #body(): Buffer | undefined {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
  }
}

export class PlainConnection implements AnswerOwner, Listed {
  at = UNLISTED;
  readonly socket: Socket;
  readonly #owner: PlainOwner;
  /** Come, and not read yet. */
  #bytes: Buffer | undefined;
  #request: PlainRequest | undefined;
  #answer: PlainAnswer | undefined;
  /** The client wants its connection closed after this answer. */
  #last = false;
  #closing = false;
  #used = false;
  /** How long it has waited for a request, or for the end of its head, in looks of the owner's clock. */
  #quiet_ms = 0;
  readonly #onData = (bytes: Buffer): void => this.#take(bytes);
  readonly #onDrain = (): void => this.#answer?.drained();
  readonly #onEnd = (): void => {
    this.socket.end();
  };
  readonly #onTimeout = (): void => this.#owner.onTimeout(this.socket);
  readonly #onClose = (): void => {
    this.#closing = true;
    this.#owner.onClose(this);
    this.#answer?.gone();
  };

  constructor(socket: Socket, owner: PlainOwner) {
    this.socket = socket;
    this.#owner = owner;
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('timeout', this.#onTimeout);
    socket.on('error', ignore); // `close` follows
    socket.on('close', this.#onClose);
  }

  get keeps(): boolean {
    return !this.#last && !this.#owner.leaving && this.#request?.complete === true;
  }

  get keepAliveLines(): string {
    return this.#owner.keepAliveLines;
  }

  /** No call is under way, and nothing of one has come. */
  get idle(): boolean {
    return this.#request === undefined && this.#bytes === undefined;
  }

  /**
   * So much time has passed. One that has not brought a whole head in `head_ms` is Node's, which has time limits for that;
   * one that has brought nothing since its last answer is closed after `keep_ms`.
   */
  look(passed_ms: number, head_ms: number, keep_ms: number): void {
    if (this.#request !== undefined || this.#closing) return;
    this.#quiet_ms += passed_ms;
    if (this.#bytes !== undefined || !this.#used) {
      if (this.#quiet_ms > head_ms) this.#giveAway(this.#bytes);
    } else if (this.#quiet_ms > keep_ms) this.socket.destroySoon();
  }

  answered(kept: boolean): void {
    const whole = this.#request?.complete === true;
    this.#request = undefined;
    this.#answer = undefined;
    this.#quiet_ms = 0;
    if (!kept || !whole) {
      this.#closing = true;
      this.socket.destroySoon();
      return;
    }
    if (this.#owner.leaving) this.socket.setTimeout(this.#owner.leave_ms);
    // Not from within the answer's end, whose call is not quite over.
    if (this.#bytes !== undefined) process.nextTick(goOn, this);
  }

  /** Reads what came while a call was under way. */
  goOn(): void {
    if (this.#closing || this.#request !== undefined) return;
    const bytes = this.#bytes;
    this.#bytes = undefined;
    if (bytes !== undefined) this.#readHead(bytes);
    // Reading may have come to another call, with more behind it.
    if (this.socket.isPaused() && !this.#isAhead()) this.socket.resume();
  }

  #take(bytes: Buffer): void {
    if (this.#closing) return;
    if (this.#request === undefined) {
      const held = this.#bytes;
      this.#bytes = undefined;
      // From its first byte on, however many times more follows.
      if (held === undefined) this.#quiet_ms = 0;
      this.#readHead(held === undefined ? bytes : Buffer.concat([held, bytes]));
      return;
    }
    const taken = this.#request.take(bytes);
    if (taken < bytes.length) this.#keepForLater(bytes.subarray(taken));
  }

  #readHead(bytes: Buffer): void {
    const { headBytesMax, bodyBytesMax } = this.#owner;
    const end = bytes.indexOf(HEAD_END);
    if (end < 0 && bytes.length <= headBytesMax) {
      this.#bytes = bytes;
      return;
    }
    const head = end < 0 || end > headBytesMax ? undefined : parsePlainHead(bytes.toString('latin1', 0, end + 2));
    if (head === undefined || head.length > bodyBytesMax) {
      this.#giveAway(bytes);
      return;
    }
    const request = new PlainRequest(head, this.socket);
    const answer = new PlainAnswer(this, head.method);
    this.#request = request;
    this.#answer = answer;
    this.#last = head.close;
    this.#used = true;
    if (this.socket.timeout) this.socket.setTimeout(0);
    const body = end + HEAD_END.length;
    const behind = body + (body < bytes.length ? request.take(bytes.subarray(body)) : 0);
    if (behind < bytes.length) this.#keepForLater(bytes.subarray(behind));
    this.#owner.onCall(request, answer);
  }

  #keepForLater(bytes: Buffer): void {
    this.#bytes = this.#bytes === undefined ? bytes : Buffer.concat([this.#bytes, bytes]);
    if (this.#isAhead()) this.socket.pause();
  }

  #isAhead(): boolean {
    return this.#request !== undefined && (this.#bytes?.length ?? 0) > AHEAD_BYTES_MAX;
  }

  #giveAway(bytes: Buffer | undefined): void {
    this.#closing = true;
    this.#bytes = undefined;
    const { socket } = this;
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('timeout', this.#onTimeout);
    socket.off('error', ignore);
    socket.off('close', this.#onClose);
    this.#owner.onOther(this, bytes);
  }
}

const ignore = (): void => {};

function goOn(connection: PlainConnection): void {
  connection.goOn();
}
