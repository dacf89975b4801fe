/**
 * Watches one call: takes the bytes that went by and the moments at which things happened, gives one
 * record to the journal when the call is over. Never throws, never delays: a fault in here costs the
 * call's details, not the call.
 */
import type { IncomingMessage } from 'node:http';
import type { CaptureMode } from '../contract/columns.ts';
import { type CapturedBodies, RECORD_VERSION } from '../contract/record.ts';
import { type BodyCapture, createCapture } from './capture.ts';
import { monotonicMs, wallClockText } from './clock.ts';
import type { HeldBytes } from './estimate/held-bytes.ts';
import type { CountJob, TokenCounts } from './estimate/job.ts';
import { type CallFacts, cleanMessage, createExtraction, type Extraction, findEndpoint } from './extract.ts';
import { rawHeader } from './headers.ts';
import type { Identity } from './identify.ts';
import type { StartColumns } from './journal/unfinished.ts';
import type { RecordEnd } from './journal.ts';
import { keptMessage } from './kept-message.ts';
import { keptId, keptName, keptPath, keptUsage, keptWords } from './kept-name.ts';
import { knownSecrets, withoutSecrets } from './known-secrets.ts';
import { type Ending, outcomeOf } from './outcome.ts';
import type { Usage } from './providers/provider.ts';
import { EMPTY_USAGE } from './providers/values.ts';
import { readRateLimits } from './rate-limits.ts';
import type { RedactedCall, RedactInput } from './redact.ts';
import type { Route } from './route.ts';

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
  /** The call begins: gives its number. */
  readonly begin: (call: StartColumns) => number;
  /** Calls back once what the journal was given is safe: at once, or at the end of this turn of the event loop. */
  readonly whenWritten: (done: () => void) => void;
  /** Makes it safe at once. */
  readonly write: () => void;
  /** The call is over. Calls back once its record is safe; true: that is before this turn of the event loop is over. */
  readonly emit: (seq: number, record: RecordEnd, limited: readonly string[], done: () => void) => boolean;
  /** The call is over and its record is still being worked on: what it becomes should we die meanwhile. Calls back once that is safe. */
  readonly draft: (seq: number, record: RecordEnd, done: () => void) => void;
  /** The call is over and its record could not be made. */
  readonly giveUp: (seq: number) => void;
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
export type OpenTap = (identity: Identity, route: Route, req: IncomingMessage, heldKey: string | undefined) => CallTap;

