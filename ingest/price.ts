/**
 * Says what a call cost and where that figure comes from. Takes a row's own columns; gives its three cost columns.
 * In this order: the provider's own figure, the user's prices, the catalogue at the call's own time, else NULL.
 * Never throws, never uses the network, never calls an unknown price 0.
 */
import type { ModelPrice } from '@pydantic/genai-prices';
import type { CostSource } from '../contract/columns.ts';
import type { PriceOverride } from '../contract/price-settings.ts';
import type { CallRecord, IngestColumns } from '../contract/record.ts';
import { type Billed, type BilledPart, billedOf, type PricedColumns } from './billed.ts';
import { Catalogue, type CatalogueEntry, pricesAt } from './catalogue.ts';
import { tokenCostUsd } from './cost.ts';
import type { Charge, CostPart } from './cost-types.ts';
import { compileOverrides, type Overrides, overrideCostUsd } from './overrides.ts';
import {
  bedrockModel,
  FAST_MODE_FACTORS,
  type Factor,
  INFERENCE_GEO_FACTORS,
  isFree,
  type ProviderRules,
  placeFactor,
  REQUEST_FEES_PER_1000,
  rulesOf,
  STANDARD_TIERS,
  withHourWrites,
} from './price-rules.ts';

export type Cost = Pick<IngestColumns, 'cost_usd' | 'price_version'> & { cost_source: CostSource };
export type Priced = PricedColumns & Pick<CallRecord, 'provider_cost_usd'>;

export interface Pricer {
  /** The cost columns of a call. Whoever wants to know how they come about hands in a notebook. */
  readonly price: (row: Priced, notes?: CostNotes) => Cost;
  readonly overrides: Overrides;
  /** The list prices in use now. */
  readonly catalogue: () => Catalogue;
}

/** What pricing a call went through, in order. Filled only for the one call that somebody looks at. */
export interface CostNotes {
  /** The user's entry that fits, `prices.3`. */
  override?: string;
  multiplier?: number;
  readonly parts: CostPart[];
}

export interface PricerOptions {
  readonly overrides?: readonly PriceOverride[];
  /** Asked anew for each call, so that a newer catalogue counts at once. */
  readonly catalogue?: () => Catalogue;
}

/** Decimal(18, 9) ends here; a call that costs more is a fault in its counts. */
export const COST_USD_MAX = 999_999_999;
const COST_DECIMALS = 9;
const NO_COST: Cost = { cost_usd: null, cost_source: 'none', price_version: '' };
const SEARCHES_PER_PRICE = 1_000;
const SECONDS_PER_HOUR = 3_600;

/** A figure of the catalogue's, and which list it is from. */
interface Listed {
  readonly usd: number;
  readonly version: string;
}

export function createPricer(options: PricerOptions = {}): Pricer {
  const bundled = new Catalogue();
  const catalogue = options.catalogue ?? (() => bundled);
  const overrides = compileOverrides(options.overrides ?? []);
  return { price: (row, notes) => price(row, overrides, catalogue(), notes), overrides, catalogue };
}

/** Whether anything is known that could be priced. */
export function hasUsage(row: Pick<PricedColumns, 'usage_source' | 'input_tokens'>): boolean {
  return row.usage_source !== 'none' && row.input_tokens !== null;
}

function price(row: Priced, overrides: Overrides, catalogue: Catalogue, notes?: CostNotes): Cost {
  if (row.provider_cost_usd !== undefined) return cost(row.provider_cost_usd, 'provider', '');
  const own = overrides.list.find(({ fits }) => fits(row));
  const override = own?.entry;
  if (notes !== undefined && own !== undefined) notes.override = own.at;
  if (override !== undefined && override.multiplier === undefined) {
    const part = notes && addPart(notes, own?.at ?? '', overrides.version);
    const usd = hasUsage(row) || override.perMillion === undefined ? overrideCostUsd(override, row, noteIn(part)) : null;
    return cost(usd, 'override', overrides.version);
  }
  const listed = hasUsage(row) ? listCost(row, catalogue, notes) : lengthCost(row, catalogue, notes);
  if (listed === null) return NO_COST;
  if (notes !== undefined && override?.multiplier !== undefined) notes.multiplier = override.multiplier;
  if (override?.multiplier === undefined) return cost(listed.usd, 'catalogue', listed.version);
  return cost(listed.usd * override.multiplier, 'override', `${overrides.version}+${listed.version}`);
}

function cost(usd: number | null, source: CostSource, version: string): Cost {
  if (usd === null || !(usd >= 0 && usd <= COST_USD_MAX)) return NO_COST;
  return { cost_usd: usd.toFixed(COST_DECIMALS), cost_source: source, price_version: version };
}

function addPart(notes: CostNotes, entry: string, version: string): CostPart {
  const part: CostPart = { entry, version, charges: [], factor: 1 };
  notes.parts.push(part);
  return part;
}

function noteIn(part: CostPart | undefined): ((charge: Charge) => void) | undefined {
  return part && ((charge) => part.charges.push(charge));
}

function entryName({ providerId, model }: CatalogueEntry): string {
  return `${providerId}: ${model.id}`;
}

