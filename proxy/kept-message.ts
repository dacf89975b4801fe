/**
 * What is kept of an error message in `metadata`: the provider's own words. Providers quote what they were sent,
 * in quotes or without, and no shape tells the quotation from the message; so that every word stays that providers are
 * known to use, the model's name and counts beside a word that counts, and everything else becomes `…`. Pure, and linear.
 */
import { cleanMessage } from './clean-message.ts';
import { COUNTING_WORDS, MESSAGE_WORDS } from './message-words.ts';

/** A word with what holds names together inside it, a sign alone, or a space. */
const TOKEN = /[\p{L}\p{N}_][\p{L}\p{N}\p{M}_./\\@:#&=?%+~*$[\]-]*[\p{L}\p{N}_\])*]|[\p{L}\p{N}_]|\s+|[^\s]/gu;
const WORD = /^[\p{L}\p{N}_]/u;
const COUNT = /^(?:\d{1,3}(?:,?\d{3}){0,2}(?:\.\d{1,3})?|\d{1,9})(?:s|ms|m|h|k|kb|mb)?$/i;
const ELLIPSIS = '…';
/** Several words in quotes were said by somebody; one may be the name of a parameter. */
const QUOTED_TEXT = /(?<![\p{L}\p{N}])(['"`“‘«])([^'"`”’»\s]{0,256}\s[^'"`”’»]{0,4096})(['"`”’»]|$)/gu;
/** Signs that hold nothing by themselves. */
const SIGNS = /^[\s.,;:!?()[\]{}<>=≤≥'"`“”‘’«»/#&+-]$/u;
const SENTENCE = /(?<=[.!?])\s+/;
/** A sentence of which less was the provider's own says nothing, and may be somebody's. */
const OWN_SHARE_MIN = 0.5;

/** `names`: the models asked for and answered with. */
export function keptMessage(message: string, names: readonly string[] = []): string {
  // What comes on a second line is what was sent, or where it is wrong.
  const first = (cleanMessage(message).split('\n', 1)[0] ?? '').replace(QUOTED_TEXT, '$1…$3');
  const known = new Set(names.filter((name) => name !== ''));
  return first
    .split(SENTENCE)
    .map((sentence) => keptSentence(sentence, known))
    .join(' ')
    .replace(/(?:…[\s.,;:!?'"`()[\]{}-]*){2,}/gu, `${ELLIPSIS} `)
    .trim()
    .replace(/^…[\s.]*$/u, '');
}

function keptSentence(sentence: string, names: ReadonlySet<string>): string {
  const tokens = sentence.match(TOKEN) ?? [];
  const words = tokens.filter((token) => WORD.test(token));
  const kept = tokens.map((token, i) => keptToken(token, i, tokens, names));
  const own = kept.filter((token) => token !== ELLIPSIS && WORD.test(token)).length;
  return words.length === 0 || own >= words.length * OWN_SHARE_MIN ? kept.join('') : ELLIPSIS;
}

function keptToken(token: string, at: number, tokens: readonly string[], names: ReadonlySet<string>): string {
  if (!WORD.test(token)) return /^\s+$/.test(token) ? ' ' : SIGNS.test(token) ? token : ELLIPSIS;
  if (names.has(token)) return token;
  if (COUNT.test(token)) return counts(at, tokens) ? token : ELLIPSIS;
  return isOwn(token) ? token : ELLIPSIS;
}

/** Every piece of it is a known word, or a place in a list: `messages[0].content`, `maxOutputTokens`, `#/tools/2`. */
function isOwn(token: string): boolean {
  const pieces = token
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  return (
    pieces.some((piece) => /\p{L}/u.test(piece)) &&
    pieces.every((piece, i) => MESSAGE_WORDS.has(piece.toLowerCase()) || (i > 0 && /^\d{1,3}$/.test(piece)))
  );
}

/** A number beside a word that counts, and not beside another number, is a count. */
function counts(at: number, tokens: readonly string[]): boolean {
  const before = neighbours(tokens.slice(Math.max(0, at - 4), at).reverse());
  const after = neighbours(tokens.slice(at + 1, at + 5));
  if (/^\d/.test(before[0] ?? '') || /^\d/.test(after[0] ?? '')) return false;
  return [...before, ...after].some((token) => COUNTING_WORDS.has(token.toLowerCase()));
}

function neighbours(tokens: readonly string[]): string[] {
  return tokens.filter((token) => !/^[\s:,()'"`[\]-]+$/.test(token)).slice(0, 1);
}