export class CallTap {
  readonly #options: TapOptions;
  readonly #operation: string;
  readonly #usageOnRequest: boolean;
  readonly #realtimeModel: string | undefined;
  readonly #extraction: Extraction;
  readonly #capture: BodyCapture | undefined;
  readonly #start_ms: number = monotonicMs();
  readonly #seq: number;
  #ended = false;
  #requestRead = false;
  #requestReady_ms = 0;
  #dispatched_ms = 0;
  #headers_ms = 0;
  #headersSent_ms = 0;
  #firstContent_ms = 0;
  #firstAnswer_ms = 0;
  #lastChunk_ms = 0;
  #maxGap_ms = 0;
  #requestBytes = 0;
  #responseBytes = 0;
  #status = 0;
  #responseEncoding = '';
  #responseHeaders: readonly string[] = [];
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
        if (this.#firstContent_ms === 0) this.#firstContent_ms = monotonicMs();
        if (kind === 'answer' && this.#firstAnswer_ms === 0) this.#firstAnswer_ms = monotonicMs();
      },
    });
    this.#capture = options.capture === 'metadata' ? undefined : createCapture(options.captureBytesMax);
    const headers = options.requestHeaders;
    this.#extraction.requestHeaders(rawHeader(headers, 'content-type'), rawHeader(headers, 'content-encoding'));
    // Last, since what has begun must end: nothing after this may throw.
    this.#seq = options.begin(startColumns(options, startedAt, this.#operation));
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
    this.#requestBytes += chunk.length;
    this.#capture?.request(chunk);
    this.#extraction.requestData(chunk);
  }

  /** The whole request body is here. From now to `dispatched` is our own time. */
  requestEnd(): void {
    this.#requestReady_ms = monotonicMs();
    if (this.#dispatched_ms > 0) this.#readRequest();
  }

  /** The request is on its way to the provider, so reading it costs the call nothing. */
  dispatched(): void {
    this.#dispatched_ms = monotonicMs();
    if (this.#requestReady_ms > 0) this.#readRequest();
  }

  /** The provider's status and headers are here. */
  responseHeaders(status: number, raw: readonly string[]): void {
    this.#headers_ms = monotonicMs();
    this.#status = status;
    this.#responseHeaders = raw;
    this.#responseEncoding = rawHeader(raw, 'content-encoding');
    this.#extraction.responseHeaders(status, rawHeader(raw, 'content-type'), this.#responseEncoding, (name) => rawHeader(raw, name));
  }

  /** They are written to the client. */
  headersSent(): void {
    this.#headersSent_ms = monotonicMs();
  }

  responseData(chunk: Uint8Array): void {
    const now_ms = monotonicMs();
    if (this.#lastChunk_ms > 0) this.#maxGap_ms = Math.max(this.#maxGap_ms, now_ms - this.#lastChunk_ms);
    this.#lastChunk_ms = now_ms;
    this.#responseBytes += chunk.length;
    this.#capture?.response(chunk);
    this.#extraction.responseData(chunk);
  }

  /**
   * The call is over: the record is made, and `done` is called once it is safe. True: before this turn of the event loop is over,
   * which is so but for large compressed bodies and where the journal waits for the disk.
   * Only the first call counts. `status` is what the client got where Glassway answered itself.
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
        const record = this.#record(ending, end_ms, facts);
        const countJob = facts?.countJob && spentTokens(ending, record.status, facts) ? facts.countJob : undefined;
        const redactInput = this.#options.capture === 'redacted' ? this.#redactInput(ending, facts) : undefined;
        if (countJob === undefined && redactInput === undefined) soon = this.#emit(record, limited, done);
        else this.#complete(record, limited, { countJob, redactInput }, done);
      } catch (error) {
        this.#options.fault(error);
        this.#options.giveUp(this.#seq);
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
  #complete(record: RecordEnd, limited: readonly string[], { countJob, redactInput }: ToDo, done: () => void): void {
    const { count, redact } = this.#options;
    const redacted = (counted: RecordEnd): void => {
      if (redactInput === undefined) this.#emit(counted, limited, nothing);
      else
        redact(redactInput, ({ bodies, errorMessage }) =>
          this.#emit({ ...counted, bodies, error_message: errorMessage ?? counted.error_message }, limited, nothing),
        );
    };
    this.#options.draft(this.#seq, record, done);
    if (countJob === undefined) redacted(record);
    else count(countJob, (counts) => redacted(withCounts(record, counts)));
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
        contentType: this.#status === 101 ? 'application/octet-stream' : rawHeader(this.#responseHeaders, 'content-type'),
        contentEncoding: this.#responseEncoding,
      },
      errorMessage: describeError(ending, this.#status, facts, () => this.#secrets()).message,
      secrets: this.#secrets(),
    };
  }

  /** May run long after the call, where nobody would catch. */
  #emit(record: RecordEnd, limited: readonly string[], done: () => void): boolean {
    try {
      return this.#options.emit(this.#seq, record, limited, done);
    } catch (error) {
      this.#options.fault(error);
      this.#options.giveUp(this.#seq);
      this.#options.whenWritten(done);
      return true;
    }
  }

  #readRequest(): void {
    if (this.#requestRead) return;
    this.#requestRead = true;
    this.#extraction.requestEnd();
  }

  #record(ending: Ending, end_ms: number, facts: CallFacts | undefined): RecordEnd {
    const reading = facts?.reading;
    const status = ending.kind === 'gateway_error' ? ending.error.status : this.#headersSent_ms === 0 ? 0 : this.#status;
    const fullyRead = facts !== undefined && facts.limited.length === 0;
    const outcome = outcomeOf({
      ending,
      status,
      streamError: reading?.error != null,
      endMarkMissing: fullyRead && facts.streamed && this.#operation !== 'other' && !facts.reading.ended,
    });
    const error = this.#keptError(
      describeError(ending, status, facts, () => this.#secrets()),
      ending,
      facts,
    );
    const usage = (reading === undefined ? null : knownUsage(reading)) ?? EMPTY_USAGE;
    // Written out in full: an object that takes another's fields in is made five times as slowly.
    const record: RecordEnd = {
      v: RECORD_VERSION,
      request_model: keptName(facts?.request.model ?? ''),
      response_model: keptName(reading?.model ?? ''),
      stream: facts?.request.stream ?? false,
      status,
      outcome,
      error_type: error.type,
      error_message: error.message,
      finish_reason: keptName(reading?.finish_reason ?? ''),
      input_tokens: usage.input_tokens,
      output_tokens: usage.output_tokens,
      cache_read_tokens: usage.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      cache_write_1h_tokens: usage.cache_write_1h_tokens,
      reasoning_tokens: usage.reasoning_tokens,
      input_audio_tokens: usage.input_audio_tokens,
      output_audio_tokens: usage.output_audio_tokens,
      input_image_tokens: usage.input_image_tokens,
      tool_use_tokens: usage.tool_use_tokens,
      usage_source: usage === EMPTY_USAGE ? 'none' : 'provider',
      usage_raw: keptUsage(reading?.usage_raw, reading?.usage),
      service_tier: keptName(reading?.service_tier ?? ''),
      duration_ms: round(end_ms - this.#start_ms),
      ttfb_ms: this.#since(this.#headers_ms),
      ttft_ms: this.#since(this.#firstContent_ms),
      overhead_ms: this.#overhead(),
      max_gap_ms: facts?.streamed && this.#lastChunk_ms > 0 ? round(this.#maxGap_ms) : null,
      request_bytes: this.#requestBytes,
      response_bytes: this.#responseBytes,
      rate_limits: readRateLimits(this.#responseHeaders, this.#headersAt_ms()),
      answer_ttft_ms: this.#since(this.#firstAnswer_ms),
      request_parameters: facts?.request.parameters.numbers ?? {},
      request_options: keptWords(facts?.request.parameters.words ?? {}),
      response_id: keptId(reading?.id ?? ''),
      system_fingerprint: keptName(reading?.fingerprint ?? ''),
      server_address: this.#options.route.host,
      server_port: this.#options.route.port,
      output_chunks: facts?.streamed ? facts.eventCount : null,
      trace_flags: this.#options.identity.trace_flags,
      trace_state: this.#options.identity.trace_state,
    };
    if (reading?.cost_usd != null) record.provider_cost_usd = reading.cost_usd;
    if (this.#capture && this.#options.capture === 'full') record.bodies = this.#wholeBodies(this.#capture);
    return record;
  }

  /** With all that is in them but the credentials. */
  #wholeBodies(capture: BodyCapture): CapturedBodies {
    const whole = capture.finish(rawHeader(this.#options.requestHeaders, 'content-encoding'), this.#responseEncoding);
    const secrets = this.#secrets();
    return { ...whole, request: withoutSecrets(whole.request, secrets), response: withoutSecrets(whole.response, secrets) };
  }

  /** Only where something is kept that may quote them. */
  #secrets(): readonly string[] {
    const { heldKey, requestHeaders, route } = this.#options;
    this.#knownSecrets ??= knownSecrets(heldKey, requestHeaders, route.query);
    return this.#knownSecrets;
  }

  /** From the call's beginning; null: it never came to that. */
  #since(moment_ms: number): number | null {
    return moment_ms === 0 ? null : round(moment_ms - this.#start_ms);
  }

  /** The wall clock when the answer's headers came. */
  #headersAt_ms(): number {
    return Date.now() - (monotonicMs() - this.#headers_ms);
  }

  /** In `full` as the provider said it; else in words that are surely its own, until redaction has read the rest. */
  #keptError(error: ErrorColumns, ending: Ending, facts: CallFacts | undefined): ErrorColumns {
    const ours = ending.kind === 'gateway_error' || (ending.kind === 'truncated' && error.type.startsWith('glassway_'));
    if (error.type === '' || ours || this.#options.capture === 'full') return error;
    return { type: keptName(error.type), message: keptMessage(error.message, [facts?.request.model ?? '', facts?.reading.model ?? '']) };
  }

  /** Our share of the time to first byte: before the request left, and between the headers' arrival and their sending. */
  #overhead(): number | null {
    if (this.#dispatched_ms === 0 || this.#headersSent_ms === 0) return null;
    const ready_ms = this.#requestReady_ms === 0 ? this.#start_ms : this.#requestReady_ms;
    return round(Math.max(0, this.#dispatched_ms - ready_ms) + (this.#headersSent_ms - this.#headers_ms));
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

function startColumns({ identity, route, method }: TapOptions, started_at: string, operation: string): StartColumns {
  return {
    id: identity.request_id,
    project: identity.project,
    started_at,
    upstream: route.upstream.name,
    provider: route.upstream.provider,
    operation,
    method,
    path: keptPath(route.path),
    user_id: identity.user_id,
    session_id: identity.session_id,
    trace_id: identity.trace_id,
    span_id: identity.span_id,
    parent_span_id: identity.parent_span_id,
    tags: identity.tags,
    key_fingerprint: identity.key_fingerprint,
    sdk: identity.sdk,
  };
}

interface ErrorColumns {
  readonly type: string;
  readonly message: string;
}

function describeError(ending: Ending, status: number, facts: CallFacts | undefined, secrets: () => readonly string[]): ErrorColumns {
  if (ending.kind === 'gateway_error') return { type: ending.error.type, message: cleanMessage(ending.error.message) };
  const error = facts?.error ?? facts?.reading.error;
  if (error) return { type: withoutSecrets(error.type, secrets()), message: cleanMessage(withoutSecrets(error.message, secrets())) };
  if (ending.kind === 'truncated')
    return { type: ending.timeout ? 'glassway_upstream_timeout' : 'glassway_upstream_reset', message: cleanMessage(ending.reason) };
  return status >= 400 ? { type: `http_${status}`, message: '' } : { type: '', message: '' };
}

/** A running count that had no last word is not the call's. */
function knownUsage({ usage, usage_pending }: CallFacts['reading']): Usage | null {
  if (usage === null || usage_pending !== 'output') return usage;
  return { ...usage, output_tokens: null, reasoning_tokens: null, output_audio_tokens: null };
}

/**
 * Whether the provider worked on the call, and how much of it went by: after a success's headers, but for an
 * error that came in place of any content. A call that was given up before its headers may have cost
 * something too; nothing that passed says how much.
 */
function spentTokens(ending: Ending, status: number, { error, contentSeen }: CallFacts): boolean {
  return ending.kind !== 'gateway_error' && status >= 200 && status < 300 && (error === null || contentSeen);
}

/** The provider's own figures stay; only what it has not said is filled in. */
function withCounts(record: RecordEnd, counts: TokenCounts | undefined): RecordEnd {
  const input_tokens = record.input_tokens ?? counts?.input_tokens ?? null;
  const output_tokens = record.output_tokens ?? counts?.output_tokens ?? null;
  if (input_tokens === record.input_tokens && output_tokens === record.output_tokens) return record;
  return { ...record, input_tokens, output_tokens, usage_source: 'estimated' };
}

/** Microseconds are enough for a column in milliseconds. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
