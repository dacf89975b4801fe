/**
 * Reads the messages of one side of a WebSocket (RFC 6455, permessage-deflate RFC 7692) out of a copy of its
 * bytes, cut anywhere: fragments put together, compression taken off, control frames passed over. Gives text
 * messages in order; one that is too long is passed over and counted. What it holds is bounded. Never throws.
 */
import { constants, createInflateRaw, type InflateRaw } from 'node:zlib';

export type WebsocketFault = 'bad_framing' | 'event_too_large' | 'decode_failed' | 'decode_backlog';

export interface WebsocketOptions {
  /** The value of the answer's `Sec-WebSocket-Extensions`. */
  readonly extensions: string;
  readonly onText: (message: Buffer) => void;
  readonly onFault: (fault: WebsocketFault) => void;
}

export interface WebsocketReader {
  push(chunk: Uint8Array): void;
  /** The connection is over. Calls back once all messages that came whole are given out. */
  end(done: () => void): void;
}

const MESSAGE_BYTES_MAX = 1024 * 1024;
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
const HEADER_BYTES_MAX = 10;
const TEXT = 1;
/** RFC 7692 §7.2.2: what the sender leaves off each message. */
const DEFLATE_TAIL = Buffer.from([0, 0, 0xff, 0xff]);

export function createWebsocketReader(options: WebsocketOptions): WebsocketReader {
  return new Reader(options);
}

