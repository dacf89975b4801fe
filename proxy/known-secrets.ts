/**
 * The very credentials that a call carries: what its caller sent and what Glassway holds for its upstream. A provider may
 * say them back in a body or an error, and of an issuer that nobody knows no shape gives them away; so that they are looked
 * for as they are. Takes headers and query, gives texts; never keeps them. Pure.
 */
import { CREDENTIAL_HEADERS, OWN_PREFIX, rawHeader } from './headers.ts';

/** Shorter than any provider's key: what stands for one where none is wanted (`dummy`, `ollama`) stays a word. */
const HELD_CHARS_MIN = 8;
const SENT_CHARS_MIN = 16;
const SENT_IN = [...CREDENTIAL_HEADERS, 'proxy-authorization', `${OWN_PREFIX}key`] as const;
const SCHEME = /^(bearer|basic|token) +/i;
const QUERY_KEY = /(?:^|&)(?:key|api[-_]key|access_token|token)=([^&]+)/gi;
const LABEL = '[redacted:secret]';

export function knownSecrets(held: string | undefined, rawHeaders: readonly string[], query: string): string[] {
  const sent = [
    ...SENT_IN.flatMap((name) => fromHeader(rawHeader(rawHeaders, name))),
    ...[...query.matchAll(QUERY_KEY)].map((match) => decoded(match[1] as string)),
  ];
  const found = sent.filter((text) => text.length >= SENT_CHARS_MIN && /\d/.test(text));
  if (held !== undefined) found.push(...fromHeader(held).filter((text) => text.length >= HELD_CHARS_MIN));
  // A longer one may have a shorter one inside.
  return [...new Set(found)].sort((a, b) => b.length - a.length);
}

/** The text without them, in each form in which JSON and URLs write them. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) for (const form of formsOf(secret)) if (clean.includes(form)) clean = clean.replaceAll(form, LABEL);
  return clean;
}

function formsOf(secret: string): Set<string> {
  const inJson = JSON.stringify(secret).slice(1, -1);
  return new Set([secret, inJson, inJson.replaceAll('/', '\\/'), encodeURIComponent(secret)]);
}

/** Without its scheme; of a signature (AWS) nothing, since it opens nothing else. Basic's password too, by itself. */
function fromHeader(value: string): string[] {
  if (/^AWS4-/.test(value)) return [];
  const plain = value.replace(SCHEME, '').trim();
  if (!/^basic /i.test(value)) return plain === '' ? [] : [plain];
  return [
    plain,
    Buffer.from(plain, 'base64')
      .toString('latin1')
      .replace(/^[^:]*:/, ''),
  ];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
