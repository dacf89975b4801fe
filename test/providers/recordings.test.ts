/**
 * Runs every recorded exchange through the extraction and compares what the recording's label says.
 * The recordings lie beside the checkout, not in it; where they are absent one skipped test says so.
 */
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { CallFacts } from '../../proxy/extract.ts';
import { seededRandom } from './kit.ts';
import { bytesOf, HAVE_RECORDINGS, type Recording, readRecordings, replay, type Way } from './recordings.ts';

const ANY_PROVIDER = 'openai_compatible';

/** Names under which recorded requests keep these, spelled without underscores. */
const PARAMETER_NAMES = {
  temperature: ['temperature'],
  top_p: ['topp', 'p'],
  max_tokens: ['maxtokens', 'maxcompletiontokens', 'maxoutputtokens', 'maxgenlen', 'numpredict', 'maxnewtokens'],
  seed: ['seed', 'randomseed'],
} as const;
const TEXT_FIELDS =
  /^(?:messages|input|contents|prompt|tools|functions|system|text|response_format|toolConfig|metadata|format|.*[sS]chema.*)$/;

/** Numbers of a request wherever they stand, for comparison with what the dialects' tables found. */
function numbersOf(body: unknown, into: Map<string, number> = new Map()): Map<string, number> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return into;
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === 'number') into.set(name.replaceAll('_', '').toLowerCase(), value);
    else if (!TEXT_FIELDS.test(name)) numbersOf(value, into);
  }
  return into;
}

function parameterFaults(recording: Recording, { request }: CallFacts): string[] {
  const { operation } = recording.expected;
  if (operation !== 'chat' && operation !== 'text_completion') return [];
  let body: unknown;
  try {
    body = JSON.parse(bytesOf(recording.requestBody, recording.requestBodyBase64).toString());
  } catch {
    return [];
  }
  const numbers = numbersOf(body);
  return Object.entries(PARAMETER_NAMES).flatMap(([name, spellings]) => {
    const there = spellings.flatMap((spelling) => numbers.get(spelling) ?? []);
    const found = request.parameters.numbers[name];
    const right = found === undefined ? there.length === 0 : there.includes(found);
    return right ? [] : [`${name}: ${found}, the request says ${there.join(' and ')}`];
  });
}

/** Every labelled field that differs, in words. */
function faultsOf(recording: Recording, found: Awaited<ReturnType<typeof replay>>): string[] {
  const { expected } = recording;
  const { facts } = found;
  const { reading, request } = facts;
  const faults: string[] = parameterFaults(recording, facts);
  const same = (name: string, got: unknown, want: unknown): void => {
    if (got !== want) faults.push(`${name}: ${JSON.stringify(got)}, recorded ${JSON.stringify(want)}`);
  };
  if (expected.provider !== ANY_PROVIDER) same('provider', found.provider, expected.provider);
  same('operation', found.operation, expected.operation);
  if (expected.requestModel) same('request_model', request.model, expected.requestModel);
  if (facts.limited.length > 0) faults.push(`limited: ${facts.limited.join(', ')}`);
  if (expected.status >= 400) {
    if (!facts.error?.type) faults.push('no error type');
    return faults;
  }
  same('stream', request.stream, expected.stream);
  if (expected.responseModel) same('response_model', reading.model, expected.responseModel);
  if (expected.finishReason) same('finish_reason', reading.finish_reason, expected.finishReason);
  if (!reading.ended && !reading.error) faults.push('no end seen');
  if (!expected.usageReported) {
    same('usage', reading.usage, null);
    return faults;
  }
  same('input_tokens', reading.usage?.input_tokens, expected.inputTokens);
  same('output_tokens', reading.usage?.output_tokens, expected.outputTokens);
  same('cache_read_tokens', reading.usage?.cache_read_tokens ?? 0, expected.cacheReadTokens);
  same('cache_write_tokens', reading.usage?.cache_write_tokens ?? 0, expected.cacheWriteTokens);
  same('reasoning_tokens', reading.usage?.reasoning_tokens ?? 0, expected.reasoningTokens);
  return faults;
}

const BROTLI_FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } };

const WAYS: readonly (readonly [name: string, way: Way])[] = [
  ['whole', { cuts: 0 }],
  ['cut at random places', { cuts: 12 }],
  ['gzipped and cut', { encoding: 'gzip', encode: (bytes) => gzipSync(bytes), cuts: 5 }],
  ['in brotli and cut', { encoding: 'br', encode: (bytes) => brotliCompressSync(bytes, BROTLI_FAST), cuts: 5 }],
];

if (HAVE_RECORDINGS) {
  test.each(WAYS)('every recorded exchange, %s, gives the facts of its label', async (_name, way) => {
    const random = seededRandom(7);
    const faults: string[] = [];
    for (const recording of await readRecordings()) {
      const found = await replay(recording, way, random);
      const wrong = faultsOf(recording, found);
      if (wrong.length > 0) faults.push(`${recording.source} ${recording.url}: ${wrong.join(' · ')}`);
    }
    expect(faults).toEqual([]);
  });
} else {
  test.skip('recorded exchanges: ../shared/recordings/exchanges.jsonl is not beside this checkout', () => undefined);
}
