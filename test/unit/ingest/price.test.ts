/** Prices against hand-computed invoices, and the arithmetic against the catalogue's own. Prices are $ per million tokens. */
import { calcPrice, findProvider } from '@pydantic/genai-prices';
import fc from 'fast-check';
import type { CallRecord } from '../../../contract/record.ts';
import { tokenCostUsd } from '../../../ingest/cost.ts';
import { createPricer } from '../../../ingest/price.ts';
import { CATALOGUE_PROVIDERS } from '../../../ingest/price-rules.ts';
import { sampleRecord } from './sample.ts';

const { price } = createPricer();
const M = 1_000_000;

interface Case {
  readonly what: string;
  readonly record: Partial<CallRecord>;
  /** US dollars as arithmetic, or null. */
  readonly usd: number | null;
}

const openai = (model: string, rest: Partial<CallRecord>): Partial<CallRecord> => ({
  provider: 'openai',
  request_model: model,
  response_model: model,
  ...rest,
});
const anthropic = (model: string, rest: Partial<CallRecord>): Partial<CallRecord> => ({
  provider: 'anthropic',
  request_model: model,
  response_model: model,
  ...rest,
});
const gemini = (model: string, rest: Partial<CallRecord>): Partial<CallRecord> => ({
  provider: 'gcp.gemini',
  request_model: model,
  response_model: model,
  ...rest,
});

