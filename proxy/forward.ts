/**
 * Carries one call to the provider and its answer back: every byte, header and status as it came, chunk by
 * chunk, with backpressure both ways, the tap beside it. Takes a routed call; never retries, never follows
 * redirects, never decodes what it passes on, but for streams whose usage it was told to ask for (inject/).
 */
import { IncomingMessage } from 'node:http';
import type { GatewayError } from '../contract/errors.ts';
import type { UpstreamCall, UpstreamClient } from './client/client.ts';
import type { CallEvents } from './client/connection.ts';
import type { AnswerHead } from './client/head.ts';
import { dropHeader, rawHeader, requestHeaders, responseHeaders } from './headers.ts';
import type { Identity } from './identify.ts';
import { askForUsage, mayAsk } from './inject/ask-usage.ts';
import { createStripping, type Stripping } from './inject/recode.ts';
import { propagated } from './propagation.ts';
import type { CredentialHeader } from './provider-keys.ts';
import { REQUEST_ID_HEADER, sendError } from './respond.ts';
import type { Route } from './route.ts';
import { type Answer, type Caller, canCarryTrailers } from './server/caller.ts';
import { PlainRequest } from './server/plain-connection.ts';
import type { CallTap } from './tap.ts';
import { describeUpstreamError } from './upstream-errors.ts';

export interface ForwardOptions {
  readonly client: UpstreamClient;
  /** The provider's key, where Glassway holds it. */
  readonly credential: CredentialHeader | undefined;
  /** The call's own span, for upstreams that are told of it. */
  readonly trace: Pick<Identity, 'trace_id' | 'span_id' | 'trace_flags'>;
  /** Request bodies with a Content-Length up to this are sent in one piece. */
  readonly requestBufferBytes: number;
  /** Ask for a stream's usage where the caller does not, and keep it from the caller. */
  readonly askUsage: boolean;
  /** How long the answer is read on after the client went away, for the record's sake; 0: the provider is cut off at once. */
  readonly finish_ms: number;
}

/** A call whose request is still on its way in. */
export interface Upload {
  /** Answers with `error` in the provider's place, and cuts the provider off. */
  giveUp(error: GatewayError): void;
}

/** Gives the call while its request has a body to come. */
export function forward(
  caller: IncomingMessage | PlainRequest,
  answer: Answer,
  route: Route,
  requestId: string,
  tap: CallTap,
  options: ForwardOptions,
): Upload | undefined {
  const exchange = new Exchange(caller, answer, route, requestId, tap, options);
  if (caller instanceof PlainRequest) {
    const whole = caller.complete;
    exchange.take(caller);
    return whole ? undefined : exchange;
  }
  const length = rawHeader(caller.rawHeaders, 'content-length');
  const chunked = rawHeader(caller.rawHeaders, 'transfer-encoding') !== '';
  if (chunked || Number(length) > options.requestBufferBytes) exchange.stream(caller, chunked ? undefined : Number(length));
  else if (length === '' || Number(length) === 0) {
    exchange.sendWhenBegun(undefined);
    return undefined;
  } else exchange.buffer(caller);
  return exchange;
}

/** Both sides of one call. It is told itself of what the provider does, so that a call costs few closures. */
class Exchange implements CallEvents {
  readonly #caller: Caller;
  readonly #route: Route;
  readonly #requestId: string;
  readonly #tap: CallTap;
  readonly #options: ForwardOptions;
  readonly #answer: Answer;
  /** What came since the last time that all was told: for the tap, after the client has it. */
  readonly #seen: Buffer[] = [];
  #call: UpstreamCall | undefined;
  #finishLimit: NodeJS.Timeout | undefined;
  #usageAsked = false;
  #stripping: Stripping | undefined;
  #clientGone = false;
  /** The client is gone, and the answer is read on. */
  #finishing = false;
  /** The request whose body goes on as it comes. */
  #streamed: IncomingMessage | undefined;
  #uploading = false;
  #finished = false;

