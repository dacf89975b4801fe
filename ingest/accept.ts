/**
 * Reads a batch: its headers, its body (bounded, also after decompression), its lines.
 * Takes an HTTP request; gives records, and for each line that is none the reason. What cannot be read
 * at all is a Refusal. Depends on nothing but the bytes, so that the same batch always yields the same
 * records: its id is ClickHouse's deduplication token.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CALL_COLUMNS, type CallColumn } from '../contract/columns.ts';
import {
  BATCH_AGE_HEADER,
  BATCH_CONTENT_TYPE,
  BATCH_ID_HEADER,
  BATCH_LOOKUP_SECONDS,
  BATCH_ROWS_MAX,
  type CallRecord,
  parseRecord,
  RECORD_VERSION,
} from '../contract/record.ts';
import { errorText } from './error-text.ts';
import { COST_USD_MAX } from './price.ts';
import { Refusal } from './refusal.ts';

const BATCH_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const STARTED_AT_YEAR = /^20\d\d-/;
type FloatColumn = Extract<CallColumn, { type: 'Nullable(Float32)' }>;
const FLOAT_COLUMNS = CALL_COLUMNS.filter((column): column is FloatColumn => column.type === 'Nullable(Float32)').map(
  (column) => column.name,
);

export interface BatchHead {
  readonly id: string;
  readonly gzip: boolean;
  /** First sent so long ago, or nobody knows when, that ClickHouse may have forgotten it. */
  readonly mayBeForgotten: boolean;
}

/**
 * Checks what can be said before the body is read.
 * @throws Refusal
 */
export function readHead(request: IncomingMessage): BatchHead {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== BATCH_CONTENT_TYPE) throw new Refusal('unsupported_type', `Got ${shown(type)}, want ${BATCH_CONTENT_TYPE}.`);
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'gzip' && encoding !== 'identity')
    throw new Refusal('unsupported_encoding', `Got ${shown(encoding)}, want gzip or none.`);
  const id = request.headers[BATCH_ID_HEADER];
  if (typeof id !== 'string' || !BATCH_ID.test(id))
    throw new Refusal('invalid_batch_id', `${BATCH_ID_HEADER}: got ${shown(id)}, want 1 to 128 characters of [A-Za-z0-9._:-].`);
  return { id, gzip: encoding === 'gzip', mayBeForgotten: isOld(request.headers[BATCH_AGE_HEADER]) };
}

/** Absent: the first try. Anything that is no number of seconds: not known. */
function isOld(age: string | string[] | undefined): boolean {
  return age !== undefined && !(Number(age) < BATCH_LOOKUP_SECONDS);
}

export interface BodyOptions {
  readonly gzip: boolean;
  readonly bytesMax: number;
  /** Called with the size of each piece before it is kept; throws to stop. */
  readonly reserve: (bytes: number) => void;
}

/**
 * The decoded body. On a refusal the request is left as it is, so that an answer can still be sent.
 * @throws Refusal
 */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Buffer> {
  const { bytesMax } = options;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) throw new Refusal('batch_too_large', `It announces ${announced}, at most ${bytesMax}.`);
  const gunzip = options.gzip ? request.pipe(createGunzip()) : undefined;
  const onEnd = () => {
    if (!request.complete) gunzip?.destroy(new Refusal('incomplete_body', ''));
  };
  request.once('close', onEnd);
  try {
    return await collect(gunzip ?? request, options);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (!request.complete && request.destroyed) throw new Refusal('incomplete_body', '', { cause: error });
    throw new Refusal('invalid_encoding', `Want a complete gzip stream; ${errorText(error)}.`, { cause: error });
  } finally {
    request.off('close', onEnd);
    if (gunzip) {
      request.unpipe(gunzip);
      gunzip.destroy();
    }
    // What is left of a refused body is read and thrown away: a client that still writes would miss the answer.
    request.resume();
  }
}

async function collect(source: Readable, { bytesMax, reserve }: BodyOptions): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > bytesMax) throw new Refusal('batch_too_large', `More than ${bytesMax} after decoding.`);
    reserve(piece.length);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

