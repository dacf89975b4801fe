/**
 * What a provider is to Glassway: one plain object without I/O that says which paths mean which
 * operation and how to read the model, the tokens, the end and the errors out of its bodies.
 * A dialect is a wire format; a vendor that speaks another's wire format is a line in the upstream
 * table (index.ts), not a file. Nothing here may throw on any input: bodies are `unknown` until looked at.
 */
import type { GatewayError } from '../../contract/errors.ts';

/**
 * Token counts in the design's normal form: `input_tokens` and `output_tokens` are totals, the
 * others are subsets of them. `null`: the provider does not say. Never 0 for unknown.
 */
export interface Usage {
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  cache_write_1h_tokens: number | null;
  reasoning_tokens: number | null;
  input_audio_tokens: number | null;
  output_audio_tokens: number | null;
  input_image_tokens: number | null;
  tool_use_tokens: number | null;
}

/** What a request says of itself. */
export interface RequestFacts {
  /** Empty when neither body nor path names one. */
  model: string;
  stream: boolean;
}

/** What else a request asks for, by OpenTelemetry's names without their prefix. */
export interface RequestParameters {
  readonly numbers: Readonly<Record<string, number>>;
  /** Enumerations' values only, several joined by commas: nothing of a prompt. */
  readonly words: Readonly<Record<string, string>>;
}

/** Where a wire format keeps them: for each name the places, `a.b` inside an object, of which the first that is filled counts. */
export interface ParameterFields {
  readonly numbers: Readonly<Record<string, readonly string[]>>;
  readonly words?: Readonly<Record<string, readonly string[]>>;
  /** What the endpoint makes, whatever the request says. */
  readonly outputType?: 'image' | 'speech' | 'text';
}

/** An error as the provider words it. `message` is not yet cleaned or cut. */
export interface ProviderError {
  readonly type: string;
  readonly message: string;
}

/** What a response has said so far. Endpoints fill it from one JSON body, or event by event. */
export interface Reading {
  model: string;
  /** The provider's id of the answer. */
  id: string;
  /** Which build of the model answered, where the provider says it. */
  fingerprint: string;
  finish_reason: string;
  service_tier: string;
  usage: Usage | null;
  /** The provider's own usage object(s), as they came. */
  usage_raw: unknown;
  /** What the provider itself says the call cost, in US dollars. */
  cost_usd: number | null;
  /** An error inside a 200: a stream's error event, a failed response object. */
  error: ProviderError | null;
  /**
   * What `usage` does not yet say: `output`, its output count is a running figure (Anthropic's message_start);
   * `all`, the work itself is still to be done (a background response).
   */
  usage_pending: '' | 'output' | 'all';
  /** A stream's own end mark was seen: `[DONE]`, `message_stop`, `response.completed`, a finish reason where there is no mark. */
  ended: boolean;
}

export function emptyReading(): Reading {
  return {
    model: '',
    id: '',
    fingerprint: '',
    finish_reason: '',
    service_tier: '',
    usage: null,
    usage_raw: null,
    cost_usd: null,
    error: null,
    usage_pending: '',
    ended: false,
  };
}

/** One event of a stream, its framing taken off. */
export interface StreamEvent {
  /** SSE `event:` field, or an AWS event stream's `:event-type` / `:exception-type`; empty where the framing has none. */
  readonly event: string;
  /** The parsed JSON; a string where the data is not JSON (`[DONE]`). */
  readonly data: unknown;
}

/** Whether an event carried content, which is what time to first token means: not role, ping or usage events. */
export type ContentKind = 'answer' | 'reasoning';

export type StreamFraming = 'sse' | 'json-array' | 'ndjson' | 'aws-event-stream';

/** Looks up a response header by its lower-case name; '' when it is not there. */
export type HeaderLookup = (name: string) => string;