const CASES: readonly Case[] = [
  {
    what: 'OpenAI gpt-4o without cache: input 2.50, output 10',
    record: openai('gpt-4o-2024-08-06', { input_tokens: 1000, output_tokens: 100 }),
    usd: (1000 * 2.5 + 100 * 10) / M,
  },
  {
    what: 'OpenAI cached tokens are part of the input and billed once, at the cached price',
    record: openai('gpt-4o', { input_tokens: 2006, cache_read_tokens: 1920, output_tokens: 300 }),
    usd: ((2006 - 1920) * 2.5 + 1920 * 1.25 + 300 * 10) / M,
  },
  {
    what: 'OpenAI reasoning tokens are part of the output and billed once',
    record: openai('o3-2025-04-16', { input_tokens: 75, output_tokens: 1186, reasoning_tokens: 1024 }),
    usd: (75 * 2 + 1186 * 8) / M,
  },
  {
    what: 'OpenAI o3 before its price fell on 2025-06-10',
    record: openai('o3-2025-04-16', { input_tokens: 75, output_tokens: 1186, started_at: '2025-06-09 23:59:59.999999' }),
    usd: (75 * 10 + 1186 * 40) / M,
  },
  {
    what: 'OpenAI gpt-5 wholly from the cache',
    record: openai('gpt-5-2025-08-07', { input_tokens: 4096, cache_read_tokens: 4096, output_tokens: 10 }),
    usd: (4096 * 0.125 + 10 * 10) / M,
  },
  {
    what: 'OpenAI embeddings have no output',
    record: openai('text-embedding-3-small', { operation: 'embeddings', input_tokens: 8, output_tokens: null }),
    usd: (8 * 0.02) / M,
  },
  {
    what: 'OpenAI audio: text and audio tokens at their own prices',
    record: openai('gpt-audio', { input_tokens: 500, input_audio_tokens: 400, output_tokens: 300, output_audio_tokens: 250 }),
    usd: (100 * 2.5 + 400 * 32 + 50 * 10 + 250 * 64) / M,
  },
  {
    what: 'OpenAI realtime, cached text and audio where the counts say how many are both',
    record: openai('gpt-4o-realtime-preview', { input_tokens: 1000, input_audio_tokens: 1000, cache_read_tokens: 600, output_tokens: 0 }),
    usd: (400 * 40 + 600 * 2.5) / M,
  },
  {
    what: 'OpenAI realtime, cached text and audio where the counts leave it open',
    record: openai('gpt-4o-realtime-preview', { input_tokens: 1000, input_audio_tokens: 500, cache_read_tokens: 500, output_tokens: 0 }),
    usd: null,
  },
  {
    what: 'OpenAI audio tokens of a model that the catalogue has only a text price for',
    record: openai('gpt-4o-audio-preview', { input_tokens: 500, input_audio_tokens: 400, output_tokens: 300 }),
    usd: null,
  },
  {
    what: 'OpenAI long context: above 272,000 input tokens the whole call takes the higher tier',
    record: openai('gpt-6-sol', { input_tokens: 300_000, output_tokens: 1000 }),
    usd: (300_000 * 4 + 1000 * 15) / M,
  },
  {
    what: 'OpenAI flex costs half the list price',
    record: openai('gpt-5', { input_tokens: 1000, output_tokens: 10, service_tier: 'flex' }),
    usd: (1000 * 1.25 + 10 * 10) / M / 2,
  },
  {
    what: 'OpenAI default tier',
    record: openai('gpt-5', { input_tokens: 1000, output_tokens: 10, service_tier: 'default' }),
    usd: (1000 * 1.25 + 10 * 10) / M,
  },
  {
    what: 'Azure with a deployment name: the answer names the model',
    record: {
      provider: 'azure.ai.openai',
      request_model: 'my-deployment',
      response_model: 'gpt-4o-2024-08-06',
      input_tokens: 10,
      output_tokens: 5,
    },
    usd: (10 * 2.5 + 5 * 10) / M,
  },
  {
    what: 'Anthropic without cache: input 3, output 15',
    record: anthropic('claude-sonnet-4-20250514', { input_tokens: 25, output_tokens: 150 }),
    usd: (25 * 3 + 150 * 15) / M,
  },
  {
    what: 'Anthropic cache write of five minutes: 1.25 times the input price, once',
    record: anthropic('claude-sonnet-4-20250514', {
      input_tokens: 4740,
      cache_read_tokens: 0,
      cache_write_tokens: 4735,
      output_tokens: 255,
    }),
    usd: (5 * 3 + 4735 * 3.75 + 255 * 15) / M,
  },
  {
    what: 'Anthropic cache read: a tenth of the input price',
    record: anthropic('claude-sonnet-4-20250514', {
      input_tokens: 188_100,
      cache_read_tokens: 188_086,
      cache_write_tokens: 0,
      output_tokens: 393,
    }),
    usd: (14 * 3 + 188_086 * 0.3 + 393 * 15) / M,
  },
  {
    what: 'Anthropic cache read, write of five minutes and write of one hour in one call',
    record: anthropic('claude-haiku-4-5-20251001', {
      input_tokens: 10_000,
      cache_read_tokens: 6000,
      cache_write_tokens: 3000,
      cache_write_1h_tokens: 1000,
      output_tokens: 500,
    }),
    usd: (1000 * 1 + 6000 * 0.1 + 2000 * 1.25 + 1000 * 2 + 500 * 5) / M,
  },
  {
    what: 'Anthropic above 200,000 input tokens, cached ones counted: the higher tier for everything',
    record: anthropic('claude-sonnet-4-5-20250929', { input_tokens: 250_000, cache_read_tokens: 200_000, output_tokens: 1000 }),
    usd: (50_000 * 6 + 200_000 * 0.6 + 1000 * 22.5) / M,
  },
  {
    what: 'Anthropic batch costs half the list price',
    record: anthropic('claude-sonnet-4-20250514', { input_tokens: 25, output_tokens: 150, service_tier: 'batch' }),
    usd: (25 * 3 + 150 * 15) / M / 2,
  },
  {
    what: 'Vertex Claude with an hour of cache, for which the catalogue has no price',
    record: {
      provider: 'gcp.vertex_ai',
      request_model: 'claude-sonnet-4-5@20250929',
      response_model: 'claude-sonnet-4-5-20250929',
      input_tokens: 3000,
      cache_write_tokens: 2000,
      cache_write_1h_tokens: 2000,
      output_tokens: 10,
    },
    usd: null,
  },
  {
    what: 'Bedrock regional profile costs a tenth more',
    record: {
      provider: 'aws.bedrock',
      request_model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
      response_model: '',
      input_tokens: 1000,
      output_tokens: 100,
    },
    usd: (1000 * 3.3 + 100 * 16.5) / M,
  },
  {
    what: 'Bedrock global profile: the id asked for sets the price, not the bare model that the answer names',
    record: {
      provider: 'aws.bedrock',
      request_model: 'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      response_model: 'claude-sonnet-4-5-20250929',
      input_tokens: 1000,
      output_tokens: 100,
    },
    usd: (1000 * 3 + 100 * 15) / M,
  },
  {
    what: 'Gemini with thinking: thoughts are part of the output',
    record: gemini('gemini-2.5-flash', { input_tokens: 11, output_tokens: 1220, reasoning_tokens: 1001 }),
    usd: (11 * 0.3 + 1220 * 2.5) / M,
  },
  {
    what: 'Gemini audio input',
    record: gemini('gemini-2.5-flash', { input_tokens: 1010, input_audio_tokens: 1000, output_tokens: 100 }),
    usd: (10 * 0.3 + 1000 * 1 + 100 * 2.5) / M,
  },
  {
    what: 'Gemini cached content',
    record: gemini('gemini-2.5-flash', { input_tokens: 50_000, cache_read_tokens: 40_000, output_tokens: 100 }),
    usd: (10_000 * 0.3 + 40_000 * 0.03 + 100 * 2.5) / M,
  },
  {
    what: 'Gemini Pro at 200,000 input tokens still has the lower tier',
    record: gemini('gemini-2.5-pro', { input_tokens: 200_000, output_tokens: 1000 }),
    usd: (200_000 * 1.25 + 1000 * 10) / M,
  },
  {
    what: 'Gemini Pro above 200,000 input tokens',
    record: gemini('gemini-2.5-pro', { input_tokens: 200_001, output_tokens: 1000 }),
    usd: (200_001 * 2.5 + 1000 * 15) / M,
  },
  {
    what: 'Gemini image model: how much of the output is an image is not known',
    record: gemini('gemini-2.5-flash-image', { input_tokens: 10, output_tokens: 1290 }),
    usd: null,
  },
  {
    what: 'DeepSeek in its cheap hours',
    record: {
      provider: 'deepseek',
      request_model: 'deepseek-chat',
      response_model: 'deepseek-chat',
      input_tokens: 1000,
      output_tokens: 100,
      started_at: '2026-10-05 17:00:00.000000',
    },
    usd: (1000 * 0.135 + 100 * 0.55) / M,
  },
  {
    what: 'DeepSeek in its dear hours',
    record: {
      provider: 'deepseek',
      request_model: 'deepseek-chat',
      response_model: 'deepseek-chat',
      input_tokens: 1000,
      output_tokens: 100,
      started_at: '2026-10-05 12:00:00.000000',
    },
    usd: (1000 * 0.27 + 100 * 1.1) / M,
  },
];

