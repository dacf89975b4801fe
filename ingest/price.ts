/**
 * Says what a call cost and where that figure comes from. Takes a record; gives the three cost columns.
 * The provider's own figure wins, then the bundled catalogue of @pydantic/genai-prices at the call's own
 * time, else NULL. Never throws, never uses the network (the catalogue is updated by its package alone),
 * never calls an unknown price 0.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { calcPrice, findProvider, type ModelPrice, type Provider } from '@pydantic/genai-prices';
import type { CostSource } from '../contract/columns.ts';
import type { CallRecord, IngestColumns } from '../contract/record.ts';
import { type CostRules, tokenCostUsd } from './cost.ts';

export type Cost = Pick<IngestColumns, 'cost_usd' | 'price_version'> & { cost_source: CostSource };

interface CatalogueEntry extends CostRules {
  /** The catalogue's own provider id; only whole ids are used, since its fuzzy match takes `my-openai-proxy` for OpenAI. */
  readonly id: string;
  /** Which model name sets the price where both are known. */
  readonly model: 'response' | 'request';
  /** Service tiers that are not sold at the catalogue's (standard) price. */
  readonly otherTiers: readonly string[];
}

const PLAIN = { model: 'response', otherTiers: [], audioPricedApart: false } as const;
/** https://platform.openai.com/docs/pricing lists batch, flex and priority apart; https://platform.claude.com/docs/en/api/service-tiers */
const OPENAI = { ...PLAIN, otherTiers: ['batch', 'flex', 'priority', 'scale'], audioPricedApart: true } as const;
const GOOGLE = { ...PLAIN, otherTiers: ['batch', 'flex', 'priority', 'provisioned_throughput'] } as const;

/** `gen_ai.provider.name` (OpenTelemetry's, else the upstream's name) → the catalogue's provider. */
export const CATALOGUE_PROVIDERS: Readonly<Record<string, CatalogueEntry>> = {
  openai: { ...OPENAI, id: 'openai' },
  'azure.ai.openai': { ...OPENAI, id: 'azure' },
  'azure.ai.inference': { ...OPENAI, id: 'azure' },
  anthropic: { ...PLAIN, id: 'anthropic', otherTiers: ['batch', 'priority'] },
  // Bedrock's price follows the id that was asked for (global, regional, plain); the answer names only the bare model.
  'aws.bedrock': { ...PLAIN, id: 'aws', model: 'request', otherTiers: ['batch', 'flex', 'priority', 'reserved'] },
  'gcp.gemini': { ...GOOGLE, id: 'google' },
  'gcp.vertex_ai': { ...GOOGLE, id: 'google' },
  'gcp.gen_ai': { ...GOOGLE, id: 'google' },
  mistral_ai: { ...PLAIN, id: 'mistral' },
  x_ai: { ...PLAIN, id: 'x-ai' },
  moonshot_ai: { ...PLAIN, id: 'moonshotai' },
  moonshot: { ...PLAIN, id: 'moonshotai' },
  cohere: { ...PLAIN, id: 'cohere' },
  groq: { ...PLAIN, id: 'groq' },
  deepseek: { ...PLAIN, id: 'deepseek' },
  perplexity: { ...PLAIN, id: 'perplexity' },
  openrouter: { ...PLAIN, id: 'openrouter' },
  together: { ...PLAIN, id: 'together' },
  fireworks: { ...PLAIN, id: 'fireworks' },
  cerebras: { ...PLAIN, id: 'cerebras' },
  zai: { ...PLAIN, id: 'zai' },
  voyage: { ...PLAIN, id: 'voyageai' },
};

/** Decimal(18, 9) ends here; a call that costs more is a fault in its counts. */
export const COST_USD_MAX = 999_999_999;
const COST_DECIMALS = 9;
const NO_COST: Cost = { cost_usd: null, cost_source: 'none', price_version: '' };
/** The catalogue's patterns run over the model's name, which comes from outside: long ones name no model. */
const MODEL_CHARS_MAX = 256;
const LOOKUPS_MAX = 10_000;

