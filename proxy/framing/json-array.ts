/**
 * A JSON array that is streamed element by element, as Gemini's streamGenerateContent answers without
 * `alt=sse`. Gives one frame per element as soon as it is whole; a body that is a single object gives
 * that one. Cut anywhere; only the bracket depth is followed, the elements are for the reader to parse.
 */
import { asBuffer } from './bytes.ts';
import { type Deframer, FrameData, type FramingFault, type OnFrame } from './frame.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function createJsonArrayDeframer(onFrame: OnFrame): Deframer {
  return new JsonArrayDeframer(onFrame);
}

class JsonArrayDeframer implements Deframer {
  fault: FramingFault | undefined;
  private readonly onFrame: OnFrame;
  private readonly element = new FrameData();
  /** Brackets open inside the element being read. */
  private depth = 0;
  private inString = false;
  private afterBackslash = false;

  constructor(onFrame: OnFrame) {
    this.onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    let start = this.depth > 0 ? 0 : -1;
    for (let at = 0; at < chunk.length && this.fault === undefined; at += 1) {
      const byte = chunk[at] as number;
      if (this.inString) {
        if (this.afterBackslash) this.afterBackslash = false;
        else if (byte === BACKSLASH) this.afterBackslash = true;
        else if (byte === QUOTE) this.inString = false;
      } else if (this.depth === 0) {
        if (byte === 0x7b) {
          start = at;
          this.depth = 1;
        } else if (!isBetweenElements(byte)) this.fault = 'bad_framing';
      } else if (byte === QUOTE) this.inString = true;
      else if (byte === 0x7b || byte === 0x5b) this.depth += 1;
      else if (byte === 0x7d || byte === 0x5d) {
        this.depth -= 1;
        if (this.depth === 0) {
          this.element.add(chunk.subarray(start, at + 1));
          this.onFrame(this.element.take(''));
          start = -1;
        }
      }
    }
    if (start !== -1 && this.fault === undefined) this.element.add(chunk.subarray(start));
  }

  end(): void {
    this.element.reset();
  }
}

/** White space, a byte order mark, the array's own brackets and commas. */
function isBetweenElements(byte: number): boolean {
  return (
    byte === 0x20 ||
    byte === 0x0a ||
    byte === 0x0d ||
    byte === 0x09 ||
    byte === 0x5b ||
    byte === 0x5d ||
    byte === 0x2c ||
    byte === 0xef ||
    byte === 0xbb ||
    byte === 0xbf
  );
}