describe('hand-computed invoices', () => {
  for (const { what, record, usd } of CASES)
    test(`${what} → ${usd === null ? 'NULL' : usd.toFixed(9)}`, () => {
      const cost = price(sampleRecord(record));
      expect(cost.cost_usd).toBe(usd === null ? null : usd.toFixed(9));
      expect(cost.cost_source).toBe(usd === null ? 'none' : 'catalogue');
    });
});

test('a priced call names the price table and its version', () => {
  expect(price(sampleRecord()).price_version).toMatch(/^genai-prices@\d+\.\d+\.\d+$/);
});

test("the provider's own figure wins over the catalogue, also when it is 0, and is written without an exponent", () => {
  expect(price(sampleRecord({ provider_cost_usd: 0.00000012 }))).toEqual({
    cost_usd: '0.000000120',
    cost_source: 'provider',
    price_version: '',
  });
  expect(price(sampleRecord({ provider_cost_usd: 0 }))).toEqual({ cost_usd: '0.000000000', cost_source: 'provider', price_version: '' });
});

test.each([
  ['an unknown model', { response_model: 'gpt-99-imaginary' }],
  ['a provider without prices', { provider: 'ollama' }],
  ['a provider whose name only contains a known one', { provider: 'my-openai-proxy' }],
  ["a provider named like an object's own member", { provider: 'constructor' }],
  ['usage that is not known', { usage_source: 'none' as const, input_tokens: null, output_tokens: null }],
  ['an output that is not known', { output_tokens: null }],
  ['more cached tokens than input tokens', { input_tokens: 10, cache_read_tokens: 11 }],
  ['counts beyond all bounds', { input_tokens: Number.MAX_SAFE_INTEGER, output_tokens: Number.MAX_SAFE_INTEGER }],
  ['a model name of 60,000 characters', { response_model: 'g'.repeat(60_000) }],
])('%s has no cost, never 0', (_what, changes) => {
  expect(price(sampleRecord(changes))).toEqual({ cost_usd: null, cost_source: 'none', price_version: '' });
});

