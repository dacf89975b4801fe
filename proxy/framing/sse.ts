/**
 * Server-sent events, as the WHATWG HTML standard §9.2.6 parses them: CR, LF or CRLF, a byte order mark,
 * several data lines, comments; cut anywhere, in the middle of a character too. Gives one frame per event.
 * Differs in one point: an event that lacks its blank line at the end of the body is given out, because
 * a provider's last event may be the one with the usage, and a half event fails to parse and is dropped there.
 */
import { asBuffer } from './bytes.ts';
import { type Deframer, FRAME_BYTES_MAX, FrameData, type FramingFault, type OnFrame } from './frame.ts';

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');
const DATA = Buffer.from('data:');
const EVENT = Buffer.from('event:');
const EVENT_NAME_BYTES_MAX = 256;
/** `event`, the longest field name that counts, and its colon. */
const FIELD_BYTES_MAX = 6;

/** Which field the bytes now read belong to; `name` while that is not known. */
type Field = 'name' | 'data' | 'event' | 'ignored';

export function createSseDeframer(onFrame: OnFrame): Deframer {
  return new SseDeframer(onFrame);
}

class SseDeframer implements Deframer {
  fault: FramingFault | undefined;
  private readonly onFrame: OnFrame;
  private readonly data = new FrameData();
  private hasData = false;
  private event = '';
  /** A line that is not over: the start of its name until its field is known. */
  private field: Field = 'name';
  private name = '';
  private valueStarted = false;
  private eventName: Buffer[] = [];
  private eventNameBytes = 0;
  private afterCr = false;
  private first = true;

  constructor(onFrame: OnFrame) {
    this.onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    let at = 0;
    if (this.afterCr && chunk.length > 0) {
      this.afterCr = false;
      if (chunk[0] === LF) at = 1;
    }
    let nextCr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      const lf = chunk.indexOf(LF, at);
      while (nextCr !== -1 && nextCr < at) nextCr = chunk.indexOf(CR, at);
      const cr = nextCr === -1 || (lf !== -1 && lf < nextCr) ? -1 : nextCr;
      const end = cr === -1 ? lf : cr;
      if (end === -1) {
        this.readPart(chunk.subarray(at));
        return;
      }
      this.readLine(chunk, at, end);
      at = end + 1;
      if (cr === -1) continue;
      if (at === chunk.length) this.afterCr = true;
      else if (chunk[at] === LF) at += 1;
    }
  }

  end(): void {
    if (this.field !== 'name' || this.name !== '') this.endLine();
    this.dispatch();
  }

  /** A line's end is at hand; `start` to `end` is all of it, or the rest of one that came in parts. */
  private readLine(chunk: Buffer, start: number, end: number): void {
    if (start === end && this.field === 'name' && this.name === '') {
      this.dispatch();
      return;
    }
    if (this.field === 'name' && this.name === '' && this.readWhole(chunk, start, end)) return;
    if (start < end) this.readPart(chunk.subarray(start, end));
    this.endLine();
  }

  /** The common cases, without a copy: an event's name, and its one data line that its blank line follows. */
  private readWhole(chunk: Buffer, start: number, end: number): boolean {
    if (startsWith(chunk, start, EVENT) && end - start <= EVENT_NAME_BYTES_MAX) {
      this.event = chunk.toString('utf8', valueStart(chunk, start + EVENT.length), end);
      this.first = false;
      return true;
    }
    if (this.hasData || end - start > FRAME_BYTES_MAX || !startsWith(chunk, start, DATA)) return false;
    const next = chunk[end] === CR && chunk[end + 1] === LF ? end + 2 : end + 1;
    if (chunk[next] !== LF && chunk[next] !== CR) return false;
    const { event } = this;
    this.event = '';
    this.first = false;
    this.onFrame({ event, data: chunk.subarray(valueStart(chunk, start + DATA.length), end) });
    return true;
  }

  private readPart(part: Buffer): void {
    let rest = part;
    if (this.field === 'name') {
      rest = this.readName(part);
      if (rest.length === 0) return;
    }
    if (!this.valueStarted) {
      this.valueStarted = true;
      if (rest[0] === SPACE) rest = rest.subarray(1);
    }
    if (rest.length === 0) return;
    if (this.field === 'data') this.data.add(rest);
    else if (this.field === 'event' && this.eventNameBytes < EVENT_NAME_BYTES_MAX) {
      const kept = Buffer.from(rest.subarray(0, EVENT_NAME_BYTES_MAX - this.eventNameBytes));
      this.eventName.push(kept);
      this.eventNameBytes += kept.length;
    }
  }

  /** Reads up to the colon and gives the value's bytes. */
  private readName(part: Buffer): Buffer {
    let at = 0;
    for (; at < part.length && this.name.length < FIELD_BYTES_MAX + 3; at += 1) {
      const byte = part[at] as number;
      if (byte === COLON) {
        this.startField(this.name);
        return part.subarray(at + 1);
      }
      this.name += String.fromCharCode(byte);
      if (this.first && this.name === '\u00ef\u00bb\u00bf') this.name = '';
    }
    if (at < part.length) this.startField('');
    return part.subarray(at);
  }

  private startField(name: string): void {
    this.first = false;
    this.valueStarted = false;
    if (name === 'data') {
      if (this.hasData) this.data.add(NEWLINE);
      this.hasData = true;
      this.field = 'data';
    } else if (name === 'event') {
      this.eventName = [];
      this.eventNameBytes = 0;
      this.field = 'event';
    } else this.field = 'ignored';
  }

  private endLine(): void {
    if (this.field === 'name') this.startField(this.name);
    if (this.field === 'event') this.event = Buffer.concat(this.eventName).toString('utf8');
    this.first = false;
    this.field = 'name';
    this.name = '';
    this.valueStarted = false;
  }

  private dispatch(): void {
    if (this.hasData) this.onFrame(this.data.take(this.event));
    this.hasData = false;
    this.event = '';
  }
}

function startsWith(chunk: Buffer, start: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i += 1) if (chunk[start + i] !== prefix[i]) return false;
  return true;
}

/** One space after the colon is not the value's. */
function valueStart(chunk: Buffer, at: number): number {
  return chunk[at] === SPACE ? at + 1 : at;
}
