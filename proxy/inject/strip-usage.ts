/**
 * Takes out of a stream what `include_usage` put in: the extra chunk without choices, and the `usage: null` of
 * every other one. Takes the decoded bytes of an SSE body, cut anywhere, and gives those that the client would
 * have seen, event by event. Holds one event at most; one that is too long for that passes as it is.
 */
import { parseJson } from '../framing/json.ts';
import { isFields, list } from '../providers/values.ts';
import { findKey, skipSpace } from './json-keys.ts';

const EVENT_BYTES_MAX = 256 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

export class UsageStripper {
  #held: Buffer = NOTHING;
  /** Inside an event that was too long to be held. */
  #passing = false;

  /** The bytes that may go on now. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const out: Buffer[] = [];
    let start = 0;
    // A blank line may have begun in what was held.
    let from = Math.max(0, this.#held.length - 3);
    for (let end = eventEnd(bytes, from); end !== -1; end = eventEnd(bytes, from)) {
      const event = bytes.subarray(start, end);
      out.push(this.#passing ? event : strip(event));
      this.#passing = false;
      start = end;
      from = end;
    }
    const rest = bytes.subarray(start);
    if (this.#passing || rest.length > EVENT_BYTES_MAX) {
      // All but what the blank line may begin with.
      this.#passing = true;
      const kept = Math.min(3, rest.length);
      out.push(rest.subarray(0, rest.length - kept));
      this.#held = Buffer.from(rest.subarray(rest.length - kept));
    } else this.#held = Buffer.from(rest);
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** What a body leaves that ends, or breaks off, inside an event. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = NOTHING;
    return this.#passing ? rest : strip(rest);
  }
}

/** Behind the blank line (LF LF, CR LF CR LF or CR CR) that ends the event; -1: not here yet. */
function eventEnd(bytes: Buffer, from: number): number {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === LF && bytes[at + 1] === LF) return at + 2;
    if (byte === LF && bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
    if (byte === CR && bytes[at + 1] === CR) return at + 2;
  }
  return -1;
}

function strip(event: Buffer): Buffer {
  if (!event.includes('"usage"')) return event;
  const text = event.toString('latin1');
  const lines = [...text.matchAll(/^data:[ ]?(.*)$/gm)];
  const [line] = lines;
  // JSON over several lines is nobody's habit.
  if (line === undefined || lines.length > 1) return event;
  const json = (line[1] as string).replace(/\r$/, '');
  const body = parseJson(Buffer.from(json, 'latin1').toString('utf8'));
  if (!isFields(body)) return event;
  if (isFields(body['usage'])) return Array.isArray(body['choices']) && list(body['choices']).length === 0 ? NOTHING : event;
  if (body['usage'] !== null) return event;
  const cut = nullField(json);
  if (cut === undefined) return event;
  const offset = text.indexOf(json, line.index + 'data:'.length);
  return Buffer.concat([event.subarray(0, offset + cut.start), event.subarray(offset + cut.end)]);
}

/** From where to where `"usage": null` goes out, with the comma that it needs no more. */
function nullField(json: string): { start: number; end: number } | undefined {
  const found = findKey(json, 'usage');
  if (found === undefined || !json.startsWith('null', found.valueStart)) return undefined;
  const end = found.valueStart + 'null'.length;
  if (found.commaBefore !== -1) return { start: found.commaBefore, end };
  const comma = skipSpace(json, end);
  return { start: found.keyStart, end: json[comma] === ',' ? skipSpace(json, comma + 1) : end };
}
