/**
 * What every answer of the console carries for the browser's sake, and which hosts it answers for.
 * A page on another site can make its own name resolve to 127.0.0.1 (DNS rebinding) and would then
 * read us as its own origin; such a request says that name in `Host`, so unknown names are refused.
 * An address cannot be rebound, hence every literal IP address is accepted.
 */
import { isIP } from 'node:net';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { hostNameOf } from '../../contract/host-names.ts';
import type { ErrorAnswer } from './api-types.ts';

/** No inline script or style anywhere; scripts set styles through the CSSOM, which needs no exception. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

export function createGuard(hosts: readonly string[]): RequestHandler {
  const allowed = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())]);
  return (request: Request, response: Response, next: NextFunction) => {
    response.set(HEADERS);
    const name = hostNameOf(request.headers.host);
    if (name !== undefined && (allowed.has(name) || name.endsWith('.localhost') || isIP(name) !== 0)) {
      next();
      return;
    }
    const message = `The console does not answer for the host ${JSON.stringify(name ?? '')}. Open it by its IP address, or as ${[...allowed].join(', ')}; access.hosts names more.`;
    response.status(421).json({ error: { code: 'host_not_allowed', message } } satisfies ErrorAnswer);
  };
}
