/**
 * Reads one JSON body that comes in pieces. Up to JSON_WHOLE_BYTES_MAX it is held and parsed at once,
 * as JSON.parse would; a larger one is skimmed as it comes (json-skimmer.ts), so that neither memory
 * nor the event loop pays for images and embeddings. Keeps the pieces themselves, not copies: nobody may write
 * over them. Gives undefined for what is no JSON; never throws.
 */
import { asBuffer } from './bytes.ts';
import { JsonSkimmer, type TextRoom } from './json-skimmer.ts';

export const JSON_WHOLE_BYTES_MAX = 64 * 1024;

export const NOTHING_DROPPED: { readonly textBytes: number; readonly numbers: number } = Object.freeze({ textBytes: 0, numbers: 0 });
const BYTE_ORDER_MARK = '\ufeff';

/** JSON.parse that gives undefined instead of throwing, and takes a byte order mark (RFC 8259 §8.1 lets parsers ignore one). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

export class JsonReader {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private skimmer: JsonSkimmer | undefined;
  private readonly room: TextRoom | undefined;

  /** `room`: for long texts of a body that is skimmed. */
  constructor(room?: TextRoom) {
    this.room = room;
  }

  /** What the skimming left out. */
  get dropped(): { readonly textBytes: number; readonly numbers: number } {
    if (this.skimmer === undefined) return NOTHING_DROPPED;
    return { textBytes: this.skimmer.droppedTextBytes, numbers: this.skimmer.droppedNumbers };
  }

  push(chunk: Uint8Array): void {
    if (this.skimmer) {
      this.skimmer.push(chunk);
      return;
    }
    this.bytes += chunk.length;
    if (this.bytes <= JSON_WHOLE_BYTES_MAX) {
      this.pieces.push(asBuffer(chunk));
      return;
    }
    this.skimmer = new JsonSkimmer(this.room);
    this.skimmer.push(Buffer.concat(this.pieces));
    this.skimmer.push(chunk);
    this.pieces = [];
  }

  /** The body as it began, for bodies that turn out to be no JSON; empty when it was too large to be held. */
  text(): string {
    if (this.skimmer) return '';
    return (this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces)).toString('utf8');
  }

  /** The parsed value; undefined when the body is not one whole JSON text. */
  end(): unknown {
    if (this.skimmer) return this.skimmer.end();
    return this.bytes === 0 ? undefined : parseJson(this.text());
  }
}
