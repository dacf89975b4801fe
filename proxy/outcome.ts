/**
 * How a call ended, in the words of column `outcome`: a pure function of what both sides did.
 */
import type { Outcome } from '../contract/columns.ts';
import type { GatewayError } from '../contract/errors.ts';

/** How the exchange itself ended, whatever its content says. */
export type Ending =
  /** The provider's answer reached its end. */
  | { readonly kind: 'complete' }
  /** The provider's answer broke off after its headers; `timeout` when silence was the reason. */
  | { readonly kind: 'truncated'; readonly reason: string; readonly timeout: boolean }
  /** The client went away first. */
  | { readonly kind: 'client_abort' }
  /** Glassway answered in the provider's place. */
  | { readonly kind: 'gateway_error'; readonly error: GatewayError };

export interface Ended {
  readonly ending: Ending;
  readonly status: number;
  /** An error inside the body of a success. */
  readonly streamError: boolean;
  /** A stream of a known format, read whole, in which the format's own end mark did not come. */
  readonly endMarkMissing: boolean;
}

/** Statuses with an outcome of their own; the others go by their class. */
const STATUS_OUTCOMES: ReadonlyMap<number, Outcome> = new Map([
  [401, 'auth_error'],
  [403, 'auth_error'],
  [408, 'timeout'],
  [429, 'rate_limited'],
  [504, 'timeout'],
]);

export function outcomeOf({ ending, status, streamError, endMarkMissing }: Ended): Outcome {
  if (ending.kind === 'client_abort') return 'client_abort';
  if (ending.kind === 'gateway_error') return ending.error.outcome;
  if (status >= 400) return STATUS_OUTCOMES.get(status) ?? (status >= 500 ? 'provider_error' : 'client_error');
  if (streamError) return 'stream_error';
  if (ending.kind === 'truncated') return ending.timeout ? 'timeout' : 'stream_truncated';
  return endMarkMissing ? 'stream_truncated' : 'ok';
}
