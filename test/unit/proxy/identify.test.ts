import { GatewayError } from '../../../contract/errors.ts';
import { createIdentify, type Identity } from '../../../proxy/identify.ts';

const identify = createIdentify(Buffer.alloc(32, 1));
const from = (headers: Record<string, string>, query = ''): Identity => identify(Object.entries(headers).flat(), query);
const refusal = (headers: Record<string, string>): GatewayError => {
  try {
    from(headers);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('was accepted');
};
/** As Node hands over header bytes. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

test('a call that says nothing is of project default, with ids of its own', () => {
  const [one, two] = [from({}), from({})];
  expect(one).toMatchObject({
    project: 'default',
    user_id: '',
    session_id: '',
    tags: {},
    capture: undefined,
    key_fingerprint: '',
    parent_span_id: '',
    sdk: '',
  });
  expect(one.request_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(one.trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect([one.request_id, one.trace_id, one.span_id]).not.toEqual([two.request_id, two.trace_id, two.span_id]);
});

test('Glassway’s headers are read in any case, the first of a repeated one', () => {
  expect(identify(['X-GLASSWAY-Project', 'a', 'x-glassway-project', 'b'], '').project).toBe('a');
  expect(
    from({ 'X-Glassway-User': 'u', 'x-glassway-session': 's', 'x-glassway-capture': 'full', 'X-Glassway-Tag-Team': 'Blue' }),
  ).toMatchObject({ user_id: 'u', session_id: 's', capture: 'full', tags: { team: 'Blue' } });
});

test('names in UTF-8 or latin1 are what their sender meant', () => {
  expect(from({ 'x-glassway-project': utf8('größe-日本') }).project).toBe('größe-日本');
  expect(from({ 'x-glassway-project': 'gr\u00f6\u00dfe' }).project).toBe('größe');
});

test('a project tag may have 128 characters, however many bytes they take, and not one more', () => {
  expect(from({ 'x-glassway-project': utf8('😀'.repeat(128)) }).project).toBe('😀'.repeat(128));
  expect(refusal({ 'x-glassway-project': utf8('ü'.repeat(129)) })).toMatchObject({
    code: 'invalid_project',
    status: 400,
    message: expect.stringMatching(/129 characters; want at most 128/),
  });
});

test.each([['\u0000'], ['a\tb'], ['a\u007f'], [utf8('a\u0085')]])('a control character in the project tag is refused: %j', (value) => {
  expect(refusal({ 'x-glassway-project': value })).toMatchObject({
    code: 'invalid_project',
    message: expect.stringContaining('control characters'),
  });
});

test.each([
  'x-glassway-project',
  'x-glassway-user',
  'x-glassway-session',
  'x-glassway-tag-a',
  'x-glassway-request-id',
  'x-glassway-capture',
])('an empty %s is refused by its name', (name) => {
  expect(refusal({ [name]: '' }).message).toContain(name);
});

test.each(['a b', 'ü', 'x'.repeat(129), '\u0001'])('request id %j is refused', (value) => {
  expect(refusal({ 'x-glassway-request-id': value }).code).toBe('invalid_header');
});

test('a request id of 128 printable ASCII characters is kept', () => {
  expect(from({ 'x-glassway-request-id': '~'.repeat(128) }).request_id).toBe('~'.repeat(128));
});

test('more than 64 tags are refused; a tag cannot touch the prototype', () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-glassway-tag-t${i}`, 'v']));
  expect(refusal(many).message).toContain('64');
  const { tags } = from({ 'x-glassway-tag-__proto__': 'x', 'x-glassway-tag-constructor': 'y' });
  expect(Object.getPrototypeOf(tags)).toBe(Object.prototype);
  expect(Object.entries(tags)).toEqual([['constructor', 'y']]);
});

const TRACE = '0af7651916cd43dd8448eb211c80319c';
test('a traceparent gives trace and parent', () => {
  expect(from({ traceparent: `00-${TRACE}-b7ad6b7169203331-01` })).toMatchObject({
    trace_id: TRACE,
    parent_span_id: 'b7ad6b7169203331',
    trace_flags: 1,
  });
  expect(from({ traceparent: `cc-${TRACE}-b7ad6b7169203331-01-of-the-future` }).trace_id).toBe(TRACE);
});

test.each([
  `ff-${TRACE}-b7ad6b7169203331-01`,
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-b7ad6b7169203331`,
  `00-${TRACE}-b7ad6b7169203331-01-more`,
  `00-${TRACE}-b7ad6b7169203331-01x`,
  `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`,
  'x',
])('traceparent %s is none', (traceparent) => {
  expect(from({ traceparent })).toMatchObject({
    parent_span_id: '',
    trace_id: expect.not.stringMatching(/^(?:0+|0af7651916cd43dd8448eb211c80319c)$/),
  });
});

describe('a tracestate', () => {
  const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
  const stateOf = (tracestate: string): string => from({ traceparent, tracestate }).trace_state;

  test.each([
    ['congo=t61rcWkgMzE,rojo=00f067aa0ba902b7', 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7'],
    ['a=1 , ,\tt@sys=x y', 'a=1,t@sys=x y'],
    ['a=1,a=2', 'a=1'],
    ['A=1,=2,b,c=,d=ü,e=5', 'e=5'],
    [`a=${'x'.repeat(300)}`, ''],
    [`a=${'x'.repeat(250)},b=${'y'.repeat(250)},c=${'z'.repeat(250)}`, `a=${'x'.repeat(250)},b=${'y'.repeat(250)}`],
    [Array.from({ length: 40 }, (_, i) => `k${i}=v`).join(','), Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(',')],
  ])('%j is kept as far as it is one', (tracestate, kept) => {
    expect(stateOf(tracestate)).toBe(kept);
  });

  test('may come in pieces, and is none without traceparent', () => {
    expect(identify(['traceparent', traceparent, 'tracestate', 'a=1', 'Tracestate', 'b=2'], '').trace_state).toBe('a=1,b=2');
    expect(from({ tracestate: 'a=1' }).trace_state).toBe('');
  });
});

test('rivals’ headers mean the same; what would be refused in ours is cut in theirs', () => {
  expect(from({ 'Helicone-User-Id': 'u', 'helicone-session-id': 's', 'Helicone-Property-Plan': 'pro' })).toMatchObject({
    user_id: 'u',
    session_id: 's',
    tags: { plan: 'pro' },
  });
  expect(from({ 'x-portkey-metadata': '{"_user":"u","env":"prod","n":1,"deep":{"a":1}}' })).toMatchObject({
    user_id: 'u',
    tags: { env: 'prod', n: '1' },
  });
  expect(from({ 'cf-aig-metadata': 'no json' }).tags).toEqual({});
  expect(from({ 'x-litellm-tags': 'a, b' }).tags).toEqual({ a: 'true', b: 'true' });
  expect(from({ 'helicone-user-id': 'u'.repeat(5_000) }).user_id).toHaveLength(1_024);
});

describe('the fingerprint of the credential', () => {
  const print = (headers: Record<string, string>, query = '') => from(headers, query).key_fingerprint;

  test('is the same for the same key, wherever providers let it stand', () => {
    const prints = [
      print({ authorization: 'Bearer k1' }),
      print({ Authorization: 'bearer  k1' }),
      print({ 'x-api-key': 'k1' }),
      print({ 'api-key': 'k1' }),
      print({ 'x-goog-api-key': 'k1' }),
      print({}, 'alt=sse&key=k1'),
    ];
    expect(new Set(prints).size).toBe(1);
    expect(prints[0]).toMatch(/^[0-9a-f]{8}$/);
  });

  test('differs between keys, and between installations', () => {
    expect(print({ 'x-api-key': 'k1' })).not.toBe(print({ 'x-api-key': 'k2' }));
    const elsewhere = createIdentify(Buffer.alloc(32, 2))(['x-api-key', 'k1'], '');
    expect(elsewhere.key_fingerprint).not.toBe(print({ 'x-api-key': 'k1' }));
  });

  test('of an AWS signature is that of its access key id', () => {
    const signed = (signature: string) =>
      print({
        authorization: `AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=${signature}`,
      });
    expect(signed('aa')).toBe(signed('bb'));
  });

  test('is all that an identity holds of it', () => {
    expect(
      JSON.stringify(from({ authorization: 'Bearer sk-secret', 'x-api-key': 'sk-other', cookie: 'sk-cookie' }, 'key=sk-query')),
    ).not.toContain('sk-');
  });
});

test('the SDK is the first product of the user agent, bounded', () => {
  expect(from({ 'user-agent': 'OpenAI/JS 6.1.0' }).sdk).toBe('OpenAI/JS 6.1.0');
  expect(from({ 'user-agent': 'python-requests/2.32 foo' }).sdk).toBe('python-requests/2.32');
  expect(from({ 'user-agent': `x/${'1'.repeat(500)}` }).sdk.length).toBeLessThan(100);
});
