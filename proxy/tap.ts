/**
 * Watches one call: takes the bytes that went by and the moments at which things happened, gives one
 * record to the journal when the call is over. Never throws, never delays: a fault in here costs the
 * call's details, not the call.
 */
import type { CaptureMode } from '../contract/columns.ts';
import type { CapturedBodies } from '../contract/record.ts';
import { type BodyCapture, createCapture } from './capture.ts';
import { monotonicMs, wallClockText } from './clock.ts';
import type { HeldBytes } from './estimate/held-bytes.ts';
import type { CountJob, TokenCounts } from './estimate/job.ts';
import { type CallFacts, createExtraction, type Extraction, findEndpoint } from './extract.ts';
import { rawHeader } from './headers.ts';
import type { Identity } from './identify.ts';
import type { StartColumns } from './journal/unfinished.ts';
import type { BegunCall, RecordEnd } from './journal.ts';
import { knownSecrets, withoutSecrets } from './known-secrets.ts';
import type { Ending } from './outcome.ts';
import type { RedactedCall, RedactInput } from './redact.ts';
import type { Route } from './route.ts';
import type { Caller } from './server/caller.ts';
import { describeError, makeRecord, type RecordedCall, Seen, spentTokens, startColumns, withCounts } from './tap-record.ts';

export interface TapOptions {
  readonly identity: Identity;
  readonly route: Route;
  readonly method: string;
  readonly requestHeaders: readonly string[];
  /** The provider's key that goes with the call in the caller's place, as its header has it. */
  readonly heldKey: string | undefined;
  readonly bodyBytesMax: number;
  /** How much of the call is kept. */
  readonly capture: CaptureMode;
  /** Of each body, where any are kept. */
  readonly captureBytesMax: number;
  readonly begin: (columns: StartColumns) => BegunCall;
  /** Calls back once what the journal was given is safe: at once, or at the end of this turn of the event loop. */
  readonly whenWritten: (done: () => void) => void;
  /** Makes it safe at once. */
  readonly write: () => void;
  /** The call is over. Calls back once its record is safe; true: that is before this turn of the event loop is over. */
  readonly emit: (call: BegunCall, record: RecordEnd, limited: readonly string[], done: () => void) => boolean;
  /** The call is over and its record is still being worked on: what it becomes should we die meanwhile. Calls back once that is safe. */
  readonly draft: (call: BegunCall, record: RecordEnd, done: () => void) => boolean;
  /** The call is over and its record could not be made. */
  readonly giveUp: (call: BegunCall) => void;
  /** Where text may be held for counting what the provider does not. */
  readonly heldBytes: HeldBytes;
  /** Counts off the hot path; undefined: it could not be done. */
  readonly count: (job: CountJob, done: (counts: TokenCounts | undefined) => void) => void;
  /** Takes out of captured bodies what must not be stored, off the hot path. */
  readonly redact: (job: RedactInput, done: (call: RedactedCall) => void) => void;
  /** Reports a fault of our own, by its message. */
  readonly fault: (error: unknown) => void;
}

/** Makes the tap of one call. */
export type OpenTap = (
  identity: Identity,
  route: Route,
  caller: Pick<Caller, 'method' | 'rawHeaders'>,
  heldKey: string | undefined,
) => CallTap;

export class CallTap {
  readonly #options: TapOptions;
  readonly #operation: string;
  readonly #usageOnRequest: boolean;
  readonly #realtimeModel: string | undefined;
  readonly #extraction: Extraction;
  readonly #capture: BodyCapture | undefined;
  readonly #seen = new Seen();
  readonly #begun: BegunCall;
  #ended = false;
  #requestRead = false;
  #knownSecrets: readonly string[] | undefined;

