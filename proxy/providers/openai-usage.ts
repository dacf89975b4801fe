/**
 * The usage object of OpenAI's formats and of all vendors that speak them, in its two wordings
 * (prompt/completion of chat completions, input/output of responses, images and audio). Gives the normal
 * form: prompt tokens include cached ones, completion tokens include reasoning.
 * https://platform.openai.com/docs/api-reference/chat/object
 */
import type { Reading, Usage } from './provider.ts';
import { amount, count, fields, firstCount, isFields, setText, setUsage, sum, usageOf } from './values.ts';

/** xAI counts money in ticks: https://docs.x.ai/developers/cost-tracking */
const TICKS_PER_USD = 1e10;

/** Reads a usage object into the reading; anything else (absent, null) leaves it alone. */
export function readOpenaiUsage(reading: Reading, raw: unknown): void {
  if (!isFields(raw)) return;
  setUsage(reading, openaiUsage(raw), raw);
  // Mistral says the tier here: https://docs.mistral.ai/api/endpoint/chat
  setText(reading, 'service_tier', raw['service_tier']);
  // Transcriptions are charged by length, without any tokens: https://platform.openai.com/docs/api-reference/audio/json-object
  if (raw['type'] === 'duration') reading.usage_raw ??= raw;
  const cost = reportedCost(raw);
  if (cost !== null) reading.cost_usd = cost;
}

/** For what has no output: all tokens are input. */
export function readInputOnlyUsage(reading: Reading, raw: unknown): void {
  if (!isFields(raw)) return;
  const usage = openaiUsage(raw);
  const input = usage.input_tokens ?? count(raw['total_tokens']);
  if (input !== null) setUsage(reading, { ...usage, input_tokens: input, output_tokens: usage.output_tokens ?? 0 }, raw);
  const cost = reportedCost(raw);
  if (cost !== null) reading.cost_usd = cost;
}

function openaiUsage(raw: Readonly<Record<string, unknown>>): Usage {
  const inputDetails = fields(raw['prompt_tokens_details'] ?? raw['input_tokens_details'] ?? raw['input_token_details']);
  const outputDetails = fields(raw['completion_tokens_details'] ?? raw['output_tokens_details'] ?? raw['output_token_details']);
  const connectors = connectorTokens(raw);
  const prompt = firstCount(raw['prompt_tokens'], raw['input_tokens']);
  const input = prompt === null ? null : sum(prompt, connectors);
  const reasoning = firstCount(outputDetails['reasoning_tokens'], raw['reasoning_tokens']);
  return usageOf({
    input_tokens: input,
    output_tokens: outputTokens(raw, input, reasoning),
    cache_read_tokens: firstCount(
      inputDetails['cached_tokens'],
      raw['prompt_cache_hit_tokens'], // DeepSeek: https://api-docs.deepseek.com/guides/kv_cache
      raw['cached_tokens'], // Moonshot, Together
      inputDetails['cache_read_input_tokens'], // Perplexity: https://docs.perplexity.ai/api-reference/agent-post
    ),
    cache_write_tokens: firstCount(
      inputDetails['cache_write_tokens'],
      inputDetails['cache_creation_input_tokens'], // Perplexity, Alibaba: https://www.alibabacloud.com/help/model-studio/context-cache
      raw['cache_creation_input_tokens'], // LiteLLM: https://docs.litellm.ai/docs/completion/prompt_caching
    ),
    reasoning_tokens: reasoning,
    input_audio_tokens: count(inputDetails['audio_tokens']),
    output_audio_tokens: count(outputDetails['audio_tokens']),
    input_image_tokens: count(inputDetails['image_tokens']),
    tool_use_tokens: connectors,
  });
}

/**
 * What Mistral's connectors read is input beside `prompt_tokens`; the total, where there is one, has to have room for it.
 * https://docs.mistral.ai/agents/connectors/websearch
 */
function connectorTokens(raw: Readonly<Record<string, unknown>>): number | null {
  const connectors = count(raw['connector_tokens']);
  const total = count(raw['total_tokens']);
  const others = sum(count(raw['prompt_tokens']), count(raw['completion_tokens'])) ?? 0;
  return connectors !== null && (total === null || total >= others + connectors) ? connectors : null;
}

/**
 * xAI's chat completions leave reasoning out of `completion_tokens` and count it in `total_tokens` only:
 * where the total is short by just the reasoning, it is added.
 * Where a vendor leaves out `completion_tokens` (embeddings), the total tells.
 */
function outputTokens(raw: Readonly<Record<string, unknown>>, input: number | null, reasoning: number | null): number | null {
  const output = firstCount(raw['completion_tokens'], raw['output_tokens']);
  const total = count(raw['total_tokens']);
  if (output === null) return total !== null && input !== null && total >= input ? total - input : null;
  const short = total !== null && input !== null && reasoning !== null && reasoning > 0 && total === input + output + reasoning;
  return short ? output + reasoning : output;
}

/** What the vendor itself says the call cost, in US dollars. */
function reportedCost(raw: Readonly<Record<string, unknown>>): number | null {
  const ticks = amount(raw['cost_in_usd_ticks']);
  if (ticks !== null) return ticks / TICKS_PER_USD;
  // Perplexity gives an object: https://docs.perplexity.ai/api-reference/chat-completions-post
  if (isFields(raw['cost'])) return amount(raw['cost']['total_cost']);
  const cost = amount(raw['cost']);
  // OpenRouter: with the caller's own provider key, `cost` is only its fee, and the provider's bill comes on top.
  // https://openrouter.ai/docs/use-cases/usage-accounting
  if (cost === null || raw['is_byok'] !== true) return cost;
  return sum(cost, amount(fields(raw['cost_details'])['upstream_inference_cost']));
}
