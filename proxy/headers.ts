/**
 * Which headers cross the proxy. Works on raw header lists ([name, value, name, value, …]), so that case,
 * order and repetition arrive as they were sent. Changes no value but a cookie header that holds the console's session.
 */

/** Headers that belong to one connection, not to the message (RFC 9110 §7.6.1, RFC 9112 §9.6), lower case. */
export const HOP_BY_HOP_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Besides those: what the proxy answers or sets itself on the way to the provider. */
const REQUEST_ONLY: ReadonlySet<string> = new Set([
  'host', // names Glassway, not the provider, whose own the client sets
  'expect', // answered by the server that received it (RFC 9110 §10.1.1)
  'trailer', // request trailers are not carried
]);

const KEPT_FROM_PROVIDERS: ReadonlySet<string> = new Set([...HOP_BY_HOP_HEADERS, ...REQUEST_ONLY]);

/**
 * Whether a name's length is one of theirs: most headers of a message have another, and need not be looked up in lower case.
 * Every header of every call passes here.
 */
export function lengthsOf(names: Iterable<string>): (name: string) => boolean {
  const lengths = new Uint8Array(64);
  for (const { length } of names) lengths[length] = 1;
  return ({ length }) => length < lengths.length && lengths[length] === 1;
}

/** Glassway's own headers start with this and never reach a provider. */
export const OWN_PREFIX = 'x-glassway-';

/** Headers that may hold the caller's credential, in the order in which providers look at them. */
export const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;
const CREDENTIALS: ReadonlySet<string> = new Set(CREDENTIAL_HEADERS);

/** The request headers for the provider; with a `credential` of ours none of the caller's own. */
export function requestHeaders(raw: readonly string[], credential?: { readonly name: string; readonly value: string }): string[] {
  const named = connectionOptions(raw);
  const looksAtAll = named !== undefined || credential !== undefined;
  const out: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (!looksAtAll && !mayMatter(name)) {
      out.push(name, value);
      continue;
    }
    const lower = name.toLowerCase();
    if (KEPT_FROM_PROVIDERS.has(lower) || lower.startsWith(OWN_PREFIX) || named?.has(lower)) continue;
    if (credential !== undefined && (CREDENTIALS.has(lower) || lower === credential.name)) continue;
    out.push(name, lower === 'cookie' ? withoutOwnCookie(value) : value);
  }
  if (credential !== undefined) out.push(credential.name, credential.value);
  return out;
}

const hasKeptLength = lengthsOf([...KEPT_FROM_PROVIDERS, 'cookie']);

/** Of a request's header: it may be one that does not pass as it is. */
function mayMatter(name: string): boolean {
  return hasKeptLength(name) || (name.length >= OWN_PREFIX.length && (name.charCodeAt(0) | 0x20) === OWN_PREFIX.charCodeAt(0));
}

/** Browsers send the cookies of a host to all its ports: the console's session is none of a provider's business. */
function withoutOwnCookie(cookies: string): string {
  return cookies.replace(/(^|; ?)glassway_session=[^;]*(; ?|$)/, (_all, before: string, after: string) => (before && after ? before : ''));
}

const hasHopLength = lengthsOf(HOP_BY_HOP_HEADERS);

/** The response headers for the client. */
export function responseHeaders(raw: readonly string[]): string[] {
  const named = connectionOptions(raw);
  const out: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    if (named !== undefined || hasHopLength(name)) {
      const lower = name.toLowerCase();
      if (HOP_BY_HOP_HEADERS.has(lower) || named?.has(lower)) continue;
    }
    out.push(name, raw[i + 1] as string);
  }
  return out;
}

/** The value of a header in a raw list, the first if repeated; empty when missing. `name` in lower case. */
export function rawHeader(raw: readonly string[], name: string): string {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const each = raw[i] as string;
    if (each.length === name.length && (each === name || each.toLowerCase() === name)) return raw[i + 1] as string;
  }
  return '';
}

/** Takes a header out of a raw list. `name` in lower case. */
export function dropHeader(raw: string[], name: string): void {
  for (let i = raw.length - 2; i >= 0; i -= 2) {
    const each = raw[i] as string;
    if (each.length === name.length && each.toLowerCase() === name) raw.splice(i, 2);
  }
}

/** Header names that `Connection` declares to be for this hop only (RFC 9110 §7.6.1). */
function connectionOptions(raw: readonly string[]): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if ((raw[i] as string).length !== 10 || (raw[i] as string).toLowerCase() !== 'connection') continue;
    for (const option of (raw[i + 1] as string).split(',')) {
      const name = option.trim().toLowerCase();
      if (name === '' || name === 'close' || name === 'keep-alive') continue;
      named ??= new Set();
      named.add(name);
    }
  }
  return named;
}
