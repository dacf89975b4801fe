/**
 * Invoices computed by hand, one for each way in which gateways get money wrong: tiers, places, speeds, searches, steps run
 * by another model, units other than tokens, and the user's own prices. Prices are US dollars per million tokens, from the
 * providers' pages; the arithmetic stands beside each case. (Token kinds, cache and context lengths: price.test.ts.)
 */
import type { PriceOverride } from '../../../contract/price-settings.ts';
import type { CallRecord } from '../../../contract/record.ts';
import { createPricer } from '../../../ingest/price.ts';
import { sampleRecord } from './sample.ts';

const M = 1_000_000;

interface Invoice {
  readonly what: string;
  readonly record: Partial<CallRecord>;
  /** US dollars as arithmetic, or null. */
  readonly usd: number | null;
  readonly prices?: readonly PriceOverride[];
}

const at = (provider: string, model: string, rest: Partial<CallRecord>, raw: unknown = {}): Partial<CallRecord> => ({
  provider,
  request_model: model,
  response_model: model,
  usage_raw: JSON.stringify(raw),
  ...rest,
});
const openai = (model: string, rest: Partial<CallRecord>, raw?: unknown) => at('openai', model, rest, raw);
const anthropic = (model: string, rest: Partial<CallRecord>, raw?: unknown) => at('anthropic', model, rest, raw);
const bedrock = (model: string, rest: Partial<CallRecord>, raw?: unknown) => ({
  ...at('aws.bedrock', model, rest, raw),
  response_model: '',
});
const vertex = (location: string, model: string, rest: Partial<CallRecord>, raw?: unknown) =>
  at(
    'gcp.vertex_ai',
    model,
    { path: `/v1/projects/p/locations/${location}/publishers/anthropic/models/${model}:rawPredict`, ...rest },
    raw,
  );
const tokens = { input_tokens: 10_000, output_tokens: 1_000 };

