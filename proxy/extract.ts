/**
 * Reads the facts of one call out of a copy of its bytes: model, tokens, finish reason, error, first content.
 * Takes the wire bytes as they pass and gives CallFacts once the response is over. Knows framings and
 * codings but no provider: what a body means is the endpoint's. Holds little, never throws, never delays.
 */
import { cleanMessage } from './clean-message.ts';
import { type BodyDecoder, createBodyDecoder, type DecodeFault } from './decode.ts';
import { createAwsEventStreamDeframer } from './framing/aws-event-stream.ts';
import type { Deframer, Frame, FramingFault, OnFrame } from './framing/frame.ts';
import { JsonReader, parseJson } from './framing/json.ts';
import { createJsonArrayDeframer } from './framing/json-array.ts';
import { createMultipartReader, type MultipartReader } from './framing/multipart.ts';
import { createNdjsonDeframer } from './framing/ndjson.ts';
import { createSseDeframer } from './framing/sse.ts';
import {
  type ContentKind,
  type Dialect,
  type Endpoint,
  emptyReading,
  type HeaderLookup,
  type ProviderError,
  type Reading,
  type RequestFacts,
  type StreamFraming,
  type Upstream,
} from './providers/provider.ts';

export { cleanMessage, ERROR_MESSAGE_BYTES_MAX } from './clean-message.ts';

export interface ExtractionOptions {
  readonly endpoint: Endpoint | undefined;
  readonly match: RegExpExecArray | null;
  readonly dialect: Dialect;
  /** The raw query string, without the question mark. */
  readonly query: string;
  /** Decoded bytes of one body read at most. */
  readonly bodyBytesMax: number;
  /** Called for content events of a stream: for each until the first answer, after that for those that happen to be parsed. */
  readonly onContent?: (kind: ContentKind) => void;
}

/** Why something of a call could not be read. */
export type LimitReason = `${'request' | 'response'}_${DecodeFault | FramingFault}` | 'extraction_failed';

export interface CallFacts {
  readonly request: RequestFacts;
  readonly reading: Reading;
  /** From the body of a status ≥ 400, or from inside a stream or a 200. Its message is cleaned and cut; its type is never empty. */
  readonly error: ProviderError | null;
  /** The response was an event stream. */
  readonly streamed: boolean;
  readonly contentSeen: boolean;
  readonly limited: readonly LimitReason[];
}

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

const ERROR_TYPE_CHARS_MAX = 256;
const MODEL_CHARS_MAX = 512;
/** A form names its model in a short field; nothing else of it is read. */
const FORM_FIELDS: ReadonlySet<string> = new Set(['model', 'stream']);
/** Media that hold no facts. */
const UNREAD_TYPE = /^\s*(?:audio|video|image|font)\//i;

const STREAM_TYPES: readonly (readonly [type: RegExp, framing: StreamFraming])[] = [
  [/^\s*text\/event-stream/i, 'sse'],
  [/^\s*application\/vnd\.amazon\.eventstream/i, 'aws-event-stream'],
  // Cohere v1 streams newline-delimited JSON as application/stream+json.
  [/^\s*application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|stream\+json)/i, 'ndjson'],
];
const DEFRAMERS: Readonly<Record<StreamFraming, (onFrame: OnFrame) => Deframer>> = {
  sse: createSseDeframer,
  ndjson: createNdjsonDeframer,
  'json-array': createJsonArrayDeframer,
  'aws-event-stream': createAwsEventStreamDeframer,
};

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

class CallExtraction implements Extraction {
  private readonly limited = new Set<LimitReason>();
  private readonly request: RequestReader;
  private readonly response: ResponseReader;

  constructor(options: ExtractionOptions) {
    const onLimit = (reason: LimitReason): void => {
      this.limited.add(reason);
    };
    this.request = new RequestReader(options, onLimit);
    this.response = new ResponseReader(options, onLimit);
  }

  requestHeaders(contentType: string, contentEncoding: string): void {
    this.guard(() => this.request.start(contentType, contentEncoding));
  }

  requestData(chunk: Uint8Array): void {
    this.guard(() => this.request.push(chunk));
  }

  requestEnd(): void {
    this.guard(() => this.request.end(() => undefined));
  }

  responseHeaders(status: number, contentType: string, contentEncoding: string, header: HeaderLookup = () => ''): void {
    this.guard(() => this.response.start(status, contentType, contentEncoding, header));
  }

  responseData(chunk: Uint8Array): void {
    this.guard(() => this.response.push(chunk));
  }

