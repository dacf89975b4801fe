/**
 * API keys, tokens and private keys: by the shapes in which their issuers make them (key-shapes.ts), and what has no shape of
 * its own after a name that announces it. Every pattern is bounded, so that looking is linear.
 */
import { KEY_HINT, KEY_SHAPES } from '../key-shapes.ts';
import type { Span } from './spans.ts';

/** HTTP's schemes (RFC 9110 §11, RFC 6750), wherever they are quoted. */
const AUTHORIZATION = /\b(?:bearer|basic|token|apikey)\s{1,4}([\w+/=.~-]{12,})/gi;
/** `https://user:password@host`. */
const USER_INFO = /:\/\/[^\s/:@"'<>]{0,128}:([^\s/@"'<>]{1,256})@/g;
/** A name that announces a secret, and its value: `password = "…"`, `"api_key": "…"`, `SECRET=…`. */
const NAMED =
  /(?:passw(?:or)?d|passphrase|pwd|passwort|secret|token|credentials?|(?:api|access|account|private|auth|signing|subscription)[-_ ]?key)(?:[-_]?id)?["'`]?\s{0,3}(?:[:=]|=>|\bis\b|\bist\b)\s{0,3}["'`]?([^\s"'`,;<>{}()[\]]{6,512})/gi;
/** Names of counts and limits, which end in the same word. */
const NAMED_OTHERWISE = /(?:max|min|num|total|count|input|output|prompt|completion|cached?|reasoning|eos|bos|pad|stop|next|page)[-_ ]?$/i;
const NAME_CHARS_MAX = 16;
const KEY_NAME =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|x-goog-api-key|(?:.{0,24}[-_ ])?(?:passw(?:or)?d|passphrase|pwd|secret|api[-_ ]?key|access[-_ ]?token|refresh[-_ ]?token|id[-_ ]?token|auth[-_ ]?token|private[-_ ]?key|secret[-_ ]?key|access[-_ ]?key|client[-_ ]?secret)|.{0,24}(?:Password|Secret|ApiKey|AccessToken|RefreshToken|PrivateKey|SecretKey|AccessKey))$/i;
const VALUE_CHARS_MIN = 4;

/** Whether the value under this key is a secret whatever its shape. */
export function isSecretName(key: string, value: string): boolean {
  return value.length >= VALUE_CHARS_MIN && key.length <= 64 && KEY_NAME.test(key);
}

export function findSecrets(text: string): Span[] {
  const spans: Span[] = [];
  const shapes = KEY_HINT.test(text) ? KEY_SHAPES : [];
  for (const { hints, pattern } of shapes) {
    if (!hints.some((hint) => text.includes(hint))) continue;
    for (const match of text.matchAll(pattern)) spans.push({ start: match.index, end: match.index + match[0].length, label: 'secret' });
  }
  for (const pattern of [AUTHORIZATION, USER_INFO])
    for (const match of text.matchAll(pattern)) {
      const value = match[1] as string;
      const start = match.index + match[0].indexOf(value, match[0].length - value.length - 1);
      if (pattern === USER_INFO || looksRandom(value)) spans.push({ start, end: start + value.length, label: 'secret' });
    }
  for (const match of text.matchAll(NAMED)) {
    const value = match[1] as string;
    const end = match.index + match[0].length;
    if (looksRandom(value) && !NAMED_OTHERWISE.test(text.slice(Math.max(0, match.index - NAME_CHARS_MAX), match.index)))
      spans.push({ start: end - value.length, end, label: 'secret' });
  }
  return spans;
}

/** Words are no secrets; what has digits or signs among its letters may be. */
function looksRandom(value: string): boolean {
  return (/\d/.test(value) && /\D/.test(value)) || /[a-z][A-Z].*[a-z][A-Z]/.test(value) || /[!@#$%^&*~+=]/.test(value);
}
