/**
 * Keeps the bodies of calls whose project captures them: references to the first bytes that went by,
 * made text at the end. Bounded; never delays or changes what passes.
 */
import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { CAPTURE_MODES, type CaptureMode } from '../contract/columns.ts';
import type { CapturedBodies } from '../contract/record.ts';

/** The lower of what the project allows and what the request asks for: a request may lower, never raise. */
export function effectiveCapture(project: CaptureMode, request: CaptureMode | undefined): CaptureMode {
  if (request === undefined) return project;
  const lower = CAPTURE_MODES[Math.min(CAPTURE_MODES.indexOf(project), CAPTURE_MODES.indexOf(request))] ?? 'metadata';
  // Nothing redacts yet, so `redacted` keeps what is certainly clean: nothing.
  return lower === 'redacted' ? 'metadata' : lower;
}

export interface BodyCapture {
  request(chunk: Uint8Array): void;
  response(chunk: Uint8Array): void;
  finish(requestEncoding: string, responseEncoding: string): CapturedBodies;
}

export function createCapture(bytesMax: number): BodyCapture {
  const request = createKeeper(bytesMax);
  const response = createKeeper(bytesMax);
  return {
    request: request.push,
    response: response.push,
    finish: (requestEncoding, responseEncoding) => ({
      capture: 'full',
      request: bodyText(request.bytes(), requestEncoding, bytesMax),
      response: bodyText(response.bytes(), responseEncoding, bytesMax),
    }),
  };
}

function createKeeper(bytesMax: number): { push: (chunk: Uint8Array) => void; bytes: () => Buffer } {
  const chunks: Uint8Array[] = [];
  let kept = 0;
  return {
    push(chunk) {
      if (kept >= bytesMax) return;
      const part = chunk.length > bytesMax - kept ? chunk.subarray(0, bytesMax - kept) : chunk;
      chunks.push(part);
      kept += part.length;
    },
    bytes: () => Buffer.concat(chunks),
  };
}

/** Decoders that make do with a cut input and stop at `maxOutputLength`. */
const DECODERS: Readonly<Record<string, (bytes: Buffer, bytesMax: number) => Buffer>> = {
  gzip: (bytes, max) => gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: max }),
  'x-gzip': (bytes, max) => gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: max }),
  deflate: (bytes, max) => inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: max }),
  br: (bytes, max) => brotliDecompressSync(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: max }),
  zstd: (bytes, max) => zstdDecompressSync(bytes, { finishFlush: constants.ZSTD_e_flush, maxOutputLength: max }),
};
/** Compressed text may unfold to this many times the limit before it is given up. */
const UNFOLD_MAX = 16;

/** What was kept, as text; says so where it cannot be shown. */
function bodyText(bytes: Buffer, encoding: string, bytesMax: number): string {
  const name = encoding.trim().toLowerCase();
  if (bytes.length === 0 || name === '' || name === 'identity') return bytes.toString('utf8');
  const decode = DECODERS[name];
  if (decode === undefined) return `[not shown: content-encoding ${JSON.stringify(encoding)}, ${bytes.length} bytes kept]`;
  try {
    return decode(bytes, bytesMax * UNFOLD_MAX)
      .subarray(0, bytesMax)
      .toString('utf8');
  } catch {
    return `[not shown: the ${name} body cannot be decoded, ${bytes.length} bytes kept]`;
  }
}
