import type { Outcome } from '../../../contract/columns.ts';
import { GATEWAY_ERRORS, GatewayError, type GatewayErrorCode } from '../../../contract/errors.ts';
import { type Ended, type Ending, outcomeOf } from '../../../proxy/outcome.ts';

const COMPLETE: Ending = { kind: 'complete' };
const cut = (timeout: boolean): Ending => ({ kind: 'truncated', reason: 'r', timeout });
const ended = (part: Partial<Ended>): Ended => ({ ending: COMPLETE, status: 200, streamError: false, endMarkMissing: false, ...part });

const ROWS: readonly (readonly [what: string, Partial<Ended>, Outcome])[] = [
  ['a whole 200', {}, 'ok'],
  ['a redirect', { status: 302 }, 'ok'],
  ['101', { status: 101 }, 'ok'],
  ['400', { status: 400 }, 'client_error'],
  ['401', { status: 401 }, 'auth_error'],
  ['403', { status: 403 }, 'auth_error'],
  ['404', { status: 404 }, 'client_error'],
  ['408', { status: 408 }, 'timeout'],
  ['429', { status: 429 }, 'rate_limited'],
  ['500', { status: 500 }, 'provider_error'],
  ['504 of the provider', { status: 504 }, 'timeout'],
  ['529', { status: 529 }, 'provider_error'],
  ['an error event in a 200', { streamError: true }, 'stream_error'],
  ['an error event in a cut 200', { streamError: true, ending: cut(false) }, 'stream_error'],
  ['a cut 200', { ending: cut(false) }, 'stream_truncated'],
  ['a 200 cut by silence', { ending: cut(true) }, 'timeout'],
  ['a cut 500', { status: 500, ending: cut(false) }, 'provider_error'],
  ['a 200 without its end mark', { endMarkMissing: true }, 'stream_truncated'],
  ['a client that left', { ending: { kind: 'client_abort' }, status: 0 }, 'client_abort'],
  ['a client that left a 500', { ending: { kind: 'client_abort' }, status: 500 }, 'client_abort'],
];

test.each(ROWS)('%s', (_what, part, outcome) => {
  expect(outcomeOf(ended(part))).toBe(outcome);
});

test.each(Object.keys(GATEWAY_ERRORS) as GatewayErrorCode[])('gateway error %s has the outcome of its table', (code) => {
  const error = new GatewayError(code, '');
  expect(outcomeOf(ended({ ending: { kind: 'gateway_error', error }, status: error.status }))).toBe(GATEWAY_ERRORS[code].outcome);
});
