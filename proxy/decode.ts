/**
 * Takes the content codings (RFC 9110 §8.4.1) off a copy of a body, while the body itself passes untouched.
 * Bytes go in as they come off the wire, decoded bytes come out: at once where nothing is coded, as soon
 * as they can be for streams, and synchronously at the end for small bodies, so that a call's facts are
 * complete when its response is. Output is bounded; what cannot be decoded is reported, never thrown.
 */
import type { Transform } from 'node:stream';
import { type Coding, codingsOf } from './codings.ts';

export type DecodeFault = 'too_large' | 'unknown_encoding' | 'decode_failed' | 'decode_backlog';

export interface DecodeOptions {
  readonly contentEncoding: string;
  /** Decoded (and coded) bytes read at most; what comes after is left unread and reported. */
  readonly bytesMax: number;
  /** Whether bytes are wanted as they come, rather than all at the end. */
  readonly streaming: boolean;
  /** `chunk` is only valid during the call. */
  readonly onData: (chunk: Uint8Array) => void;
  /** Called at most once; what was decoded until then stays good. */
  readonly onFault: (fault: DecodeFault) => void;
}

export interface BodyDecoder {
  push(chunk: Uint8Array): void;
  /** The body is over. Calls back once, synchronously when nothing is left to a thread. */
  end(done: () => void): void;
}

const SYNC_INPUT_BYTES_MAX = 256 * 1024;
const SYNC_OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
/** What a queued write costs beside its bytes: a backlog of tiny chunks must hit the limit too. */
const WRITE_OVERHEAD_BYTES = 512;
export function createBodyDecoder(options: DecodeOptions): BodyDecoder {
  const codings = codingsOf(options.contentEncoding);
  if (codings === undefined) return new UnreadDecoder(options);
  if (codings.length === 0) return new PlainDecoder(options);
  return new LayeredDecoder(options, codings);
}

/** Gives out at most `bytesMax` bytes and reports once when more came. */
class BoundedOutput {
  stopped = false;
  private readonly options: DecodeOptions;
  private bytes = 0;

  constructor(options: DecodeOptions) {
    this.options = options;
  }

  give(chunk: Uint8Array): void {
    if (this.stopped || chunk.length === 0) return;
    const room = this.options.bytesMax - this.bytes;
    this.bytes += chunk.length;
    if (chunk.length <= room) {
      this.options.onData(chunk);
      return;
    }
    if (room > 0) this.options.onData(chunk.subarray(0, room));
    this.fail('too_large');
  }

  fail(fault: DecodeFault): void {
    if (this.stopped) return;
    this.stopped = true;
    this.options.onFault(fault);
  }
}

class PlainDecoder extends BoundedOutput implements BodyDecoder {
  push(chunk: Uint8Array): void {
    this.give(chunk);
  }

  end(done: () => void): void {
    done();
  }
}

/** A body in a coding that nobody here knows: reported when it has bytes, otherwise let be. */
class UnreadDecoder implements BodyDecoder {
  private readonly options: DecodeOptions;
  private reported = false;

  constructor(options: DecodeOptions) {
    this.options = options;
  }

  push(chunk: Uint8Array): void {
    if (this.reported || chunk.length === 0) return;
    this.reported = true;
    this.options.onFault('unknown_encoding');
  }

  end(done: () => void): void {
    done();
  }
}

class LayeredDecoder implements BodyDecoder {
  private readonly options: DecodeOptions;
  private readonly codings: readonly Coding[];
  private readonly output: BoundedOutput;
  /** Coded bytes that wait for the end, or for the first stream to be made. */
  private held: Buffer[] = [];
  private heldBytes = 0;
  private inputBytes = 0;
  private pipeline: DecodePipeline | undefined;

  constructor(options: DecodeOptions, codings: readonly Coding[]) {
    this.options = options;
    this.codings = codings;
    this.output = new BoundedOutput(options);
  }

