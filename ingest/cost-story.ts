/**
 * How a call's cost comes about, for people: which prices were used, and each line of the sum. Takes a stored row and the
 * prices in use now; gives the story that they make, and whether it ends in the cost that the row has. Changes nothing.
 */
import type { CallRow } from '../contract/record.ts';
import type { CostStory } from './cost-types.ts';
import { type CostNotes, hasUsage, type Pricer } from './price.ts';
import { UNITS } from './price-units.ts';

export function tellCost(pricer: Pricer, row: CallRow): CostStory {
  const notes: CostNotes = { parts: [] };
  const named = row.cost_source === 'provider' ? Number(row.cost_usd) : undefined;
  const cost = pricer.price(named === undefined ? row : { ...row, provider_cost_usd: named }, notes);
  const parts = cost.cost_source === 'none' ? [] : notes.parts.filter(({ charges }) => charges.length > 0);
  return {
    source: cost.cost_source,
    cost_usd: cost.cost_usd,
    version: cost.price_version,
    parts: parts.map((part) => ({
      ...part,
      charges: part.charges.map((charge) => ({ ...charge, label: UNITS[charge.what] ?? charge.what })),
    })),
    override: notes.override ?? null,
    multiplier: notes.multiplier ?? null,
    conditions: parts.some(({ factor }) => factor !== 1) ? conditionsOf(row) : '',
    agrees: cost.cost_source === row.cost_source && sameUsd(cost.cost_usd, row.cost_usd),
    reason: cost.cost_source === 'none' ? whyNone(row) : '',
  };
}

/** Decimals may come with and without their last zeros. */
function sameUsd(a: string | null, b: string | null): boolean {
  return a === b || (a !== null && b !== null && Number(a) === Number(b));
}

function conditionsOf(row: CallRow): string {
  return row.service_tier === '' ? 'speed or place of the call' : `service tier ${row.service_tier}`;
}

function whyNone(row: CallRow): string {
  if (!hasUsage(row)) return 'Nothing to price: what the call used is not known.';
  const model = row.response_model || row.request_model;
  const tier = row.service_tier === '' ? '' : `, service tier ${row.service_tier}`;
  return `No price is known for ${model || 'a call without a model'} at ${row.provider}${tier}. Give it one under prices: in glassway.yaml.`;
}
