/**
 * What the client sends reaches the provider byte for byte, body and headers, whichever way it is framed.
 */
import { randomBytes } from 'node:crypto';
import { watchMemory } from '../../kit/process-memory.ts';
import { metricValue, startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { startProxyChild } from '../../kit/proxy-child.ts';
import { exchange, parseResponse, RawClient } from '../../kit/raw-http.ts';
import { type HttpUpstream, type SeenRequest, startUpstream } from '../../kit/upstream.ts';

let upstream: HttpUpstream;
let proxy: TestProxy;

beforeAll(async () => {
  upstream = await startUpstream((res, seen) => {
    res.setHeader('content-type', 'application/octet-stream');
    res.end(seen.url.includes('echo') ? seen.body : 'ok');
  });
  proxy = await startTestProxy(
    { openai: upstream.origin, small: { baseUrl: `${upstream.origin}/base/path/` } },
    { limits: { bodyBytes: 1_000_000 } },
  );
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

/** Sends raw bytes through the proxy and gives what the provider saw. */
async function send(request: string | Buffer): Promise<SeenRequest> {
  const before = upstream.requests.length;
  const response = parseResponse(await exchange(proxy.port, request));
  expect(response.statusLine).toBe('HTTP/1.1 200 OK');
  expect(upstream.requests).toHaveLength(before + 1);
  return upstream.requests[before] as SeenRequest;
}

const post = (body: Buffer | string, headers = '', path = '/openai/v1/chat/completions') => {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: glassway.localhost\r\nConnection: close\r\n${headers}Content-Length: ${bytes.length}\r\n\r\n`,
      'latin1',
    ),
    bytes,
  ]);
};

const pairs = (raw: readonly string[]): [string, string][] =>
  Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string]);
const namesOf = (seen: SeenRequest) => pairs(seen.rawHeaders).map(([name]) => name.toLowerCase());

const ODD_BODIES: readonly (readonly [what: string, body: string | Buffer])[] = [
  ['duplicate keys', '{"model":"a","model":"b","messages":[]}'],
  ['huge and odd numbers', '{"seed":123456789012345678901234567890,"x":1.0e+400,"y":-0,"z":0.1000}'],
  ['unusual spacing', '\r\n\t{ \n"model" :\t"a"\r\n, "b":[ ] }  \n\n'],
  ['escapes that a parser would normalize', '{"a":"\\u0041\\/\\ud83d\\ude00\\ud800","__proto__":{}}'],
  ['text outside ASCII', '{"a":"über 日本 😀"}'],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d])],
  ['no JSON at all', randomBytes(5_000)],
];

test.each(ODD_BODIES)('a body with %s arrives as it was sent', async (_what, body) => {
  const seen = await send(post(body, 'Content-Type: application/json\r\n'));
  expect(seen.body.equals(Buffer.from(body))).toBe(true);
  expect(pairs(seen.rawHeaders)).toContainEqual(['Content-Length', String(Buffer.from(body).length)]);
});

test('a chunked body, its UTF-8 cut across chunks and packets, arrives whole and in order', async () => {
  const body = Buffer.from('{"a":"😀ü日"}'.repeat(20));
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let at = 0; at < body.length; at += 3) {
    const chunk = body.subarray(at, at + 3);
    client.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
    if (at % 30 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  client.write('0\r\n\r\n');
  expect(parseResponse(await client.readAll()).statusLine).toBe('HTTP/1.1 200 OK');
  const seen = upstream.requests.at(-1) as SeenRequest;
  expect(seen.body.equals(body)).toBe(true);
  expect(namesOf(seen)).toContain('transfer-encoding');
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'OPTIONS'])('%s passes without a body', async (method) => {
  const seen = await send(`${method} /openai/v1/files/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n`);
  expect(seen.method).toBe(method);
  expect(seen.body).toHaveLength(0);
});

test('DELETE and GET pass with a body', async () => {
  for (const method of ['DELETE', 'GET']) {
    const seen = await send(`${method} /openai/v1/files/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`);
    expect([seen.method, seen.body.toString()]).toEqual([method, '{}']);
  }
});

const TARGETS: readonly (readonly [sent: string, seen: string])[] = [
  ['/openai/v1/models?a=1&a=2&b=%20+%2F', '/v1/models?a=1&a=2&b=%20+%2F'],
  ['/openai/v1/models?', '/v1/models?'],
  ['/openai//v1//models', '//v1//models'],
  ['/openai/v1/%6dodels/..%2f/%zz', '/v1/%6dodels/..%2f/%zz'],
  ['/openai/v1/../x/./y', '/v1/../x/./y'],
  ['/openai', '/'],
  ['/openai?x=1', '/?x=1'],
  ['/openai/', '/'],
  ['http://anything.example:99/openai/v1/models?x=1', '/v1/models?x=1'],
  ['/v1/models', '/v1/models'],
  ['/small/v1/models', '/base/path/v1/models'],
  ['/openai/v1/m:n@o!$&\'()*,;=[]|"<>', '/v1/m:n@o!$&\'()*,;=[]|"<>'],
];

test.each(TARGETS)('request target %s reaches the provider as %s', async (sent, wanted) => {
  expect((await send(`GET ${sent} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n`)).url).toBe(wanted);
});

test('headers keep order, case and repetition; those of the hop, of Glassway and the client’s Host do not pass', async () => {
  const sent = [
    'Host: glassway.localhost',
    'X-Custom-CASE: One',
    'Authorization: Bearer sk-test-1234567890',
    'x-custom-case: two',
    'Proxy-Authorization: Basic xxx',
    'TE: trailers',
    'Keep-Alive: timeout=5',
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'Proxy-Connection: keep-alive',
    'X-Glassway-Project: checkout',
    'x-glassway-tag-team: blue',
    'x-glassway-unheard-of: x',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'tracestate: a=b,c=d',
    'baggage: k=v',
    'User-Agent: OpenAI/JS 6.1.0',
    'Accept-Encoding: gzip, br',
    'X-Latin: \u00c3\u00bc\u00e9',
    'X-Empty:',
    'Cookie: a=1',
    'Cookie: b=2',
  ];
  const seen = await send(`GET /openai/v1/models HTTP/1.1\r\n${sent.join('\r\n')}\r\n\r\n`);
  expect(pairs(seen.rawHeaders)).toEqual([
    ['host', `127.0.0.1:${upstream.port}`],
    ['connection', 'keep-alive'],
    ['X-Custom-CASE', 'One'],
    ['Authorization', 'Bearer sk-test-1234567890'],
    ['x-custom-case', 'two'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ['tracestate', 'a=b,c=d'],
    ['baggage', 'k=v'],
    ['User-Agent', 'OpenAI/JS 6.1.0'],
    ['Accept-Encoding', 'gzip, br'],
    ['X-Latin', '\u00c3\u00bc\u00e9'],
    ['X-Empty', ''],
    ['Cookie', 'a=1'],
    ['Cookie', 'b=2'],
  ]);
});

test('Expect: 100-continue gets its 100 before the body is sent, and the provider gets the body', async () => {
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/echo HTTP/1.1\r\nHost: g\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  await client.readUntil((text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  client.write('hello');
  expect((await client.readAll()).toString()).toMatch(/HTTP\/1\.1 200 OK\r\n[\s\S]*hello/);
  expect(namesOf(upstream.requests.at(-1) as SeenRequest)).not.toContain('expect');
});

test('a body over limits.bodyBytes passes untouched and is counted as not read', async () => {
  const before = await metricValue(proxy.metrics, 'glassway_proxy_tap_limited_total', { reason: 'request_too_large' });
  const body = Buffer.from(JSON.stringify({ model: 'gpt-4o', input: 'x'.repeat(1_200_000) }));
  const seen = await send(post(body, 'Content-Type: application/json\r\n', '/openai/v1/responses'));
  expect(seen.body.equals(body)).toBe(true);
  await waitFor(
    'the limited body is counted',
    async () => (await metricValue(proxy.metrics, 'glassway_proxy_tap_limited_total', { reason: 'request_too_large' })) === before + 1,
  );
});

test('20 MB pass both ways, unchanged, without the proxy holding them', async () => {
  const child = await startProxyChild({ openai: upstream.origin }, { limits: { bodyBytes: 1_000_000 } });
  const body = randomBytes(20 * 1024 * 1024);
  const own = async () => {
    const response = await fetch(`${child.origin}/openai/v1/echo`, { method: 'POST', body });
    return Buffer.from(await response.arrayBuffer()).equals(body);
  };
  expect(await own()).toBe(true);
  const grown_bytes = watchMemory(child.pid);
  // Held whole, these would be 240 MB.
  expect(await Promise.all(Array.from({ length: 6 }, own))).toEqual(Array(6).fill(true));
  await child.recorded(7);
  expect(grown_bytes()).toBeLessThan(120 * 1024 * 1024);
  upstream.requests.length = 0;
});

test('a client that speaks HTTP/1.0 is served, its connection closed at the end', async () => {
  const response = parseResponse(await exchange(proxy.port, 'POST /openai/v1/echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello'));
  expect(response.body.toString()).toBe('hello');
});

test('none of these calls met a fault of the proxy’s own', () => {
  expect(proxy.errors).toEqual([]);
});
