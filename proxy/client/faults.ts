/** What goes wrong on the way to a provider and is not an error of Node's own: by code, for `upstream-errors.ts`. */

export type FaultCode =
  | 'CONNECT_TIMEOUT'
  | 'RESPONSE_TIMEOUT'
  | 'IDLE_TIMEOUT'
  /** Not HTTP/1.1 as RFC 9112 has it, or more of it than is taken. */
  | 'INVALID_ANSWER'
  | 'INVALID_REQUEST'
  | 'CONNECTION_CLOSED'
  | 'ABORTED';

export class UpstreamFault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string) {
    super(message);
    this.name = 'UpstreamFault';
    this.code = code;
  }
}

export const invalidAnswer = (what: string): UpstreamFault => new UpstreamFault('INVALID_ANSWER', what);
