/**
 * What a dialect is to the mock provider: its endpoints, each able to read a request and to write the answer
 * whole or as a stream's frames, and its error shapes. No I/O and no clock: mock-provider.ts sends the frames.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import type { MockDialectName } from './models.ts';
import type { Ask, MockUsage, Reply } from './reply.ts';

export interface MockRequest {
  readonly match: RegExpExecArray;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly bodyBytes: number;
}

/** A request that the provider would refuse. */
export interface BadRequest {
  readonly problem: string;
}

/** One event of a stream. */
export interface Frame {
  /** The event's name where the framing has names. */
  readonly event?: string;
  /** Sent as JSON; a string is sent as it is. */
  readonly data: unknown;
  /** How many tokens the model makes before this frame goes out. */
  readonly tokens: number;
  /** What the provider has reported once this frame is out. */
  readonly usage?: MockUsage;
}

export interface Whole {
  readonly body: unknown;
  readonly usage: MockUsage | undefined;
}

/** `sse`, `sse-crlf`: data only; `named-sse`: with event names; `json-array`: one array, an element a frame; `aws-event-stream`: binary, with event names. */
export type FrameFraming = 'sse' | 'sse-crlf' | 'named-sse' | 'json-array' | 'ndjson' | 'aws-event-stream';

export interface MockEndpoint {
  readonly method: string;
  /** Matches the path behind the dialect's prefix, without query string. */
  readonly path: RegExp;
  /** OpenTelemetry `gen_ai.operation.name`, or `other`. */
  readonly operation: string;
  read(request: MockRequest): Ask | BadRequest;
  whole(request: MockRequest, ask: Ask, reply: Reply): Whole;
  readonly streaming?: {
    framing(request: MockRequest): FrameFraming;
    frames(request: MockRequest, ask: Ask, reply: Reply): Iterable<Frame>;
    /** What says that the stream fails, after `framesSent` frames. */
    failure(request: MockRequest, reply: Reply, framesSent: number): readonly Frame[];
  };
}

export interface MockDialect {
  readonly name: MockDialectName;
  readonly endpoints: readonly MockEndpoint[];
  /** Headers that carry the credential, lower case; none: nobody is asked for one. */
  readonly credentialHeaders: readonly string[];
  /** The query parameter that may carry it instead. */
  readonly credentialQuery?: string;
  headers(requestId: string, ask: Ask | undefined, processing_ms: number): OutgoingHttpHeaders;
  /** The provider's answer for a failed call; it may use another status of its own for it. */
  error(status: number, message: string, requestId: string): { readonly status: number; readonly body: unknown };
}

/** The value of `ask.input_tokens`: the request's own size, as all providers charge the whole of it. */
export function estimateInputTokens(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 4));
}

const PLAIN_ASK: Ask = {
  model: '',
  stream: false,
  input_tokens: 0,
  outputTokensMax: undefined,
  tools: [],
  toolChoice: 'auto',
  afterToolResult: false,
  schema: undefined,
  thinking: 'model',
  caching: 'none',
  choices: 1,
};

/** An Ask from what the request says, and plain values for the rest. */
export function askFor(request: MockRequest, stated: Partial<Ask>): Ask {
  return { ...PLAIN_ASK, input_tokens: estimateInputTokens(request.bodyBytes), ...stated };
}

/** For calls that cost nothing and say no usage: lists of models, token counts. */
export function freeEndpoint(method: string, path: RegExp, operation: string, body: (request: MockRequest) => unknown): MockEndpoint {
  return {
    method,
    path,
    operation,
    read: (request) => askFor(request, {}),
    whole: (request) => ({ body: body(request), usage: undefined }),
  };
}

export const ERROR_MESSAGES: Readonly<Record<number, string>> = {
  400: 'The request is not valid: a parameter has a value that this model does not take.',
  401: 'The API key is not valid.',
  403: 'This key may not use this model.',
  404: 'The model or the address does not exist, or this key has no access to it.',
  405: 'This address does not take this method.',
  413: 'The request is larger than the provider takes.',
  429: 'Rate limit reached for this model. Try again in a second.',
  500: 'The server had an error while it worked on the request.',
  503: 'The model is overloaded. Try again later.',
  529: 'The service is overloaded.',
};
