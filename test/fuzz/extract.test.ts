/** Properties of the extraction: whatever a client and a provider send, it gives its facts once, and never throws. */
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { cleanMessage, ERROR_MESSAGE_BYTES_MAX, findEndpoint } from '../../proxy/extract.ts';
import { UPSTREAMS } from '../../proxy/providers/index.ts';
import { awsMessage, sse } from '../fixtures/providers/fixture.ts';
import { type Call, extractCall, seededRandom } from '../providers/kit.ts';

const PATHS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/images/generations',
  '/v1/messages',
  '/v1beta/models/m:generateContent',
  '/v1beta/models/m:streamGenerateContent',
  '/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict',
  '/model/m/converse',
  '/model/m/converse-stream',
  '/model/m/invoke',
  '/model/m/invoke-with-response-stream',
  '/v2/chat',
  '/v1/chat',
  '/v2/embed',
  '/api/chat',
  '/api/generate',
  '/nothing/known',
];
const CALLS = Object.values(UPSTREAMS).flatMap((upstream) =>
  PATHS.filter((path) => findEndpoint(upstream, 'POST', path)).map((path) => ({ upstream, path })),
);
const TYPES = [
  'application/json',
  'text/event-stream',
  'application/x-ndjson',
  'application/vnd.amazon.eventstream',
  'text/html',
  '',
  'multipart/form-data; boundary=b',
  'audio/mpeg',
];

/** The names that readers look for, holding anything at all. */
const NAMES = [
  'model',
  'stream',
  'usage',
  'choices',
  'delta',
  'content',
  'finish_reason',
  'error',
  'message',
  'type',
  'code',
  'status',
  'response',
  'x_groq',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'prompt_tokens_details',
  'cached_tokens',
  'completion_tokens_details',
  'reasoning_tokens',
  'input_tokens',
  'output_tokens',
  'cache_creation',
  'cache_read_input_tokens',
  'usageMetadata',
  'promptTokenCount',
  'candidatesTokenCount',
  'candidates',
  'parts',
  'text',
  'finishReason',
  'inputTokens',
  'outputTokens',
  'cacheDetails',
  'stopReason',
  'bytes',
  'outputs',
  'results',
  'generation',
  'predictions',
  'embeddings',
  'statistics',
  'meta',
  'tokens',
  'billed_units',
  'done',
  'done_reason',
  'eval_count',
  'cost',
  'cost_details',
  'is_byok',
  'detail',
  'service_tier',
  '__proto__',
  'amazon-bedrock-invocationMetrics',
  'metadata',
  'content_block',
  'item',
  'tool_calls',
];
const TYPE_VALUES = [
  'message_start',
  'message_delta',
  'message_stop',
  'error',
  'content_block_delta',
  'response.completed',
  'response.failed',
  'text_delta',
  'message-end',
  'stream-end',
  'content-delta',
];
const { node } = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(
      fc.nat(100),
      fc.constantFrom(-1, 1.5, 1e300, Number.MAX_SAFE_INTEGER + 2, null, true, false, '', 'x', '12', ...TYPE_VALUES),
      fc.string({ maxLength: 5 }),
    ),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('node'), { maxKeys: 6 }),
  ),
}));

const body = fc.oneof(
  node.map((value) => Buffer.from(JSON.stringify(value))),
  fc.array(node, { maxLength: 5 }).map((values) => Buffer.from(sse(...values))),
  fc.array(node, { maxLength: 5 }).map((values) => Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))),
  fc
    .array(fc.tuple(fc.constantFrom('chunk', 'metadata', 'messageStop', 'contentBlockDelta', 'xException'), node), { maxLength: 4 })
    .map((events) => Buffer.concat(events.map(([name, value]) => awsMessage(name, value)))),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

const call = fc.record({
  where: fc.constantFrom(...CALLS),
  request: body,
  requestType: fc.constantFrom(...TYPES),
  status: fc.constantFrom(200, 200, 201, 400, 429, 500),
  responseType: fc.constantFrom(...TYPES),
  response: body,
  complete: fc.boolean(),
  bodyBytesMax: fc.constantFrom(100, 1_000_000),
});

const toCall = ({ where, ...rest }: { where: Pick<Call, 'upstream' | 'path'> } & Omit<Call, 'upstream' | 'path'>): Call => ({
  ...where,
  ...rest,
});

test('any bodies give facts, none of them impossible, and the same however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(call, fc.nat(1000), async (arbitrary, seed) => {
      const whole = await extractCall(toCall(arbitrary));
      const { facts } = whole;
      expect(facts.limited).not.toContain('extraction_failed');
      const { usage } = facts.reading;
      for (const value of Object.values(usage ?? {})) expect(value === null || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
      const input = usage?.input_tokens ?? Number.MAX_SAFE_INTEGER;
      const output = usage?.output_tokens ?? Number.MAX_SAFE_INTEGER;
      expect((usage?.cache_read_tokens ?? 0) + (usage?.cache_write_tokens ?? 0)).toBeLessThanOrEqual(input);
      expect(usage?.reasoning_tokens ?? 0).toBeLessThanOrEqual(output);
      for (const name of ['model', 'finish_reason', 'service_tier'] as const) expect(typeof facts.reading[name]).toBe('string');
      if ((arbitrary.status ?? 200) >= 400) expect(facts.error?.type).toMatch(/./s);
      expect(await extractCall({ ...toCall(arbitrary), cuts: 8, random: seededRandom(seed) })).toEqual(whole);
    }),
    { numRuns: 2000 },
  );
});

test('codings change nothing, and bytes that are not in their coding do no harm', async () => {
  await fc.assert(
    fc.asyncProperty(
      call,
      fc.constantFrom('gzip', 'br', 'deflate', 'zstd', 'gzip, br', 'nonsense'),
      async (arbitrary, responseEncoding) => {
        const plain = await extractCall(toCall({ ...arbitrary, bodyBytesMax: 1_000_000 }));
        const compressed =
          responseEncoding === 'br'
            ? brotliCompressSync(arbitrary.response, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
            : gzipSync(arbitrary.response);
        const coding = responseEncoding === 'br' ? 'br' : 'gzip';
        const { synchronous: _ignored, ...same } = plain;
        expect(
          await extractCall(toCall({ ...arbitrary, bodyBytesMax: 1_000_000, responseEncoding: coding, response: compressed })),
        ).toMatchObject(same);
        const wrong = await extractCall(toCall({ ...arbitrary, responseEncoding, cuts: 3, random: seededRandom(1) }));
        expect(wrong.facts.limited).not.toContain('extraction_failed');
      },
    ),
    { numRuns: 300 },
  );
});

test('a cleaned message is short, and holds no key that was put into it', () => {
  const key = fc
    .constantFrom('sk-', 'sk-ant-api03-', 'gsk_', 'xai-', 'AIza', 'AKIA', 'Bearer ')
    .chain((prefix) => fc.stringMatching(/^[A-Z0-9]{20,60}$/).map((rest) => [prefix, rest] as const));
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 50 }),
      key,
      fc.string({ unit: 'binary', maxLength: 3000 }),
      (before, [prefix, rest], after) => {
        const clean = cleanMessage(`${before} ${prefix}${rest} ${after}`);
        expect(clean).not.toContain(rest);
        expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(ERROR_MESSAGE_BYTES_MAX);
      },
    ),
    { numRuns: 500 },
  );
});