  constructor(options: TapOptions) {
    const startedAt = wallClockText();
    this.#options = options;
    const { route, method } = options;
    const found = findEndpoint(route.upstream, method, route.endpointPath);
    this.#operation = found?.endpoint.operation ?? 'other';
    this.#usageOnRequest = found?.endpoint.usageOnRequest === true && route.upstream.saysUsage !== true;
    this.#realtimeModel = found?.endpoint.realtime ? found.endpoint.request(undefined, found.match, route.query).model : undefined;
    this.#extraction = createExtraction({
      endpoint: found?.endpoint,
      match: found?.match ?? null,
      dialect: route.upstream.dialect,
      query: route.query,
      bodyBytesMax: options.bodyBytesMax,
      heldBytes: options.heldBytes,
      onContent: (kind) => {
        if (this.#seen.firstContent_ms === 0) this.#seen.firstContent_ms = monotonicMs();
        if (kind === 'answer' && this.#seen.firstAnswer_ms === 0) this.#seen.firstAnswer_ms = monotonicMs();
      },
    });
    this.#capture = options.capture === 'metadata' ? undefined : createCapture(options.captureBytesMax);
    const headers = options.requestHeaders;
    this.#extraction.requestHeaders(rawHeader(headers, 'content-type'), rawHeader(headers, 'content-encoding'));
    // Last, since what has begun must end: nothing after this may throw.
    this.#begun = options.begin(startColumns(options, startedAt, this.#operation));
  }

  /** Calls back once the call may go to the provider, because its start is safe: at once, or at the end of this turn of the event loop. */
  whenBegun(go: () => void): void {
    this.#options.whenWritten(go);
  }

  /** For the rare ones that cannot wait for the end of the turn: start or record is safe when this returns. */
  write(): void {
    this.#options.write();
  }

  /** The endpoint's streams say their usage only when asked to. */
  get usageOnRequest(): boolean {
    return this.#usageOnRequest;
  }

  /** The model asked for, on a connection whose responses are rows of their own; else undefined. */
  get realtimeModel(): string | undefined {
    return this.#realtimeModel;
  }

  requestData(chunk: Uint8Array): void {
    this.#seen.requestBytes += chunk.length;
    this.#capture?.request(chunk);
    this.#extraction.requestData(chunk);
  }

