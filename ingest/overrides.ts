/**
 * The user's own prices (`prices:` in the settings). Takes the list as configured; says which entry is a call's, and what
 * an entry that names prices makes of the call's tokens. The first entry that fits wins, so that the order in the file is
 * the order of importance. What an entry does not price apart costs what the tokens around it cost.
 */
import { createHash } from 'node:crypto';
import type { ModelPrice } from '@pydantic/genai-prices';
import type { PriceOverride } from '../contract/price-settings.ts';
import type { PricedColumns } from './billed.ts';
import { type Note, tokenCostUsd } from './cost.ts';

export interface Override {
  readonly entry: PriceOverride;
  /** Its place in the settings: `prices.3`. */
  readonly at: string;
  readonly fits: (row: PricedColumns) => boolean;
}

export interface Overrides {
  readonly list: readonly Override[];
  /** Made of the settings' content: the same prices have the same version on every ingest. */
  readonly version: string;
}

const HASH_CHARS = 12;

export function compileOverrides(entries: readonly PriceOverride[]): Overrides {
  const hash = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, HASH_CHARS);
  return { list: entries.map((entry, index) => ({ entry, at: `prices.${index}`, fits: matcher(entry) })), version: `config@${hash}` };
}

/** The call's cost at the entry's own prices; null where its tokens are not known. */
export function overrideCostUsd(entry: PriceOverride, row: PricedColumns, note?: Note): number | null {
  const perRequest = entry.perRequest ?? 0;
  if (perRequest > 0 && (entry.perMillion !== undefined || row.outcome === 'ok'))
    note?.({ what: 'request', count: 1, price_usd: perRequest, per: 1, usd: perRequest });
  if (entry.perMillion === undefined) return row.outcome === 'ok' ? perRequest : null;
  const tokens = tokenCostUsd(row, modelPrice(entry.perMillion), { audioPricedApart: false }, note);
  return tokens === null ? null : tokens + perRequest;
}

function modelPrice(prices: NonNullable<PriceOverride['perMillion']>): ModelPrice {
  const { input, output, cache_read, cache_write, cache_write_1h, input_audio, output_audio, input_image, reasoning } = prices;
  return {
    input_mtok: input,
    output_mtok: output,
    cache_read_mtok: cache_read,
    cache_write_mtok: cache_write ?? input,
    cache_write_1h_mtok: cache_write_1h ?? cache_write ?? input,
    input_audio_mtok: input_audio,
    output_audio_mtok: output_audio,
    input_image_mtok: input_image,
    output_reasoning_mtok: reasoning,
    // Only asked for where reads and audio or images have prices of their own.
    cache_audio_read_mtok: cache_read,
    cache_image_read_mtok: cache_read,
  };
}

function matcher(entry: PriceOverride): Override['fits'] {
  const project = glob(entry.project);
  const upstream = glob(entry.upstream);
  const provider = glob(entry.provider);
  const model = glob(entry.model);
  const tier = glob(entry.serviceTier);
  // Both are UTC and begin alike, so that text compares as time.
  const from = entry.from ?? '';
  const until = entry.until ?? '9999';
  return (row) =>
    row.started_at >= from &&
    row.started_at < until &&
    project(row.project) &&
    upstream(row.upstream) &&
    provider(row.provider) &&
    (model(row.response_model) || model(row.request_model)) &&
    tier(row.service_tier);
}

/** Whether an entry is about this model at this provider, for some project, tier or time. */
export function concerns(entry: PriceOverride, model: string, provider: string): boolean {
  return glob(entry.model)(model) && glob(entry.provider)(provider);
}

/** `*` is any text, `?` one character; upper and lower case are the same. No pattern fits everything. */
function glob(pattern: string | undefined): (text: string) => boolean {
  if (pattern === undefined) return () => true;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, 'is');
  return (text) => expression.test(text);
}
