/**
 * Keeps the bodies of calls whose project captures them: references to the first bytes that went by, made text at the
 * end (`full`), or handed to redaction as they are (`redacted`). Bounded; never delays or changes what passes.
 */
import { CAPTURE_MODES, type CaptureMode } from '../contract/columns.ts';
import type { CapturedBodies } from '../contract/record.ts';
import { codingsOf } from './codings.ts';

/** The lower of what the project allows and what the request asks for: a request may lower, never raise. */
export function effectiveCapture(project: CaptureMode, request: CaptureMode | undefined): CaptureMode {
  if (request === undefined) return project;
  return CAPTURE_MODES[Math.min(CAPTURE_MODES.indexOf(project), CAPTURE_MODES.indexOf(request))] ?? 'metadata';
}

/** What was kept of a body. */
export interface KeptBytes {
  readonly bytes: Buffer;
  /** There was more. */
  readonly cut: boolean;
}

export interface BodyCapture {
  request(chunk: Uint8Array): void;
  response(chunk: Uint8Array): void;
  /** As they went by. */
  kept(): { readonly request: KeptBytes; readonly response: KeptBytes };
  /** As text, with all that is in them. */
  finish(requestEncoding: string, responseEncoding: string): CapturedBodies;
}

export function createCapture(bytesMax: number): BodyCapture {
  const request = createKeeper(bytesMax);
  const response = createKeeper(bytesMax);
  return {
    request: request.push,
    response: response.push,
    kept: () => ({ request: request.kept(), response: response.kept() }),
    finish: (requestEncoding, responseEncoding) => ({
      capture: 'full',
      request: bodyText(request.kept().bytes, requestEncoding, bytesMax),
      response: bodyText(response.kept().bytes, responseEncoding, bytesMax),
    }),
  };
}

function createKeeper(bytesMax: number): { push: (chunk: Uint8Array) => void; kept: () => KeptBytes } {
  const chunks: Uint8Array[] = [];
  let keptBytes = 0;
  let cut = false;
  return {
    push(chunk) {
      const part = chunk.length > bytesMax - keptBytes ? chunk.subarray(0, bytesMax - keptBytes) : chunk;
      if (part.length < chunk.length) cut = true;
      if (part.length === 0) return;
      chunks.push(part);
      keptBytes += part.length;
    },
    kept: () => ({ bytes: Buffer.concat(chunks), cut }),
  };
}

/** Compressed text may unfold to this many times the limit before it is given up. */
const UNFOLD_MAX = 16;

/** A body without its coding, at most `bytesMax` of it; the name of what is in the way where that is not possible. */
export function decodeBody(bytes: Buffer, encoding: string, bytesMax: number): KeptBytes | { readonly undecoded: string } {
  const codings = bytes.length === 0 ? [] : codingsOf(encoding);
  if (codings === undefined) return { undecoded: `content-encoding ${JSON.stringify(encoding.slice(0, 80))}` };
  if (codings.length === 0) return { bytes, cut: false };
  try {
    let whole = bytes;
    for (const coding of codings) whole = coding.sync(whole, bytesMax * UNFOLD_MAX);
    return { bytes: whole.subarray(0, bytesMax), cut: whole.length > bytesMax };
  } catch {
    return { undecoded: `the ${encoding.trim().toLowerCase()} body cannot be decoded` };
  }
}

/** What was kept, as text; says so where it cannot be shown. */
function bodyText(bytes: Buffer, encoding: string, bytesMax: number): string {
  const decoded = decodeBody(bytes, encoding, bytesMax);
  if ('undecoded' in decoded) return `[not shown: ${decoded.undecoded}, ${bytes.length} bytes kept]`;
  return decoded.bytes.toString('utf8');
}