const TIERS: readonly Invoice[] = [
  {
    what: 'OpenAI batch: half of 1.25 and 10',
    record: openai('gpt-5', { ...tokens, service_tier: 'batch' }),
    usd: (10_000 * 0.625 + 1_000 * 5) / M,
  },
  {
    what: 'OpenAI flex: batch rates, the cached price halved too',
    record: openai('gpt-5', { ...tokens, cache_read_tokens: 8_000, service_tier: 'flex' }),
    usd: (2_000 * 0.625 + 8_000 * 0.0625 + 1_000 * 5) / M,
  },
  {
    what: 'OpenAI priority, gpt-5: 2.50 and 20',
    record: openai('gpt-5', { ...tokens, service_tier: 'priority' }),
    usd: (10_000 * 2.5 + 1_000 * 20) / M,
  },
  {
    what: 'OpenAI priority, gpt-5-mini: 0.45, cached 0.045, and 3.60',
    record: openai('gpt-5-mini', { ...tokens, cache_read_tokens: 4_000, service_tier: 'priority' }),
    usd: (6_000 * 0.45 + 4_000 * 0.045 + 1_000 * 3.6) / M,
  },
  {
    what: 'OpenAI priority, gpt-4o: 4.25 and 17',
    record: openai('gpt-4o', { ...tokens, service_tier: 'priority' }),
    usd: (10_000 * 4.25 + 1_000 * 17) / M,
  },
  {
    what: 'OpenAI priority, o4-mini: 2 and 8',
    record: openai('o4-mini', { ...tokens, service_tier: 'priority' }),
    usd: (10_000 * 2 + 1_000 * 8) / M,
  },
  {
    what: 'OpenAI priority with a long prompt is not sold',
    record: openai('gpt-4.1', { ...tokens, input_tokens: 200_000, service_tier: 'priority' }),
    usd: null,
  },
  {
    what: 'OpenAI priority of a model without a published premium',
    record: openai('gpt-5-nano', { ...tokens, service_tier: 'priority' }),
    usd: null,
  },
  { what: 'a tier that nobody documents, scale', record: openai('gpt-5', { ...tokens, service_tier: 'scale' }), usd: null },
  {
    what: 'tier names in capitals, as Vertex writes them',
    record: at('gcp.vertex_ai', 'gemini-2.5-flash', { ...tokens, service_tier: 'ON_DEMAND' }),
    usd: (10_000 * 0.3 + 1_000 * 2.5) / M,
  },
  {
    what: 'Vertex flex: half',
    record: at('gcp.vertex_ai', 'gemini-2.5-flash', { ...tokens, service_tier: 'ON_DEMAND_FLEX' }),
    usd: (10_000 * 0.3 + 1_000 * 2.5) / M / 2,
  },
  {
    what: 'Vertex priority: "a higher rate" is no figure',
    record: at('gcp.vertex_ai', 'gemini-2.5-flash', { ...tokens, service_tier: 'ON_DEMAND_PRIORITY' }),
    usd: null,
  },
  {
    what: 'Vertex provisioned throughput is paid by time',
    record: at('gcp.vertex_ai', 'gemini-2.5-flash', { ...tokens, service_tier: 'PROVISIONED_THROUGHPUT' }),
    usd: null,
  },
  {
    what: 'Gemini flex: half',
    record: at('gcp.gemini', 'gemini-2.5-flash', { ...tokens, service_tier: 'flex' }),
    usd: (10_000 * 0.3 + 1_000 * 2.5) / M / 2,
  },
  {
    what: 'Groq flex: "pricing matches the on-demand tier"',
    record: at('groq', 'llama-3.1-8b-instant', { ...tokens, service_tier: 'flex' }),
    usd: (10_000 * 0.05 + 1_000 * 0.08) / M,
  },
  {
    what: 'Bedrock flex, for which AWS publishes no figure',
    record: bedrock('us.amazon.nova-micro-v1:0', { ...tokens, service_tier: 'flex' }),
    usd: null,
  },
  {
    what: 'Anthropic priority is paid by commitment',
    record: anthropic('claude-sonnet-4-5', { ...tokens, service_tier: 'priority' }),
    usd: null,
  },
  {
    what: 'Anthropic batch: half, cache writes of both lifetimes included, searches at full price',
    record: anthropic(
      'claude-haiku-4-5',
      {
        input_tokens: 10_000,
        cache_write_tokens: 3_000,
        cache_write_1h_tokens: 1_000,
        cache_read_tokens: 5_000,
        output_tokens: 1_000,
        service_tier: 'batch',
      },
      { server_tool_use: { web_search_requests: 2 } },
    ),
    usd: (2_000 * 0.5 + 2_000 * 0.625 + 1_000 * 1 + 5_000 * 0.05 + 1_000 * 2.5) / M + (2 * 10) / 1_000,
  },
];