  push(chunk: Uint8Array): void {
    if (this.output.stopped || chunk.length === 0) return;
    this.inputBytes += chunk.length;
    if (this.inputBytes > this.options.bytesMax) {
      this.stop('too_large');
      return;
    }
    // A copy: the chunk's memory is the socket's, and a thread reads it later.
    const copy = Buffer.from(chunk);
    if (this.pipeline) {
      this.pipeline.write(copy);
      return;
    }
    this.held.push(copy);
    this.heldBytes += copy.length;
    // Two bytes tell the two forms of `deflate` apart.
    if (this.options.streaming ? this.heldBytes >= 2 : this.heldBytes > SYNC_INPUT_BYTES_MAX) this.startPipeline();
  }

  end(done: () => void): void {
    if (this.output.stopped || this.inputBytes === 0) {
      this.pipeline?.destroy();
      done();
      return;
    }
    if (!this.pipeline) {
      const decoded = this.decodeAtOnce();
      if (decoded) {
        this.output.give(decoded);
        done();
        return;
      }
      this.startPipeline();
    }
    this.pipeline?.end(done);
  }

  private startPipeline(): void {
    const { held } = this;
    this.held = [];
    this.pipeline = new DecodePipeline(this.codings, Buffer.concat(held, Math.min(this.heldBytes, 2)), this.output);
    // Piece by piece: where a piece is damaged, the ones before it have been decoded.
    for (const piece of held) this.pipeline.write(piece);
  }

  /**
   * Undefined when the output is too large to be decoded on this thread, or the body is damaged: the
   * streams then give what can be had of it before they report.
   */
  private decodeAtOnce(): Buffer | undefined {
    let bytes: Buffer = Buffer.concat(this.held);
    try {
      for (const coding of this.codings) bytes = coding.sync(bytes, SYNC_OUTPUT_BYTES_MAX);
      return bytes;
    } catch {
      return undefined;
    }
  }

  private stop(fault: DecodeFault): void {
    this.output.fail(fault);
    this.held = [];
    this.pipeline?.destroy();
  }
}

/** The codings as a chain of Node's streams, which decode on its thread pool. */
class DecodePipeline {
  private readonly codings: readonly Coding[];
  private readonly output: BoundedOutput;
  private readonly stages: (Transform | undefined)[];
  private backlogBytes = 0;
  private finished = false;
  private done: (() => void) | undefined;

  constructor(codings: readonly Coding[], first: Uint8Array, output: BoundedOutput) {
    this.codings = codings;
    this.output = output;
    this.stages = codings.map(() => undefined);
    this.stages[0] = this.createStage(0, first);
  }

  write(chunk: Buffer): void {
    if (this.finished) return;
    this.writeTo(0, chunk);
  }

  end(done: () => void): void {
    if (this.finished) {
      done();
      return;
    }
    this.done = done;
    this.stages[0]?.end();
  }

  destroy(): void {
    this.finish();
  }

  private writeTo(index: number, chunk: Buffer): void {
    let stage = this.stages[index];
    if (!stage) {
      stage = this.createStage(index, chunk);
      this.stages[index] = stage;
    }
    const cost = chunk.length + WRITE_OVERHEAD_BYTES;
    this.backlogBytes += cost;
    if (this.backlogBytes > BACKLOG_BYTES_MAX) {
      this.output.fail('decode_backlog');
      this.finish();
      return;
    }
    stage.write(chunk, () => {
      this.backlogBytes -= cost;
    });
  }

  private createStage(index: number, first: Uint8Array): Transform {
    const stage = (this.codings[index] as Coding).stream(first);
    const last = index === this.codings.length - 1;
    stage.on('data', (chunk: Buffer) => {
      if (this.finished) return;
      if (last) this.output.give(chunk);
      else this.writeTo(index + 1, chunk);
      if (this.output.stopped) this.finish();
    });
    stage.on('end', () => {
      const next = last ? undefined : this.stages[index + 1];
      if (next) next.end();
      else this.finish();
    });
    stage.on('error', () => {
      this.output.fail('decode_failed');
      this.finish();
    });
    return stage;
  }

  private finish(): void {
    if (this.finished) return;
    this.finished = true;
    for (const stage of this.stages) stage?.destroy();
    this.done?.();
  }
}
