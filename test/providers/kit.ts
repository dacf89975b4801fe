/** Drives one call through the extraction, for the suites of this folder and the fuzz tests. */
import { HeldBytes } from '../../proxy/estimate/held-bytes.ts';
import { type CallFacts, createExtraction, findEndpoint } from '../../proxy/extract.ts';
import { UPSTREAMS } from '../../proxy/providers/index.ts';
import type { ContentKind, Upstream } from '../../proxy/providers/provider.ts';
import type { Fixture } from '../fixtures/providers/fixture.ts';

/** Shared by all calls of a test file: what one does not give back, the end of the next shows. */
const HELD = new HeldBytes();

export interface Call {
  readonly upstream: Upstream;
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly request?: Uint8Array;
  readonly requestType?: string;
  readonly requestEncoding?: string;
  readonly status?: number;
  readonly responseType: string;
  readonly responseEncoding?: string;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly response: Uint8Array;
  readonly complete?: boolean;
  readonly bodyBytesMax?: number;
  /** How many cuts at random places; or a fixed size of pieces. */
  readonly cuts?: number;
  readonly random?: () => number;
  readonly pieceBytes?: number;
}

export interface Extracted {
  readonly facts: CallFacts;
  readonly operation: string;
  readonly content: readonly ContentKind[];
  /** Whether the facts were there when responseEnd returned. */
  readonly synchronous: boolean;
}

export async function extractCall(call: Call): Promise<Extracted> {
  const found = findEndpoint(call.upstream, call.method ?? 'POST', call.path);
  const content: ContentKind[] = [];
  const extraction = createExtraction({
    endpoint: found?.endpoint,
    match: found?.match ?? null,
    dialect: call.upstream.dialect,
    query: call.query ?? '',
    bodyBytesMax: call.bodyBytesMax ?? 64 * 1024 * 1024,
    heldBytes: HELD,
    onContent: (kind) => content.push(kind),
  });
  extraction.requestHeaders(call.requestType ?? 'application/json', call.requestEncoding ?? '');
  for (const piece of pieces(call.request ?? new Uint8Array(), call)) extraction.requestData(piece);
  extraction.requestEnd();
  const header = (name: string): string => call.responseHeaders?.[name] ?? '';
  extraction.responseHeaders(call.status ?? 200, call.responseType, call.responseEncoding ?? '', header);
  for (const piece of pieces(call.response, call)) extraction.responseData(piece);
  const { facts, synchronous } = await new Promise<{ facts: CallFacts; synchronous: boolean }>((resolve) => {
    let synchronous = true;
    extraction.responseEnd(call.complete ?? true, (facts) => resolve({ facts, synchronous }));
    synchronous = false;
  });
  if (HELD.bytes !== 0) throw new Error(`${HELD.bytes} bytes are held after the call`);
  return { facts, operation: found?.endpoint.operation ?? 'other', content, synchronous };
}

/** Cuts bytes up; each piece has memory of its own, as what Node reads from a socket has. */
function* pieces(bytes: Uint8Array, { cuts = 0, random = Math.random, pieceBytes }: Call): Generator<Uint8Array> {
  const places =
    pieceBytes === undefined
      ? Array.from({ length: cuts }, () => Math.floor(random() * bytes.length)).sort((a, b) => a - b)
      : Array.from({ length: Math.floor(bytes.length / pieceBytes) }, (_, index) => (index + 1) * pieceBytes);
  let at = 0;
  for (const place of [...places, bytes.length]) {
    if (place <= at) continue;
    yield Uint8Array.from(bytes.subarray(at, place));
    at = place;
  }
}

/** mulberry32: the same numbers in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A fixture as the call that it was. */
export function callOf(fixture: Fixture): Call {
  const upstream = UPSTREAMS[fixture.upstream];
  if (!upstream) throw new Error(`no upstream ${fixture.upstream}`);
  return {
    upstream,
    method: fixture.method ?? 'POST',
    path: fixture.path,
    query: fixture.query ?? '',
    request: fixture.request === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(fixture.request)),
    status: fixture.status ?? 200,
    responseType: fixture.responseType ?? '',
    responseHeaders: fixture.responseHeaders ?? {},
    response: Buffer.from(fixture.response),
  };
}
