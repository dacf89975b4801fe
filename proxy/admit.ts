/**
 * Who may send: looks at a call before it is routed, says whose project it is, or throws the GatewayError by which it
 * is refused; and says with which credential it goes on. Where keys are asked for, nothing passes without one; where they are not, a key
 * that is shown is checked all the same, and what only a web page in a browser would send is looked at.
 * Synchronous and cheap (one SHA-256 of 60 bytes): it stands before every call.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../contract/errors.ts';
import { hostNameOf, isOwnName } from '../contract/host-names.ts';
import type { KeyRing } from '../contract/key-ring.ts';
import { KEY_SHAPE, type KeyFault, looksLikeKey } from '../contract/keys.ts';
import { isLoopback } from '../contract/listen.ts';
import { CREDENTIAL_HEADERS, lengthsOf } from './headers.ts';
import type { CredentialHeader, ProviderKeys } from './provider-keys.ts';
import type { Upstream } from './providers/provider.ts';

export const KEY_HEADER = 'x-glassway-key';

/** Who was let in. */
export interface Caller {
  /** The key's project; undefined: the tag decides. */
  readonly project: string | undefined;
  /** It showed a key, and Glassway's own credentials are for it to use. */
  readonly known: boolean;
  /** The key came in the place of the provider's, so that there is none of the caller's. */
  readonly keyAsCredential: boolean;
}

/** Looks at the headers and the request target. */
export type Admit = (headers: IncomingHttpHeaders, target: string) => Caller;

export interface AdmitOptions {
  readonly keysRequired: boolean;
  readonly keys: KeyRing;
  /** The address listened on; on loopback only names of this machine are answered for. */
  readonly host: string;
  /** Further names of it. */
  readonly hosts: readonly string[];
  /** Web pages that may call without a key. */
  readonly origins: readonly string[];
}

/** What it looks at, of a raw list, as Node gives headers: in lower case, the repeated ones joined but for two of which the first counts. */
export function lookedAt(raw: readonly string[]): IncomingHttpHeaders {
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!mayBeLookedAt(name)) continue;
    const lower = name.toLowerCase();
    if (!LOOKED_AT.has(lower)) continue;
    const before = found[lower];
    if (before === undefined) found[lower] = raw[i + 1] as string;
    else if (!FIRST_COUNTS.has(lower)) found[lower] = `${before}, ${raw[i + 1]}`;
  }
  return found;
}

const LOOKED_AT: ReadonlySet<string> = new Set([KEY_HEADER, ...CREDENTIAL_HEADERS, 'sec-websocket-protocol', 'origin', 'host']);
const mayBeLookedAt = lengthsOf(LOOKED_AT);
const FIRST_COUNTS: ReadonlySet<string> = new Set(['authorization', 'host']);

const OPEN: Caller = Object.freeze({ project: undefined, known: false, keyAsCredential: false });

const WHY: Readonly<Record<KeyFault, string>> = {
  unknown: 'No key of this Glassway is like it; `glassway keys list` shows those there are.',
  revoked: 'It has been revoked.',
  expired: 'It has expired.',
  other_use: 'It is not a key for calls.',
};

export function createAdmit(options: AdmitOptions): Admit {
  const { keysRequired, keys } = options;
  const checkBrowser = createBrowserCheck(options);
  return (headers, target) => {
    const shown = shownKey(headers, target);
    if (shown === undefined) {
      if (keysRequired) throw new GatewayError('key_missing', `Send it as ${KEY_HEADER}; \`glassway keys create --project …\` makes one.`);
      checkBrowser(headers);
      return OPEN;
    }
    const verdict = keys.check(shown.key, 'calls');
    if ('fault' in verdict) throw new GatewayError('key_invalid', WHY[verdict.fault]);
    return { project: verdict.entry.project, known: true, keyAsCredential: shown.asCredential };
  };
}

/**
 * The provider's key that Glassway holds, for callers that showed a key of ours; undefined: the caller's own goes on.
 * @throws GatewayError when there is neither
 */
export function credentialFor(caller: Caller, { name }: Upstream, providerKeys: ProviderKeys): CredentialHeader | undefined {
  const credential = caller.known ? providerKeys.get(name) : undefined;
  if (credential === undefined && caller.keyAsCredential)
    throw new GatewayError(
      'provider_key_missing',
      `The Glassway key came as the API key: set upstreams.${name}.apiKey, or send it as ${KEY_HEADER} beside the provider's own key.`,
    );
  return credential;
}

/** A key in its own header, or in the place where an SDK puts its API key. Any value of our header is taken for one. */
function shownKey(headers: IncomingHttpHeaders, target: string): { key: string; asCredential: boolean } | undefined {
  const own = headers[KEY_HEADER];
  if (own !== undefined) return { key: String(own), asCredential: false };
  for (const name of CREDENTIAL_HEADERS) {
    const value = headers[name];
    if (typeof value !== 'string') continue;
    const key = name === 'authorization' ? value.replace(/^bearer +/i, '') : value;
    if (looksLikeKey(key)) return { key, asCredential: true };
  }
  const inQuery = target.includes('key=gw') ? (/[?&]key=([^&]*)/.exec(target)?.[1] ?? '') : '';
  if (looksLikeKey(inQuery)) return { key: inQuery, asCredential: true };
  // Browsers can give WebSockets no header but this; it goes on to the provider as it is.
  const protocols = headers['sec-websocket-protocol'];
  if (protocols?.includes('gwk_') && protocols.match(KEY_SHAPE))
    throw new GatewayError('key_invalid', `A Glassway key cannot come as a WebSocket subprotocol: send it as ${KEY_HEADER}.`);
  return undefined;
}

/**
 * Without keys whoever reaches the port may call, and a browser on this machine reaches it for every page it shows:
 * directly, which `Origin` tells, or by a name of the page's own that resolves to us (DNS rebinding), which `Host` tells.
 * Programs send no `Origin`; those that are built of web technology send one of a scheme of their own.
 */
function createBrowserCheck({ host, hosts, origins }: AdmitOptions): (headers: IncomingHttpHeaders) => void {
  const allowedOrigins = new Set(origins);
  const allowedHosts = new Set(hosts);
  const checksHost = isLoopback(host);
  return (headers) => {
    const { origin } = headers;
    if (origin !== undefined && isForeignPage(origin) && !allowedOrigins.has(origin))
      throw new GatewayError('origin_not_allowed', `${JSON.stringify(origin.slice(0, 100))} is not in access.origins.`);
    const name = checksHost ? hostNameOf(headers.host) : undefined;
    if (name !== undefined && !isOwnName(name, allowedHosts))
      throw new GatewayError('host_not_allowed', `${JSON.stringify(name.slice(0, 100))} is not in access.hosts.`);
  };
}

function isForeignPage(origin: string): boolean {
  if (origin === 'null') return true;
  const url = URL.parse(origin);
  return url !== null && /^https?:$/.test(url.protocol) && !isLoopback(url.hostname);
}
