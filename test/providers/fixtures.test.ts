/**
 * One suite over all dialects: each fixture read whole, cut at every byte, in every content coding, and
 * with its tail missing.
 */
import * as zlib from 'node:zlib';
import type { Usage } from '../../proxy/providers/provider.ts';
import type { Fixture } from '../fixtures/providers/fixture.ts';
import { OPENAI_FIXTURES } from '../fixtures/providers/openai.ts';
import { OTHER_FIXTURES } from '../fixtures/providers/others.ts';
import { VENDOR_FIXTURES } from '../fixtures/providers/vendors.ts';
import { type Call, callOf, type Extracted, extractCall } from './kit.ts';

const FIXTURES = [...OPENAI_FIXTURES, ...OTHER_FIXTURES, ...VENDOR_FIXTURES].map(
  (fixture) => [`${fixture.upstream}: ${fixture.name}`, fixture] as const,
);

const NO_USAGE: Usage = {
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  cache_write_1h_tokens: null,
  reasoning_tokens: null,
  input_audio_tokens: null,
  output_audio_tokens: null,
  input_image_tokens: null,
  tool_use_tokens: null,
};

const CODINGS: readonly (readonly [name: string, encode: (bytes: Buffer) => Buffer])[] = [
  ['gzip', (bytes) => zlib.gzipSync(bytes)],
  ['x-gzip', (bytes) => zlib.gzipSync(bytes)],
  ['deflate', (bytes) => zlib.deflateSync(bytes)],
  ['deflate', (bytes) => zlib.deflateRawSync(bytes)],
  ['br', (bytes) => zlib.brotliCompressSync(bytes)],
  ['zstd', (bytes) => zlib.zstdCompressSync(bytes)],
  ['gzip, br', (bytes) => zlib.brotliCompressSync(zlib.gzipSync(bytes))],
];

/** The parts of an extraction that a fixture speaks of, next to what it says of them. */
function compared(fixture: Fixture, { facts, operation, content }: Extracted): [found: object, wanted: object] {
  const { expected } = fixture;
  const { reading, request } = facts;
  return [
    {
      operation,
      request_model: request.model,
      stream: request.stream,
      response_model: reading.model,
      finish_reason: reading.finish_reason,
      service_tier: reading.service_tier,
      usage: reading.usage,
      cost_usd: reading.cost_usd,
      error: facts.error,
      content: content[0],
      contentSeen: facts.contentSeen,
      streamed: facts.streamed,
      limited: facts.limited,
      ...(facts.streamed ? { ended: reading.ended } : {}),
    },
    {
      operation: expected.operation,
      request_model: expected.request_model ?? '',
      stream: expected.stream ?? false,
      response_model: expected.response_model ?? '',
      finish_reason: expected.finish_reason ?? '',
      service_tier: expected.service_tier ?? '',
      usage: expected.usage ? { ...NO_USAGE, ...expected.usage } : null,
      cost_usd: expected.cost_usd ?? null,
      error: expected.error ?? null,
      content: expected.content,
      contentSeen: expected.content !== undefined,
      streamed: expected.streamed ?? false,
      limited: [],
      ...(expected.streamed ? { ended: expected.ended ?? true } : {}),
    },
  ];
}

async function check(fixture: Fixture, changes: Partial<Call>): Promise<Extracted> {
  const extracted = await extractCall({ ...callOf(fixture), ...changes });
  const [found, wanted] = compared(fixture, extracted);
  expect(found).toEqual(wanted);
  return extracted;
}

describe.each(FIXTURES)('%s', (_name, fixture) => {
  test('is read as documented, at once', async () => {
    const { synchronous, facts } = await check(fixture, {});
    expect(synchronous).toBe(true);
    if (facts.reading.usage) expect(facts.reading.usage_raw).toEqual(expect.any(Object));
  });

  test('reads the same cut at every byte', async () => {
    const { length } = Buffer.from(fixture.response);
    await check(fixture, { pieceBytes: 1 });
    for (let size = 2; size < length; size += size < 64 ? 1 : 17) await check(fixture, { pieceBytes: size });
  });

  test('reads the same in every content coding', async () => {
    const bytes = Buffer.from(fixture.response);
    for (const [responseEncoding, encode] of CODINGS) await check(fixture, { responseEncoding, response: encode(bytes), pieceBytes: 50 });
  });

  test('gives what there is when its tail is missing, and nothing invented', async () => {
    const whole = (await extractCall(callOf(fixture))).facts;
    const bytes = Buffer.from(fixture.response);
    for (let end = 0; end < bytes.length; end += 1) {
      const { facts } = await extractCall({ ...callOf(fixture), response: bytes.subarray(0, end), complete: false });
      expect(facts.limited).not.toContain('extraction_failed');
      expect(facts.request).toEqual(whole.request);
      if (!facts.streamed && !fixture.responseHeaders) expect(facts.reading.usage).toBeNull();
      expect(facts.reading.usage?.input_tokens ?? 0).toBeLessThanOrEqual(whole.reading.usage?.input_tokens ?? 0);
      expect(facts.reading.usage?.output_tokens ?? 0).toBeLessThanOrEqual(whole.reading.usage?.output_tokens ?? 0);
    }
  });
});