const PLACES: readonly Invoice[] = [
  {
    what: 'Anthropic inference in the US: a tenth more',
    record: anthropic('claude-opus-4-6', tokens, { inference_geo: 'us' }),
    usd: ((10_000 * 5 + 1_000 * 25) * 1.1) / M,
  },
  {
    what: 'Anthropic inference anywhere',
    record: anthropic('claude-opus-4-6', tokens, { inference_geo: 'global' }),
    usd: (10_000 * 5 + 1_000 * 25) / M,
  },
  {
    what: 'Anthropic inference in a place without a published price',
    record: anthropic('claude-opus-4-6', tokens, { inference_geo: 'mars' }),
    usd: null,
  },
  {
    what: 'Anthropic fast mode, Opus 4.6: 30 and 150',
    record: anthropic('claude-opus-4-6', tokens, { speed: 'fast' }),
    usd: (10_000 * 30 + 1_000 * 150) / M,
  },
  {
    what: 'Anthropic fast mode in the US: both factors',
    record: anthropic('claude-opus-4-6', tokens, { speed: 'fast', inference_geo: 'us' }),
    usd: ((10_000 * 30 + 1_000 * 150) * 1.1) / M,
  },
  {
    what: 'Anthropic fast mode of a model without a known factor',
    record: anthropic('claude-sonnet-4-5', tokens, { speed: 'fast' }),
    usd: null,
  },
  { what: 'Claude on Vertex, global', record: vertex('global', 'claude-sonnet-4-5@20250929', tokens), usd: (10_000 * 3 + 1_000 * 15) / M },
  {
    what: 'Claude on Vertex, regional: a tenth more from 4.5 on',
    record: vertex('europe-west1', 'claude-sonnet-4-5@20250929', tokens),
    usd: ((10_000 * 3 + 1_000 * 15) * 1.1) / M,
  },
  {
    what: 'Claude on Vertex, regional, before 4.5: the same everywhere',
    record: vertex('us-east5', 'claude-sonnet-4@20250514', tokens),
    usd: (10_000 * 3 + 1_000 * 15) / M,
  },
  {
    what: 'Claude on Vertex, an hour of cache: twice the input',
    record: vertex('global', 'claude-sonnet-4-5@20250929', {
      input_tokens: 3_000,
      cache_write_tokens: 2_000,
      cache_write_1h_tokens: 2_000,
      output_tokens: 10,
    }),
    usd: (1_000 * 3 + 2_000 * 6 + 10 * 15) / M,
  },
  {
    what: 'Claude on Bedrock, regional, an hour of cache: twice the regional input',
    record: bedrock('us.anthropic.claude-sonnet-4-5-20250929-v1:0', {
      input_tokens: 3_000,
      cache_write_tokens: 2_000,
      cache_write_1h_tokens: 2_000,
      output_tokens: 10,
    }),
    usd: (1_000 * 3.3 + 2_000 * 6.6 + 10 * 16.5) / M,
  },
  {
    what: 'Bedrock: the ARN of an inference profile names the model and its price',
    record: bedrock('arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-haiku-4-5-20251001-v1:0', tokens),
    usd: (10_000 * 1 + 1_000 * 5) / M,
  },
  {
    what: "Bedrock: an application's own profile may stand for any price, whatever model answers",
    record: {
      ...bedrock('arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/mi1dadi0g15f', tokens),
      response_model: 'claude-haiku-4-5-20251001',
    },
    usd: null,
  },
  {
    what: 'Bedrock: provisioned throughput is paid by time',
    record: bedrock('arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc', tokens),
    usd: null,
  },
  {
    what: "Bedrock's second endpoint leaves the version out",
    record: bedrock('openai.gpt-oss-120b', { ...tokens, service_tier: 'default' }),
    usd: (10_000 * 0.15 + 1_000 * 0.6) / M,
  },
];

