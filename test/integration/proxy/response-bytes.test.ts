/**
 * What the provider answers reaches the client byte for byte: each answer is written by a bare TCP provider,
 * and what a client gets through the proxy is held against what it gets without.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { exchange, parseResponse, type RawResponse } from '../../kit/raw-http.ts';
import { type RawUpstream, startRawUpstream } from '../../kit/upstream.ts';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);
const JSON_TEXT = Buffer.from('{ "id":"x", "id":"y",  "n":123456789012345678901234567890, "t":"\u00fcber \u{1f600}" }\n'.repeat(40));

let upstream: RawUpstream;
let proxy: TestProxy;
let pieces: Buffer[] = [];
let closeAfter = false;

async function writePieces(socket: Socket): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (closeAfter) socket.end();
}

beforeAll(async () => {
  upstream = await startRawUpstream((socket) => void writePieces(socket));
  proxy = await startTestProxy({ openai: upstream.origin });
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

interface Both {
  readonly direct: RawResponse;
  readonly proxied: RawResponse;
}

/** The provider's bytes as read without and with the proxy. */
async function ask(answer: readonly (string | Buffer)[], options: { method?: string; close?: boolean } = {}): Promise<Both> {
  pieces = answer.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece));
  closeAfter = options.close ?? false;
  const method = options.method ?? 'GET';
  const proxied = await exchange(
    proxy.port,
    `${method} /openai/v1/models HTTP/1.1\r\nHost: glassway.localhost\r\nConnection: close\r\n\r\n`,
  );
  return { direct: parseResponse(Buffer.concat(pieces), method === 'HEAD'), proxied: parseResponse(proxied, method === 'HEAD') };
}

function expectSame({ direct, proxied }: Both): void {
  const endToEnd = (response: RawResponse) =>
    response.headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && name !== 'x-glassway-request-id');
  expect(proxied.statusLine.replace(/^HTTP\/1\.\d/, '')).toBe(direct.statusLine.replace(/^HTTP\/1\.\d/, ''));
  expect(endToEnd(proxied)).toEqual(endToEnd(direct));
  expect(proxied.body.equals(direct.body)).toBe(true);
  expect(proxied.trailers).toEqual(direct.trailers);
  expect(proxied.complete).toBe(true);
  expect(proxied.rest).toHaveLength(0);
}

const withLength = (body: Buffer, headers = '', status = '200 OK') =>
  [`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n`, body] as const;