class Reader implements WebsocketReader {
  readonly #options: WebsocketOptions;
  readonly #inflater: MessageInflater | undefined;
  #stopped = false;
  #header = Buffer.alloc(0);
  #payloadLeft = 0;
  /** The message being read: its first frame says what it is. */
  #opcode = 0;
  #compressed = false;
  #final = false;
  #control = false;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(options: WebsocketOptions) {
    this.#options = options;
    if (!/(?:^|,)\s*permessage-deflate\b/i.test(options.extensions)) return;
    this.#inflater = new MessageInflater({
      onMessage: options.onText,
      onTooLarge: () => options.onFault('event_too_large'),
      onFault: (fault) => this.#stop(fault),
    });
  }

  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    while (rest.length > 0 && !this.#stopped) {
      if (this.#payloadLeft > 0) rest = this.#readPayload(rest);
      else rest = this.#readHeader(rest);
    }
  }

  end(done: () => void): void {
    if (this.#inflater) this.#inflater.end(done);
    else done();
  }

  #readHeader(chunk: Buffer): Buffer {
    const before = this.#header.length;
    const header = Buffer.concat([this.#header, chunk.subarray(0, HEADER_BYTES_MAX - before)]);
    const length = headerLength(header);
    if (length === undefined || header.length < length) {
      this.#header = header;
      return chunk.subarray(header.length - before);
    }
    this.#header = Buffer.alloc(0);
    this.#openFrame(header);
    return chunk.subarray(length - before);
  }

  #openFrame(header: Buffer): void {
    const first = header[0] as number;
    const second = header[1] as number;
    const opcode = first & 0x0f;
    const size = second & 0x7f;
    // Servers do not mask (§5.1); only one extension, and with it only the first reserved bit, is known here.
    const compressed = (first & 0x40) !== 0;
    if ((second & 0x80) !== 0 || (first & 0x30) !== 0 || (compressed && this.#inflater === undefined)) {
      this.#stop('bad_framing');
      return;
    }
    this.#control = opcode >= 8;
    this.#payloadLeft = size < 126 ? size : size === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
    if (!this.#control) {
      this.#final = (first & 0x80) !== 0;
      if (opcode !== 0) {
        this.#opcode = opcode;
        this.#compressed = compressed;
        this.#pieces = [];
        this.#bytes = 0;
      }
    }
    if (this.#payloadLeft === 0) this.#closeFrame();
  }

  #readPayload(chunk: Buffer): Buffer {
    const part = chunk.subarray(0, this.#payloadLeft);
    this.#payloadLeft -= part.length;
    if (!this.#control) this.#keep(part);
    if (this.#payloadLeft === 0) this.#closeFrame();
    return chunk.subarray(part.length);
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    // Compressed messages go through the inflater whatever their kind and size: the next one builds on them.
    if (this.#compressed) this.#inflater?.write(part);
    else if (this.#opcode === TEXT && this.#bytes <= MESSAGE_BYTES_MAX) this.#pieces.push(Buffer.from(part));
    else this.#pieces = [];
  }

  #closeFrame(): void {
    if (this.#control || !this.#final) return;
    if (this.#compressed) this.#inflater?.endMessage(this.#opcode === TEXT);
    else if (this.#opcode === TEXT) {
      // After a compressed message this one must not overtake it.
      const message = this.#bytes <= MESSAGE_BYTES_MAX ? Buffer.concat(this.#pieces) : undefined;
      const give = (): void => (message ? this.#options.onText(message) : this.#options.onFault('event_too_large'));
      if (this.#inflater) this.#inflater.afterwards(give);
      else give();
    }
    this.#pieces = [];
    this.#bytes = 0;
  }

  #stop(fault: WebsocketFault): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pieces = [];
    this.#inflater?.destroy();
    this.#options.onFault(fault);
  }
}

/** Undefined while the two bytes that say it are not there. */
function headerLength(header: Buffer): number | undefined {
  if (header.length < 2) return undefined;
  const size = (header[1] as number) & 0x7f;
  return size < 126 ? 2 : size === 126 ? 4 : 10;
}

interface InflaterOptions {
  readonly onMessage: (message: Buffer) => void;
  readonly onTooLarge: () => void;
  readonly onFault: (fault: WebsocketFault) => void;
}

/**
 * One inflate stream for the whole connection, on Node's thread pool; messages come out in order. It keeps its
 * context also where the server does not use it (server_no_context_takeover): that does no harm.
 */
class MessageInflater {
  readonly #options: InflaterOptions;
  readonly #inflate: InflateRaw;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #backlogBytes = 0;
  #destroyed = false;
  #done: (() => void) | undefined;

  constructor(options: InflaterOptions) {
    this.#options = options;
    this.#inflate = createInflateRaw({ flush: constants.Z_SYNC_FLUSH });
    this.#inflate.on('data', (piece: Buffer) => {
      this.#bytes += piece.length;
      if (this.#bytes <= MESSAGE_BYTES_MAX) this.#pieces.push(piece);
      else this.#pieces = [];
    });
    this.#inflate.on('error', () => {
      options.onFault('decode_failed');
      this.destroy();
    });
  }

  write(part: Buffer): void {
    if (this.#destroyed) return;
    this.#backlogBytes += part.length;
    if (this.#backlogBytes > BACKLOG_BYTES_MAX) {
      this.#options.onFault('decode_backlog');
      this.destroy();
      return;
    }
    this.#inflate.write(Buffer.from(part), () => {
      this.#backlogBytes -= part.length;
    });
  }

  endMessage(isText: boolean): void {
    this.afterwards(() => {
      const { onMessage, onTooLarge } = this.#options;
      if (isText) {
        if (this.#bytes <= MESSAGE_BYTES_MAX) onMessage(Buffer.concat(this.#pieces));
        else onTooLarge();
      }
      this.#pieces = [];
      this.#bytes = 0;
    }, DEFLATE_TAIL);
  }

  /** Runs `step` once all that was written before is inflated. */
  afterwards(step: () => void, tail: Buffer = Buffer.alloc(0)): void {
    if (this.#destroyed) return;
    this.#inflate.write(tail, () => {
      if (!this.#destroyed) step();
    });
  }

  end(done: () => void): void {
    if (this.#destroyed) {
      done();
      return;
    }
    this.#done = done;
    this.afterwards(() => this.destroy());
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#pieces = [];
    this.#inflate.destroy();
    this.#done?.();
  }
}
