/**
 * The content codings (RFC 9110 §8.4.1) that can be taken off, each at once and as a stream. What a body that was cut off still
 * holds is given instead of an error.
 */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

export interface Coding {
  readonly sync: (bytes: Uint8Array, outputBytesMax: number) => Buffer;
  readonly stream: (first: Uint8Array) => Transform;
}

/** More layers than this are no honest use of the field. */
const LAYERS_MAX = 4;

// Flushing at the end gives what a cut-off body holds instead of an error.
const ZLIB = { flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH };
const BROTLI = { flush: zlib.constants.BROTLI_OPERATION_FLUSH, finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH };
const ZSTD = { flush: zlib.constants.ZSTD_e_flush, finishFlush: zlib.constants.ZSTD_e_flush };

const GZIP: Coding = {
  sync: (bytes, maxOutputLength) => zlib.gunzipSync(bytes, { ...ZLIB, maxOutputLength }),
  stream: () => zlib.createGunzip(ZLIB),
};
// RFC 9110 §8.4.1.2: `deflate` is the zlib format, but some servers send the bare deflate data.
const DEFLATE: Coding = {
  sync: (bytes, maxOutputLength) => (hasZlibHeader(bytes) ? zlib.inflateSync : zlib.inflateRawSync)(bytes, { ...ZLIB, maxOutputLength }),
  stream: (first) => (hasZlibHeader(first) ? zlib.createInflate(ZLIB) : zlib.createInflateRaw(ZLIB)),
};
const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: DEFLATE,
  br: {
    sync: (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { ...BROTLI, maxOutputLength }),
    stream: () => zlib.createBrotliDecompress(BROTLI),
  },
  zstd: {
    sync: (bytes, maxOutputLength) => zlib.zstdDecompressSync(bytes, { ...ZSTD, maxOutputLength }),
    stream: () => zlib.createZstdDecompress(ZSTD),
  },
};

const NONE: readonly Coding[] = [];

/** Those of a `Content-Encoding`, in the order in which they come off; undefined: one is not known, or there are too many. */
export function codingsOf(contentEncoding: string): readonly Coding[] | undefined {
  if (contentEncoding === '') return NONE;
  const codings: Coding[] = [];
  for (const part of contentEncoding.toLowerCase().split(',')) {
    const name = part.trim();
    if (name === '' || name === 'identity') continue;
    const coding = Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
    if (!coding || codings.length === LAYERS_MAX) return undefined;
    codings.push(coding);
  }
  // They are listed in the order in which they were applied.
  return codings.reverse();
}

/** RFC 1950 §2.2: compression method 8, and a header that is a multiple of 31. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0;
}
