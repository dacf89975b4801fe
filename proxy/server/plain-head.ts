/**
 * Reads the head of a plain request: one that every reader of HTTP/1.1 understands alike, which is how SDKs write theirs. All else,
 * right or wrong, is for Node's parser to judge: undefined means "not plain", never "bad".
 *
 * Plain: POST, GET, PUT, PATCH or DELETE, a target of printable ASCII that begins with a slash, HTTP/1.1, every line ended by CRLF,
 * none folded, no control character, no blank behind a value, one Host, at most one Content-Length, of digits, and `Connection` with
 * nothing but keep-alive or close. Without Transfer-Encoding, Upgrade, Expect and Trailer.
 */
import { isBlank, TEXT, TOKEN } from '../client/head.ts';
import { lengthsOf } from '../headers.ts';

export interface PlainHead {
  readonly method: string;
  readonly target: string;
  /** [name, value, name, value, …] */
  readonly headers: string[];
  /** The body's, in bytes. */
  readonly length: number;
  /** The client wants no more on this connection. */
  readonly close: boolean;
}

const METHODS: readonly string[] = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];
const VERSION = ' HTTP/1.1\r\n';
const CR = 13;
const LF = 10;
const SPACE = 32;
const SLASH = 47;
const COLON = 58;
const TILDE = 126;
const LENGTH_DIGITS_MAX = 15;

/** Headers that say how the message is framed, or want something of the hop. */
const FRAMING: ReadonlySet<string> = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'upgrade', 'expect', 'trailer']);
const mayFrame = lengthsOf(FRAMING);

/** What is read of them. */
interface Framing {
  hosts: number;
  /** -1: nothing. */
  length: number;
  close: boolean;
}

/** `text`: request line and header lines, each with its CRLF, as latin1. */
export function parsePlainHead(text: string): PlainHead | undefined {
  const method = METHODS.find((name) => text.startsWith(name) && text.charCodeAt(name.length) === SPACE);
  if (method === undefined) return undefined;
  const from = method.length + 1;
  const to = targetEnd(text, from);
  if (!text.startsWith(VERSION, to)) return undefined;
  const headers: string[] = [];
  const framing: Framing = { hosts: 0, length: -1, close: false };
  for (let at = to + VERSION.length; at < text.length; ) {
    at = readLine(text, at, headers);
    if (at < 0 || !readFraming(headers, framing)) return undefined;
  }
  if (framing.hosts !== 1) return undefined;
  return { method, target: text.slice(from, to), headers, length: Math.max(0, framing.length), close: framing.close };
}

function targetEnd(text: string, from: number): number {
  if (text.charCodeAt(from) !== SLASH) return -1;
  let at = from;
  for (let code = text.charCodeAt(at); code > SPACE && code <= TILDE; code = text.charCodeAt(at)) at += 1;
  return at;
}

/** Where the next line begins, or -1. */
function readLine(text: string, from: number, headers: string[]): number {
  let end = from;
  while (TOKEN[text.charCodeAt(end)] === 1) end += 1;
  if (end === from || text.charCodeAt(end) !== COLON) return -1;
  const name = text.slice(from, end);
  let at = end + 1;
  while (isBlank(text.charCodeAt(at))) at += 1;
  end = at;
  while (TEXT[text.charCodeAt(end)] === 1) end += 1;
  if (text.charCodeAt(end) !== CR || text.charCodeAt(end + 1) !== LF || (end > at && isBlank(text.charCodeAt(end - 1)))) return -1;
  headers.push(name, text.slice(at, end));
  return end + 2;
}

/** The last header's share in it; false: it is not plain. */
function readFraming(headers: readonly string[], framing: Framing): boolean {
  const name = headers[headers.length - 2] as string;
  if (!mayFrame(name)) return true;
  const lower = name.toLowerCase();
  if (!FRAMING.has(lower)) return true;
  const value = headers[headers.length - 1] as string;
  switch (lower) {
    case 'host':
      framing.hosts += 1;
      return true;
    case 'content-length':
      if (framing.length >= 0 || value.length > LENGTH_DIGITS_MAX || !/^\d+$/.test(value)) return false;
      framing.length = Number(value);
      return true;
    case 'connection':
      return readConnection(value.toLowerCase(), framing);
    default:
      return false;
  }
}

function readConnection(value: string, framing: Framing): boolean {
  if (value === 'close') framing.close = true;
  return value === 'close' || value === 'keep-alive';
}
