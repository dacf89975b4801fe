/**
 * The errors that Glassway itself causes towards a client: one table of code → status → message.
 * Each is sent in the calling dialect's own error shape with `type: "glassway_<code>"` and the header
 * `x-glassway-error: <code>`, so that a client can tell them from the provider's.
 */
import type { Outcome } from './columns.ts';

export const ERROR_HEADER = 'x-glassway-error';

export interface GatewayErrorEntry {
  readonly status: number;
  readonly outcome: Outcome;
  /** What went wrong in general; the detail of the case is appended. */
  readonly message: string;
}

export const GATEWAY_ERRORS = {
  unknown_upstream: { status: 404, outcome: 'client_error', message: 'No upstream has this name.' },
  invalid_upstream_path: { status: 404, outcome: 'client_error', message: "The path does not fit the upstream's base URL." },
  invalid_project: { status: 400, outcome: 'client_error', message: 'The project tag is not valid.' },
  invalid_header: { status: 400, outcome: 'client_error', message: 'A Glassway header is not valid.' },
  key_missing: { status: 401, outcome: 'auth_error', message: 'This Glassway asks for a project key.' },
  key_invalid: { status: 401, outcome: 'auth_error', message: 'The Glassway key is not accepted.' },
  provider_key_missing: { status: 401, outcome: 'auth_error', message: "Glassway holds no provider's key for this upstream." },
  project_forbidden: { status: 403, outcome: 'auth_error', message: "The project tag is not the key's project." },
  origin_not_allowed: { status: 403, outcome: 'auth_error', message: 'Web pages of this origin may not call without a key.' },
  host_not_allowed: { status: 421, outcome: 'client_error', message: 'The proxy does not answer for this host.' },
  malformed_request: { status: 400, outcome: 'client_error', message: 'The request is not valid HTTP.' },
  url_too_long: { status: 414, outcome: 'client_error', message: 'The request target is too long.' },
  target_not_allowed: { status: 403, outcome: 'client_error', message: 'Calls may not go to this target.' },
  headers_too_large: { status: 431, outcome: 'client_error', message: 'The request headers are too large.' },
  request_timeout: { status: 408, outcome: 'client_error', message: 'The request took too long to arrive.' },
  upstream_unreachable: { status: 502, outcome: 'unreachable', message: 'The provider cannot be reached.' },
  upstream_tls_failed: { status: 502, outcome: 'unreachable', message: "The provider's TLS certificate or handshake is not acceptable." },
  upstream_invalid_response: {
    status: 502,
    outcome: 'provider_error',
    message: 'The provider answered with something that is not valid HTTP.',
  },
  upstream_reset: { status: 502, outcome: 'provider_error', message: 'The provider closed the connection before it answered.' },
  upstream_timeout: { status: 504, outcome: 'timeout', message: 'The provider did not answer in time.' },
  shutting_down: { status: 503, outcome: 'gateway_error', message: 'Glassway is shutting down; try again.' },
  internal: { status: 500, outcome: 'gateway_error', message: 'Glassway failed on this call.' },
} as const satisfies Record<string, GatewayErrorEntry>;

export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS;

/** A gateway error on its way to the client. `detail` says what was wrong with this call, and what would be right. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode;
  readonly detail: string;

  constructor(code: GatewayErrorCode, detail: string, options?: ErrorOptions) {
    super(`${GATEWAY_ERRORS[code].message} ${detail}`.trim(), options);
    this.name = 'GatewayError';
    this.code = code;
    this.detail = detail;
  }

  get status(): number {
    return GATEWAY_ERRORS[this.code].status;
  }

  get outcome(): Outcome {
    return GATEWAY_ERRORS[this.code].outcome;
  }

  /** The value of `type` in the error's body. */
  get type(): string {
    return `glassway_${this.code}`;
  }
}
