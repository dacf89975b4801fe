/**
 * The response's side of the extraction: one JSON body, or a stream of events, or nothing that is read.
 * Decides from status, content type and first byte how to read; what a body means is the endpoint's.
 */
import { cleanMessage } from './clean-message.ts';
import { type BodyDecoder, createBodyDecoder } from './decode.ts';
import { EventKeeper } from './estimate/event-sample.ts';
import { Share } from './estimate/held-bytes.ts';
import type { EventSample, TextSample } from './estimate/job.ts';
import { answerTexts } from './estimate/texts.ts';
import type { ExtractionOptions, LimitReason } from './extract.ts';
import { MODEL_CHARS_MAX, UNREAD_TYPE } from './extract-request.ts';
import { createAwsEventStreamDeframer } from './framing/aws-event-stream.ts';
import type { Deframer, Frame, OnFrame } from './framing/frame.ts';
import { JsonReader, parseJson } from './framing/json.ts';
import { createJsonArrayDeframer } from './framing/json-array.ts';
import { createNdjsonDeframer } from './framing/ndjson.ts';
import { createSseDeframer } from './framing/sse.ts';
import { emptyReading, type HeaderLookup, type ProviderError, type StreamFraming } from './providers/provider.ts';

const NAME_CHARS_MAX = 256;

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

/**
 * First bytes by which a stream can be told from a JSON object. For SSE those of its field names, a comment
 * and a byte order mark; an AWS message begins with the highest byte of its length.
 */
const STREAM_STARTS: Readonly<Record<StreamFraming, ReadonlySet<number>>> = {
  sse: new Set([...Buffer.from('deir:'), 0xef]),
  ndjson: new Set(Buffer.from('{')),
  'json-array': new Set(Buffer.from('[')),
  'aws-event-stream': new Set([0]),
};

export class ResponseReader {
  readonly reading = emptyReading();
  error: ProviderError | null = null;
  streamed = false;
  contentSeen = false;
  eventCount = 0;
  private answerSeen = false;
  private readonly options: ExtractionOptions;
  private readonly onLimit: (reason: LimitReason) => void;
  private status = 0;
  private header: HeaderLookup = () => '';
  private decoder: BodyDecoder | undefined;
  private json: JsonReader | undefined;
  private deframer: Deframer | undefined;
  /** The stream that the body may be: its first byte will tell. */
  private candidate: StreamFraming | undefined;
  private isHtml = false;
  private failed = false;
  /** The events of a stream whose usage has not come. */
  private events: EventKeeper | undefined;
  private body: unknown;

  constructor(options: ExtractionOptions, onLimit: (reason: LimitReason) => void) {
    this.options = options;
    this.onLimit = onLimit;
  }

  start(status: number, contentType: string, contentEncoding: string, header: HeaderLookup): void {
    this.status = status;
    this.header = header;
    this.isHtml = /^\s*text\/html/i.test(contentType);
    // What follows an upgrade is no HTTP body.
    if (UNREAD_TYPE.test(contentType) || status === 101) return;
    const { endpoint } = this.options;
    if (status < 400 && !endpoint) return;
    if (status < 400) endpoint?.headers?.(header, this.reading);
    this.chooseFraming(contentType);
    this.decoder = createBodyDecoder({
      contentEncoding,
      bytesMax: this.options.bodyBytesMax,
      streaming: this.streamed,
      onData: (chunk) => this.read(chunk),
      onFault: (fault) => this.onLimit(`response_${fault}`),
    });
  }

  private chooseFraming(contentType: string): void {
    const { endpoint } = this.options;
    const declared = STREAM_TYPES.find(([type]) => type.test(contentType))?.[1];
    const isJson = /json/i.test(contentType);
    if (declared && declared !== 'sse') this.startStream(declared);
    else if (declared) this.candidate = declared;
    else if (this.status >= 400 || !endpoint || (isJson && endpoint.framing === 'ndjson')) this.json = new JsonReader();
    else this.candidate = endpoint.framing;
    // Until the body's first byte says otherwise.
    this.streamed = declared !== undefined || (isJson && this.candidate === 'json-array');
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
    this.body = body;
    if (this.status >= 400) this.error = this.readError(body);
    else {
      if (body !== undefined) {
        this.options.endpoint?.response(body, this.reading);
        if (complete) this.reading.ended = true;
      }
      if (this.reading.error) this.error = presentable(this.reading.error, 'error');
    }
    const { reading } = this;
    // `reading.error` is for what is wrong inside a 200.
    reading.error = this.status >= 400 ? null : this.error;
    reading.model = reading.model.slice(0, MODEL_CHARS_MAX);
    reading.id = reading.id.slice(0, NAME_CHARS_MAX);
    reading.fingerprint = reading.fingerprint.slice(0, NAME_CHARS_MAX);
    reading.finish_reason = reading.finish_reason.slice(0, NAME_CHARS_MAX);
    reading.service_tier = reading.service_tier.slice(0, NAME_CHARS_MAX);
  }

