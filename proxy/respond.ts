/**
 * Errors of Glassway's own towards a client: JSON in the calling dialect's shape, with headers by which
 * a client tells them from the provider's.
 */
import { ERROR_HEADER, GatewayError } from '../contract/errors.ts';
import type { UpstreamTable } from './config.ts';
import { DIALECTS } from './providers/index.ts';
import type { Dialect } from './providers/provider.ts';
import type { Answer, Caller } from './server/caller.ts';

export const REQUEST_ID_HEADER = 'x-glassway-request-id';

/** A fault of ours on the way to the provider. */
export function internalError(cause: unknown): GatewayError {
  return new GatewayError('internal', 'The fault is in its log.', { cause });
}

/** Body and raw headers of a gateway error. */
export function errorMessage(error: GatewayError, dialect: Dialect, requestId: string): { headers: string[]; body: Buffer } {
  const body = Buffer.from(JSON.stringify(dialect.errorBody(error)));
  const headers = ['content-type', 'application/json', 'content-length', String(body.length), ERROR_HEADER, error.code];
  if (requestId !== '') headers.push(REQUEST_ID_HEADER, requestId);
  return { headers, body };
}

/** A request that two readers may end at different places: nothing behind it can be trusted to be another. */
const DOUBTFUL: ReadonlySet<string> = new Set(['malformed_request', 'headers_too_large', 'url_too_long']);

/**
 * Sends a gateway error. The connection is closed when the request was not read to its end, or nobody can be sure where that is, since
 * what is left of it would be taken for the next request.
 */
export function sendError(caller: Caller, answer: Answer, error: GatewayError, dialect: Dialect, requestId: string): void {
  const { headers, body } = errorMessage(error, dialect, requestId);
  answer.whole(error.status, headers, body, !caller.complete || DOUBTFUL.has(error.code));
}

/** The same as raw bytes, for sockets on which Node made no response object: bad HTTP, refused upgrades. */
export function rawErrorResponse(error: GatewayError, dialect: Dialect, reason: string): Buffer {
  const { headers, body } = errorMessage(error, dialect, '');
  const lines = [`HTTP/1.1 ${error.status} ${reason}`];
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`, 'latin1'), body]);
}

/** In whose error shape to answer a call that could not be routed: what its path looks like. */
export function dialectOfPath(path: string, upstreams: UpstreamTable): Dialect {
  const first = /^\/([^/?]*)/.exec(path)?.[1] ?? '';
  const named = upstreams.get(first)?.dialect;
  const shaped = path.includes('/v1/messages') ? DIALECTS['anthropic'] : path.includes('/v1beta/') ? DIALECTS['gemini'] : undefined;
  return named ?? shaped ?? (DIALECTS['openai'] as Dialect);
}