const PRICE_VERSION = `genai-prices@${installedVersion('@pydantic/genai-prices')}`;

/** A model's price: the same at all times, or to be asked for with the call's time. */
type Lookup = { readonly price: ModelPrice } | { readonly model: string; readonly provider: Provider } | null;

/** Lookups so far, oldest first. The catalogue searches its list with regular expressions, which takes longer than all else here. */
const lookups = new Map<string, Lookup>();

/** The cost columns of a call. */
export function price(record: CallRecord): Cost {
  if (record.provider_cost_usd !== undefined)
    return { cost_usd: record.provider_cost_usd.toFixed(COST_DECIMALS), cost_source: 'provider', price_version: '' };
  if (!hasUsage(record)) return NO_COST;
  const entry = Object.hasOwn(CATALOGUE_PROVIDERS, record.provider) ? CATALOGUE_PROVIDERS[record.provider] : undefined;
  if (entry === undefined || entry.otherTiers.includes(record.service_tier.toLowerCase())) return NO_COST;
  const prices = modelPrice(entry, record);
  const usd = prices === null ? null : tokenCostUsd(record, prices, entry);
  if (usd === null || !(usd >= 0 && usd <= COST_USD_MAX)) return NO_COST;
  return { cost_usd: usd.toFixed(COST_DECIMALS), cost_source: 'catalogue', price_version: PRICE_VERSION };
}

/** Whether anything is known that could be priced. */
export function hasUsage(record: CallRecord): boolean {
  return record.usage_source !== 'none' && record.input_tokens !== null;
}

function modelPrice(entry: CatalogueEntry, record: CallRecord): ModelPrice | null {
  if (entry.model === 'request') {
    const asked = priceAt(lookUp(entry.id, record.request_model), record.started_at);
    if (asked !== null) return asked;
  }
  return priceAt(lookUp(entry.id, record.response_model || record.request_model), record.started_at);
}

function lookUp(providerId: string, model: string): Lookup {
  if (model === '' || model.length > MODEL_CHARS_MAX) return null;
  const key = `${providerId}\n${model}`;
  const known = lookups.get(key);
  if (known !== undefined) return known;
  const found = search(providerId, model);
  if (lookups.size >= LOOKUPS_MAX) lookups.delete(lookups.keys().next().value ?? '');
  lookups.set(key, found);
  return found;
}

function search(providerId: string, model: string): Lookup {
  if (findProvider({ providerId })?.id !== providerId) return null;
  const found = calculate(model, { providerId });
  if (found === null) return null;
  if (!Array.isArray(found.model.prices)) return { price: found.model.prices };
  // Prices that change with date or time of day: the catalogue picks, from a list of this one model.
  const { fallback_model_providers: _elsewhere, ...provider } = found.provider;
  return { model, provider: { ...provider, models: [found.model] } };
}

function priceAt(lookup: Lookup, startedAt: string): ModelPrice | null {
  if (lookup === null) return null;
  if ('price' in lookup) return lookup.price;
  const timestamp = new Date(`${startedAt.slice(0, 10)}T${startedAt.slice(11, 23)}Z`);
  return calculate(lookup.model, { provider: lookup.provider, timestamp })?.model_price ?? null;
}

/** The catalogue's own function throws on entries that it finds inconsistent; here those are unknown prices. */
function calculate(model: string, options: Parameters<typeof calcPrice>[2]): ReturnType<typeof calcPrice> {
  try {
    return calcPrice({}, model, options);
  } catch {
    return null;
  }
}

/** The package's manifest is not among its exports, so it is read from beside its entry point. */
function installedVersion(name: string): string {
  const entryPoint = createRequire(import.meta.url).resolve(name);
  const manifest: unknown = JSON.parse(readFileSync(join(dirname(entryPoint), '..', 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