export type ParsedLine = { readonly line: number; readonly record: CallRecord } | { readonly line: number; readonly reason: string };

/**
 * The lines of a body, one by one, each a record or the reason why it is none. Blank lines are passed over.
 * @throws Refusal when there are too many lines, or none of them is JSON
 */
export function* parseLines(body: Buffer, rowsMax = BATCH_ROWS_MAX): Generator<ParsedLine> {
  const wholeIsUtf8 = isUtf8(body);
  let lines = 0;
  let anyJson = false;
  let firstFault = '';
  for (const { line, bytes } of splitLines(body)) {
    if (line > rowsMax) throw new Refusal('too_many_rows', `More than ${rowsMax} lines.`);
    if (isBlank(bytes)) continue;
    lines += 1;
    const parsed = wholeIsUtf8 || isUtf8(bytes) ? parseJson(bytes) : { reason: 'not UTF-8' };
    if ('reason' in parsed) {
      firstFault ||= `line ${line}: ${parsed.reason}`;
      yield { line, reason: parsed.reason };
    } else {
      anyJson = true;
      if (isTooNew(parsed.value)) throw new Refusal('record_too_new', `Line ${line}: this ingest knows versions up to ${RECORD_VERSION}.`);
      yield { line, ...checkRecord(parsed.value) };
    }
  }
  if (lines > 0 && !anyJson) throw new Refusal('not_ndjson', `Not one line is JSON; ${firstFault}.`);
}

/** Set aside it would be lost, although the next release of ingest could take it. */
function isTooNew(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'v' in value && Number.isInteger(value.v) && Number(value.v) > RECORD_VERSION;
}

function* splitLines(body: Buffer): Generator<{ line: number; bytes: Buffer }> {
  let start = 0;
  for (let line = 1; start < body.length; line += 1) {
    const newline = body.indexOf(NEWLINE, start);
    const end = newline === -1 ? body.length : newline;
    const bytes = body.subarray(start, end);
    yield { line, bytes };
    start = end + 1;
  }
}

/** Nothing, or what is left of a line that ended with CR LF. */
function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === CARRIAGE_RETURN);
}

function parseJson(bytes: Buffer): { value: unknown } | { reason: string } {
  try {
    return { value: JSON.parse(bytes.toString('utf8')) };
  } catch {
    // The parser's own words may quote the line, and with it what a caller said to a model.
    return { reason: 'not JSON' };
  }
}

/** The contract's check, and what else ClickHouse would choke on: one such row would keep the whole batch out. */
function checkRecord(value: unknown): { record: CallRecord } | { reason: string } {
  const parsed = parseRecord(value);
  if ('reason' in parsed) return parsed;
  const { record } = parsed;
  if (!isMoment(record.started_at))
    return { reason: `started_at: ${JSON.stringify(record.started_at)}, want a date and time that exist, from 2000 to 2099` };
  for (const name of FLOAT_COLUMNS) {
    const number = record[name];
    if (number !== null && !Number.isFinite(Math.fround(number))) return { reason: `${name}: ${number}, want what fits a Float32` };
  }
  if ((record.provider_cost_usd ?? 0) > COST_USD_MAX)
    return { reason: `provider_cost_usd: ${record.provider_cost_usd}, want at most ${COST_USD_MAX}` };
  return parsed;
}

/** The second that was last found to exist: the calls of a batch are of few seconds. */
let knownSecond = '';
const SECOND_CHARS = 'YYYY-MM-DD hh:mm:ss'.length;

function isMoment(startedAt: string): boolean {
  const second = startedAt.slice(0, SECOND_CHARS);
  if (second === knownSecond) return true;
  const iso = `${second.slice(0, 10)}T${second.slice(11)}`;
  const time = Date.parse(`${iso}Z`);
  const exists = STARTED_AT_YEAR.test(second) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso);
  if (exists) knownSecond = second;
  return exists;
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 160);
}
