/**
 * `glassway prices <model>`: what a model costs and why. Takes the prices in use and a model's name as calls carry it;
 * gives the text: each provider's entry with its prices, tiers and version, and the user's own prices that concern it;
 * for a name that nobody has, the nearest ones.
 */
import type { ModelPrice } from '@pydantic/genai-prices';
import { type CatalogueEntry, pricesAt } from '../ingest/catalogue.ts';
import { concerns } from '../ingest/overrides.ts';
import { findEntry, type Pricer } from '../ingest/price.ts';
import { CATALOGUE_PROVIDERS, type Factor, isFree, type ProviderRules, rulesOf, withHourWrites } from '../ingest/price-rules.ts';
import { UNITS } from '../ingest/price-units.ts';
import { textTable } from './text-table.ts';

export interface PricesQuestion {
  readonly model: string;
  /** `gen_ai.provider.name`, as in column `provider`; missing: all. */
  readonly provider: string | undefined;
  readonly at: Date;
}

export interface PricesAnswer {
  readonly known: boolean;
  readonly text: string;
}

const NEAR_MAX = 5;
const NEAR_SCORE_MIN = 0.4;

export function explainPrices(pricer: Pricer, question: PricesQuestion): PricesAnswer {
  const catalogue = pricer.catalogue();
  const asked = question.provider === undefined ? Object.keys(CATALOGUE_PROVIDERS) : [question.provider];
  const blocks: string[] = [];
  const seen = new Set<ProviderRules['id']>();
  for (const provider of asked) {
    const rules = rulesOf(provider, (id) => catalogue.has(id));
    if (rules === undefined || seen.has(`${rules.id} ${Object.keys(rules.tiers).join()}`)) continue;
    seen.add(`${rules.id} ${Object.keys(rules.tiers).join()}`);
    const entry = findEntry(catalogue, rules, { request_model: question.model, response_model: question.model });
    if (entry !== null) blocks.push(describeEntry(provider, rules, entry, question.at));
  }
  const own = pricer.overrides.list.filter(({ entry }) =>
    question.provider === undefined
      ? asked.concat('').some((provider) => concerns(entry, question.model, provider))
      : concerns(entry, question.model, question.provider),
  );
  const version = pricer.overrides.version;
  const ownText =
    own.length === 0
      ? []
      : [
          `Your own prices (${version}); the first that fits a call wins over the list:\n${own.map(({ at, entry }) => `  ${at}: ${JSON.stringify(entry)}`).join('\n')}`,
        ];
  if (blocks.length + own.length > 0) return { known: true, text: [...ownText, ...blocks].join('\n\n') };
  return { known: false, text: unknownModel(pricer, question) };
}

function describeEntry(provider: string, rules: ProviderRules, entry: CatalogueEntry, at: Date): string {
  const shared = entry.providerId === rules.id ? '' : `, from the list of ${entry.providerId}`;
  const head = `${provider}: ${entry.model.id}${shared} (${entry.version})`;
  if (isFree(entry.providerId, entry.model.id)) return `${head}\n  free`;
  const prices = pricesAt(entry, at.toISOString().replace('T', ' ').replace('Z', '000'));
  if (prices === null) return `${head}\n  no price for this time`;
  const note = entry.model.price_comments === undefined ? [] : [`  ${entry.model.price_comments}`];
  return [head, priceTable(withHourWrites(entry.model.id, prices)), `  tiers: ${tiersText(rules, entry)}`, ...note].join('\n');
}

/** One column for each length of context that has a price of its own. */
function priceTable(prices: ModelPrice): string {
  const entries = Object.entries(prices).filter((pair): pair is [string, NonNullable<(typeof pair)[1]>] => pair[1] !== undefined);
  const starts = [
    ...new Set(entries.flatMap(([, price]) => (typeof price === 'number' ? [] : price.tiers.map(({ start }) => start)))),
  ].sort((a, b) => a - b);
  const columns = [
    { title: 'US$ per million tokens', align: 'left' as const },
    ...[starts.length === 0 ? '' : 'list', ...starts.map((start) => `above ${start.toLocaleString('en-US')} in`)].map((title) => ({
      title,
      align: 'right' as const,
    })),
  ];
  const rows = entries.map(([key, price]) => {
    const list = typeof price === 'number' ? price : price.base;
    const at = (start: number) =>
      typeof price === 'number'
        ? price
        : (price.tiers.filter((tier) => tier.start <= start).sort((a, b) => b.start - a.start)[0]?.price ?? price.base);
    return [UNITS[key] ?? key, String(list), ...starts.map((start) => String(at(start)))];
  });
  return textTable(columns, rows);
}

function tiersText(rules: ProviderRules, entry: CatalogueEntry): string {
  const known = Object.entries(rules.tiers).flatMap(([tier, factor]) => {
    const text = factorText(factor, entry);
    return text === undefined ? [] : [`${tier} ${text}`];
  });
  return ['standard × 1', ...known, 'any other: not known, NULL'].join('; ');
}

function factorText(factor: Factor, entry: CatalogueEntry): string | undefined {
  if (typeof factor === 'number') return `× ${factor}`;
  const value = Object.hasOwn(factor.byModel, entry.model.id) ? factor.byModel[entry.model.id] : undefined;
  return value === undefined ? undefined : `× ${Number(value.toFixed(4))} up to ${factor.inputTokensMax.toLocaleString('en-US')} in`;
}

function unknownModel(pricer: Pricer, { model, provider }: PricesQuestion): string {
  const near = nearNames(pricer, model);
  const suggestion = near.length === 0 ? '' : `\nNear names:\n${near.map((name) => `  ${name}`).join('\n')}`;
  return (
    `No price is known for ${JSON.stringify(model)}${provider === undefined ? '' : ` at ${provider}`}: its calls cost NULL, and count as not priced.\n` +
    `Give it one under prices: in glassway.yaml, for example\n  - { model: ${JSON.stringify(model)}, perMillion: { input: 0.5, output: 1.5 } }${suggestion}`
  );
}

function nearNames(pricer: Pricer, model: string): string[] {
  const wanted = pairs(model);
  return pricer
    .catalogue()
    .models()
    .map(({ providerId, model: { id } }) => ({ name: `${id} (${providerId})`, score: likeness(wanted, pairs(id)) }))
    .filter(({ score }) => score >= NEAR_SCORE_MIN)
    .sort((a, b) => b.score - a.score)
    .slice(0, NEAR_MAX)
    .map(({ name }) => name);
}

/** Pairs of neighbouring letters. */
function pairs(name: string): Set<string> {
  const text = name.toLowerCase().replace(/[^a-z0-9.]/g, '');
  return new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, index) => text.slice(index, index + 2)));
}

/** Sørensen and Dice: twice what both have, of what they have together. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  return a.size + b.size === 0 ? 0 : (2 * [...a].filter((pair) => b.has(pair)).length) / (a.size + b.size);
}