/** What the catalogue makes of a call: the sum over its parts, and what is charged besides tokens. */
function listCost(row: PricedColumns, catalogue: Catalogue, notes?: CostNotes): Listed | null {
  const rules = rulesOf(row.provider, (id) => catalogue.has(id));
  if (rules === undefined) return null;
  const billed = billedOf(row);
  if (billed.undetermined || (billed.webSearches > 0 && !rules.searchesPriced)) return null;
  let usd = 0;
  let first: CatalogueEntry | undefined;
  for (const part of billed.parts) {
    const entry = findEntry(catalogue, rules, row, part);
    if (entry === null) return null;
    const partUsd = partCost(row, billed, part, entry, rules, notes && addPart(notes, entryName(entry), entry.version));
    if (partUsd === null) return null;
    usd += partUsd;
    first ??= entry;
  }
  if (first === undefined) return null;
  const searchesUsd = searchCost(
    billed.webSearches,
    pricesAt(first, row.started_at),
    notes && addPart(notes, entryName(first), first.version),
  );
  return searchesUsd === null ? null : { usd: usd + searchesUsd, version: first.version };
}

/** What is charged by the length of its audio: transcriptions, whose usage object has seconds and no tokens. */
function lengthCost(row: PricedColumns, catalogue: Catalogue, notes?: CostNotes): Listed | null {
  if (row.usage_raw === '') return null;
  const { audioSeconds } = billedOf(row);
  const rules = rulesOf(row.provider, (id) => catalogue.has(id));
  if (audioSeconds === null || rules === undefined || tierFactor(rules, row.service_tier.toLowerCase()) !== 1) return null;
  const entry = findEntry(catalogue, rules, row);
  const perHour = entry === null ? undefined : pricesAt(entry, row.started_at)?.['input_audio_hours'];
  if (entry === null || typeof perHour !== 'number') return null;
  const seconds = audioSeconds > 0 ? Math.max(audioSeconds, rules.audioSecondsMin ?? 0) : 0;
  const usd = (seconds * perHour) / SECONDS_PER_HOUR;
  const part = notes && addPart(notes, entryName(entry), entry.version);
  part?.charges.push({ what: 'input_audio_hours', count: seconds, price_usd: perHour, per: SECONDS_PER_HOUR, usd });
  return { usd, version: entry.version };
}

/** The list's entry for what a call, or a part of it, ran on. */
export function findEntry(
  catalogue: Catalogue,
  rules: ProviderRules,
  row: Pick<PricedColumns, 'request_model' | 'response_model'>,
  part?: Pick<BilledPart, 'model'>,
): CatalogueEntry | null {
  const answered = row.response_model || row.request_model;
  if (part?.model !== undefined) return catalogue.find(rules.id, part.model);
  if (rules.model === 'response') return catalogue.find(rules.id, answered);
  const asked = bedrockModel(row.request_model);
  return asked === null ? null : (catalogue.find(rules.id, asked) ?? catalogue.find(rules.id, answered));
}

function partCost(
  row: PricedColumns,
  billed: Billed,
  part: BilledPart,
  entry: CatalogueEntry,
  rules: ProviderRules,
  note: CostPart | undefined,
): number | null {
  if (isFree(entry.providerId, entry.model.id)) return 0;
  const prices = withRequestFee(pricesAt(entry, row.started_at), entry, billed);
  const factor = factorOf(row, billed, part, entry, rules);
  if (prices === null || factor === null) return null;
  const usd = tokenCostUsd(part.tokens, withHourWrites(entry.model.id, prices), rules, noteIn(note));
  if (note !== undefined) note.factor = factor;
  return usd === null ? null : usd * factor;
}

/** What tier, speed and place make of the list price. Null: not known. */
function factorOf(row: PricedColumns, billed: Billed, part: BilledPart, entry: CatalogueEntry, rules: ProviderRules): number | null {
  const tier = tierFactor(rules, row.service_tier.toLowerCase());
  const tierValue = typeof tier === 'object' && tier !== null ? byModel(tier, entry, part) : tier;
  const speed =
    billed.speed === '' || billed.speed === 'standard' ? 1 : known(FAST_MODE_FACTORS, billed.speed === 'fast' ? entry.model.id : '');
  const geo = billed.inferenceGeo === '' ? 1 : known(INFERENCE_GEO_FACTORS, billed.inferenceGeo);
  const place = placeFactor(row.provider, entry.model.id, row.path);
  return tierValue === null || speed === null || geo === null || place === null ? null : tierValue * speed * geo * place;
}

export function tierFactor(rules: ProviderRules, tier: string): Factor | null {
  if (STANDARD_TIERS.has(tier)) return 1;
  return Object.hasOwn(rules.tiers, tier) ? (rules.tiers[tier] ?? null) : null;
}

function byModel(factor: Exclude<Factor, number>, entry: CatalogueEntry, part: BilledPart): number | null {
  return (part.tokens.input_tokens ?? 0) > factor.inputTokensMax ? null : known(factor.byModel, entry.model.id);
}

function withRequestFee(prices: ModelPrice | null, entry: CatalogueEntry, billed: Billed): ModelPrice | null {
  if (prices === null || prices['requests_kcount'] === undefined) return prices;
  const fees = Object.hasOwn(REQUEST_FEES_PER_1000, entry.model.id) ? REQUEST_FEES_PER_1000[entry.model.id] : undefined;
  if (fees === undefined) return prices;
  const fee = known(fees, billed.searchContextSize);
  return fee === null ? null : { ...prices, requests_kcount: fee };
}

function searchCost(searches: number, prices: ModelPrice | null, note: CostPart | undefined): number | null {
  if (searches === 0) return 0;
  const perThousand = prices?.['web_searches_kcount'];
  if (typeof perThousand !== 'number') return null;
  const usd = (searches * perThousand) / SEARCHES_PER_PRICE;
  note?.charges.push({ what: 'web_searches_kcount', count: searches, price_usd: perThousand, per: SEARCHES_PER_PRICE, usd });
  return usd;
}

function known(table: Readonly<Record<string, number>>, key: string): number | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}
