/**
 * One connection to a provider, which carries one call at a time: writes its request, reads its answer and tells the
 * exchange what comes, as it comes. Bytes that nobody asked for, or that are no HTTP, end the connection.
 */
import type { Socket } from 'node:net';
import { type AnswerEvents, AnswerReader } from './answer-reader.ts';
import { open, type Target } from './connect.ts';
import { UpstreamFault } from './faults.ts';
import type { AnswerHead } from './head.ts';
import type { OutgoingRequest } from './request.ts';

/**
 * Who is told of a call's way. Nothing is called after `onEnd` or `onFault`, nor after the call was aborted. What one of
 * them throws is the call's fault, `onEnd` included, and harms no other.
 */
export interface CallEvents extends AnswerEvents {
  /** The request is on its way, or the connection for it. */
  onDispatched(): void;
  /** Of a body that comes piece by piece: the connection is there and takes more. */
  onWritable(): void;
  /** `trailers` is a raw list; `framed` as above, the end mark included. */
  onEnd(trailers: readonly string[], framed: Buffer | undefined): void;
  onFault(error: Error): void;
}

/** Of time, 0 is no limit. */
export interface ConnectionLimits {
  readonly connect_ms: number;
  /** From the request's last byte to the answer's head. */
  readonly response_ms: number;
  /** Silence inside an answer. */
  readonly idle_ms: number;
  /** How long a connection without a call is kept where the provider says nothing. */
  readonly keep_ms: number;
  readonly headBytesMax: number;
}

/** Who holds the connection. */
export interface ConnectionOwner {
  readonly limits: ConnectionLimits;
  /** It can carry another call. */
  release(connection: Connection): void;
  /** It is no more. */
  forget(connection: Connection): void;
}

/** What it is waiting for, each with a time limit of its own. */
type Phase = 'connecting' | 'idle' | 'sending' | 'awaiting' | 'reading' | 'settling' | 'closed';

/** Up to this size head and body are one string and one system call: cheaper than two pieces in one call. */
const ONE_PIECE_BYTES_MAX = 16 * 1024;
/** A provider closes at the same moment as we would send: it is left alone a while before it would. */
const KEEP_MARGIN_MS = 2_000;
const KEEP_MS_MAX = 600_000;