  responseEnd(complete: boolean, done: (facts: CallFacts) => void): void {
    let finished = false;
    const finish = (): void => {
      if (finished) return;
      finished = true;
      this.guard(() => this.response.finish(complete));
      const request = this.guard(() => this.request.facts()) ?? { model: '', stream: false };
      const { reading, error, streamed, contentSeen } = this.response;
      done({ request, reading, error, streamed, contentSeen, limited: [...this.limited] });
    };
    const ended = this.guard(() => {
      this.request.end(() => this.response.end(finish));
      return true;
    });
    if (!ended) finish();
  }

  /** The last resort of "never throws": a fault of ours costs the facts of one call, and is counted. */
  private guard<T>(step: () => T): T | undefined {
    try {
      return step();
    } catch {
      this.limited.add('extraction_failed');
      return undefined;
    }
  }
}

/** The request's side: a JSON body or a form, of which the endpoint reads model and stream. */
class RequestReader {
  private readonly options: ExtractionOptions;
  private readonly onLimit: (reason: LimitReason) => void;
  private decoder: BodyDecoder | undefined;
  private json: JsonReader | undefined;
  private form: MultipartReader | undefined;
  private readonly formFields: Record<string, string> = {};
  private body: unknown;
  private ended = false;
  private decoded = false;
  private waiting: (() => void)[] = [];

  constructor(options: ExtractionOptions, onLimit: (reason: LimitReason) => void) {
    this.options = options;
    this.onLimit = onLimit;
  }

  start(contentType: string, contentEncoding: string): void {
    if (!this.options.endpoint || UNREAD_TYPE.test(contentType)) return;
    if (/^\s*multipart\//i.test(contentType)) {
      this.form = createMultipartReader(contentType, (name, value) => {
        if (FORM_FIELDS.has(name)) this.formFields[name] = value;
      });
      if (!this.form) return;
    } else this.json = new JsonReader();
    this.decoder = createBodyDecoder({
      contentEncoding,
      bytesMax: this.options.bodyBytesMax,
      streaming: false,
      onData: (chunk) => (this.form ?? this.json)?.push(chunk),
      onFault: (fault) => this.onLimit(`request_${fault}`),
    });
  }

  push(chunk: Uint8Array): void {
    if (!this.ended) this.decoder?.push(chunk);
  }

  /** May be called again: each caller is called back once the body is decoded. */
  end(done: () => void): void {
    if (this.decoded) {
      done();
      return;
    }
    this.waiting.push(done);
    if (this.ended) return;
    this.ended = true;
    const finish = (): void => {
      this.decoded = true;
      this.body = this.form ? this.formFields : this.json?.end();
      this.json = undefined;
      const { waiting } = this;
      this.waiting = [];
      for (const callBack of waiting) callBack();
    };
    if (this.decoder) this.decoder.end(finish);
    else finish();
  }

  facts(): RequestFacts {
    const { endpoint, match, query } = this.options;
    if (!endpoint || !match) return { model: '', stream: false };
    const facts = endpoint.request(this.body, match, query);
    return { model: facts.model.slice(0, MODEL_CHARS_MAX), stream: facts.stream };
  }
}

/** The response's side: one JSON body, or a stream of events, or nothing that is read. */
class ResponseReader {
  readonly reading = emptyReading();
  error: ProviderError | null = null;
  streamed = false;
  contentSeen = false;
  private answerSeen = false;
  private readonly options: ExtractionOptions;
  private readonly onLimit: (reason: LimitReason) => void;
  private status = 0;
  private header: HeaderLookup = () => '';
  private decoder: BodyDecoder | undefined;
  private json: JsonReader | undefined;
  private deframer: Deframer | undefined;
  /** Nothing said what the body is: its first byte will. */
  private undecided = false;
  private isHtml = false;

  constructor(options: ExtractionOptions, onLimit: (reason: LimitReason) => void) {
    this.options = options;
    this.onLimit = onLimit;
  }

  start(status: number, contentType: string, contentEncoding: string, header: HeaderLookup): void {
    this.status = status;
    this.header = header;
    this.isHtml = /^\s*text\/html/i.test(contentType);
    if (UNREAD_TYPE.test(contentType)) return;
    const { endpoint } = this.options;
    if (status < 400 && !endpoint) return;
    const framing = STREAM_TYPES.find(([type]) => type.test(contentType))?.[1];
    if (framing) this.startStream(framing);
    else if (status >= 400 || !endpoint) this.json = new JsonReader();
    else if (!/json/i.test(contentType)) this.undecided = true;
    else if (endpoint.framing === 'json-array') this.startStream('json-array');
    else this.json = new JsonReader();
    if (status < 400) endpoint?.headers?.(header, this.reading);
    this.decoder = createBodyDecoder({
      contentEncoding,
      bytesMax: this.options.bodyBytesMax,
      streaming: this.deframer !== undefined,
      onData: (chunk) => this.read(chunk),
      onFault: (fault) => this.onLimit(`response_${fault}`),
    });
  }

