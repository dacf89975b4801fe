/**
 * Asks the provider for a stream's usage in the caller's place: adds `stream_options.include_usage` to a
 * request that does not mention it. Every other byte stays; gives undefined where nothing is to be added.
 * https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
 */

import { parseJson } from '../framing/json.ts';
import { rawHeader } from '../headers.ts';
import { fields, isFields } from '../providers/values.ts';
import { findKey, skipSpace } from './json-keys.ts';
import { canRecode } from './recode.ts';

/** Headers that speak for the body's very bytes. */
const DIGEST_HEADERS = ['content-md5', 'digest', 'content-digest', 'signature', 'x-amz-content-sha256'] as const;

/** Whether the body may be changed, as far as its headers say: plain JSON, unsigned, and an answer that can be read. */
export function mayAsk(headers: readonly string[]): boolean {
  const coding = rawHeader(headers, 'content-encoding').trim().toLowerCase();
  return (
    /^\s*application\/json\b/i.test(rawHeader(headers, 'content-type')) &&
    (coding === '' || coding === 'identity') &&
    DIGEST_HEADERS.every((name) => rawHeader(headers, name) === '') &&
    !rawHeader(headers, 'authorization').startsWith('AWS4-') &&
    rawHeader(headers, 'accept-encoding')
      .split(',')
      .every((entry) => canRecode(entry.split(';', 1)[0] ?? ''))
  );
}

export function askForUsage(body: Buffer): Buffer | undefined {
  const request = fields(parseJson(body.toString('utf8')));
  if (request['stream'] !== true) return undefined;
  const options = request['stream_options'];
  const json = body.toString('latin1');
  if (options === undefined) {
    const end = json.lastIndexOf('}');
    return insert(body, end, ',"stream_options":{"include_usage":true}');
  }
  // A caller that says false, or null, has decided.
  if (!isFields(options) || options['include_usage'] !== undefined) return undefined;
  const found = findKey(json, 'stream_options');
  if (found === undefined || json[found.valueStart] !== '{') return undefined;
  const isEmpty = json[skipSpace(json, found.valueStart + 1)] === '}';
  return insert(body, found.valueStart + 1, `"include_usage":true${isEmpty ? '' : ','}`);
}

function insert(body: Buffer, at: number, text: string): Buffer {
  return Buffer.concat([body.subarray(0, at), Buffer.from(text), body.subarray(at)]);
}

/** The header list with the length that the body now has. */
export function withLength(headers: readonly string[], bytes: number): string[] {
  return headers.map((value, index) => (index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'content-length' ? String(bytes) : value));
}
