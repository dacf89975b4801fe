/**
 * What the catalogue's list prices do not say: which of its providers a call belongs to, which model name sets
 * the price, and what other service tiers, speeds and places cost. Tables with their sources, no code that decides.
 * What no provider's page states is not here: such a call has no price.
 */
import type { ModelPrice } from '@pydantic/genai-prices';

/** A factor on the list price of tokens; by model (the catalogue's id) where providers give it by model. */
export type Factor = number | { readonly byModel: Readonly<Record<string, number>>; readonly inputTokensMax: number };

export interface ProviderRules {
  /** The catalogue's own provider id; only whole ids are used, since its fuzzy match takes `my-openai-proxy` for OpenAI. */
  readonly id: string;
  /** Which model name sets the price where both are known. */
  readonly model: 'response' | 'request';
  /** Audio always costs more here than text, so that an entry without an audio price cannot price a call with audio. */
  readonly audioPricedApart: boolean;
  /** Tiers besides STANDARD_TIERS and what they cost. A tier that is not here has no known price. */
  readonly tiers: Readonly<Record<string, Factor>>;
  /** Whether the catalogue's price of a web search is what this provider charges for one. */
  readonly searchesPriced: boolean;
  /** Shorter audio is charged as if it were this long. */
  readonly audioSecondsMin?: number;
}

/** What providers call their list price. `on_demand`: Groq and Vertex. */
export const STANDARD_TIERS: ReadonlySet<string> = new Set(['', 'auto', 'default', 'standard', 'on_demand']);

/**
 * https://openai.com/api-priority-processing: input, cached input and output all carry the same factor. Long prompts are
 * left out there, so a priority call beyond it has no known price.
 */
const OPENAI_PRIORITY: Factor = {
  inputTokensMax: 128_000,
  byModel: {
    'gpt-5.5': 12.5 / 5,
    'gpt-5.4': 2,
    'gpt-5.4-mini': 2,
    'gpt-5.2': 2,
    'gpt-5.1': 2,
    'gpt-5': 2,
    'gpt-5-mini': 0.45 / 0.25,
    'gpt-4.1': 1.75,
    'gpt-4.1-mini': 1.75,
    'gpt-4.1-nano': 2,
    'gpt-4o': 1.7,
    'gpt-4o-2024-05-13': 1.75,
    'gpt-4o-mini': 0.25 / 0.15,
    o3: 1.75,
    'o4-mini': 2 / 1.1,
  },
};

const PLAIN = { model: 'response', tiers: {}, audioPricedApart: false, searchesPriced: false } as const;
const OPENAI = {
  ...PLAIN,
  audioPricedApart: true,
  searchesPriced: true,
  // Half price: https://platform.openai.com/docs/guides/batch; flex has batch's rates: …/guides/flex-processing
  tiers: { batch: 0.5, flex: 0.5, priority: OPENAI_PRIORITY },
} as const;
// Half price: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch. Searches go through Bing at a price of its own.
const AZURE = { ...PLAIN, id: 'azure', audioPricedApart: true, tiers: { batch: 0.5 } } as const;
// https://ai.google.dev/gemini-api/docs/optimization; "75 % to 100 % more" for priority is no price.
const GEMINI = { ...PLAIN, id: 'google', tiers: { batch: 0.5, flex: 0.5 } } as const;

/** `gen_ai.provider.name` (OpenTelemetry's, else the upstream's name) → the catalogue's provider. */
export const CATALOGUE_PROVIDERS: Readonly<Record<string, ProviderRules>> = {
  openai: { ...OPENAI, id: 'openai' },
  'azure.ai.openai': AZURE,
  'azure.ai.inference': AZURE,
  // Half price on all tokens: https://platform.claude.com/docs/en/build-with-claude/batch-processing. `priority` is paid by commitment.
  anthropic: { ...PLAIN, id: 'anthropic', tiers: { batch: 0.5 }, searchesPriced: true },
  // Bedrock's price follows the id that was asked for (global, regional, plain); the answer names only the bare model.
  // Batch is half price (https://aws.amazon.com/bedrock/pricing/), which gives no figure for flex and priority.
  'aws.bedrock': { ...PLAIN, id: 'aws', model: 'request', tiers: { batch: 0.5 } },
  'gcp.gemini': GEMINI,
  'gcp.gen_ai': GEMINI,
  // Vertex says in `trafficType` what a call was served from; flex is half price: https://cloud.google.com/vertex-ai/generative-ai/docs/flex-paygo
  'gcp.vertex_ai': { ...GEMINI, tiers: { batch: 0.5, on_demand_flex: 0.5 } },
  mistral_ai: { ...PLAIN, id: 'mistral' },
  x_ai: { ...PLAIN, id: 'x-ai' },
  moonshot_ai: { ...PLAIN, id: 'moonshotai' },
  moonshot: { ...PLAIN, id: 'moonshotai' },
  cohere: { ...PLAIN, id: 'cohere' },
  // "Pricing matches the on-demand tier": https://console.groq.com/docs/flex-processing
  // "Minimum Billed Length: 10 seconds": https://console.groq.com/docs/speech-to-text
  groq: { ...PLAIN, id: 'groq', tiers: { flex: 1 }, audioSecondsMin: 10 },
  deepseek: { ...PLAIN, id: 'deepseek' },
  perplexity: { ...PLAIN, id: 'perplexity' },
  openrouter: { ...PLAIN, id: 'openrouter' },
  together: { ...PLAIN, id: 'together' },
  fireworks: { ...PLAIN, id: 'fireworks' },
  cerebras: { ...PLAIN, id: 'cerebras' },
  zai: { ...PLAIN, id: 'zai' },
  voyage: { ...PLAIN, id: 'voyageai' },
};