  constructor(caller: Caller, answer: Answer, route: Route, requestId: string, tap: CallTap, options: ForwardOptions) {
    this.#caller = caller;
    this.#answer = answer;
    this.#route = route;
    this.#requestId = requestId;
    this.#tap = tap;
    this.#options = options;
    answer.onDrain(() => this.#call?.resume());
    answer.onClose(() => this.#onClientClose());
    if (caller instanceof IncomingMessage) caller.on('error', ignore); // a client that goes away while it sends: `close` tells
  }

  /** Waits for the whole body: one piece to the provider is one system call. */
  take(request: PlainRequest): void {
    request.whenWhole((body) => {
      if (body === undefined) {
        this.sendWhenBegun(undefined);
        return;
      }
      this.#tap.requestData(body);
      this.#tap.requestEnd();
      this.sendWhenBegun(this.#withUsageAsked(body));
    });
  }

  /** The same, where Node reads. */
  buffer(req: IncomingMessage): void {
    let chunks: Buffer[] | undefined;
    let only: Buffer | undefined;
    req.on('data', (chunk: Buffer) => {
      if (only === undefined) only = chunk;
      else if (chunks === undefined) chunks = [only, chunk];
      else chunks.push(chunk);
      this.#tap.requestData(chunk);
    });
    req.on('end', () => {
      this.#tap.requestEnd();
      const body = this.#withUsageAsked(chunks === undefined ? (only as Buffer) : Buffer.concat(chunks));
      this.sendWhenBegun(body);
    });
  }

  #withUsageAsked(body: Buffer): Buffer {
    if (!this.#options.askUsage || !mayAsk(this.#caller.rawHeaders)) return body;
    const changed = askForUsage(body);
    this.#usageAsked = changed !== undefined;
    return changed ?? body;
  }

  /** Sends the body on as it comes: large or of unknown length. */
  stream(req: IncomingMessage, length: number | undefined): void {
    this.#streamed = req;
    this.#uploading = true;
    this.sendWhenBegun('streamed', length);
  }

  /** The provider takes more: the first time the client is begun to be read, later it is read on. */
  onWritable(): void {
    const req = this.#streamed;
    if (req === undefined) return;
    if (req.readableFlowing !== null) {
      req.resume();
      return;
    }
    req.on('data', (chunk: Buffer) => {
      // What a client still sends to a provider that answered early is read and dropped: it must not block the connection.
      if (!this.#uploading) return;
      this.#tap.requestData(chunk);
      if (this.#call?.write(chunk) === false) req.pause();
    });
    req.on('end', () => {
      if (!this.#uploading) return;
      this.#uploading = false;
      this.#tap.requestEnd();
      this.#call?.finishWriting();
    });
  }

  /** No call reaches a provider before the journal knows of it. */
  sendWhenBegun(body: Buffer | undefined | 'streamed', length?: number): void {
    this.#options.client.expect();
    this.#tap.whenBegun(() => this.#send(body, length));
  }

  #send(body: Buffer | undefined | 'streamed', length: number | undefined): void {
    if (this.#clientGone || this.#finished) return;
    if (body === undefined) this.#tap.requestEnd();
    try {
      const { propagate } = this.#route.upstream;
      const own = requestHeaders(this.#caller.rawHeaders, this.#options.credential);
      const headers = propagate === undefined ? own : propagated(own, propagate, this.#options.trace);
      const parts = { method: this.#caller.method ?? 'GET', target: this.#route.target, headers, body, length };
      this.#call = this.#options.client.send(this.#route.origin, parts, this);
    } catch (error) {
      this.onFault(error as Error);
    }
  }

  onDispatched(): void {
    this.#tap.dispatched();
  }

  onHead({ status, reason, headers: raw }: AnswerHead): void {
    const headers = responseHeaders(raw);
    this.#tap.responseHeaders(status, headers);
    if (this.#finishing) return;
    if (this.#usageAsked) this.#startStripping(status, headers);
    if (rawHeader(headers, 'content-length') !== '' || !canCarryTrailers(this.#caller, status)) dropHeader(headers, 'trailer');
    headers.push(REQUEST_ID_HEADER, this.#requestId);
    this.#answer.begin(status, reason, headers);
    this.#tap.headersSent();
  }

  onData(piece: Buffer): void {
    this.#seen.push(piece);
    if (this.#finishing) return;
    if (this.#stripping) this.#stripping.write(piece);
    else this.#answer.hold(piece);
  }

  onReadDone(framed: Buffer | undefined): void {
    if (!this.#finishing && !this.#answer.flush(this.#stripping ? undefined : framed)) this.#call?.pause();
    this.#tellSeen();
  }

  #tellSeen(): void {
    const seen = this.#seen;
    for (let i = 0; i < seen.length; i += 1) this.#tap.responseData(seen[i] as Buffer);
    seen.length = 0;
  }

  #startStripping(status: number, headers: string[]): void {
    if (status >= 300 || !/^\s*text\/event-stream/i.test(rawHeader(headers, 'content-type'))) return;
    this.#stripping = createStripping({
      contentEncoding: rawHeader(headers, 'content-encoding'),
      onData: (chunk) => {
        this.#answer.hold(chunk);
        if (!this.#finishing && !this.#answer.flush()) this.#call?.pause();
      },
      onFault: (error) => {
        this.#call?.abort();
        this.onFault(error);
      },
    });
    if (this.#stripping) dropHeader(headers, 'content-length');
  }

  onEnd(trailers: readonly string[], framed: Buffer | undefined): void {
    this.#finished = true;
    this.#stopUpload();
    this.#tellSeen();
    if (this.#finishing) {
      this.#endFinishing();
      return;
    }
    if (this.#stripping) this.#stripping.end(true, () => this.#complete(trailers, undefined));
    else this.#complete(trailers, framed);
  }

  /** The record is made before the client can see the end, so that no answered call is without one. */
  #complete(trailers: readonly string[], framed: Buffer | undefined): void {
    let flushed = false;
    const soon = this.#tap.end({ kind: 'complete' }, () => this.#answer.end(trailers, flushed ? undefined : framed));
    if (soon) return;
    flushed = true;
    this.#answer.flushBeforeEnd();
  }

  onFault(cause: Error): void {
    this.#stopUpload();
    this.#tellSeen();
    if (this.#finishing) this.#endFinishing();
    if (this.#clientGone) return;
    if (this.#finished) {
      this.#answer.cut(); // a fault of ours at the very end
      return;
    }
    this.#finished = true;
    const error = describeUpstreamError(cause, this.#route.origin);
    if (!this.#answer.begun) {
      this.#tap.end({ kind: 'gateway_error', error }, () =>
        sendError(this.#caller, this.#answer, error, this.#route.upstream.dialect, this.#requestId),
      );
      return;
    }
    this.#tap.end({ kind: 'truncated', reason: error.message, timeout: error.code === 'upstream_timeout' });
    this.#tap.write(); // before the client can see it
    const cut = (): void => this.#answer.cut();
    if (this.#stripping) this.#stripping.end(false, cut);
    else cut();
  }

  /** The provider takes no more of the request; the client may still be sending it. */
  #stopUpload(): void {
    if (!this.#uploading) return;
    this.#uploading = false;
    this.#streamed?.resume();
  }

  giveUp(error: GatewayError): void {
    if (this.#finished || this.#clientGone) return;
    this.#finished = true;
    this.#call?.abort();
    this.#tap.end({ kind: 'gateway_error', error }, () => {
      if (this.#answer.begun) this.#answer.cut();
      else sendError(this.#caller, this.#answer, error, this.#route.upstream.dialect, this.#requestId);
    });
  }

  #onClientClose(): void {
    if (this.#finished || this.#answer.over) return;
    this.#clientGone = true;
    // A request that the provider does not have whole will never be answered.
    if (this.#options.finish_ms > 0 && this.#caller.complete && this.#call !== undefined) {
      this.#finishing = true;
      this.#finishLimit = setTimeout(() => {
        this.#call?.abort();
        this.#endFinishing();
      }, this.#options.finish_ms);
      this.#call.resume();
      return;
    }
    this.#call?.abort();
    this.#tap.end({ kind: 'client_abort' });
  }

  /** The client's part was over before: the record says so, with all that the provider said. */
  #endFinishing(): void {
    clearTimeout(this.#finishLimit);
    this.#tap.end({ kind: 'client_abort' });
  }
}

const ignore = (): void => {};
