import { OUTCOMES } from '../../contract/columns.ts';
import { GATEWAY_ERRORS, GatewayError, type GatewayErrorCode } from '../../contract/errors.ts';
import { DIALECTS } from '../../proxy/providers/index.ts';
import { describeUpstreamError } from '../../proxy/upstream-errors.ts';

const CODES = Object.keys(GATEWAY_ERRORS) as GatewayErrorCode[];

test.each(CODES)('%s has an error status, a known outcome and a sentence', (code) => {
  const { status, outcome, message } = GATEWAY_ERRORS[code];
  expect(status).toBeGreaterThanOrEqual(400);
  expect(OUTCOMES).toContain(outcome);
  expect(message).toMatch(/^[A-Z].*\.$/);
});

describe.each(Object.values(DIALECTS))('in dialect $name', (dialect) => {
  test.each(CODES)('%s is an error body that names its code and says what was wrong, and that the dialect itself can read', (code) => {
    const body: unknown = JSON.parse(JSON.stringify(dialect.errorBody(new GatewayError(code, 'the detail of the case'))));
    const text = JSON.stringify(body);
    expect(text).toContain(GATEWAY_ERRORS[code].message);
    expect(text).toContain('the detail of the case');
    expect(dialect.error(body)?.message).toContain('the detail of the case');
  });
});

test.each([
  ['ECONNREFUSED', 'upstream_unreachable'],
  ['ENOTFOUND', 'upstream_unreachable'],
  ['EAI_AGAIN', 'upstream_unreachable'],
  ['', 'upstream_unreachable'],
  ['ECONNRESET', 'upstream_reset'],
  ['CONNECTION_CLOSED', 'upstream_reset'],
  ['CONNECT_TIMEOUT', 'upstream_timeout'],
  ['RESPONSE_TIMEOUT', 'upstream_timeout'],
  ['IDLE_TIMEOUT', 'upstream_timeout'],
  ['INVALID_ANSWER', 'upstream_invalid_response'],
  ['ABORTED', 'shutting_down'],
  ['INVALID_REQUEST', 'malformed_request'],
  ['HPE_INVALID_CONSTANT', 'upstream_invalid_response'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'upstream_tls_failed'],
  ['CERT_HAS_EXPIRED', 'upstream_tls_failed'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'upstream_tls_failed'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'upstream_tls_failed'],
])('what Node or the client calls %s is %s, naming the origin', (code, wanted) => {
  const error = describeUpstreamError(Object.assign(new Error('it failed'), { code }), 'https://api.example');
  expect(error.code).toBe(wanted);
  expect(error.message).toContain('https://api.example');
});

test('of several addresses’ errors the first counts, and a cause counts where the error has no code', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  expect(describeUpstreamError(new AggregateError([reset, refused]), 'o').code).toBe('upstream_reset');
  expect(describeUpstreamError(new TypeError('fetch failed', { cause: reset }), 'o').code).toBe('upstream_reset');
});
