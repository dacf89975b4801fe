/**
 * A call from its client's side: what was asked, and where the answer goes. Who reads the connection, Node (node-answer.ts) or
 * Glassway itself (plain-connection.ts), makes no difference to whom it is handed.
 */

/** Headers and request line of a call, with how far its body has come. Node's IncomingMessage is one. */
export interface Caller {
  readonly method?: string | undefined;
  /** The request target. */
  readonly url?: string | undefined;
  /** [name, value, name, value, …], as they came. */
  readonly rawHeaders: readonly string[];
  readonly httpVersion: string;
  /** Its body is here to its end. */
  readonly complete: boolean;
  readonly destroyed: boolean;
  /** Bytes of it that have arrived and wait for us. */
  readonly readableLength: number;
  readonly socket: { readonly bytesRead: number };
}

/**
 * Where an answer goes, as few pieces as come: what one read brought goes out in one write, with the head where that is still
 * here. Chunks keep their framing: taking it off and putting it on again is most of what a streamed event would cost.
 */
export interface Answer {
  /** Its head is made: no other can follow. */
  readonly begun: boolean;
  /** All of it is out. */
  readonly over: boolean;
  /** Status and headers, none of them of the hop; they go out with the first bytes, or the next flush. */
  begin(status: number, reason: string, headers: readonly string[]): void;
  /** A piece of the body: to go out with the next flush or the end. */
  hold(piece: Buffer): void;
  /**
   * Writes what is held, or just the head. False: the client is full, `onDrain` will be called. `framed`: the held pieces
   * as chunks, if they came so.
   */
  flush(framed?: Buffer): boolean;
  /** Before the record of the call is safe: what may be seen already goes out, unless it is the end itself. */
  flushBeforeEnd(): void;
  /** What is held and the end, in one piece. `trailers` is a raw list; `framed` as above, end mark included. */
  end(trailers: readonly string[], framed?: Buffer): void;
  /** Ends without an end mark, once all that was written is out: the client must see that the answer broke off. */
  cut(): void;
  /** A whole answer of our own. `close`: nothing more is read on its connection. */
  whole(status: number, headers: string[], body: Buffer, close: boolean): void;
  /** Called when a client that was full takes more. */
  onDrain(listener: () => void): void;
  /** Called once, when the answer is out or its client gone. */
  onClose(listener: () => void): void;
}

/** Trailers need chunks (RFC 9112 §7.1.2); Node throws where they are announced without. */
export function canCarryTrailers(caller: Caller, status: number): boolean {
  return caller.httpVersion === '1.1' && canHaveBody(caller.method, status);
}

/** RFC 9112 §6.3. */
export function canHaveBody(method: string | undefined, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}
