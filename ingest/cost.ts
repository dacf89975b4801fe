/**
 * What a call's tokens cost at given prices: pure arithmetic, no lookup.
 * Takes token totals with their subsets and a catalogue's price entry; gives US dollars, or null
 * where the counts and the prices do not determine one number. Never guesses, never counts a token twice.
 */
import type { ModelPrice } from '@pydantic/genai-prices';
import type { ProxyColumns } from '../contract/record.ts';
import type { Charge } from './cost-types.ts';
import type { ProviderRules } from './price-rules.ts';

export type TokenCounts = Pick<
  ProxyColumns,
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_read_tokens'
  | 'cache_write_tokens'
  | 'cache_write_1h_tokens'
  | 'reasoning_tokens'
  | 'input_audio_tokens'
  | 'output_audio_tokens'
  | 'input_image_tokens'
> & {
  /** Counts that no column holds; absent or null: not known. */
  readonly output_image_tokens?: number | null;
  readonly input_video_tokens?: number | null;
  readonly cached_audio_tokens?: number | null;
  readonly cached_image_tokens?: number | null;
};

const TOKENS_PER_PRICE = 1_000_000;
const REQUESTS_PER_PRICE = 1_000;

/**
 * Kinds of token that a model may charge apart and that nobody counts for us. A model that prices one of them apart has
 * no determined cost as long as it has tokens on that side. The same goes for images coming out and videos going in where
 * the provider did not count them: an image token of gemini-2.5-flash-image costs twelve times a text token.
 */
const UNCOUNTED_OUTPUT = ['output_video_mtok', 'output_citation_mtok'] as const;
const UNCOUNTED_INPUT = ['input_tool_mtok'] as const;

export type CostRules = Pick<ProviderRules, 'audioPricedApart'>;

/** Is told each line of a sum, for people who ask how it comes about. */
export type Note = (charge: Charge) => void;

/** Sum of tokens × price. Null: not determined. */
export function tokenCostUsd(tokens: TokenCounts, price: ModelPrice, rules: CostRules, note?: Note): number | null {
  if (tokens.input_tokens === null) return null;
  // Embeddings have no output, and their prices none either; elsewhere an unknown output is an unknown cost.
  if (tokens.output_tokens === null && price['output_mtok'] !== undefined) return null;
  const charge: ChargeTokens = (key, count) => {
    const perMillion = ratePerMillion(price, key, tokens.input_tokens ?? 0);
    const usd = count * (perMillion / TOKENS_PER_PRICE);
    if (count > 0) note?.({ what: key, count, price_usd: perMillion, per: TOKENS_PER_PRICE, usd });
    return usd;
  };
  const input = inputCostUsd(tokens, tokens.input_tokens, price, charge, rules);
  const output = outputCostUsd(tokens, tokens.output_tokens ?? 0, price, charge, rules);
  if (input === null || output === null) return null;
  return input + output + requestCostUsd(price, note);
}

/** What so many tokens of a kind cost. */
type ChargeTokens = (key: string, count: number) => number;

