/**
 * Carries one call to the provider and its answer back: every byte, header and status as it came, chunk by
 * chunk, with backpressure both ways, the tap beside it. Takes a routed call; never retries, never follows
 * redirects, never decodes what it passes on, but for streams whose usage it was told to ask for (inject/).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { GatewayError } from '../contract/errors.ts';
import { rawHeader, requestHeaders, responseHeaders } from './headers.ts';
import type { Identity } from './identify.ts';
import { askForUsage, mayAsk, withLength } from './inject/ask-usage.ts';
import { createStripping, type Stripping } from './inject/recode.ts';
import { propagated } from './propagation.ts';
import type { CredentialHeader } from './provider-keys.ts';
import { REQUEST_ID_HEADER, sendError } from './respond.ts';
import type { Route } from './route.ts';
import type { CallTap } from './tap.ts';
import { describeUpstreamError } from './upstream-errors.ts';

/** Answers up to this size are copied into one piece with their headers: one system call, and cheaper than two pieces in it. */
const WHOLE_BYTES_MAX = 16 * 1024;

export interface ForwardOptions {
  readonly dispatcher: Dispatcher;
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
  req: IncomingMessage,
  res: ServerResponse,
  route: Route,
  requestId: string,
  tap: CallTap,
  options: ForwardOptions,
): Upload | undefined {
  const exchange = new Exchange(req, res, route, requestId, tap, options);
  const length = req.headers['content-length'];
  if (req.headers['transfer-encoding'] !== undefined || Number(length) > options.requestBufferBytes) exchange.stream();
  else if (length === undefined || length === '0') {
    exchange.dispatch(null);
    return undefined;
  } else exchange.buffer();
  return exchange;
}

