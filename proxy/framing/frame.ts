/**
 * What all stream framings share: bytes go in as they come off the wire, events come out, and
 * memory stays bounded whatever comes. Never throws: what does not fit the framing is a `fault`.
 */
import { JsonReader } from './json.ts';

/**
 * One event with its framing taken off. Small events keep their bytes (`data`), so that a reader may
 * look before it parses; large ones were parsed as they came, with long strings elided (`value`).
 */
export type Frame =
  | { readonly event: string; readonly data: Buffer; readonly value?: undefined }
  | { readonly event: string; readonly data?: undefined; readonly value: unknown };

/** `data` is only valid during the call: it may be a view of the chunk. */
export type OnFrame = (frame: Frame) => void;

export type FramingFault = 'bad_framing' | 'event_too_large';

export interface Deframer {
  push(chunk: Uint8Array): void;
  /** The body is over; what is left is given out if it is a whole event. */
  end(): void;
  /** Why something could not be read. */
  readonly fault: FramingFault | undefined;
}

/** Events up to this size are kept as bytes; larger ones are parsed as they come. */
export const FRAME_BYTES_MAX = 64 * 1024;

/** Collects one event's data from pieces: a copy while it is small, a running parse when it grows. */
export class FrameData {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private reader: JsonReader | undefined;

  get empty(): boolean {
    return this.bytes === 0;
  }

  /** Takes a copy of `piece` unless the event is large. */
  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.reader) {
      this.reader.push(piece);
      return;
    }
    if (this.bytes <= FRAME_BYTES_MAX) {
      this.pieces.push(Buffer.from(piece));
      return;
    }
    this.reader = new JsonReader();
    for (const held of this.pieces) this.reader.push(held);
    this.reader.push(piece);
    this.pieces = [];
  }

  /** Gives the event out and starts over. */
  take(event: string): Frame {
    const frame: Frame = this.reader
      ? { event, value: this.reader.end() }
      : { event, data: this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces) };
    this.reset();
    return frame;
  }

  reset(): void {
    this.pieces = [];
    this.bytes = 0;
    this.reader = undefined;
  }
}