/** A provider that is not in the table but goes by the catalogue's own name (an upstream of the user's, a price file of theirs). */
export function rulesOf(provider: string, isCatalogued: (id: string) => boolean): ProviderRules | undefined {
  if (Object.hasOwn(CATALOGUE_PROVIDERS, provider)) return CATALOGUE_PROVIDERS[provider];
  return isCatalogued(provider) ? { ...PLAIN, id: provider } : undefined;
}

/** Anthropic's `usage.speed`: https://platform.claude.com/docs/en/build-with-claude/fast-mode, by the catalogue's model. */
export const FAST_MODE_FACTORS: Readonly<Record<string, number>> = { 'claude-opus-4-6': 6 };

/** Anthropic's `usage.inference_geo`: https://platform.claude.com/docs/en/build-with-claude/data-residency */
export const INFERENCE_GEO_FACTORS: Readonly<Record<string, number>> = { global: 1, not_available: 1, us: 1.1 };

/**
 * Claude on Vertex: from Claude 4.5 on, every location but `global` costs a tenth more, which the list leaves out.
 * https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
 */
const VERTEX_REGIONAL_FACTOR = 1.1;
const VERTEX_LOCATION = /\/locations\/([^/]+)\//;
/** The generations before, which cost the same everywhere. */
const CLAUDE_BEFORE_4_5 = /^claude-(?:instant|2|3|(?:opus|sonnet)-4(?:-[01])?$|4-(?:opus|sonnet)$)/;

/** What the place that a call ran at makes of the list price. Null: not known. */
export function placeFactor(provider: string, catalogueModel: string, path: string): number | null {
  if (provider !== 'gcp.vertex_ai' || !catalogueModel.startsWith('claude-') || CLAUDE_BEFORE_4_5.test(catalogueModel)) return 1;
  const location = VERTEX_LOCATION.exec(path)?.[1];
  if (location === undefined) return null;
  return location === 'global' ? 1 : VERTEX_REGIONAL_FACTOR;
}

/**
 * An hour's cache write costs twice the input, wherever Claude is sold; the lists of the clouds leave it out.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing, https://cloud.google.com/vertex-ai/generative-ai/pricing
 */
const CACHE_WRITE_1H_FACTOR = 2;

export function withHourWrites(catalogueModel: string, prices: ModelPrice): ModelPrice {
  const input = prices['input_mtok'];
  if (!catalogueModel.includes('claude') || prices['cache_write_mtok'] === undefined || prices['cache_write_1h_mtok'] !== undefined)
    return prices;
  if (input === undefined) return prices;
  const twice = (usd: number) => usd * CACHE_WRITE_1H_FACTOR;
  const price =
    typeof input === 'number'
      ? twice(input)
      : { base: twice(input.base), tiers: input.tiers.map(({ start, price }) => ({ start, price: twice(price) })) };
  return { ...prices, cache_write_1h_mtok: price };
}

/**
 * Perplexity's fee per 1,000 requests goes by how much was searched: https://docs.perplexity.ai/getting-started/pricing.
 * The catalogue has the highest only.
 */
export const REQUEST_FEES_PER_1000: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  sonar: { low: 5, medium: 8, high: 12 },
  'sonar-pro': { low: 6, medium: 10, high: 14 },
  'sonar-reasoning': { low: 5, medium: 8, high: 12 },
  'sonar-reasoning-pro': { low: 6, medium: 10, high: 14 },
};

/**
 * Bedrock's second endpoint leaves the version out of a model's id:
 * https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
 */
const BEDROCK_MANTLE_IDS: Readonly<Record<string, string>> = {
  'openai.gpt-oss-120b': 'openai.gpt-oss-120b-1:0',
  'openai.gpt-oss-20b': 'openai.gpt-oss-20b-1:0',
};
const BEDROCK_ARN = /^arn:[^:]*:bedrock:[^:]*:[^:]*:([a-z-]+)\/(.+)$/;
const BEDROCK_ARNS_WITH_MODEL: ReadonlySet<string> = new Set(['inference-profile', 'foundation-model']);

/**
 * The name by which Bedrock's price list knows what was asked for. Null: an ARN that does not say which model or which
 * price it stands for (an application's own profile; provisioned throughput and imported models, which are paid by time).
 */
export function bedrockModel(asked: string): string | null {
  const arn = BEDROCK_ARN.exec(asked);
  if (arn !== null) return BEDROCK_ARNS_WITH_MODEL.has(arn[1] ?? '') ? (arn[2] ?? null) : null;
  if (asked.startsWith('arn:')) return null;
  return Object.hasOwn(BEDROCK_MANTLE_IDS, asked) ? (BEDROCK_MANTLE_IDS[asked] ?? asked) : asked;
}

/** Known free, though without a figure in the catalogue: https://openrouter.ai/docs/guides/routing/model-variants/free */
export function isFree(providerId: string, catalogueModel: string): boolean {
  return providerId === 'openrouter' && catalogueModel.endsWith(':free');
}