  private startStream(framing: StreamFraming): void {
    this.streamed = true;
    const { endpoint, heldBytes } = this.options;
    if (this.status < 400 && heldBytes && endpoint?.texts && endpoint.texts.event.length > 0)
      this.events = new EventKeeper(new Share(heldBytes));
    this.deframer = DEFRAMERS[framing]((frame) => this.fold(frame));
  }

  /** May run on a decoding stream's own event, where nobody would catch. */
  private read(chunk: Uint8Array): void {
    if (this.failed) return;
    try {
      if (this.candidate) this.decide(chunk, this.candidate);
      (this.deframer ?? this.json)?.push(chunk);
    } catch {
      this.failed = true;
      this.onLimit('extraction_failed');
    }
  }

  /** The content type may be missing, or wrong: the body's first byte tells JSON from a stream. */
  private decide(chunk: Uint8Array, candidate: StreamFraming): void {
    const first = chunk.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
    if (first === undefined) return;
    this.candidate = undefined;
    if (STREAM_STARTS[candidate].has(first)) {
      this.startStream(candidate);
      return;
    }
    this.streamed = false;
    this.json = new JsonReader();
  }

  private fold(frame: Frame): void {
    const { endpoint, onContent } = this.options;
    this.eventCount += 1;
    if (frame.data) this.events?.keep(frame.data);
    else this.events?.miss();
    if (frame.data && this.answerSeen && endpoint?.matters?.(frame.event, frame.data) === false) return;
    const data = frame.data ? parseEventData(frame.data) : frame.value;
    // Half an event at the end of a cut stream, and keep-alives without data.
    if (data === undefined) return;
    if (this.status >= 400 || !endpoint) {
      this.reading.error ??= this.options.dialect.error(data) ?? null;
      return;
    }
    const kind = endpoint.fold(this.reading, { event: frame.event, data });
    if (this.events && this.usageKnown) this.dropEvents();
    if (!kind) return;
    this.contentSeen = true;
    if (kind === 'answer') this.answerSeen = true;
    onContent?.(kind);
  }

  /** The provider has said both counts, and for good. */
  get usageKnown(): boolean {
    const { usage, usage_pending } = this.reading;
    return usage_pending === '' && usage !== null && usage.input_tokens !== null && usage.output_tokens !== null;
  }

  /** The answer was one that can be read at all. */
  get readable(): boolean {
    return this.streamed || this.body !== undefined;
  }

  /** What the output's tokens can be counted from; null when it is not all text, or was not read. */
  texts(): TextSample | EventSample | null {
    const spec = this.options.endpoint?.texts;
    if (spec === undefined) return null;
    if (this.streamed) return this.events?.sample(spec.event) ?? null;
    if (this.body === undefined) return null;
    const found = answerTexts(this.body, spec.response);
    return found.unseen ? null : { texts: found.texts, tokens: found.tokens, scale: 1 };
  }

  dropEvents(): void {
    this.events?.drop();
    this.events = undefined;
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

/** JSON, or a short text such as `[DONE]`; undefined for what is neither. */
function parseEventData(data: Buffer): unknown {
  const text = data.toString('utf8');
  const value = parseJson(text);
  if (value !== undefined) return value;
  return text.startsWith('{') || text === '' ? undefined : text.trim();
}

/** `type` falls back to what is known otherwise, the HTTP status for one (OpenTelemetry's error.type does the same). */
function presentable(error: ProviderError, fallbackType: string): ProviderError {
  return { type: cleanMessage(error.type).slice(0, NAME_CHARS_MAX) || fallbackType, message: cleanMessage(error.message) };
}
