/**
 * The form in which a body is stored in `redacted` mode: JSON as JSON, a stream as its events, a form as its fields,
 * text as text, each without what the finder finds; files and everything else that is no text not at all. Takes the
 * bytes that were kept and what the headers say; gives text. Never throws.
 */
import { decodeBody } from '../capture.ts';
import { createAwsEventStreamDeframer } from '../framing/aws-event-stream.ts';
import type { Finder } from './find.ts';
import { parseExact, redactDocument, redactEvents, tailSpan } from './leaves.ts';
import { withoutSpans } from './spans.ts';

export interface KeptBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** More came than was kept, or it broke off. */
  readonly cut: boolean;
}

/** An event of a stream as it is stored: parsed, or the text that it is. */
interface StoredEvent {
  readonly name: string;
  readonly value: unknown;
}

const NO_TEXT = /^\s*(?:audio|video|image|font)\/|^\s*application\/(?:octet-stream|pdf|zip|gzip|x-tar|wasm|protobuf|x-protobuf|grpc)/i;
const LINES = /^\s*application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|stream\+json|json-seq)/i;

export function redactBody(body: KeptBody, finder: Finder, bytesMax: number): string {
  if (body.bytes.length === 0) return '';
  const decoded = decodeBody(Buffer.from(body.bytes), body.contentEncoding, bytesMax);
  if ('undecoded' in decoded) return notStored(decoded.undecoded, body.bytes.length);
  const cut = body.cut || decoded.cut;
  const { contentType } = body;
  if (/^\s*multipart\//i.test(contentType)) return redactMultipart(decoded.bytes, contentType, finder, cut);
  if (/^\s*application\/vnd\.amazon\.eventstream/i.test(contentType)) return redactAws(decoded.bytes, finder, cut);
  if (NO_TEXT.test(contentType) || isBinary(decoded.bytes)) return notStored(kindOf(contentType), decoded.bytes.length);
  const text = decoded.bytes.toString('utf8').replace(/^\ufeff/, '');
  if (/^\s*application\/x-www-form-urlencoded/i.test(contentType)) return redactForm(text, finder);
  if (/^\s*text\/event-stream/i.test(contentType) || /^(?:data|event|id|retry|):/.test(text)) return redactSse(text, finder, cut);
  if (LINES.test(contentType)) return redactLines(text, finder, cut);
  return redactJsonOrText(text, finder, cut);
}

function redactJsonOrText(text: string, finder: Finder, cut: boolean): string {
  const value = parseExact(text);
  // A list may be the events of a stream (Gemini's): its elements' texts may belong together.
  if (Array.isArray(value)) return JSON.stringify(redactEvents(value, finder, cut));
  if (value !== undefined) return JSON.stringify(redactDocument(value, finder));
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  // Ollama and others stream lines of JSON under any content type.
  if (lines.length > 1 && lines.slice(0, -1).every((line) => parseExact(line) !== undefined)) return redactLines(text, finder, cut);
  return redactText(text, finder, cut);
}

/** What is no JSON, or only the beginning of it: escapes are read through by the finder. */
function redactText(text: string, finder: Finder, cut: boolean): string {
  const spans = [...finder.find(text)];
  if (cut || /^\s*[{[]/.test(text)) spans.push(tailSpan(text, finder));
  return withoutSpans(text, spans);
}

/** Server-sent events, WHATWG HTML §9.2.6: comments, ids and retry times are not kept. */
function redactSse(text: string, finder: Finder, cut: boolean): string {
  const events: StoredEvent[] = [];
  let name = '';
  let data: string[] = [];
  const dispatch = (): void => {
    if (data.length > 0) events.push({ name, value: eventValue(data.join('\n')) });
    name = '';
    data = [];
  };
  for (const line of text.split(/\r\n|\r|\n/)) {
    const match = /^(data|event)(?:: ?|$)/.exec(line);
    if (line === '') dispatch();
    else if (match?.[1] === 'data') data.push(line.slice(match[0].length));
    else if (match?.[1] === 'event') name = line.slice(match[0].length);
  }
  dispatch();
  return storeEvents(events, finder, cut);
}

function redactLines(text: string, finder: Finder, cut: boolean): string {
  const values = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => eventValue(line.trim()));
  return redactEvents(values, finder, cut)
    .map((value) => JSON.stringify(value))
    .join('\n');
}

/** AWS's binary events, stored as server-sent ones. InvokeModel's wrap the model's own event in base64. */
function redactAws(bytes: Buffer, finder: Finder, cut: boolean): string {
  const events: StoredEvent[] = [];
  const deframer = createAwsEventStreamDeframer(({ event, data }) => {
    const value = data === undefined ? undefined : eventValue(data.toString('utf8'));
    const wrapped = typeof value === 'object' && value !== null ? Reflect.get(value, 'bytes') : undefined;
    events.push({ name: event, value: typeof wrapped === 'string' ? eventValue(Buffer.from(wrapped, 'base64').toString('utf8')) : value });
  });
  deframer.push(bytes);
  deframer.end();
  return storeEvents(events, finder, cut);
}

function storeEvents(events: readonly StoredEvent[], finder: Finder, cut: boolean): string {
  const values = redactEvents(
    events.map(({ value }) => value),
    finder,
    cut,
  );
  return values
    .map((value, i) => {
      const name = events[i]?.name ?? '';
      const data = typeof value === 'string' ? value.replace(/[\r\n]+/g, ' ') : JSON.stringify(value);
      return `${name === '' ? '' : `event: ${withoutSpans(name, finder.find(name))}\n`}data: ${data}\n\n`;
    })
    .join('');
}

/** JSON, or the text that it is; half a JSON text is nothing. */
function eventValue(data: string): unknown {
  const value = parseExact(data);
  if (value !== undefined) return value;
  return /^\s*[{[]/.test(data) ? '[not stored: incomplete]' : data;
}

function redactForm(text: string, finder: Finder): string {
  const fields = new URLSearchParams(text);
  return JSON.stringify(redactDocument(Object.fromEntries(fields), finder));
}

/** RFC 7578: fields as text, files by their size only. */
function redactMultipart(bytes: Buffer, contentType: string, finder: Finder, cut: boolean): string {
  const match = /boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return notStored('multipart without a boundary', bytes.length);
  const parts = bytes.toString('latin1').split(`--${boundary}`).slice(1);
  const stored: Record<string, unknown>[] = [];
  for (const [i, part] of parts.entries()) {
    const headersEnd = part.indexOf('\r\n\r\n');
    if (headersEnd === -1) continue;
    const headers = part.slice(0, headersEnd);
    const name = utf8(/;\s{0,8}name="?([^"\r\n;]{0,256})/i.exec(headers)?.[1] ?? '');
    const value = part.slice(headersEnd + 4).replace(/\r\n$/, '');
    const isFile = /;\s{0,8}filename\*?=/i.test(headers) || /^content-type:\s*(?!text\/plain|application\/json)/im.test(headers);
    stored.push({ name, value: isFile ? notStored('file', value.length) : fieldValue(utf8(value), finder, cut && i === parts.length - 1) });
  }
  return JSON.stringify(redactDocument(stored, finder));
}

/** A field may be JSON; a last one may be cut off. */
function fieldValue(text: string, finder: Finder, cut: boolean): unknown {
  return parseExact(text) ?? redactText(text, finder, cut);
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

/** Control characters that no text has. */
function isBinary(bytes: Buffer): boolean {
  const sample = bytes.subarray(0, 4_096);
  return sample.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b) || byte === 0x7f);
}

function kindOf(contentType: string): string {
  return /^[\w.+-]+\/[\w.+-]+/.exec(contentType.trim())?.[0]?.slice(0, 80) ?? 'no text';
}

function notStored(what: string, bytes: number): string {
  return `[not stored: ${what}, ${bytes} bytes]`;
}
