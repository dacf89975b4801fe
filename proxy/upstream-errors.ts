/**
 * What the client (client/faults.ts), Node's network and TLS, and on upgrades its HTTP parser say when a provider cannot be had, as a gateway error:
 * a table from error code to what the client is told.
 */
import { GatewayError, type GatewayErrorCode } from '../contract/errors.ts';

/** Codes of the client, of Node's net and tls, of llhttp. A trailing `*` stands for any rest. */
const CODES: readonly (readonly [string, GatewayErrorCode])[] = [
  ['CONNECT_TIMEOUT', 'upstream_timeout'],
  ['RESPONSE_TIMEOUT', 'upstream_timeout'],
  ['IDLE_TIMEOUT', 'upstream_timeout'],
  ['ETIMEDOUT', 'upstream_timeout'],
  ['INVALID_ANSWER', 'upstream_invalid_response'],
  ['INVALID_REQUEST', 'malformed_request'],
  ['HPE_*', 'upstream_invalid_response'],
  ['ERR_INVALID_CHAR', 'upstream_invalid_response'], // a header or reason phrase that Node refuses to pass on
  ['CONNECTION_CLOSED', 'upstream_reset'],
  ['ABORTED', 'shutting_down'],
  ['ECONNRESET', 'upstream_reset'],
  ['EPIPE', 'upstream_reset'],
  ['ERR_TLS_*', 'upstream_tls_failed'],
  ['ERR_SSL_*', 'upstream_tls_failed'],
  ['EPROTO', 'upstream_tls_failed'],
  ['CERT_*', 'upstream_tls_failed'],
  ['UNABLE_TO_*', 'upstream_tls_failed'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'upstream_tls_failed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'upstream_tls_failed'],
  ['HOSTNAME_MISMATCH', 'upstream_tls_failed'],
];

/** Names the origin and what happened; what is in no list is «unreachable», as all that fails before an answer is. */
export function describeUpstreamError(error: Error, origin: string): GatewayError {
  const code = errorCode(error);
  const entry = CODES.find(([pattern]) => (pattern.endsWith('*') ? code.startsWith(pattern.slice(0, -1)) : code === pattern));
  return new GatewayError(entry?.[1] ?? 'upstream_unreachable', `${origin}: ${code === '' ? '' : `${code}, `}${message(error)}.`, {
    cause: error,
  });
}

/** Node's happy eyeballs reports all addresses' errors in one AggregateError without a code of its own. */
function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return errorCode(error.errors[0]);
  if ('cause' in error && error.cause !== undefined) return errorCode(error.cause);
  return '';
}

function message(error: Error): string {
  const text = error.message === '' && error instanceof AggregateError ? String(error.errors[0]?.message ?? '') : error.message;
  return text.split('\n')[0]?.replace(/\.$/, '') ?? '';
}
