/**
 * Which tokenizer counts for which model. OpenAI's are its own; other vendors' are not public or not the
 * same, so the nearest stands in: a count for them is off by some percent (Claude's tokenizer makes about a
 * fifth more tokens of the same text), which is what `estimated` says.
 */

export type Encoding = 'o200k_base' | 'cl100k_base';

/** In order; a model that none fits is counted with o200k_base, the larger and newer vocabulary. */
const ENCODINGS: readonly (readonly [model: RegExp, encoding: Encoding])[] = [
  // https://github.com/openai/tiktoken/blob/main/tiktoken/model.py; Azure writes gpt-35.
  [/^gpt-4o|^gpt-4\.|^chatgpt-4o/, 'o200k_base'],
  [/^gpt-4|^gpt-3|^text-embedding-|^davinci-002|^babbage-002/, 'cl100k_base'],
  // Llama 3 and Qwen built theirs on cl100k_base: arxiv.org/abs/2407.21783 §3.2, arxiv.org/abs/2309.16609 §2.2.
  [/llama-?3|qwen/, 'cl100k_base'],
];

export function encodingOf(model: string): Encoding {
  // `openai/gpt-4`, `ft:gpt-4:…`: the vendor's prefix is not the model's name.
  const name = model.toLowerCase().replace(/^(?:[^/]{0,64}\/){0,4}(?:ft:)?/, '');
  return ENCODINGS.find(([pattern]) => pattern.test(name))?.[1] ?? 'o200k_base';
}
