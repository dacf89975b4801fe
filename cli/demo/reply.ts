/**
 * What the mock provider will say to a call, before any wire format: texts, a tool call, token counts, pace.
 * Decided wholly by the request, the scenario and the call's random numbers; bounded whatever the request asks.
 */
import type { MockModel } from './models.ts';
import { CHARACTERS_PER_TOKEN, cutIntoTokens, proseTokens, valueOfSchema } from './prose.ts';
import type { Random } from './random.ts';

/** In the normal form of table `calls`: totals, and subsets of them. */
export interface MockUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_tokens: number;
  readonly cache_write_tokens: number;
  readonly cache_write_1h_tokens: number;
  readonly reasoning_tokens: number;
}

export interface Tool {
  readonly name: string;
  readonly schema: unknown;
}

/** What a request asks for, its wire format taken off. */
export interface Ask {
  readonly model: string;
  readonly stream: boolean;
  readonly input_tokens: number;
  readonly outputTokensMax: number | undefined;
  readonly tools: readonly Tool[];
  readonly toolChoice: 'none' | 'auto' | 'required';
  /** The last message is a tool's result: the model now answers in words. */
  readonly afterToolResult: boolean;
  /** The answer must be JSON of this schema (`{}`: any object). */
  readonly schema: unknown;
  readonly thinking: 'off' | 'model' | 'on';
  /** `automatic`: the provider caches long prompts by itself; else the request marks what to cache. */
  readonly caching: 'automatic' | 'none' | '5m' | '1h';
  readonly choices: number;
}

export interface Reply {
  readonly id: string;
  readonly model: string;
  readonly created_s: number;
  readonly thinking: readonly string[];
  readonly answer: readonly string[];
  readonly tool: { readonly id: string; readonly name: string; readonly args: unknown } | undefined;
  readonly finish: 'stop' | 'length' | 'tool';
  readonly usage: MockUsage;
  /** False: the provider keeps the usage to itself. */
  readonly saysUsage: boolean;
  readonly ttft_ms: number;
  readonly token_ms: number;
  readonly random: Random;
}

const OUTPUT_TOKENS_MAX = 4_096;
const REASONING_TOKENS_MAX = 2_048;
const REASONING_TOKENS_MEDIAN = 180;
const LENGTH_SCENARIO_TOKENS = 12;
/** OpenAI caches prompts from 1,024 tokens on, in steps of 128 (https://platform.openai.com/docs/guides/prompt-caching). */
const CACHE_TOKENS_MIN = 1_024;
const CACHE_TOKENS_STEP = 128;
const SLOW_FACTOR = 10;

export type Variation = 'none' | 'tool_call' | 'length' | 'no_usage' | 'slow';

export function planReply(ask: Ask, model: MockModel, variation: Variation, random: Random): Reply {
  const slow = variation === 'slow' ? SLOW_FACTOR : 1;
  const shared = {
    id: random.text(24),
    model: model.answersAs,
    created_s: Math.floor(Date.now() / 1000),
    saysUsage: variation !== 'no_usage',
    ttft_ms: Math.min(model.ttft_ms * random.logNormal(1, 0.35), 5 * model.ttft_ms) * slow,
    token_ms: (1000 / model.tokens_per_second) * Math.min(random.logNormal(1, 0.2), 3) * slow,
    random,
  };
  const cache = planCache(ask, random);
  if (model.outputTokensMedian === 0) {
    const usage = { ...cache, input_tokens: ask.input_tokens, output_tokens: 0, reasoning_tokens: 0 };
    return { ...shared, thinking: [], answer: [], tool: undefined, finish: 'stop', usage };
  }
  const limit = Math.min(variation === 'length' ? LENGTH_SCENARIO_TOKENS : OUTPUT_TOKENS_MAX, ask.outputTokensMax ?? OUTPUT_TOKENS_MAX);
  const wantsThinking = ask.thinking === 'on' || (ask.thinking === 'model' && model.reasons);
  const thinkingWanted = wantsThinking ? bounded(random.logNormal(REASONING_TOKENS_MEDIAN, 0.8), REASONING_TOKENS_MAX) : 0;
  const thinking = proseTokens(random, Math.min(thinkingWanted, Math.floor(limit / 2)));
  const tool = planTool(ask, variation, random);
  const wanted = tool === undefined ? planAnswer(ask, model, variation, random) : [];
  const answer = wanted.slice(0, Math.max(1, limit - thinking.length));
  const toolTokens = tool === undefined ? 0 : Math.ceil((tool.name.length + JSON.stringify(tool.args).length) / CHARACTERS_PER_TOKEN) + 8;
  const cut = answer.length < wanted.length;
  const finish = tool === undefined ? (cut ? 'length' : 'stop') : 'tool';
  const usage = {
    ...cache,
    input_tokens: ask.input_tokens,
    output_tokens: thinking.length + (answer.length + toolTokens) * ask.choices,
    reasoning_tokens: thinking.length,
  };
  return { ...shared, thinking, answer, tool, finish, usage };
}

/** Runs of a few tokens, as models stream them. */
export function* chunksOf(tokens: readonly string[], random: Random): Generator<{ readonly text: string; readonly tokens: number }> {
  for (let start = 0; start < tokens.length; ) {
    const count = Math.min(random.int(2, 6), tokens.length - start);
    yield { text: tokens.slice(start, start + count).join(''), tokens: count };
    start += count;
  }
}

function planAnswer(ask: Ask, model: MockModel, variation: Variation, random: Random): string[] {
  if (ask.schema !== undefined) return cutIntoTokens(JSON.stringify(valueOfSchema(ask.schema, random)));
  const count = bounded(random.logNormal(model.outputTokensMedian, 0.7), OUTPUT_TOKENS_MAX);
  return proseTokens(random, variation === 'length' ? Math.max(count, LENGTH_SCENARIO_TOKENS * 2) : count);
}

function planTool(ask: Ask, variation: Variation, random: Random): Reply['tool'] {
  if (ask.tools.length === 0 || ask.toolChoice === 'none') return undefined;
  const called = ask.toolChoice === 'required' || variation === 'tool_call' || (!ask.afterToolResult && random.chance(0.6));
  if (!called) return undefined;
  const tool = random.pick(ask.tools);
  const args = valueOfSchema(tool.schema, random);
  return { id: random.text(24), name: tool.name, args: typeof args === 'object' && args !== null ? args : {} };
}

function planCache(ask: Ask, random: Random): Pick<MockUsage, 'cache_read_tokens' | 'cache_write_tokens' | 'cache_write_1h_tokens'> {
  const none = { cache_read_tokens: 0, cache_write_tokens: 0, cache_write_1h_tokens: 0 };
  const hit = random.chance(0.5);
  const part = Math.floor((ask.input_tokens * (0.4 + random.next() * 0.5)) / CACHE_TOKENS_STEP) * CACHE_TOKENS_STEP;
  if (ask.caching === 'none' || ask.input_tokens < CACHE_TOKENS_MIN) return none;
  if (hit) return { ...none, cache_read_tokens: part };
  if (ask.caching === 'automatic') return none;
  return { ...none, cache_write_tokens: part, cache_write_1h_tokens: ask.caching === '1h' ? part : 0 };
}

function bounded(value: number, max: number): number {
  return Math.min(Math.max(1, Math.round(value)), max);
}
