/**
 * Who may read, and who may bring records: one check for each kind of route. Where keys are asked for, the console and
 * its API want a console key (as a session's cookie or a bearer token), `/metrics` that or a metrics key; batches want
 * what proxies know ingest by, wherever there is one. Says no in JSON, or to a browser by way of the sign-in page.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Request, RequestHandler, Response } from 'express';
import { keysRequired } from '../contract/auth-settings.ts';
import type { Settings } from '../contract/config.ts';
import type { KeyRing } from '../contract/key-ring.ts';
import { sameSecret } from '../contract/keys.ts';
import { StartError } from '../contract/listen.ts';
import { bearerToken, createReadCheck, hasBearerKey } from '../contract/read-check.ts';
import { createSessions, type Sessions } from './console/session.ts';

export interface Access {
  readonly batches: RequestHandler;
  readonly metrics: RequestHandler;
  /** Before every page and question of the console. */
  readonly console: RequestHandler;
  /** Undefined where none is needed. */
  readonly sessions: Sessions | undefined;
  /** Whether to say why something is not ready: error texts name servers. */
  maySeeDetails(request: IncomingMessage): boolean;
}

/** @throws StartError where anybody could bring records */
export function createAccess(settings: Settings, keys: KeyRing): Access {
  const { access } = settings;
  const required = keysRequired(settings);
  const mutualTls = access.tls?.caFile !== undefined;
  const { ingestSecret } = access;
  if (required && ingestSecret === undefined && !mutualTls)
    throw new StartError(
      `Ingest on ${settings.listen.host} would take records from anybody. Set access.ingestSecret (GLASSWAY_ACCESS_INGEST_SECRET) to the same secret here and on the proxies, or access.tls with a caFile; or say auth: none.`,
    );
  const sessions = required
    ? createSessions({
        keys,
        secret: access.sessionSecret === undefined ? randomBytes(32) : Buffer.from(access.sessionSecret),
        hours: access.sessionHours,
        secure: access.tls !== undefined || access.consoleUrl?.startsWith('https:') === true,
      })
    : undefined;
  const hasSession = (request: IncomingMessage): boolean => sessions?.read(request) !== undefined;
  const mayReadMetrics = createReadCheck(settings, keys);
  return {
    batches(request, response, next) {
      const known =
        (ingestSecret === undefined || sameSecret(bearerToken(request) ?? '', ingestSecret)) &&
        (!mutualTls || (request.socket instanceof TLSSocket && request.socket.authorized));
      if (known) next();
      else
        refuse(
          response,
          'proxy_not_known',
          mutualTls ? 'Show a certificate of the authority in access.tls.caFile.' : 'Send access.ingestSecret as a bearer token.',
        );
    },
    metrics(request, response, next) {
      if (mayReadMetrics(request) || hasSession(request)) next();
      else refuse(response, 'key_missing', 'Send a key for metrics as a bearer token: glassway keys create --for metrics.');
    },
    console(request, response, next) {
      if (!required || hasBearerKey(request, keys, ['console']) || hasSession(request)) next();
      else if (isPageView(request)) response.redirect(303, `/login?next=${encodeURIComponent(request.originalUrl)}`);
      else refuse(response, 'login_required', 'Sign in at /login, or send a key for the console as a bearer token.');
    },
    sessions,
    maySeeDetails: (request) => mayReadMetrics(request) || hasSession(request),
  };
}

/** A person at a browser, and not a script or a program, which could do nothing with a page. */
function isPageView(request: Request): boolean {
  return request.method === 'GET' && !request.originalUrl.startsWith('/api/') && (request.headers.accept ?? '').includes('text/html');
}

function refuse(response: Response, code: string, message: string): void {
  response.status(401).set({ 'www-authenticate': 'Bearer', 'cache-control': 'no-store' }).json({ error: { code, message } });
}
