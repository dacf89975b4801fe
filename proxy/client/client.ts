/**
 * The HTTP/1.1 client of the calls' way: connections to each origin, kept and used again, one call on each at a time. It
 * passes heads and bodies as they are, never retries, never follows, never decodes. Calls of one turn of the event loop go
 * out together at its end, when all that had arrived on idle connections has been seen: one that its provider has
 * closed, or that it speaks on without being asked, is never used again.
 */

import { type Target, targetOf } from './connect.ts';
import { asError, type CallEvents, Connection, type ConnectionLimits, type ConnectionOwner } from './connection.ts';
import { UpstreamFault } from './faults.ts';
import { type OutgoingRequest, outgoingRequest, type RequestParts } from './request.ts';

/** How often time limits are looked at, at most and at least; limits are exact to that. */
const LOOK_MS_MAX = 500;
const LOOK_MS_MIN = 20;

export class UpstreamClient {
  readonly #limits: ConnectionLimits;
  readonly #pools = new Map<string, Pool>();
  readonly #timer: NodeJS.Timeout;
  #due: UpstreamCall[] = [];
  #scheduled = false;
  #closed = false;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    const set_ms = [limits.connect_ms, limits.response_ms, limits.idle_ms, limits.keep_ms].filter((limit_ms) => limit_ms > 0);
    const look_ms = Math.max(LOOK_MS_MIN, Math.min(LOOK_MS_MAX, Math.ceil(Math.min(...set_ms) / 4)));
    this.#timer = setInterval(() => this.#look(look_ms), look_ms);
    this.#timer.unref();
  }

  /** `origin` is scheme, host and port. */
  send(origin: string, parts: RequestParts, events: CallEvents): UpstreamCall {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(targetOf(origin), this.#limits, () => this.#pools.delete(origin));
      this.#pools.set(origin, pool);
    }
    const call = new UpstreamCall(pool, outgoingRequest(parts, pool.target.authority), parts.length === undefined, events);
    this.#due.push(call);
    this.expect();
    return call;
  }

  /**
   * A call may come before this turn of the event loop is over. Said while its events are still being read, it spares the call a
   * turn if it comes at the turn's very end, where it waits for the journal.
   */
  expect(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(sendDue, this);
  }

  /** Cuts off what runs. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const pool of this.#pools.values()) pool.cutOff();
  }

  /** For the turn's end only. */
  sendDue(): void {
    this.#scheduled = false;
    const calls = this.#due;
    if (calls.length === 0) return;
    this.#due = [];
    for (const call of calls) call.start(this.#closed);
    for (const call of calls) call.tellStarted();
  }

  #look(passed_ms: number): void {
    for (const pool of this.#pools.values()) pool.look(passed_ms);
  }
}

function sendDue(client: UpstreamClient): void {
  client.sendDue();
}

/** The connections to one origin. */
class Pool implements ConnectionOwner {
  readonly target: Target;
  readonly limits: ConnectionLimits;
  readonly #all = new Set<Connection>();
  /** The one used last is used next: those that are not needed grow old. */
  readonly #idle: Connection[] = [];
  readonly #onEmpty: () => void;

  constructor(target: Target, limits: ConnectionLimits, onEmpty: () => void) {
    this.target = target;
    this.limits = limits;
    this.#onEmpty = onEmpty;
  }

  take(): Connection {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const connection = new Connection(this.target, this);
    this.#all.add(connection);
    return connection;
  }

  release(connection: Connection): void {
    this.#idle.push(connection);
  }

  forget(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#all.size === 0) this.#onEmpty();
  }

  look(passed_ms: number): void {
    for (const connection of this.#all) connection.look(passed_ms);
  }

  cutOff(): void {
    for (const connection of this.#all) connection.cutOff();
  }
}

/** A call from the caller's side. */
export class UpstreamCall {
  readonly #pool: Pool;
  readonly #request: OutgoingRequest;
  readonly #framed: boolean;
  readonly #events: CallEvents;
  #connection: Connection | undefined;
  #aborted = false;

  constructor(pool: Pool, request: OutgoingRequest, framed: boolean, events: CallEvents) {
    this.#pool = pool;
    this.#request = request;
    this.#framed = framed;
    this.#events = events;
  }

  /** For the client only. */
  start(closed: boolean): void {
    if (this.#aborted) return;
    if (closed) {
      this.#aborted = true;
      this.#events.onFault(new UpstreamFault('ABORTED', 'Glassway stops'));
      return;
    }
    try {
      this.#connection = this.#pool.take();
      this.#connection.carry(this.#request, this.#events);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** For the client only. */
  tellStarted(): void {
    if (this.#aborted) return;
    try {
      this.#events.onDispatched();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(thrown: unknown): void {
    this.abort();
    this.#events.onFault(asError(thrown));
  }

  /** A piece of a streamed body, after `onWritable`. False: no more until the next `onWritable`. */
  write(piece: Buffer): boolean {
    return this.#live()?.write(piece, this.#framed) ?? false;
  }

  finishWriting(): void {
    this.#live()?.finishWriting(this.#framed);
  }

  pause(): void {
    this.#live()?.pause();
  }

  resume(): void {
    this.#live()?.resume();
  }

  /** Nothing is told any more, and the connection is closed. */
  abort(): void {
    this.#aborted = true;
    this.#live()?.abort();
  }

  /** Once the call is over, its connection may be another's. */
  #live(): Connection | undefined {
    return this.#connection?.carries(this.#events) ? this.#connection : undefined;
  }
}
