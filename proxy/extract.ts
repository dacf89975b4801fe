/**
 * Reads the facts of one call out of a copy of its bytes: model, tokens, finish reason, error, first content.
 * Takes the wire bytes as they pass and gives CallFacts once the response is over. Knows framings and
 * codings but no provider: what a body means is the endpoint's. Holds little, never throws, never delays.
 */
import type { DecodeFault } from './decode.ts';
import type { HeldBytes } from './estimate/held-bytes.ts';
import type { CountJob } from './estimate/job.ts';
import { RequestReader, type RequestReading, UNREAD_REQUEST } from './extract-request.ts';
import { ResponseReader } from './extract-response.ts';
import type { FramingFault } from './framing/frame.ts';
import type { ContentKind, Dialect, Endpoint, HeaderLookup, ProviderError, Reading, Upstream } from './providers/provider.ts';

export { cleanMessage, ERROR_MESSAGE_BYTES_MAX } from './clean-message.ts';

export interface ExtractionOptions {
  readonly endpoint: Endpoint | undefined;
  readonly match: RegExpExecArray | null;
  readonly dialect: Dialect;
  /** The raw query string, without the question mark. */
  readonly query: string;
  /** Decoded bytes of one body read at most. */
  readonly bodyBytesMax: number;
  /** Where text may be held for counts that the provider does not give. Missing: none is. */
  readonly heldBytes?: HeldBytes;
  /** Called for content events of a stream: for each until the first answer, after that for those that happen to be parsed. */
  readonly onContent?: (kind: ContentKind) => void;
}

/** Why something of a call could not be read. */
export type LimitReason = `${'request' | 'response'}_${DecodeFault | FramingFault}` | 'extraction_failed';

export interface CallFacts {
  readonly request: RequestReading;
  readonly reading: Reading;
  /** From the body of a status ≥ 400, or from inside a stream or a 200. Its message is cleaned and cut; its type is never empty. */
  readonly error: ProviderError | null;
  /** The response was an event stream. */
  readonly streamed: boolean;
  readonly contentSeen: boolean;
  /** Events of a stream, keep-alives without data aside. */
  readonly eventCount: number;
  readonly limited: readonly LimitReason[];
  /** What the counts that the provider has not given can be made from; null when it has, or when there is nothing to go by. */
  readonly countJob: CountJob | null;
}

/** Chunks are kept, not copied, until the call is over: Node never writes over what it has read from a socket. */
export interface Extraction {
  requestHeaders(contentType: string, contentEncoding: string): void;
  requestData(chunk: Uint8Array): void;
  requestEnd(): void;
  /** `header` looks up further response headers, for providers that put facts there. */
  responseHeaders(status: number, contentType: string, contentEncoding: string, header?: HeaderLookup): void;
  responseData(chunk: Uint8Array): void;
  /** `complete` false: cut off. Calls back exactly once, synchronously unless a large compressed body is still being decoded. */
  responseEnd(complete: boolean, done: (facts: CallFacts) => void): void;
}

/** The first endpoint of the upstream's dialect that a call fits; undefined: operation `other`. */
export function findEndpoint(
  upstream: Upstream,
  method: string,
  path: string,
): { readonly endpoint: Endpoint; readonly match: RegExpExecArray } | undefined {
  for (const endpoint of upstream.dialect.endpoints) {
    if (endpoint.method !== method) continue;
    const match = endpoint.path.exec(path);
    if (match) return { endpoint, match };
  }
  return undefined;
}

export function createExtraction(options: ExtractionOptions): Extraction {
  return new CallExtraction(options);
}

const NO_LIMITS: readonly LimitReason[] = [];
const noHeader: HeaderLookup = () => '';

/** Every step is guarded in place, for a fault in here may cost the facts of one call, and is counted: a closure a step is what a helper would cost. */
class CallExtraction implements Extraction {
  private limited: LimitReason[] | undefined;
  private readonly request: RequestReader;
  private readonly response: ResponseReader;

  constructor(options: ExtractionOptions) {
    const onLimit = (reason: LimitReason): void => this.limit(reason);
    this.request = new RequestReader(options, onLimit);
    this.response = new ResponseReader(options, onLimit);
  }

  requestHeaders(contentType: string, contentEncoding: string): void {
    try {
      this.request.start(contentType, contentEncoding);
    } catch {
      this.limit('extraction_failed');
    }
  }

  requestData(chunk: Uint8Array): void {
    try {
      this.request.push(chunk);
    } catch {
      this.limit('extraction_failed');
    }
  }

  requestEnd(): void {
    try {
      this.request.end(nothing);
    } catch {
      this.limit('extraction_failed');
    }
  }

  responseHeaders(status: number, contentType: string, contentEncoding: string, header: HeaderLookup = noHeader): void {
    try {
      this.response.start(status, contentType, contentEncoding, header);
    } catch {
      this.limit('extraction_failed');
    }
  }

  responseData(chunk: Uint8Array): void {
    try {
      this.response.push(chunk);
    } catch {
      this.limit('extraction_failed');
    }
  }

  responseEnd(complete: boolean, done: (facts: CallFacts) => void): void {
    let finished = false;
    const finish = (): void => {
      if (finished) return;
      finished = true;
      done(this.facts(complete));
    };
    try {
      this.request.end(() => this.response.end(finish));
    } catch {
      this.limit('extraction_failed');
      finish();
    }
  }

  private limit(reason: LimitReason): void {
    this.limited ??= [];
    if (!this.limited.includes(reason)) this.limited.push(reason);
  }

  private facts(complete: boolean): CallFacts {
    let request = UNREAD_REQUEST;
    let countJob: CountJob | null = null;
    try {
      this.response.finish(complete);
    } catch {
      this.limit('extraction_failed');
    }
    try {
      request = this.request.facts();
      countJob = this.countJob(request.model);
    } catch {
      this.limit('extraction_failed');
    }
    const { reading, error, streamed, contentSeen, eventCount } = this.response;
    this.response.dropEvents();
    this.request.release();
    return { request, reading, error, streamed, contentSeen, eventCount, limited: this.limited ?? NO_LIMITS, countJob };
  }

  private countJob(requestModel: string): CountJob | null {
    const { reading, usageKnown, readable } = this.response;
    // What was read in part only would be counted in part only.
    if (usageKnown || !readable || this.limited !== undefined || reading.usage_pending === 'all') return null;
    const { usage } = reading;
    const input = usage?.input_tokens == null ? this.request.texts() : null;
    const output = usage?.output_tokens == null || reading.usage_pending === 'output' ? this.response.texts() : null;
    if (input === null && output === null) return null;
    return { model: reading.model || requestModel, input, output, bytes: sampleBytes(input) + sampleBytes(output) };
  }
}

const nothing = (): void => {};

function sampleBytes(sample: CountJob['input'] | CountJob['output']): number {
  if (sample === null) return 0;
  return ('events' in sample ? sample.events : sample.texts).reduce((bytes, each) => bytes + each.length, 0);
}
