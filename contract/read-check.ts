/**
 * Who may read metrics and details of readiness, on both sides: where keys are asked for, whoever shows a metrics or a
 * console key as a bearer token, and ingest, which asks the proxies how they are, by the secret that both know; where they are
 * not, everybody who asks by a name of this machine.
 */
import type { IncomingMessage } from 'node:http';
import { type Access, type Auth, keysRequired } from './auth-settings.ts';
import { hostNameOf, isOwnName } from './host-names.ts';
import type { KeyRing } from './key-ring.ts';
import { type KeyUse, sameSecret } from './keys.ts';
import { isLoopback } from './listen.ts';

interface AccessSettings {
  readonly auth: Auth;
  readonly access: Access;
  readonly listen: { readonly host: string };
}

export function createReadCheck(settings: AccessSettings, keys: KeyRing): (request: IncomingMessage) => boolean {
  const { ingestSecret } = settings.access;
  if (keysRequired(settings))
    return (request) =>
      hasBearerKey(request, keys, ['metrics', 'console']) ||
      (ingestSecret !== undefined && sameSecret(bearerToken(request) ?? '', ingestSecret));
  if (!isLoopback(settings.listen.host)) return () => true;
  const names = new Set(ownNamesOf(settings));
  return (request) => {
    const name = hostNameOf(request.headers.host);
    return name !== undefined && isOwnName(name, names);
  };
}

export function hasBearerKey(request: IncomingMessage, keys: KeyRing, uses: readonly KeyUse[]): boolean {
  const token = bearerToken(request);
  return token !== undefined && uses.some((use) => !('fault' in keys.check(token, use)));
}

export function bearerToken(request: IncomingMessage): string | undefined {
  return /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** Names besides this machine's usual ones by which it is asked. */
export function ownNamesOf({ access }: Pick<AccessSettings, 'access'>): string[] {
  return [...access.hosts, ...(access.consoleUrl === undefined ? [] : [new URL(access.consoleUrl).hostname])];
}