  /** The whole request body is here. From now to `dispatched` is our own time. */
  requestEnd(): void {
    this.#seen.requestReady_ms = monotonicMs();
    if (this.#seen.dispatched_ms > 0) this.#readRequest();
  }

  /** The request is on its way to the provider, so reading it costs the call nothing. */
  dispatched(): void {
    this.#seen.dispatched_ms = monotonicMs();
    if (this.#seen.requestReady_ms > 0) this.#readRequest();
  }

  /** The provider's status and headers are here. */
  responseHeaders(status: number, raw: readonly string[]): void {
    this.#seen.headers_ms = monotonicMs();
    this.#seen.status = status;
    this.#seen.responseHeaders = raw;
    this.#seen.responseEncoding = rawHeader(raw, 'content-encoding');
    this.#extraction.responseHeaders(status, rawHeader(raw, 'content-type'), this.#seen.responseEncoding, (name) => rawHeader(raw, name));
  }

  /** They are written to the client. */
  headersSent(): void {
    this.#seen.headersSent_ms = monotonicMs();
  }

  responseData(chunk: Uint8Array): void {
    const now_ms = monotonicMs();
    if (this.#seen.lastChunk_ms > 0) this.#seen.maxGap_ms = Math.max(this.#seen.maxGap_ms, now_ms - this.#seen.lastChunk_ms);
    this.#seen.lastChunk_ms = now_ms;
    this.#seen.responseBytes += chunk.length;
    this.#capture?.response(chunk);
    this.#extraction.responseData(chunk);
  }

  /**
   * The call is over: the record is made, and `done` is called once it is safe. True: before this turn of the event loop is over,
   * which is so but for large compressed bodies and where the journal waits for the disk. Only the first call counts.
   */
  end(ending: Ending, done: () => void = nothing): boolean {
    if (this.#ended) {
      done();
      return true;
    }
    this.#ended = true;
    let soon = false;
    const end_ms = monotonicMs();
    const finish = (facts: CallFacts | undefined) => {
      try {
        const limited = facts?.limited ?? ['internal'];
        const record = makeRecord(this.#recorded(), ending, end_ms, facts);
        if (this.#capture && this.#options.capture === 'full') record.bodies = this.#wholeBodies(this.#capture);
        const countJob = facts?.countJob && spentTokens(ending, record.status, facts) ? facts.countJob : undefined;
        const redactInput = this.#options.capture === 'redacted' ? this.#redactInput(ending, facts) : undefined;
        if (countJob === undefined && redactInput === undefined) soon = this.#emit(record, limited, done);
        else soon = this.#complete(record, limited, { countJob, redactInput }, done);
      } catch (error) {
        this.#options.fault(error);
        this.#options.giveUp(this.#begun);
        this.#options.whenWritten(done);
        soon = true;
      }
    };
    try {
      this.#readRequest();
      this.#extraction.responseEnd(ending.kind === 'complete', finish);
    } catch (error) {
      this.#options.fault(error);
      finish(undefined);
    }
    return soon;
  }

  /** The record waits for what is done in other threads, the client does not: should we die meanwhile, the draft is the row. */
  #complete(record: RecordEnd, limited: readonly string[], { countJob, redactInput }: ToDo, done: () => void): boolean {
    const { count, redact } = this.#options;
    const redacted = (counted: RecordEnd): void => {
      if (redactInput === undefined) this.#emit(counted, limited, nothing);
      else
        redact(redactInput, ({ bodies, errorMessage }) =>
          this.#emit({ ...counted, bodies, error_message: errorMessage ?? counted.error_message }, limited, nothing),
        );
    };
    const soon = this.#options.draft(this.#begun, record, done);
    if (countJob === undefined) redacted(record);
    else count(countJob, (counts) => redacted(withCounts(record, counts)));
    return soon;
  }

  #redactInput(ending: Ending, facts: CallFacts | undefined): RedactInput | undefined {
    if (this.#capture === undefined) return undefined;
    const { request, response } = this.#capture.kept();
    const sent = this.#options.requestHeaders;
    const streamCut = facts?.streamed === true && (!facts.reading.ended || STOPPED_SHORT.test(facts.reading.finish_reason));
    const broken = ending.kind !== 'complete';
    return {
      request: {
        ...request,
        cut: request.cut || broken,
        contentType: rawHeader(sent, 'content-type'),
        contentEncoding: rawHeader(sent, 'content-encoding'),
      },
      response: {
        ...response,
        cut: response.cut || broken || streamCut,
        // What follows an upgrade is no HTTP body, and no text.
        contentType: this.#seen.status === 101 ? 'application/octet-stream' : rawHeader(this.#seen.responseHeaders, 'content-type'),
        contentEncoding: this.#seen.responseEncoding,
      },
      errorMessage: describeError(ending, this.#seen.status, facts, () => this.#secrets()).message,
      secrets: this.#secrets(),
    };
  }

  /** May run long after the call, where nobody would catch. */
  #emit(record: RecordEnd, limited: readonly string[], done: () => void): boolean {
    try {
      return this.#options.emit(this.#begun, record, limited, done);
    } catch (error) {
      this.#options.fault(error);
      this.#options.giveUp(this.#begun);
      this.#options.whenWritten(done);
      return true;
    }
  }

  #readRequest(): void {
    if (this.#requestRead) return;
    this.#requestRead = true;
    this.#extraction.requestEnd();
  }

  #recorded(): RecordedCall {
    const { identity, route, capture } = this.#options;
    return { seen: this.#seen, identity, route, operation: this.#operation, capture, secrets: () => this.#secrets() };
  }

  /** With all that is in them but the credentials. */
  #wholeBodies(capture: BodyCapture): CapturedBodies {
    const whole = capture.finish(rawHeader(this.#options.requestHeaders, 'content-encoding'), this.#seen.responseEncoding);
    const secrets = this.#secrets();
    return { ...whole, request: withoutSecrets(whole.request, secrets), response: withoutSecrets(whole.response, secrets) };
  }

  /** Only where something is kept that may quote them. */
  #secrets(): readonly string[] {
    const { heldKey, requestHeaders, route } = this.#options;
    this.#knownSecrets ??= knownSecrets(heldKey, requestHeaders, route.query);
    return this.#knownSecrets;
  }
}

const nothing = (): void => {};

/** What a record still lacks when its call is over. */
interface ToDo {
  readonly countJob: CountJob | undefined;
  readonly redactInput: RedactInput | undefined;
}

/** An answer that ends so may end in the middle of a number. */
const STOPPED_SHORT = /length|max|limit|stop_sequence|error/i;
