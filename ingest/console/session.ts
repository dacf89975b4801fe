/**
 * The console's sessions: a signed cookie that says which console key signed in and until when. Nothing is kept on the
 * server; a session ends with its time, and with its key: one that is revoked, expired or replaced takes its sessions along.
 */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { KeyRing } from '../../contract/key-ring.ts';
import { type KeyEntry, sameSecret } from '../../contract/keys.ts';

export const SESSION_COOKIE = 'glassway_session';

export interface Sessions {
  /** `Set-Cookie` for whoever showed this key; undefined when it opens no console. */
  open(key: string): string | undefined;
  /** The key that the request's session stands on. */
  read(request: IncomingMessage): KeyEntry | undefined;
  /** `Set-Cookie` that ends the session in this browser. */
  readonly ended: string;
}

export interface SessionOptions {
  readonly keys: KeyRing;
  readonly secret: Uint8Array;
  readonly hours: number;
  /** The browser speaks TLS, to us or to what stands before us. */
  readonly secure: boolean;
}

export function createSessions({ keys, secret, hours, secure }: SessionOptions): Sessions {
  const attributes = `Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  // The key's hash is signed along: an id that is given to another key one day opens nothing of it.
  const sign = (entry: KeyEntry, expires_s: string): string =>
    createHmac('sha256', secret).update(`${entry.id}.${expires_s}.${entry.sha256}`).digest('base64url');
  return {
    open(key) {
      const verdict = keys.check(key, 'console');
      if ('fault' in verdict) return undefined;
      const { entry } = verdict;
      const expires_s = String(Math.floor(Date.now() / 1_000) + hours * 3_600);
      return `${SESSION_COOKIE}=${entry.id}.${expires_s}.${sign(entry, expires_s)}; Max-Age=${hours * 3_600}; ${attributes}`;
    },
    read(request) {
      const [id = '', expires_s = '', signature = ''] = cookie(request).split('.');
      const entry = keys.find(id, 'console');
      if (entry === undefined || !sameSecret(signature, sign(entry, expires_s))) return undefined;
      return Number(expires_s) * 1_000 > Date.now() ? entry : undefined;
    },
    ended: `${SESSION_COOKIE}=; Max-Age=0; ${attributes}`,
  };
}

function cookie(request: IncomingMessage): string {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim() === SESSION_COOKIE) return pair.slice(equals + 1).trim();
  }
  return '';
}
