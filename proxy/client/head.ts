/**
 * Reads the head of an answer: takes the bytes from the status line to before the empty line, gives status, reason and
 * headers as they came (case, order, repetition, every byte as a latin1 character) and how the body is framed. As strict
 * as RFC 9112 allows a recipient to be: what two readers might read differently is no answer.
 * @throws UpstreamFault INVALID_ANSWER
 */
import { invalidAnswer } from './faults.ts';

/** How the end of a body is known (RFC 9112 §6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  /** [name, value, name, value, …] */
  readonly headers: string[];
  readonly framing: Framing;
  /** The body's length where it is announced and comes; 0 for `none`. */
  readonly length: number;
  /** The connection may carry another call afterwards. */
  readonly reusable: boolean;
  /** How long the provider keeps it, if it says so (`Keep-Alive: timeout=`). */
  readonly keep_s: number | undefined;
}

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const COLON = 58;
const ZERO = 48;

/** RFC 9110 §5.6.2: what a field name is made of. */
export const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") TOKEN[char.charCodeAt(0)] = 1;
/** RFC 9110 §5.5: what its value is made of, and a reason phrase. */
export const TEXT = new Uint8Array(256).fill(1, SPACE).fill(1, TAB, TAB + 1);
TEXT[127] = 0;

const STATUS_LINE_BYTES_MIN = 'HTTP/1.1 200'.length;
const LENGTH_DIGITS_MAX = 15;

/** `text`: status line and header lines, each with its CRLF, as latin1. */
export function parseHead(text: string, requestMethod: string): AnswerHead {
  if (!text.startsWith('HTTP/1.') || text.charCodeAt(8) !== SPACE) throw invalidAnswer('no HTTP/1.1 status line');
  const minor = text.charCodeAt(7) - ZERO;
  const status = statusOf(text);
  if ((minor !== 0 && minor !== 1) || status < 100) throw invalidAnswer('no status of HTTP/1.1');
  const statusEnd = lineEnd(text, STATUS_LINE_BYTES_MIN);
  if (statusEnd > STATUS_LINE_BYTES_MIN && text.charCodeAt(STATUS_LINE_BYTES_MIN) !== SPACE) throw invalidAnswer('no status of HTTP/1.1');
  const reason = text.slice(STATUS_LINE_BYTES_MIN + 1, statusEnd);
  const headers = parseFields(text, statusEnd + 2);
  const said = readFraming(headers);
  if (status === 101) throw invalidAnswer('it switched protocols, which nobody had asked for');
  const bodiless = requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304;
  const framing: Framing = bodiless ? 'none' : said.chunked ? 'chunked' : said.coded || said.length < 0 ? 'close' : 'length';
  // A body announced where none can be may come all the same, and would be taken for the next answer.
  const doubtful = requestMethod !== 'HEAD' && framing === 'none' && (said.length > 0 || said.coded);
  const kept = minor === 1 ? !said.close : said.keepAlive && !said.close;
  return {
    status,
    reason,
    headers,
    framing,
    length: framing === 'length' ? said.length : 0,
    reusable: kept && framing !== 'close' && !doubtful,
    keep_s: said.keep_s,
  };
}

/** Field lines to the end of the text, each with its CRLF: headers, or trailers. Blanks behind a value stay. */
export function parseFields(text: string, from: number): string[] {
  const fields: string[] = [];
  for (let at = from; at < text.length; ) {
    let end = at;
    while (TOKEN[text.charCodeAt(end)] === 1) end += 1;
    if (end === at || text.charCodeAt(end) !== COLON) throw invalidAnswer('a header line without a name and a colon');
    fields.push(text.slice(at, end));
    at = end + 1;
    while (isBlank(text.charCodeAt(at))) at += 1;
    end = lineEnd(text, at);
    fields.push(text.slice(at, end));
    at = end + 2;
  }
  return fields;
}

export const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** Where the line's CRLF begins. Nothing else may end a line (RFC 9112 §2.2), nor stand in it. */
function lineEnd(text: string, from: number): number {
  let at = from;
  while (TEXT[text.charCodeAt(at)] === 1) at += 1;
  if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) throw invalidAnswer('a control character in its head');
  return at;
}

function statusOf(text: string): number {
  let status = 0;
  for (let at = 9; at < STATUS_LINE_BYTES_MIN; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    status = status * 10 + digit;
  }
  return status;
}

interface Said {
  /** -1: nothing. */
  length: number;
  /** There is a Transfer-Encoding, and whether its last coding is `chunked`. */
  coded: boolean;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  keep_s: number | undefined;
}

/** What the headers say of body and connection. Their lengths tell most of the others apart. */
function readFraming(headers: readonly string[]): Said {
  const said: Said = { length: -1, coded: false, chunked: false, close: false, keepAlive: false, keep_s: undefined };
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 14) readLength(said, name, headers[i + 1] as string);
    else if (name.length === 17) readTransferEncoding(said, name, headers[i + 1] as string);
    else if (name.length === 10) readConnection(said, name.toLowerCase(), headers[i + 1] as string);
  }
  // RFC 9112 §6.3: one of the two is a lie.
  if (said.coded && said.length >= 0) throw invalidAnswer('both a Content-Length and a Transfer-Encoding');
  return said;
}

function readLength(said: Said, name: string, value: string): void {
  if (name.toLowerCase() !== 'content-length') return;
  if (said.length >= 0) throw invalidAnswer('more than one Content-Length');
  const digits = value.trimEnd();
  if (digits.length > LENGTH_DIGITS_MAX || !/^\d+$/.test(digits)) throw invalidAnswer('a Content-Length that is no number');
  said.length = Number(digits);
}

function readTransferEncoding(said: Said, name: string, value: string): void {
  if (name.toLowerCase() !== 'transfer-encoding') return;
  // Chunked ends a message: after it nothing can be meant.
  if (said.chunked) throw invalidAnswer('a Transfer-Encoding after chunked');
  said.coded = true;
  said.chunked = /(?:^|,)[\t ]*chunked[\t ]*$/i.test(value);
}

function readConnection(said: Said, name: string, value: string): void {
  if (name === 'keep-alive') said.keep_s = keepSeconds(value) ?? said.keep_s;
  if (name !== 'connection') return;
  for (const option of value.split(',')) {
    const word = option.trim().toLowerCase();
    if (word === 'close') said.close = true;
    else if (word === 'keep-alive') said.keepAlive = true;
  }
}

function keepSeconds(value: string): number | undefined {
  const found = /(?:^|[\s,])timeout *= *(\d{1,9})(?![\d.])/i.exec(value)?.[1];
  return found === undefined ? undefined : Number(found);
}