  push(chunk: Uint8Array): void {
    this.decoder?.push(chunk);
  }

  end(done: () => void): void {
    if (this.decoder) this.decoder.end(done);
    else done();
  }

  /** After the last decoded byte: what a whole body says, and the error in its final form. */
  finish(complete: boolean): void {
    this.deframer?.end();
    if (this.deframer?.fault) this.onLimit(`response_${this.deframer.fault}`);
    const body = this.json?.end();
    if (this.status >= 400) this.error = this.readError(body);
    else {
      if (body !== undefined) {
        this.options.endpoint?.response(body, this.reading);
        if (complete) this.reading.ended = true;
      }
      if (this.reading.error) this.error = presentable(this.reading.error, 'error');
    }
    this.reading.error = this.error;
    this.reading.model = this.reading.model.slice(0, MODEL_CHARS_MAX);
  }

  private startStream(framing: StreamFraming): void {
    this.streamed = true;
    this.deframer = DEFRAMERS[framing]((frame) => this.fold(frame));
  }

  private read(chunk: Uint8Array): void {
    if (this.undecided) this.decide(chunk);
    (this.deframer ?? this.json)?.push(chunk);
  }

  /** A brace or bracket begins JSON; anything else may be the endpoint's stream without its content type. */
  private decide(chunk: Uint8Array): void {
    const first = chunk.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
    if (first === undefined) return;
    this.undecided = false;
    const framing = this.options.endpoint?.framing ?? 'sse';
    if (framing === 'aws-event-stream' ? first === 0 : framing === 'ndjson' || (framing === 'sse' && SSE_STARTS.has(first))) {
      this.startStream(framing);
    } else if (first === 0x5b && framing === 'json-array') this.startStream(framing);
    else this.json = new JsonReader();
  }

  private fold(frame: Frame): void {
    const { endpoint, onContent } = this.options;
    if (frame.data && this.answerSeen && endpoint?.matters?.(frame.event, frame.data) === false) return;
    const data = frame.data ? parseEventData(frame.data) : frame.value;
    // Half an event at the end of a cut stream, and keep-alives without data.
    if (data === undefined) return;
    if (this.status >= 400 || !endpoint) {
      this.reading.error ??= this.options.dialect.error(data) ?? null;
      return;
    }
    const kind = endpoint.fold(this.reading, { event: frame.event, data });
    if (!kind) return;
    this.contentSeen = true;
    if (kind === 'answer') this.answerSeen = true;
    onContent?.(kind);
  }

  private readError(body: unknown): ProviderError {
    const { dialect } = this.options;
    // Some services append `:http://…` to the type: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
    const named = dialect.errorTypeHeader ? this.header(dialect.errorTypeHeader).split(':', 1)[0] : '';
    const found = this.reading.error ?? (body === undefined ? undefined : dialect.error(body));
    const error = found ?? { type: '', message: body === undefined ? this.errorText() : '' };
    return presentable({ type: error.type || named || '', message: error.message }, String(this.status));
  }

  /** An error body that is no JSON: its text, or a page's title. */
  private errorText(): string {
    const text = this.json?.text() ?? '';
    if (!this.isHtml) return text;
    return /<title>([^<]{0,512})/i.exec(text)?.[1] ?? '';
  }
}

/** `data`, `event`, `id`, `retry`, a comment, or a byte order mark. */
const SSE_STARTS: ReadonlySet<number> = new Set([...Buffer.from('deir:'), 0xef]);

/** JSON, or a short text such as `[DONE]`; undefined for what is neither. */
function parseEventData(data: Buffer): unknown {
  const text = data.toString('utf8');
  const value = parseJson(text);
  if (value !== undefined) return value;
  return text.startsWith('{') || text === '' ? undefined : text.trim();
}

/** `type` falls back to what is known otherwise, the HTTP status for one (OpenTelemetry's error.type does the same). */
function presentable(error: ProviderError, fallbackType: string): ProviderError {
  return { type: cleanMessage(error.type).slice(0, ERROR_TYPE_CHARS_MAX) || fallbackType, message: cleanMessage(error.message) };
}
