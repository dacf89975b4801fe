/**
 * Makes an error message fit to be stored: secrets out, length bounded. Providers echo credentials,
 * whole or masked; nothing that looks like one stays. Every pattern is linear in the text's length.
 */
import { KEY_HINT, KEY_SHAPES } from './key-shapes.ts';

export const ERROR_MESSAGE_BYTES_MAX = 1024;
/** Longer texts are cut before the patterns run over them. */
const READ_CHARS_MAX = 8 * 1024;
const REDACTED = '[redacted]';

/** Beside the issuers' own shapes: anything masked, letters around a run of asterisks; long hexadecimal text. */
const MASKED_OR_HEX = /[\w-]*\*{3,}[\w*-]*|\b[0-9a-f]{32,}\b/gi;
const AUTHORIZATION = /\b(bearer|basic)\s{1,4}[\w+/=.~*-]{4,}/gi;
const NAMED =
  /\b((?:api|access|secret|subscription|auth)?[-_ ]?(?:key|token|secret|password|signature|credential)s?)((?: provided)?["']?\s{0,3}[:=]\s{0,3}["']?)([\w+/=.*~-]{8,})/gi;
const OPAQUE = /[A-Za-z0-9+/_-]{40,}/g;
const UNBROKEN = /[A-Za-z0-9]{20}/;

export function cleanMessage(text: string): string {
  const clean = withoutKeys(text).replace(OPAQUE, (all) => (isMixed(all) ? REDACTED : all));
  return cutUtf8(clean.trim(), ERROR_MESSAGE_BYTES_MAX);
}

/**
 * Whether what should be a name holds a secret. Names of models may be as long as keys (`org/Model-4-Large-17B-Instruct`), but
 * are made of words: only what has a long run without a sign is opaque.
 */
export function holdsSecret(name: string): boolean {
  return withoutKeys(name) !== name || (name.match(OPAQUE) ?? []).some((all) => isMixed(all) && UNBROKEN.test(all));
}

/** Whether an issuer's key stands in it: for ids, which are as opaque as keys of no known shape. */
export function hasKeyShape(text: string): boolean {
  return (
    KEY_HINT.test(text) && KEY_SHAPES.some(({ hints, pattern }) => hints.some((hint) => text.includes(hint)) && text.search(pattern) !== -1)
  );
}

function isMixed(text: string): boolean {
  return /\d/.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text);
}

/** Without what announces itself as a secret, and without control characters. */
function withoutKeys(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  let clean = text.slice(0, READ_CHARS_MAX).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ');
  clean = clean.replace(AUTHORIZATION, (_all, scheme: string) => `${scheme} ${REDACTED}`);
  for (const { hints, pattern, echo } of KEY_SHAPES) {
    if (echo) clean = clean.replace(echo, redactKey);
    if (hints.some((hint) => clean.includes(hint))) clean = clean.replace(pattern, redactKey);
  }
  clean = clean.replace(MASKED_OR_HEX, redactKey);
  return clean.replace(NAMED, (all, name: string, between: string, value: string) =>
    /[\d*]/.test(value) && value.length >= 12 ? `${name}${between}${REDACTED}` : all,
  );
}

/** Short words with a dash (`sk-learn`) are no keys; those with a digit or a mask are. */
function redactKey(all: string): string {
  return all.length >= 20 || /[\d*•…]|\.\./.test(all) ? REDACTED : all;
}

/** At most `bytesMax` bytes of UTF-8, cut between characters. */
export function cutUtf8(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= bytesMax) return bytes.toString('utf8');
  let end = bytesMax;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
