/**
 * Text to fill synthetic prompts and answers: words that cost about one token each, and values that fit a
 * JSON schema. Gives what a seed decides; means nothing; any schema is accepted, bounded in depth and size.
 */
import { field, isObject, list } from './json.ts';
import type { Random } from './random.ts';

/** Providers' rule of thumb for English text (https://platform.openai.com/tokenizer). */
export const CHARACTERS_PER_TOKEN = 4;

const WORDS =
  'the of and to in is for that with order item price team page data code test plan user call result model value check first last open close small large fast slow clear new old next step note list table query index cache retry error limit field name time date week cost total share build ship review draft brief reply answer question summary details reason change update version release issue ticket refund cart payment address delivery return search ranking filter term score match token prompt context window stream chunk batch queue worker thread'.split(
    ' ',
  );
const SENTENCE_WORDS = 14;
const SCHEMA_DEPTH_MAX = 5;
const SCHEMA_PROPERTIES_MAX = 32;

/** About one token each; joined, they read as sentences. */
export function proseTokens(random: Random, count: number): string[] {
  const tokens: string[] = [];
  for (let index = 0; index < count; index++) {
    const word = random.pick(WORDS);
    const place = index % SENTENCE_WORDS;
    const opened = place === 0 ? `${index === 0 ? '' : ' '}${word.charAt(0).toUpperCase()}${word.slice(1)}` : ` ${word}`;
    tokens.push(place === SENTENCE_WORDS - 1 || index === count - 1 ? `${opened}.` : opened);
  }
  return tokens;
}

/** Cuts `text` into pieces of one token each, without cutting a surrogate pair. */
export function cutIntoTokens(text: string): string[] {
  const characters = Array.from(text);
  const tokens: string[] = [];
  for (let start = 0; start < characters.length; start += CHARACTERS_PER_TOKEN) {
    tokens.push(characters.slice(start, start + CHARACTERS_PER_TOKEN).join(''));
  }
  return tokens;
}

/** A value that a JSON schema (or Gemini's upper-case flavour of it) describes, as far as its types go. */
export function valueOfSchema(schema: unknown, random: Random, depth = 0): unknown {
  const choices = list(field(schema, 'enum'));
  if (choices.length > 0) return random.pick(choices);
  const named = field(schema, 'type');
  const type = String(Array.isArray(named) ? named[0] : (named ?? '')).toLowerCase();
  const properties = field(schema, 'properties');
  if (type === 'object' || isObject(properties)) return objectOfSchema(properties, random, depth);
  if (type === 'array') return depth >= SCHEMA_DEPTH_MAX ? [] : [valueOfSchema(field(schema, 'items'), random, depth + 1)];
  if (type === 'integer') return random.int(1, 100);
  if (type === 'number') return random.int(1, 1000) / 10;
  if (type === 'boolean') return random.chance(0.5);
  if (type === 'null') return null;
  return proseTokens(random, 2).join('').replace('.', '');
}

function objectOfSchema(properties: unknown, random: Random, depth: number): Record<string, unknown> {
  if (!isObject(properties) || depth >= SCHEMA_DEPTH_MAX) return {};
  const entries = Object.entries(properties).slice(0, SCHEMA_PROPERTIES_MAX);
  return Object.fromEntries(entries.map(([name, inner]) => [name, valueOfSchema(inner, random, depth + 1)]));
}