/** Where the text is that costs tokens, by the names of a body's own fields; for counts that the provider does not give. */
export interface TextFields {
  readonly request: readonly string[];
  /** Request fields that offer tools. */
  readonly tools?: readonly string[];
  /** Request fields that the model reads as JSON: the answer's format. */
  readonly schemas?: readonly string[];
  /** The list of messages, each of which costs a few tokens more than its text. */
  readonly messages?: string;
  /** Request fields that stand for input which is not in the request: then its size is not known. */
  readonly elsewhere?: readonly string[];
  /** Fields of a whole answer; none: there is no output (embeddings). */
  readonly response: readonly string[];
  /** Fields of a stream's event. */
  readonly event: readonly string[];
}

/** One endpoint of a wire format. */
export interface Endpoint {
  /** HTTP method, upper case. */
  readonly method: string;
  /** Matches the provider's path, without query string and without the base URL's own prefix. */
  readonly path: RegExp;
  /** OpenTelemetry `gen_ai.operation.name` where there is one, else a name of our own. */
  readonly operation: string;
  /** How a stream is framed when the response's content type does not say. */
  readonly framing: StreamFraming;
  /** Reads the request. `match` is `path`'s, `query` the raw query string, `body` parsed JSON or undefined when it is none. */
  request(body: unknown, match: RegExpExecArray, query: string): RequestFacts;
  /** Reads a whole JSON response body into `reading`. */
  response(body: unknown, reading: Reading): void;
  /** Reads one event of a stream into `reading`; says whether it carried content. The last word on usage wins. */
  fold(reading: Reading, event: StreamEvent): ContentKind | undefined;
  /**
   * Whether an event can still change the reading. Asked only after answer content was seen, of the
   * undecoded data, to spare the parsing of content. May say yes too often, never no wrongly. Missing: always.
   */
  matters?(event: string, data: Buffer): boolean;
  /** Its streams say their usage when `stream_options.include_usage` asks for it. */
  readonly usageOnRequest?: true;
  /** A WebSocket over which responses come as events: each becomes a row of its own (realtime.ts). */
  readonly realtime?: true;
  /** Where its requests keep their parameters. Missing: they have none. */
  readonly parameters?: ParameterFields;
  /** Missing: nothing is ever counted here in the provider's place. */
  readonly texts?: TextFields;
  /** Reads what the response says in its headers. Called before `response` or `fold`. */
  headers?(header: HeaderLookup, reading: Reading): void;
}

export interface Dialect {
  /** Its name in the configuration. */
  readonly name: string;
  /** In order of precedence; a call that fits none is operation `other`. */
  readonly endpoints: readonly Endpoint[];
  /** Reads an error body (status ≥ 400) or an error event's data. */
  error(body: unknown): ProviderError | undefined;
  /** The header that takes an API key as it is; missing: `authorization`, as a bearer token. */
  readonly keyHeader?: string;
  /** A response header that names the error where the body does not. */
  readonly errorTypeHeader?: string;
  /** A gateway error in this dialect's own shape, for the JSON body. */
  errorBody(error: GatewayError): unknown;
}

/** A named place to send calls to. */
export interface Upstream {
  readonly name: string;
  /** `{placeholders}` take path segments, in order. */
  readonly baseUrl: string;
  /**
   * Base URLs for placeholder values whose host does not fit the pattern, by the values joined with `/`.
   * Belongs to `baseUrl`: who overrides that one drops these.
   */
  readonly exceptions?: Readonly<Record<string, string>>;
  readonly dialect: Dialect;
  /** The header that takes its API key, where that is not the dialect's. */
  readonly keyHeader?: string;
  /** Its streams say their usage unasked, whatever the dialect's custom. */
  readonly saysUsage?: true;
  /** OpenTelemetry `gen_ai.provider.name`, else the upstream's name. */
  readonly provider: string;
  /** What it learns of the caller's trace, where that is not just what the caller sent. */
  readonly propagate?: 'child' | 'strip';
}