export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  #phase: Phase = 'connecting';
  /** Since when it has been quiet, in looks of the owner's clock. */
  #quiet_ms = 0;
  #keep_ms: number;
  #request: OutgoingRequest | undefined;
  #events: CallEvents | undefined;
  #paused = false;
  /** The request's body is not over. */
  #uploading = false;
  /** A piece of a request is out: with the last one, a connection whose answer is over can carry another call. */
  readonly #onSent = (): void => {
    if (this.#phase !== 'settling' || this.#socket.writableLength > 0) return;
    this.#enter('idle');
    this.#owner.release(this);
  };

  constructor(target: Target, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#keep_ms = owner.limits.keep_ms;
    this.#reader = new AnswerReader(owner.limits.headBytesMax);
    this.#socket = open(
      target,
      () => this.#onReady(),
      (bytes) => this.#onBytes(bytes),
    );
    this.#socket.on('error', (error: Error) => this.#fail(error));
    this.#socket.on('end', () => this.#onEof());
    this.#socket.on('close', () => this.#fail(new UpstreamFault('CONNECTION_CLOSED', 'other side closed')));
    this.#socket.on('drain', () => this.#onDrain());
  }

  /** Takes on a call. Its request goes out at once, or as soon as the connection is there. */
  carry(request: OutgoingRequest, events: CallEvents): void {
    this.#request = request;
    this.#events = events;
    this.#reader.begin(request.method, events);
    if (this.#phase !== 'connecting') this.#send(request);
  }

  carries(events: CallEvents): boolean {
    return this.#events === events;
  }

  /** More of a request body that comes piece by piece. False: no more until `onWritable`. */
  write(piece: Buffer, framed: boolean): boolean {
    this.#quiet_ms = 0;
    if (!framed) return this.#socket.write(piece, this.#onSent);
    this.#socket.cork();
    this.#socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(piece);
    const more = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    return more;
  }

  /** The request body is over. */
  finishWriting(framed: boolean): void {
    if (framed) this.#socket.write('0\r\n\r\n', 'latin1', this.#onSent);
    this.#uploading = false;
    if (this.#phase === 'sending') this.#enter('awaiting');
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#quiet_ms = 0;
    this.#socket.resume();
  }

  /** Whatever runs on it is cut off, and told so. */
  cutOff(): void {
    this.#fail(new UpstreamFault('ABORTED', 'Glassway stops'));
  }

  /** The call is given up, and nobody is told. */
  abort(): void {
    this.#forgetCall();
    this.#close();
  }

  /** So much time has passed: is something overdue? */
  look(passed_ms: number): void {
    // What is not read cannot come; what is not there cannot be sent.
    if (this.#paused || (this.#phase === 'sending' && !this.#socket.writableNeedDrain)) return;
    this.#quiet_ms += passed_ms;
    const { connect_ms, response_ms, idle_ms } = this.#owner.limits;
    switch (this.#phase) {
      case 'connecting':
        if (this.#isOver(connect_ms)) this.#fail(new UpstreamFault('CONNECT_TIMEOUT', `no connection in ${connect_ms} ms`));
        break;
      case 'sending':
      case 'awaiting':
        if (this.#isOver(response_ms)) this.#fail(new UpstreamFault('RESPONSE_TIMEOUT', `no answer in ${response_ms} ms`));
        break;
      case 'reading':
        if (this.#isOver(idle_ms)) this.#fail(new UpstreamFault('IDLE_TIMEOUT', `silent for ${idle_ms} ms inside its answer`));
        break;
      case 'idle':
      case 'settling':
        if (this.#isOver(this.#keep_ms)) this.#close();
        break;
      default:
    }
  }

  #isOver(limit_ms: number): boolean {
    return limit_ms > 0 && this.#quiet_ms > limit_ms;
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#quiet_ms = 0;
  }

  #onReady(): void {
    if (this.#phase !== 'connecting') return;
    this.#enter('idle');
    if (this.#request) this.#send(this.#request);
  }

  #send({ head, body }: OutgoingRequest): void {
    if (body === 'streamed') {
      this.#enter('sending');
      this.#uploading = true;
      this.#socket.write(head, 'latin1');
      this.#events?.onWritable();
      return;
    }
    this.#enter('awaiting');
    if (body === undefined) this.#socket.write(head, 'latin1', this.#onSent);
    else if (body.length <= ONE_PIECE_BYTES_MAX) this.#socket.write(head + body.toString('latin1', 0, body.length), 'latin1', this.#onSent);
    else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body, this.#onSent);
      this.#socket.uncork();
    }
  }

  #onDrain(): void {
    this.#quiet_ms = 0;
    if (this.#uploading) this.#events?.onWritable();
  }

  #onBytes(bytes: Buffer): void {
    if (this.#events === undefined) {
      this.#close(); // nobody asked
      return;
    }
    try {
      const whole = this.#reader.read(bytes);
      // An interim answer is no sign that there will be one.
      if (this.#reader.head !== undefined) {
        this.#quiet_ms = 0;
        if (this.#phase !== 'closed') this.#phase = 'reading';
      }
      if (whole) this.#finish();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  /** The answer is whole. */
  #finish(): void {
    const events = this.#events;
    const { head, trailers, framed, clean } = this.#reader;
    // One whose request is not out yet, or whose body its provider may take for the next one, is a connection nobody can use.
    const again = clean && !this.#uploading && this.#phase === 'reading' && head?.reusable === true && this.#request?.reusable === true;
    this.#forgetCall();
    if (again) this.#keep(head);
    else this.#close();
    try {
      events?.onEnd(trailers, framed);
    } catch (error) {
      events?.onFault(asError(error));
    }
  }

  #keep({ keep_s }: AnswerHead): void {
    const { keep_ms } = this.#owner.limits;
    this.#keep_ms = keep_s === undefined ? keep_ms : Math.min(keep_s * 1000 - KEEP_MARGIN_MS, KEEP_MS_MAX);
    if (this.#keep_ms <= 0) {
      this.#close();
      return;
    }
    if (this.#paused) this.resume();
    // TLS says only in a later turn that a request has gone out, when a fast provider's answer may be here.
    this.#enter('settling');
    this.#onSent();
  }

  #onEof(): void {
    if (this.#events !== undefined && this.#reader.close()) this.#finish();
    else this.#fail(new UpstreamFault('CONNECTION_CLOSED', 'other side closed'));
  }

  #forgetCall(): void {
    this.#events = undefined;
    this.#request = undefined;
    this.#reader.forget();
    this.#uploading = false;
  }

  #fail(error: Error): void {
    const events = this.#events;
    this.#forgetCall();
    this.#close();
    events?.onFault(error);
  }

  #close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#owner.forget(this);
    this.#socket.destroy();
  }
}

export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