/** Both sides of one call. It is undici's handler itself, so that a call costs no closures. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #route: Route;
  readonly #requestId: string;
  readonly #tap: CallTap;
  readonly #options: ForwardOptions;
  #finishLimit: NodeJS.Timeout | undefined;
  #usageAsked = false;
  #stripping: Stripping | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #clientGone = false;
  /** The client is gone, and the answer is read on. */
  #finishing = false;
  #dispatched = false;
  #finished = false;
  #drainWatched = false;
  #bodyStarted = false;
  /** The body's length as its header says it; -1: it does not. */
  #announcedBytes = -1;
  /** The whole body, where it came in one piece: it goes out with the end, as one piece. */
  #whole: Buffer | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, route: Route, requestId: string, tap: CallTap, options: ForwardOptions) {
    this.#req = req;
    this.#res = res;
    this.#route = route;
    this.#requestId = requestId;
    this.#tap = tap;
    this.#options = options;
    res.sendDate = false; // the provider's Date passes; none of ours is added
    res.on('close', () => this.#onClientClose());
  }

  /** Waits for the whole body: one piece to the provider is one system call. */
  buffer(): void {
    const chunks: Buffer[] = [];
    this.#req.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      this.#tap.requestData(chunk);
    });
    this.#req.on('end', () => {
      this.#tap.requestEnd();
      this.dispatch(this.#withUsageAsked(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    });
    this.#req.on('error', () => {}); // a client that goes away while it sends: `close` tells
  }

  #withUsageAsked(body: Buffer): Buffer {
    const changed = this.#options.askUsage && mayAsk(this.#req.rawHeaders) ? askForUsage(body) : undefined;
    this.#usageAsked = changed !== undefined;
    return changed ?? body;
  }

  /** Sends the body on as it comes: large or of unknown length. */
  stream(): void {
    this.dispatch(this.#readRequest());
  }

  async *#readRequest(): AsyncGenerator<Buffer> {
    // Without destroyOnReturn a provider that answers early and hangs up would take the client's connection along.
    try {
      for await (const chunk of this.#req.iterator({ destroyOnReturn: false })) {
        this.#tap.requestData(chunk);
        yield chunk;
      }
      this.#tap.requestEnd();
    } finally {
      // What a client still sends to a provider that answered early is read and dropped: it must not block the connection.
      this.#req.resume();
    }
  }

  dispatch(body: Buffer | AsyncGenerator<Buffer> | null): void {
    if (this.#clientGone || this.#finished) return;
    if (body === null) this.#tap.requestEnd();
    const { propagate } = this.#route.upstream;
    const own = requestHeaders(this.#req.rawHeaders, this.#options.credential);
    const passed = propagate === undefined ? own : propagated(own, propagate, this.#options.trace);
    const headers = this.#usageAsked && Buffer.isBuffer(body) ? withLength(passed, body.length) : passed;
    // undici takes any async iterable (its types name Readable only)
    const options = {
      origin: this.#route.origin,
      path: this.#route.target,
      method: this.#req.method ?? 'GET',
      headers,
      body,
    } as unknown as Dispatcher.DispatchOptions;
    this.#options.dispatcher.dispatch(options, this);
    this.#dispatched = true;
    this.#tap.dispatched();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#clientGone && !this.#finishing) controller.abort(new Error('the client went away'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusMessage?: string): void {
    // Interim responses are for the hop that asked (RFC 9110 §15.2); no provider sends any but 100.
    if (status < 200 || this.#res.headersSent) return;
    const headers = responseHeaders(controller.rawHeaders as (Buffer | string)[]);
    this.#tap.responseHeaders(status, headers);
    if (this.#finishing) return;
    if (this.#usageAsked) this.#startStripping(status, headers);
    const length = rawHeader(headers, 'content-length');
    if (length !== '') this.#announcedBytes = Number(length);
    if (length !== '' || !this.#canCarryTrailers(status)) dropHeader(headers, 'trailer');
    headers.push(REQUEST_ID_HEADER, this.#requestId);
    this.#res.writeHead(status, reasonPhrase(statusMessage ?? ''), headers);
    this.#tap.headersSent();
    // Headers go out with the first body bytes when those came in the same packet, else at once.
    process.nextTick(flushHeaders, this);
  }

  /** Not `res.flushHeaders()`: that writes UTF-8, and header bytes above ASCII would be doubled. */
  flushHeaders(): void {
    if (this.#whole) this.#releaseWhole();
    else if (!this.#bodyStarted && !this.#res.writableEnded && !this.#res.destroyed) this.#res.write('', 'latin1');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stripping) this.#stripping.write(chunk);
    else if (this.#isWhole(chunk)) this.#whole = chunk;
    else this.#write(chunk, controller);
    this.#tap.responseData(chunk);
  }

  /** With the last byte that its length announced, an answer is over: undici says so before it returns to the event loop. */
  #isWhole(chunk: Buffer): boolean {
    return !this.#bodyStarted && !this.#finishing && chunk.length === this.#announcedBytes && chunk.length <= WHOLE_BYTES_MAX;
  }

  /** The end did not follow after all. */
  #releaseWhole(): void {
    const whole = this.#whole;
    this.#whole = undefined;
    if (whole && !this.#res.writableEnded && !this.#res.destroyed) this.#write(whole, this.#controller);
  }

  #startStripping(status: number, headers: string[]): void {
    if (status >= 300 || !/^\s*text\/event-stream/i.test(rawHeader(headers, 'content-type'))) return;
    this.#stripping = createStripping({
      contentEncoding: rawHeader(headers, 'content-encoding'),
      onData: (chunk) => this.#write(chunk, this.#controller),
      onFault: (error) => this.#controller?.abort(error),
    });
    if (this.#stripping) dropHeader(headers, 'content-length');
  }

  #write(chunk: Buffer, controller: Dispatcher.DispatchController | undefined): void {
    this.#bodyStarted = true;
    if (!this.#finishing && !this.#res.write(chunk)) {
      controller?.pause();
      if (!this.#drainWatched) {
        this.#drainWatched = true;
        this.#res.on('drain', () => this.#controller?.resume());
      }
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#finished = true;
    if (this.#finishing) {
      this.#endFinishing();
      return;
    }
    const trailers = (controller.rawTrailers ?? []) as (Buffer | string)[];
    if (trailers.length > 0) this.#addTrailers(trailers);
    // The record is made before the client can see the end, so that no answered call is without one.
    const end = (): void => this.#tap.end({ kind: 'complete' }, () => this.#endResponse());
    if (this.#stripping) this.#stripping.end(true, end);
    else end();
  }

  #endResponse(): void {
    const whole = this.#whole;
    this.#whole = undefined;
    // Text goes out in one piece with the headers, where a buffer would be a second one. latin1 is the bytes as they are.
    if (whole) this.#res.end(whole.toString('latin1'), 'latin1');
    else this.#res.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (this.#finishing) this.#endFinishing();
    if (this.#clientGone || this.#finished) return;
    this.#finished = true;
    const error = describeUpstreamError(cause, this.#route.origin);
    if (!this.#res.headersSent) {
      this.#tap.end({ kind: 'gateway_error', error }, () => sendError(this.#res, error, this.#route.upstream.dialect, this.#requestId));
      return;
    }
    this.#tap.end({ kind: 'truncated', reason: error.message, timeout: error.code === 'upstream_timeout' });
    // The client must see that the answer broke off: what is written goes out, then the connection ends without an end mark.
    const cut = (): void => this.#res.socket?.destroySoon();
    if (this.#stripping) this.#stripping.end(false, cut);
    else cut();
  }

  giveUp(error: GatewayError): void {
    if (this.#finished || this.#clientGone) return;
    this.#finished = true;
    this.#controller?.abort(error);
    this.#tap.end({ kind: 'gateway_error', error }, () => {
      if (this.#res.headersSent) this.#res.socket?.destroySoon();
      else sendError(this.#res, error, this.#route.upstream.dialect, this.#requestId);
    });
  }

  #onClientClose(): void {
    if (this.#finished || this.#res.writableFinished) return;
    this.#clientGone = true;
    // A request that the provider does not have whole will never be answered.
    if (this.#options.finish_ms > 0 && this.#req.complete && this.#dispatched) {
      this.#finishing = true;
      this.#finishLimit = setTimeout(() => this.#controller?.abort(new Error('the client went away')), this.#options.finish_ms);
      this.#controller?.resume();
      return;
    }
    this.#controller?.abort(new Error('the client went away'));
    this.#tap.end({ kind: 'client_abort' });
  }

  /** The client's part was over before: the record says so, with all that the provider said. */
  #endFinishing(): void {
    clearTimeout(this.#finishLimit);
    this.#tap.end({ kind: 'client_abort' });
  }

  /** Trailers need chunks (RFC 9112 §7.1.2); Node throws where they are announced without. */
  #canCarryTrailers(status: number): boolean {
    const { httpVersion, method } = this.#req;
    return httpVersion === '1.1' && method !== 'HEAD' && status !== 204 && status !== 304;
  }

  #addTrailers(raw: readonly (Buffer | string)[]): void {
    const pairs: [string, string][] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([text(raw[i]), text(raw[i + 1])]);
    try {
      this.#res.addTrailers(pairs);
    } catch {
      // A trailer that Node calls invalid: RFC 9110 §6.5.1 lets a proxy drop trailers.
    }
  }
}

function flushHeaders(exchange: Exchange): void {
  exchange.flushHeaders();
}

function dropHeader(raw: string[], name: string): void {
  for (let i = raw.length - 2; i >= 0; i -= 2) if ((raw[i] as string).toLowerCase() === name) raw.splice(i, 2);
}

/** Undici decodes the phrase as UTF-8; Node writes latin1. Bytes that were UTF-8 come out as they came. */
function reasonPhrase(decoded: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is looked for
  return /^[\u0000-\u007f]*$/.test(decoded) ? decoded : Buffer.from(decoded, 'utf8').toString('latin1');
}

function text(part: Buffer | string | undefined): string {
  return typeof part === 'string' ? part : (part?.toString('latin1') ?? '');
}

/** A fault of ours on the way to the provider. */
export function internalError(cause: unknown): GatewayError {
  return new GatewayError('internal', 'The fault is in its log.', { cause });
}
