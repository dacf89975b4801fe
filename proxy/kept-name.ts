/**
 * What is kept of values that should be names (of models, tiers, reasons, ids) and of paths: such values come from the
 * caller's body and the provider's answer, and nothing but their place says that they are names and no text. Names come
 * again and again, so that each is looked at once. Pure but for that memory, which is bounded.
 */
import { hasKeyShape, holdsSecret } from './clean-message.ts';
import { remembering } from './remember.ts';

export const NOT_A_NAME = '[not a name]';
const REMEMBERED_MAX = 2_000;
const NAME_CHARS_MAX = 512;
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.,:/@+~=()[\]-]*(?: [\p{L}\p{N}\p{M}_.,:/@+~=()[\]-]+){0,3}$/u;
const ID = /^[\w.:+/=~-]{0,256}$/;
/** Vertex puts a version after an at sign; a domain has a dot and letters. */
const ADDRESS = /@[^/\s]*\.[a-z]{2,}/i;
const SEGMENT_CHARS_MAX = 128;
/** What clients encode in a name or an id: `/`, `:`, `@`, `+`, `=`, `,`. */
const ENCODED_IN_NAMES = /%(?:2f|3a|40|2b|3d|2c)/gi;
const USAGE_CHARS_MAX = 16 * 1024;
/** Deeper than any usage object is. */
const USAGE_DEPTH_MAX = 16;
const USAGE_WORD = /^[\w.:/+-]{0,64}$/;

const nameOf = remembering(
  (text) => (text.length <= NAME_CHARS_MAX && NAME.test(text) && isClean(text) ? text : NOT_A_NAME),
  REMEMBERED_MAX,
);

export function keptName(value: string): string {
  return value === '' ? '' : nameOf(value);
}

/** An id is another each time. */
export function keptId(value: string): string {
  return ID.test(value) && !hasKeyShape(value) ? value : NOT_A_NAME;
}

/** Segments that are text, addresses or keys are left out: some services take the prompt in the path. */
export const keptPath = remembering((path) => path.split('/').map(keptSegment).join('/'), REMEMBERED_MAX);

function keptSegment(segment: string): string {
  const plain = segment.replace(ENCODED_IN_NAMES, (code) => decodeURIComponent(code));
  const kept =
    segment.length <= SEGMENT_CHARS_MAX && !plain.includes('%') && !plain.includes('+') && !ADDRESS.test(plain) && isClean(plain);
  return kept ? segment : '…';
}

/**
 * The provider's usage object as JSON: its numbers, and its words that are names of something; of one that is larger than any
 * seen, `counts` as they were read from it.
 */
export function keptUsage(raw: unknown, counts: unknown): string {
  if (raw === null || raw === undefined) return '';
  const whole = JSON.stringify(raw) ?? '';
  const usage = whole.length > USAGE_CHARS_MAX ? counts : raw;
  if (isAllWords(usage, 0)) return usage === raw ? whole : JSON.stringify(usage);
  return JSON.stringify(usage, (key, value: unknown) => {
    if (!isUsageWord(key)) return undefined;
    return typeof value === 'string' && !isUsageWord(value) ? NOT_A_NAME : value;
  });
}

/** The same few words in each usage object: that is faster seen word by word than in its JSON. */
function isAllWords(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isUsageWord(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth > USAGE_DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((each) => isAllWords(each, depth + 1));
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key in fields) {
    const each = fields[key];
    if (!isUsageWord(key) || (typeof each !== 'number' && !isAllWords(each, depth + 1))) return false;
  }
  return true;
}

const isUsageWord = remembering((word) => USAGE_WORD.test(word) && !hasKeyShape(word), REMEMBERED_MAX);

/** Enumerations that a request sets; most set none. */
export function keptWords(words: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(words);
  return entries.length === 0 ? words : Object.fromEntries(entries.map(([name, value]) => [name, keptName(value)]));
}

function isClean(text: string): boolean {
  return !ADDRESS.test(text) && !holdsSecret(text);
}
