/**
 * Runs a body through the stripping of usage under whatever coding it comes in: decoded, stripped and coded
 * again, every piece at once. The client decodes the same bytes; the coded ones are Glassway's own. Bodies
 * without a coding are stripped in place, synchronously.
 */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { UsageStripper } from './strip-usage.ts';

interface Coding {
  readonly decoder: () => Transform;
  readonly encoder: () => Transform & { flush(callback: () => void): void };
}

const GZIP: Coding = {
  decoder: () => zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
  encoder: () => zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
};
const BROTLI = { flush: zlib.constants.BROTLI_OPERATION_FLUSH, params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };
const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: {
    decoder: () => zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH }),
    encoder: () => zlib.createDeflate({ flush: zlib.constants.Z_SYNC_FLUSH }),
  },
  br: {
    decoder: () => zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH }),
    encoder: () => zlib.createBrotliCompress(BROTLI),
  },
  zstd: {
    decoder: () => zlib.createZstdDecompress({ flush: zlib.constants.ZSTD_e_flush }),
    encoder: () => zlib.createZstdCompress({ flush: zlib.constants.ZSTD_e_flush }),
  },
};
const PLAIN: ReadonlySet<string> = new Set(['', 'identity', '*']);

/** A coding that a client accepts and that could be taken off and put on again. */
export function canRecode(coding: string): boolean {
  const name = coding.trim().toLowerCase();
  return PLAIN.has(name) || Object.hasOwn(CODINGS, name);
}

export interface Stripping {
  write(chunk: Buffer): void;
  /** The body is over; `complete` false: it broke off, and so shall the coded one. Calls back once all is given out. */
  end(complete: boolean, done: () => void): void;
}

export interface StrippingOptions {
  readonly contentEncoding: string;
  readonly onData: (chunk: Buffer) => void;
  /** The body is not what its coding says. */
  readonly onFault: (error: Error) => void;
}

/** Undefined for a coding that is not known here: such a body passes as it is. */
export function createStripping(options: StrippingOptions): Stripping | undefined {
  const name = options.contentEncoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return new PlainStripping(options);
  const coding = Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
  return coding && new CodedStripping(options, coding);
}

class PlainStripping implements Stripping {
  readonly #stripper = new UsageStripper();
  readonly #onData: (chunk: Buffer) => void;

  constructor({ onData }: StrippingOptions) {
    this.#onData = onData;
  }

  write(chunk: Buffer): void {
    this.#give(this.#stripper.push(chunk));
  }

  end(_complete: boolean, done: () => void): void {
    this.#give(this.#stripper.end());
    done();
  }

  #give(bytes: Buffer): void {
    if (bytes.length > 0) this.#onData(bytes);
  }
}

class CodedStripping implements Stripping {
  readonly #stripper = new UsageStripper();
  readonly #decoder: Transform;
  readonly #encoder: ReturnType<Coding['encoder']>;

  constructor({ onData, onFault }: StrippingOptions, coding: Coding) {
    this.#decoder = coding.decoder();
    this.#encoder = coding.encoder();
    this.#decoder.on('data', (chunk: Buffer) => this.#encode(this.#stripper.push(chunk)));
    this.#encoder.on('data', onData);
    this.#decoder.on('error', onFault);
    this.#encoder.on('error', onFault);
  }

  write(chunk: Buffer): void {
    this.#decoder.write(chunk);
  }

  end(complete: boolean, done: () => void): void {
    const finish = (): void => {
      this.#encode(this.#stripper.end());
      if (!complete) {
        this.#encoder.flush(done);
        return;
      }
      this.#encoder.once('end', done);
      this.#encoder.end();
    };
    if (complete) {
      this.#decoder.once('end', finish);
      this.#decoder.end();
      return;
    }
    // What came is decoded; without its end the decoder has no more to say.
    this.#decoder.write(Buffer.alloc(0), finish);
  }

  #encode(bytes: Buffer): void {
    if (bytes.length > 0) this.#encoder.write(bytes);
  }
}