const BESIDES_TOKENS: readonly Invoice[] = [
  {
    what: 'Anthropic web search: 10 per 1,000',
    record: anthropic('claude-sonnet-4-5', tokens, { server_tool_use: { web_search_requests: 3 } }),
    usd: (10_000 * 3 + 1_000 * 15) / M + 0.03,
  },
  {
    what: 'Anthropic web fetch costs its tokens only',
    record: anthropic('claude-sonnet-4-5', tokens, { server_tool_use: { web_fetch_requests: 3 } }),
    usd: (10_000 * 3 + 1_000 * 15) / M,
  },
  {
    what: 'OpenAI web search: 10 per 1,000',
    record: openai('gpt-5', tokens, { tool_usage: { web_search: { num_requests: 6 } } }),
    usd: (10_000 * 1.25 + 1_000 * 10) / M + 0.06,
  },
  {
    what: "OpenAI's image tool runs a model that the answer does not name",
    record: openai('gpt-5', tokens, { tool_usage: { image_gen: { total_tokens: 900 } } }),
    usd: null,
  },
  {
    what: "Azure's searches are Bing's, at another price",
    record: at('azure.ai.openai', 'gpt-4.1', tokens, { tool_usage: { web_search: { num_requests: 1 } } }),
    usd: null,
  },
  {
    what: 'Anthropic advisor: its step costs its own model, and is not in the totals',
    record: anthropic(
      'claude-sonnet-5',
      { input_tokens: 2_417, output_tokens: 133, started_at: '2026-10-05 12:00:00.000000' },
      {
        iterations: [
          { type: 'message', input_tokens: 1_128, output_tokens: 121 },
          { type: 'advisor_message', model: 'claude-opus-4-8', input_tokens: 2_529, output_tokens: 38 },
          { type: 'message', input_tokens: 1_289, output_tokens: 12 },
        ],
      },
    ),
    usd: (1_128 * 2 + 121 * 10 + (2_529 * 5 + 38 * 25) + 1_289 * 2 + 12 * 10) / M,
  },
  {
    what: "steps are each as long as they are: two of 150,000 tokens do not reach the long context's price",
    record: anthropic(
      'claude-sonnet-4-5',
      { input_tokens: 300_000, output_tokens: 20 },
      { iterations: [150_000, 150_000].map((input_tokens) => ({ type: 'message', input_tokens, output_tokens: 10 })) },
    ),
    usd: (300_000 * 3 + 20 * 15) / M,
  },
  {
    what: 'Perplexity with little search: 5 per 1,000 requests',
    record: at('perplexity', 'sonar', tokens, { search_context_size: 'low' }),
    usd: (10_000 + 1_000) / M + 0.005,
  },
  {
    what: 'Perplexity Pro with much: 14 per 1,000',
    record: at('perplexity', 'sonar-pro', tokens, { search_context_size: 'high' }),
    usd: (10_000 * 3 + 1_000 * 15) / M + 0.014,
  },
  { what: 'Perplexity that does not say how much it searched', record: at('perplexity', 'sonar-pro', tokens), usd: null },
  {
    what: 'OpenAI transcription by length: 0.36 an hour',
    record: openai('whisper-1', { usage_source: 'none', input_tokens: null, output_tokens: null }, { type: 'duration', seconds: 27 }),
    usd: (27 * 0.36) / 3_600,
  },
  {
    what: 'Groq transcription of 3 seconds is charged as 10: 0.111 an hour',
    record: at(
      'groq',
      'whisper-large-v3',
      { usage_source: 'none', input_tokens: null, output_tokens: null },
      { type: 'duration', seconds: 3 },
    ),
    usd: (10 * 0.111) / 3_600,
  },
  {
    what: 'a transcription whose length nobody says',
    record: openai('whisper-1', { usage_source: 'none', input_tokens: null, output_tokens: null, usage_raw: '' }),
    usd: null,
  },
  {
    what: 'Mistral audio in a chat is charged by the minute besides',
    record: at('mistral_ai', 'mistral-large-latest', tokens, { prompt_audio_seconds: 12 }),
    usd: null,
  },
  { what: 'xAI sources of a search, where no cost is reported', record: at('x_ai', 'grok-4', tokens, { num_sources_used: 5 }), usd: null },
  {
    what: 'Cohere charges billed units, not the tokens that the model read',
    record: at(
      'cohere',
      'command-r-08-2024',
      { input_tokens: 577, output_tokens: 102 },
      { tokens: { input_tokens: 577, output_tokens: 102 }, billed_units: { input_tokens: 13, output_tokens: 61 } },
    ),
    usd: (13 * 0.15 + 61 * 0.6) / M,
  },
  {
    what: 'Gemini image out: 30 for the image, 2.50 for the words',
    record: at(
      'gcp.gemini',
      'gemini-2.5-flash-image',
      { input_tokens: 10, output_tokens: 1_310 },
      { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1_290 }] },
    ),
    usd: (10 * 0.3 + 1_290 * 30 + 20 * 2.5) / M,
  },
  {
    what: 'the same in the wording of interactions',
    record: at(
      'gcp.gemini',
      'gemini-2.5-flash-image',
      { input_tokens: 10, output_tokens: 1_310 },
      { output_tokens_by_modality: [{ modality: 'image', tokens: 1_290 }] },
    ),
    usd: (10 * 0.3 + 1_290 * 30 + 20 * 2.5) / M,
  },
  {
    what: 'Gemini audio from the cache, where the provider counts it',
    record: at(
      'gcp.gemini',
      'gemini-2.5-flash',
      { input_tokens: 1_000, input_audio_tokens: 600, cache_read_tokens: 500, output_tokens: 0 },
      {
        cacheTokensDetails: [
          { modality: 'AUDIO', tokenCount: 400 },
          { modality: 'TEXT', tokenCount: 100 },
        ],
      },
    ),
    usd: (200 * 1 + 400 * 0.1 + 100 * 0.03 + 300 * 0.3) / M,
  },
  {
    what: 'OpenAI realtime: cached audio and cached text as the provider counts them',
    record: openai(
      'gpt-4o-realtime-preview',
      { input_tokens: 1_000, input_audio_tokens: 500, cache_read_tokens: 500, output_tokens: 0 },
      { input_token_details: { cached_tokens_details: { audio_tokens: 300, text_tokens: 200 } } },
    ),
    usd: (300 * 5 + 200 * 2.5 + 200 * 40 + 300 * 2.5) / M,
  },
  {
    what: 'OpenRouter free models cost nothing, and that is known',
    record: at('openrouter', 'google/gemini-2.0-flash-exp:free', tokens),
    usd: 0,
  },
  {
    what: 'usage that was counted here and not by the provider is priced just so',
    record: openai('gpt-4o', { ...tokens, usage_source: 'estimated', usage_raw: '' }),
    usd: (10_000 * 2.5 + 1_000 * 10) / M,
  },
  {
    what: 'a usage object that is no JSON adds nothing',
    record: openai('gpt-4o', { ...tokens, usage_raw: '{"cut' }),
    usd: (10_000 * 2.5 + 1_000 * 10) / M,
  },
];

