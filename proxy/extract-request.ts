/**
 * The request's side of the extraction: a JSON body or a form, coded or not, of which the endpoint reads
 * model, stream and parameters. Takes wire bytes, gives a RequestReading; holds little whatever the body's size.
 */

import { type BodyDecoder, createBodyDecoder } from './decode.ts';
import { Share } from './estimate/held-bytes.ts';
import type { TextSample } from './estimate/job.ts';
import { requestTexts } from './estimate/texts.ts';
import type { ExtractionOptions, LimitReason } from './extract.ts';
import { JsonReader, NOTHING_DROPPED } from './framing/json.ts';
import { createMultipartReader, type MultipartReader } from './framing/multipart.ts';
import { NO_PARAMETERS, readParameters } from './providers/parameters.ts';
import type { RequestFacts, RequestParameters } from './providers/provider.ts';

/** Media that hold no facts. */
export const UNREAD_TYPE = /^\s*(?:audio|video|image|font)\//i;
export const MODEL_CHARS_MAX = 512;
/** A form names its model in a short field; nothing else of it is read. */
const FORM_FIELDS: ReadonlySet<string> = new Set(['model', 'stream']);

export interface RequestReading extends RequestFacts {
  readonly parameters: RequestParameters;
}

/** Nothing could be read. */
export const UNREAD_REQUEST: RequestReading = Object.freeze({ model: '', stream: false, parameters: NO_PARAMETERS });

export class RequestReader {
  private readonly options: ExtractionOptions;
  private readonly onLimit: (reason: LimitReason) => void;
  private decoder: BodyDecoder | undefined;
  private json: JsonReader | undefined;
  private form: MultipartReader | undefined;
  private formFields: Record<string, string> | undefined;
  private body: unknown;
  private ended = false;
  private decoded = false;
  /** Those who wait for the end; the first of them apart, since there is seldom another. */
  private waiting: (() => void) | undefined;
  private alsoWaiting: (() => void)[] | undefined;
  private readonly share: Share | undefined;
  private dropped = NOTHING_DROPPED;

  constructor(options: ExtractionOptions, onLimit: (reason: LimitReason) => void) {
    this.options = options;
    this.onLimit = onLimit;
    this.share = options.endpoint?.texts && options.heldBytes && new Share(options.heldBytes);
  }

  start(contentType: string, contentEncoding: string): void {
    if (!this.options.endpoint || UNREAD_TYPE.test(contentType)) return;
    if (/^\s*multipart\//i.test(contentType)) {
      const formFields: Record<string, string> = {};
      this.formFields = formFields;
      this.form = createMultipartReader(contentType, (name, value) => {
        if (FORM_FIELDS.has(name)) formFields[name] = value;
      });
      if (!this.form) return;
    } else this.json = new JsonReader(this.share);
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
    if (this.waiting === undefined) this.waiting = done;
    else {
      this.alsoWaiting ??= [];
      this.alsoWaiting.push(done);
    }
    if (this.ended) return;
    this.ended = true;
    if (this.decoder) this.decoder.end(() => this.finish());
    else this.finish();
  }

  private finish(): void {
    this.decoded = true;
    this.body = this.form ? this.formFields : this.json?.end();
    if (this.json) this.dropped = this.json.dropped;
    this.json = undefined;
    const { waiting, alsoWaiting } = this;
    this.waiting = undefined;
    this.alsoWaiting = undefined;
    waiting?.();
    if (alsoWaiting) for (const callBack of alsoWaiting) callBack();
  }

  facts(): RequestReading {
    const { endpoint, match, query } = this.options;
    if (!endpoint || !match) return UNREAD_REQUEST;
    const facts = endpoint.request(this.body, match, query);
    const parameters = endpoint.parameters && this.body !== undefined ? readParameters(this.body, endpoint.parameters) : NO_PARAMETERS;
    return { model: facts.model.slice(0, MODEL_CHARS_MAX), stream: facts.stream, parameters };
  }

  /** What the input's tokens can be counted from; null when it is not all text, or was not read. */
  texts(): TextSample | null {
    const spec = this.options.endpoint?.texts;
    if (spec === undefined || this.body === undefined) return null;
    const found = requestTexts(this.body, spec);
    if (found.unseen) return null;
    const { textBytes, numbers } = this.dropped;
    const kept = found.texts.reduce((bytes, each) => bytes + Buffer.byteLength(each), 0);
    if (kept === 0 && textBytes > 0) return null;
    return {
      texts: found.texts,
      // Numbers that were passed over are token ids where the others are.
      tokens: found.tokens + (found.tokens > 0 && spec.messages === undefined ? numbers : 0),
      scale: kept === 0 ? 1 : (kept + textBytes) / kept,
    };
  }

  /** The body is no longer needed. */
  release(): void {
    this.body = undefined;
    this.share?.releaseAll();
  }
}