function inputCostUsd(tokens: TokenCounts, total: number, price: ModelPrice, charge: ChargeTokens, rules: CostRules): number | null {
  if (total > 0 && price['input_mtok'] === undefined) return null;
  if (total > 0 && UNCOUNTED_INPUT.some((key) => price[key] !== undefined)) return null;
  const read = apart(price, 'cache_read_mtok', tokens.cache_read_tokens);
  const write = apart(price, 'cache_write_mtok', tokens.cache_write_tokens);
  const audio = apart(price, 'input_audio_mtok', tokens.input_audio_tokens);
  const image = apart(price, 'input_image_mtok', tokens.input_image_tokens);
  const writeHour = tokens.cache_write_1h_tokens ?? 0;
  // An hour's write costs 2 times the input, five minutes' 1.25 times (platform.claude.com, prompt caching): not the same price.
  if (writeHour > 0 && (price['cache_write_1h_mtok'] === undefined || writeHour > write)) return null;
  if (rules.audioPricedApart && (tokens.input_audio_tokens ?? 0) > 0 && price['input_audio_mtok'] === undefined) return null;
  // Nobody prices cache writes by modality; where both occur the overlap is anyone's guess.
  if (write > 0 && audio + image > 0) return null;
  const video = apart(price, 'input_video_mtok', tokens.input_video_tokens);
  if (total > 0 && isUncounted(price, 'input_video_mtok', tokens.input_video_tokens)) return null;
  const readAudio = read === 0 || audio === 0 ? 0 : (tokens.cached_audio_tokens ?? overlap(read, audio, total));
  const readImage = read === 0 || image === 0 ? 0 : (tokens.cached_image_tokens ?? overlap(read, image, total));
  if (readAudio === null || readImage === null) return null;
  if (readAudio > 0 && price['cache_audio_read_mtok'] === undefined) return null;
  if (readImage > 0 && price['cache_image_read_mtok'] === undefined) return null;
  const plain = total - read - write - audio - image - video + readAudio + readImage;
  if (plain < 0 || readAudio + readImage > read || readAudio > audio || readImage > image) return null;
  return (
    charge('input_mtok', plain) +
    charge('cache_read_mtok', read - readAudio - readImage) +
    charge('cache_write_mtok', write - writeHour) +
    charge('cache_write_1h_mtok', writeHour) +
    charge('input_audio_mtok', audio - readAudio) +
    charge('input_image_mtok', image - readImage) +
    charge('input_video_mtok', video) +
    charge('cache_audio_read_mtok', readAudio) +
    charge('cache_image_read_mtok', readImage)
  );
}

function outputCostUsd(tokens: TokenCounts, total: number, price: ModelPrice, charge: ChargeTokens, rules: CostRules): number | null {
  if (total === 0) return 0;
  if (price['output_mtok'] === undefined) return null;
  if (UNCOUNTED_OUTPUT.some((key) => price[key] !== undefined)) return null;
  const audio = apart(price, 'output_audio_mtok', tokens.output_audio_tokens);
  const reasoning = apart(price, 'output_reasoning_mtok', tokens.reasoning_tokens);
  if (rules.audioPricedApart && (tokens.output_audio_tokens ?? 0) > 0 && price['output_audio_mtok'] === undefined) return null;
  if (isUncounted(price, 'output_image_mtok', tokens.output_image_tokens)) return null;
  const image = apart(price, 'output_image_mtok', tokens.output_image_tokens);
  const plain = total - audio - reasoning - image;
  if (plain < 0) return null;
  return (
    charge('output_mtok', plain) +
    charge('output_image_mtok', image) +
    charge('output_audio_mtok', audio) +
    charge('output_reasoning_mtok', reasoning)
  );
}

function requestCostUsd(price: ModelPrice, note?: Note): number {
  const perThousand = price['requests_kcount'];
  if (typeof perThousand !== 'number') return 0;
  const usd = perThousand / REQUESTS_PER_PRICE;
  note?.({ what: 'requests_kcount', count: 1, price_usd: perThousand, per: REQUESTS_PER_PRICE, usd });
  return usd;
}

/** How many tokens of a subset are charged at a price of their own; without one they are charged as the rest is. */
function apart(price: ModelPrice, key: string, count: number | null | undefined): number {
  return price[key] === undefined ? 0 : (count ?? 0);
}

function isUncounted(price: ModelPrice, key: string, count: number | null | undefined): boolean {
  return price[key] !== undefined && (count ?? null) === null;
}

/** How many tokens are in both of two subsets, where the sizes alone say it; else null. */
function overlap(a: number, b: number, total: number): number | null {
  const least = Math.max(0, a + b - total);
  const most = Math.min(a, b);
  return least === most ? least : null;
}

/** A tier's price holds for the whole call once its input is longer than the tier's start. */
function ratePerMillion(price: ModelPrice, key: string, inputTokens: number): number {
  const entry = price[key];
  if (entry === undefined) return 0;
  if (typeof entry === 'number') return entry;
  let perMillion = entry.base;
  let reached = -1;
  for (const tier of entry.tiers) {
    if (inputTokens > tier.start && tier.start > reached) {
      perMillion = tier.price;
      reached = tier.start;
    }
  }
  return perMillion;
}