const OWN_PRICES: readonly Invoice[] = [
  {
    what: 'a local model at its own price',
    record: at('vllm', 'acme/support-7b', tokens),
    prices: [{ provider: 'vllm', perMillion: { input: 0.1, output: 0.4 } }],
    usd: (10_000 * 0.1 + 1_000 * 0.4) / M,
  },
  {
    what: 'every token kind with a price of its own',
    record: openai('x', {
      ...{ input_tokens: 1_000, cache_read_tokens: 100, cache_write_tokens: 60, cache_write_1h_tokens: 20 },
      ...{ output_tokens: 500, reasoning_tokens: 200, output_audio_tokens: 50 },
    }),
    prices: [
      {
        model: 'x',
        perMillion: { input: 1, output: 2, cache_read: 3, cache_write: 4, cache_write_1h: 5, output_audio: 6, reasoning: 7 },
        perRequest: 0.001,
      },
    ],
    usd: (840 * 1 + 100 * 3 + 40 * 4 + 20 * 5 + 250 * 2 + 200 * 7 + 50 * 6) / M + 0.001,
  },
  {
    what: 'a kind without a price of its own costs what the tokens around it cost',
    record: anthropic('y', {
      input_tokens: 1_000,
      cache_read_tokens: 100,
      cache_write_tokens: 60,
      cache_write_1h_tokens: 20,
      output_tokens: 0,
    }),
    prices: [{ perMillion: { input: 1, output: 2 } }],
    usd: 1_000 / M,
  },
  {
    what: 'a discount on the list',
    record: openai('gpt-4o', tokens),
    prices: [{ multiplier: 0.8 }],
    usd: ((10_000 * 2.5 + 1_000 * 10) * 0.8) / M,
  },
  {
    what: 'a discount on the list of a tier',
    record: openai('gpt-5', { ...tokens, service_tier: 'priority' }),
    prices: [{ serviceTier: 'priority', multiplier: 0.9 }],
    usd: ((10_000 * 2.5 + 1_000 * 20) * 0.9) / M,
  },
  { what: 'a discount on what has no list price', record: at('vllm', 'z', tokens), prices: [{ multiplier: 0.8 }], usd: null },
  {
    what: 'an Azure deployment by its name, where no model is named',
    record: { ...at('azure.ai.openai', 'my-deployment', tokens), response_model: '' },
    prices: [{ model: 'my-*', perMillion: { input: 2.75, output: 11 } }],
    usd: (10_000 * 2.75 + 1_000 * 11) / M,
  },
  {
    what: 'an application profile of Bedrock by its ARN',
    record: bedrock('arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/mi1', tokens),
    prices: [{ model: 'arn:*:application-inference-profile/mi1', perMillion: { input: 3.3, output: 16.5 } }],
    usd: (10_000 * 3.3 + 1_000 * 16.5) / M,
  },
  {
    what: 'images at a price for each call, without any tokens',
    record: openai('dall-e-3', { usage_source: 'none', input_tokens: null, output_tokens: null }),
    prices: [{ model: 'dall-e-3', perRequest: 0.04 }],
    usd: 0.04,
  },
  {
    what: 'a call that failed, at a price for each call',
    record: openai('dall-e-3', { usage_source: 'none', input_tokens: null, output_tokens: null, outcome: 'provider_error', status: 500 }),
    prices: [{ model: 'dall-e-3', perRequest: 0.04 }],
    usd: null,
  },
  {
    what: 'the first entry that fits wins, though a later one names more',
    record: openai('gpt-4o', tokens),
    prices: [
      { project: 'checkout', perMillion: { input: 1, output: 1 } },
      { project: 'checkout', model: 'gpt-4o*', perMillion: { input: 9, output: 9 } },
    ],
    usd: 11_000 / M,
  },
  ...(
    [
      ['another project', { project: 'search' }],
      ['another upstream', { upstream: 'azure' }],
      ['another provider', { provider: 'anthropic' }],
      ['another model', { model: 'gpt-4' }],
      ['another tier', { serviceTier: 'batch' }],
      ['a later time', { from: '2026-10-06' }],
      ['an earlier time, whose last day is excluded', { until: '2026-10-05' }],
    ] as const
  ).map(([what, entry]) => ({
    what: `an entry for ${what} leaves the list price`,
    record: openai('gpt-4o', { ...tokens, started_at: '2026-10-05 00:00:00.000000' }),
    prices: [{ ...entry, multiplier: 0.5 }],
    usd: (10_000 * 2.5 + 1_000 * 10) / M,
  })),
  {
    what: 'an entry that fits in everything, from its first day on',
    record: openai('gpt-4o', { ...tokens, started_at: '2026-10-05 00:00:00.000000', service_tier: 'default' }),
    prices: [
      {
        project: 'check*',
        upstream: 'openai',
        provider: 'openai',
        model: 'GPT-4?',
        serviceTier: 'def*',
        from: '2026-10-05',
        until: '2026-10-06',
        multiplier: 0.5,
      },
    ],
    usd: (10_000 * 2.5 + 1_000 * 10) / M / 2,
  },
];

