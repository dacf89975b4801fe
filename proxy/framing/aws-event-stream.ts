/**
 * The binary event stream of AWS (vnd.amazon.eventstream): prelude of total length, header length and
 * CRC32, headers, payload, CRC32 of the whole message. Gives one frame per message, named by its
 * `:event-type` or `:exception-type`. A message whose checksum is wrong ends the reading.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
 */
import { crc32 } from 'node:zlib';
import { asBuffer } from './bytes.ts';
import type { Deframer, FramingFault, OnFrame } from './frame.ts';

const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
/** AWS allows 24 MiB; a text model's events stay in the kilobytes. Larger ones are skipped. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const MESSAGE_BYTES_VALID_MAX = 24 * 1024 * 1024 + 128 * 1024;

/** Bytes of a header's value by its type; 6 and 7 carry their length. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };
const BYTE_ARRAY = 6;
const STRING = 7;

export function createAwsEventStreamDeframer(onFrame: OnFrame): Deframer {
  return new AwsEventStreamDeframer(onFrame);
}

class AwsEventStreamDeframer implements Deframer {
  fault: FramingFault | undefined;
  private readonly onFrame: OnFrame;
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** Bytes until something can be done: the prelude's, then the message's. */
  private neededBytes = PRELUDE_BYTES;
  private skipBytes = 0;

  constructor(onFrame: OnFrame) {
    this.onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    let chunk = asBuffer(bytes);
    while (chunk.length > 0 && this.fault !== 'bad_framing') {
      if (this.skipBytes > 0) {
        const skipped = Math.min(this.skipBytes, chunk.length);
        this.skipBytes -= skipped;
        chunk = chunk.subarray(skipped);
        continue;
      }
      const taken = Math.min(this.neededBytes - this.heldBytes, chunk.length);
      const whole = this.heldBytes === 0 && taken === this.neededBytes;
      const piece = chunk.subarray(0, taken);
      if (!whole) this.held.push(Buffer.from(piece));
      this.heldBytes += taken;
      if (this.heldBytes === this.neededBytes) {
        const message = whole ? piece : Buffer.concat(this.held);
        if (this.neededBytes === PRELUDE_BYTES) this.readPrelude(message);
        else this.readMessage(message);
      }
      chunk = chunk.subarray(taken);
    }
  }

  end(): void {
    this.hold();
  }

  private hold(...pieces: Buffer[]): void {
    this.held = pieces;
    this.heldBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  private readPrelude(prelude: Buffer): void {
    const total = prelude.readUInt32BE(0);
    const headers = prelude.readUInt32BE(4);
    const minimum = PRELUDE_BYTES + headers + CRC_BYTES;
    if (prelude.readUInt32BE(8) !== crc32(prelude.subarray(0, 8)) || total < minimum || total > MESSAGE_BYTES_VALID_MAX) {
      this.fail();
      return;
    }
    if (total > MESSAGE_BYTES_MAX) {
      this.fault = 'event_too_large';
      this.skipBytes = total - PRELUDE_BYTES;
      this.hold();
      return;
    }
    this.hold(Buffer.from(prelude));
    this.neededBytes = total;
  }

  private readMessage(message: Buffer): void {
    this.hold();
    this.neededBytes = PRELUDE_BYTES;
    const end = message.length - CRC_BYTES;
    if (message.readUInt32BE(end) !== crc32(message.subarray(0, end))) {
      this.fail();
      return;
    }
    const payloadStart = PRELUDE_BYTES + message.readUInt32BE(4);
    const names = readHeaders(message.subarray(PRELUDE_BYTES, payloadStart));
    if (!names) this.fail();
    else this.onFrame({ event: names, data: message.subarray(payloadStart, end) });
  }

  private fail(): void {
    this.fault = 'bad_framing';
    this.hold();
  }
}

/** The event's name, from the headers; undefined when they are malformed. */
function readHeaders(headers: Buffer): string | undefined {
  const strings = new Map<string, string>();
  let at = 0;
  while (at < headers.length) {
    const nameEnd = at + 1 + (headers[at] as number);
    const name = headers.toString('utf8', at + 1, nameEnd);
    const type = headers[nameEnd];
    if (type === undefined) return undefined;
    at = nameEnd + 1;
    if (type === STRING || type === BYTE_ARRAY) {
      if (at + 2 > headers.length) return undefined;
      const valueEnd = at + 2 + headers.readUInt16BE(at);
      if (type === STRING) strings.set(name, headers.toString('utf8', at + 2, valueEnd));
      at = valueEnd;
    } else {
      const bytes = VALUE_BYTES[type];
      if (bytes === undefined) return undefined;
      at += bytes;
    }
  }
  if (at > headers.length) return undefined;
  return strings.get(':exception-type') ?? strings.get(':event-type') ?? strings.get(':error-code') ?? 'message';
}