test('every provider of the table is one of the catalogue', () => {
  for (const [provider, { id }] of Object.entries(CATALOGUE_PROVIDERS))
    expect([provider, findProvider({ providerId: id })?.id]).toEqual([provider, id]);
});

test("where all counts are known, the arithmetic agrees with the catalogue's own", () => {
  const models: readonly (readonly [string, string])[] = [
    ['openai', 'gpt-4o'],
    ['openai', 'gpt-6-sol'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['anthropic', 'claude-haiku-4-5'],
    ['google', 'gemini-2.5-pro'],
    ['google', 'gemini-2.5-flash'],
    ['perplexity', 'sonar-pro'],
  ];
  const part = fc.integer({ min: 0, max: 150_000 });
  fc.assert(
    fc.property(fc.constantFrom(...models), part, part, part, part, part, ([providerId, model], plain, read, write, writeHour, output) => {
      const tokens = {
        input_tokens: plain + read + write + writeHour,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write + writeHour,
        cache_write_1h_tokens: providerId === 'anthropic' ? writeHour : 0,
      };
      const theirs = calcPrice(tokens, model, { providerId });
      if (theirs === null) throw new Error(`${model} is not in the catalogue`);
      const none = { reasoning_tokens: null, input_audio_tokens: null, output_audio_tokens: null, input_image_tokens: null };
      const ours = tokenCostUsd({ ...tokens, ...none }, theirs.model_price, { audioPricedApart: false });
      expect(ours).toBeCloseTo(theirs.total_price, 9);
    }),
  );
});

test('no record makes pricing throw, and every cost is a decimal with nine places', () => {
  const count = fc.option(fc.maxSafeNat(), { nil: null });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(CATALOGUE_PROVIDERS), 'other'),
      fc.oneof(
        fc.string(),
        fc.constantFrom('gpt-4o', 'gemini-2.5-flash', 'gpt-image-1', 'sonar-deep-research', 'whisper-1', 'deepseek-chat'),
      ),
      fc.tuple(count, count, count, count, count, count, count, count),
      (provider, model, [input, output, read, write, hour, inputAudio, outputAudio, image]) => {
        const cost = price(
          sampleRecord({
            provider,
            response_model: model,
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: write,
            cache_write_1h_tokens: hour,
            input_audio_tokens: inputAudio,
            output_audio_tokens: outputAudio,
            input_image_tokens: image,
          }),
        );
        if (cost.cost_usd !== null) expect(cost.cost_usd).toMatch(/^\d{1,9}\.\d{9}$/);
        else expect(cost.cost_source).toBe('none');
      },
    ),
  );
});