/** Chunked framing whose chunks and packets are cut at different, arbitrary places. */
function chunked(body: Buffer, headers = '', trailers = ''): Buffer[] {
  const parts: Buffer[] = [
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${headers}Transfer-Encoding: chunked\r\n\r\n`),
  ];
  for (let at = 0; at < body.length; ) {
    const size = 1 + ((at * 7919) % 97);
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += size;
  }
  parts.push(Buffer.from(`0\r\n${trailers}\r\n`));
  const wire = Buffer.concat(parts);
  const cuts: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const size = 1 + ((at * 104_729) % 211);
    cuts.push(wire.subarray(at, at + size));
    at += size;
  }
  return cuts;
}

const CODINGS: readonly (readonly [name: string, body: Buffer])[] = [
  ['identity', JSON_TEXT],
  ['gzip', gzipSync(JSON_TEXT)],
  ['x-gzip', gzipSync(JSON_TEXT)],
  ['deflate', deflateSync(JSON_TEXT)],
  ['deflate', deflateRawSync(JSON_TEXT)],
  ['br', brotliCompressSync(JSON_TEXT)],
  ['zstd', zstdCompressSync(JSON_TEXT)],
  ['gzip, br', brotliCompressSync(gzipSync(JSON_TEXT))],
  ['x-of-tomorrow', randomBytes(3_000)],
  ['gzip', randomBytes(3_000)], // says gzip, is none
];

describe.each(CODINGS)('a body with content-encoding %s', (coding, body) => {
  test('arrives as it was sent, with a length', async () => {
    expectSame(await ask(withLength(body, `Content-Encoding: ${coding}\r\n`)));
  });

  test('arrives as it was sent, in chunks cut anywhere', async () => {
    expectSame(await ask(chunked(body, `Content-Encoding: ${coding}\r\n`)));
  });

  test('arrives as it was sent, ended by the close of an HTTP/1.0 connection', async () => {
    const head = `HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: ${coding}\r\n\r\n`;
    expectSame(await ask([head, body.subarray(0, 100), body.subarray(100)], { close: true }));
  });
});

const STATUSES = [
  '200 OK',
  '201 Created',
  '202 Accepted',
  '206 Partial Content',
  '301 Moved Permanently',
  '307 Temporary Redirect',
  '400 Bad Request',
  '401 Unauthorized',
  '404 Not Found',
  '409 Conflict',
  '413 Content Too Large',
  '422 Unprocessable Content',
  '500 Internal Server Error',
  '503 Service Unavailable',
  '529 Overloaded',
  '599 Odd',
  '418 I am a teapot; really (yes)',
  '200 ',
];

test.each(STATUSES)('status «%s» passes with its reason phrase and body, and a redirect is not followed', async (status) => {
  expectSame(
    await ask(withLength(Buffer.from('{"error":{"message":"m","type":"t"}}'), 'Location: http://127.0.0.1:1/elsewhere\r\n', status)),
  );
});

test('a 429 keeps its retry-after and rate limit headers', async () => {
  const headers = 'Retry-After: 7\r\nx-ratelimit-remaining-tokens: 0\r\nRetry-After-Ms: 6500\r\n';
  expectSame(await ask(withLength(Buffer.from('{"error":{}}'), headers, '429 Too Many Requests')));
});

test('a reason phrase in UTF-8 passes byte for byte', async () => {
  for (const reason of ['\u00c3\u00bcberlastet', '\u00e2\u009c\u0093 fine'])
    expectSame(await ask(withLength(Buffer.from('{}'), '', `503 ${reason}`)));
});

test('a reason phrase in latin1 does not harm the answer', async () => {
  const { proxied } = await ask(withLength(JSON_TEXT, '', '503 d\u00e9bord\u00e9'));
  expect(proxied.statusLine).toMatch(/^HTTP\/1\.1 503 d.+bord/);
  expect(proxied.body.equals(JSON_TEXT)).toBe(true);
});

test('a header value with bytes above ASCII passes byte for byte', async () => {
  expectSame(await ask(withLength(Buffer.from('{}'), 'X-Name: \u00c3\u00bc\u00e9\r\nX-Empty:\r\n')));
});

test.each(['204 No Content', '304 Not Modified'])('%s passes without a body', async (status) => {
  expectSame(await ask([`HTTP/1.1 ${status}\r\nETag: "a"\r\n\r\n`]));
});

test('a 304 keeps the length of the body that it does not have', async () => {
  expectSame(await ask(['HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: "a"\r\n\r\n']));
});

test('a HEAD answer keeps its length and has no body', async () => {
  expectSame(await ask(['HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234\r\n\r\n'], { method: 'HEAD' }));
  expectSame(await ask(['HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'], { method: 'HEAD' }));
});

test('an empty body of length 0 passes', async () => {
  expectSame(await ask(withLength(Buffer.alloc(0))));
});

test('trailers pass, and so does the header that announces them', async () => {
  expectSame(await ask(chunked(JSON_TEXT, 'Trailer: X-Checksum\r\n', 'X-Checksum: abc\r\nX-Checksum: def\r\n')));
});

test('an announcement of trailers on an answer that cannot have any is no error', async () => {
  const { proxied } = await ask(withLength(JSON_TEXT, 'Trailer: X-Checksum\r\n'));
  expect(proxied.statusLine).toBe('HTTP/1.1 200 OK');
  expect(proxied.body.equals(JSON_TEXT)).toBe(true);
  const head = await ask(['HTTP/1.1 200 OK\r\nTrailer: X-Checksum\r\nContent-Length: 5\r\n\r\n'], { method: 'HEAD' });
  expect(head.proxied.statusLine).toBe('HTTP/1.1 200 OK');
});

test('interim responses do not disturb the final one', async () => {
  const [head, body] = withLength(JSON_TEXT);
  const { proxied } = await ask(['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', head, body]);
  expect(proxied.statusLine).toBe('HTTP/1.1 200 OK');
  expect(proxied.body.equals(JSON_TEXT)).toBe(true);
});

test('headers arrive in order, in their own case, repeated ones included, with the provider’s Date and no other', async () => {
  const headers =
    'Set-Cookie: a=1; Path=/\r\nX-Custom-CASE: One\r\nset-cookie: b=2\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-custom-case: two\r\nVary: a\r\nVary: b\r\n';
  expectSame(await ask(withLength(JSON_TEXT, headers)));
});

test('nothing but the request id is added, and hop-by-hop headers stay behind', async () => {
  const headers =
    'Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-End: 2\r\n';
  const { proxied } = await ask(withLength(JSON_TEXT, headers));
  expect(proxied.headers.map(([name]) => name)).toEqual(['Content-Type', 'X-End', 'Content-Length', 'x-glassway-request-id', 'Connection']);
});

test('none of these answers was a fault of the proxy’s own', () => {
  expect(proxy.errors).toEqual([]);
});