describe.each([
  ['service tiers', TIERS],
  ['places and speeds', PLACES],
  ['what is charged besides tokens', BESIDES_TOKENS],
  ["the user's own prices", OWN_PRICES],
])('%s', (_group, invoices) => {
  for (const { what, record, usd, prices } of invoices)
    test(`${what} → ${usd === null ? 'NULL' : usd.toFixed(9)}`, () => {
      const { price } = createPricer(prices === undefined ? {} : { overrides: prices });
      const cost = price(sampleRecord(record));
      expect(cost.cost_usd).toBe(usd === null ? null : usd.toFixed(9));
      if (usd === null) expect(cost).toEqual({ cost_usd: null, cost_source: 'none', price_version: '' });
    });
});

test('what set the price is said, and own prices have a version made of their content', () => {
  const half = createPricer({ overrides: [{ multiplier: 0.5 }] });
  const own = createPricer({ overrides: [{ perMillion: { input: 1, output: 1 } }] });
  const record = sampleRecord();
  expect(half.price(record)).toMatchObject({
    cost_source: 'override',
    price_version: expect.stringMatching(/^config@[0-9a-f]{12}\+genai-prices@/),
  });
  expect(own.price(record)).toMatchObject({ cost_source: 'override', price_version: expect.stringMatching(/^config@[0-9a-f]{12}$/) });
  expect(own.overrides.version).not.toBe(half.overrides.version);
  expect(createPricer({ overrides: [{ multiplier: 0.5 }] }).overrides.version).toBe(half.overrides.version);
});

test("the provider's own figure wins over own prices", () => {
  const { price } = createPricer({ overrides: [{ perMillion: { input: 1, output: 1 } }] });
  expect(price(sampleRecord({ provider_cost_usd: 0.25 }))).toEqual({ cost_usd: '0.250000000', cost_source: 'provider', price_version: '' });
});
