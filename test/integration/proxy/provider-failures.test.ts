/**
 * A provider that cannot be had, or breaks off: the client is told in its own dialect's error shape before an
 * answer began, sees a broken answer after that, and the record says what happened.
 */
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { CallRecord } from '../../../contract/record.ts';
import { freePort } from '../../kit/ports.ts';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { exchange, headerOf, parseResponse, RawClient, type RawResponse } from '../../kit/raw-http.ts';
import { selfSignedCertificate } from '../../kit/tls.ts';
import { closeServer, listenOnLoopback, type RawUpstream, startRawUpstream } from '../../kit/upstream.ts';

let raw: RawUpstream;
let tls: HttpsServer;
let plain: Server;
let proxy: TestProxy;
let calls = 0;
let behave: (socket: Socket) => void;

beforeAll(async () => {
  raw = await startRawUpstream((socket) => behave(socket));
  tls = createHttpsServer(selfSignedCertificate(), (_req, res) => res.end('{}'));
  const tlsPort = await listenOnLoopback(tls);
  plain = createTcpServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const plainPort = await listenOnLoopback(plain);
  proxy = await startTestProxy(
    {
      openai: raw.origin,
      anthropic: raw.origin,
      gemini: raw.origin,
      refusing: `http://127.0.0.1:${await freePort()}`,
      nowhere: 'http://no-such-host.invalid',
      untrusted: `https://127.0.0.1:${tlsPort}`,
      'plain-behind-tls': `https://127.0.0.1:${plainPort}`,
    },
    { timeouts: { connectMs: 2_000, responseMs: 1_000, idleMs: 1_000 } },
  );
});

afterAll(async () => {
  await proxy.close();
  tls.closeAllConnections();
  await closeServer(tls);
  await closeServer(plain);
  await raw.close();
});

const BODY = '{"model":"m","messages":[]}';

function requestTo(path: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer sk-secret-1234\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
}

/** One call, what the client got and what was recorded. */
async function call(path: string): Promise<{ response: RawResponse; json: unknown; record: CallRecord }> {
  const response = parseResponse(await exchange(proxy.port, requestTo(path)));
  return { response, json: JSON.parse(response.body.toString()), record: await nextRecord() };
}

async function nextRecord(): Promise<CallRecord> {
  calls += 1;
  return (await proxy.records(calls)).at(-1) as CallRecord;
}

function expectGatewayError(
  { response, record }: { response: RawResponse; record: CallRecord },
  status: number,
  code: string,
  outcome: string,
): void {
  expect(response.statusLine).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(headerOf(response, 'x-glassway-error')).toBe(code);
  expect(headerOf(response, 'x-glassway-request-id')).toBe(record.id);
  expect(headerOf(response, 'content-type')).toBe('application/json');
  expect(response.complete).toBe(true);
  expect(record).toMatchObject({
    status,
    outcome,
    error_type: `glassway_${code}`,
    response_model: '',
    usage_source: 'none',
    input_tokens: null,
  });
  expect(record.error_message).not.toBe('');
}

const reset = (socket: Socket) => socket.resetAndDestroy();

test('a reset before the answer is a 502 in OpenAI’s error shape', async () => {
  behave = reset;
  const seen = await call('/openai/v1/chat/completions');
  expectGatewayError(seen, 502, 'upstream_reset', 'provider_error');
  expect(seen.json).toMatchObject({
    error: { type: 'glassway_upstream_reset', message: expect.stringContaining('closed the connection') },
  });
});

test('a reset before the answer is a 502 in Anthropic’s error shape', async () => {
  behave = reset;
  const seen = await call('/anthropic/v1/messages');
  expectGatewayError(seen, 502, 'upstream_reset', 'provider_error');
  expect(seen.json).toMatchObject({ type: 'error', error: { type: 'glassway_upstream_reset' } });
});

test('a reset before the answer is a 502 in Gemini’s error shape', async () => {
  behave = reset;
  const seen = await call('/gemini/v1beta/models/gemini-2.0-flash:generateContent');
  expectGatewayError(seen, 502, 'upstream_reset', 'provider_error');
  expect(seen.json).toMatchObject({ error: { code: 502, message: expect.stringContaining('closed the connection') } });
  expect(JSON.stringify(seen.json)).toContain('glassway_upstream_reset');
});

test('a connection closed without an answer is a 502', async () => {
  behave = (socket) => socket.end();
  expectGatewayError(await call('/openai/v1/chat/completions'), 502, 'upstream_reset', 'provider_error');
});

test('half a header block is a 502', async () => {
  behave = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Ty');
  expectGatewayError(await call('/openai/v1/chat/completions'), 502, 'upstream_reset', 'provider_error');
});

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['two different lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x'],
  ['headers over the limit', `HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`],
  ['a control character in a header', 'HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nContent-Length: 2\r\n\r\n{}'],
])('an answer with %s is a 502 that says so', async (_what, answer) => {
  behave = (socket) => socket.write(Buffer.from(answer, 'latin1'));
  expectGatewayError(await call('/openai/v1/chat/completions'), 502, 'upstream_invalid_response', 'provider_error');
});

test.each([
  ['refusing', 'upstream_unreachable'],
  ['nowhere', 'upstream_unreachable'],
  ['untrusted', 'upstream_tls_failed'],
  ['plain-behind-tls', 'upstream_tls_failed'],
])('upstream «%s» gives a 502 with %s', async (name, code) => {
  expectGatewayError(await call(`/${name}/v1/chat/completions`), 502, code, 'unreachable');
});

test('a provider that stays silent is a 504', async () => {
  behave = () => {};
  expectGatewayError(await call('/openai/v1/chat/completions'), 504, 'upstream_timeout', 'timeout');
});

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const EVENT = 'data: {"id":"c","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
const CHUNK = `${EVENT.length.toString(16)}\r\n${EVENT}\r\n`;

test.each([
  ['a reset', (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 20)],
  ['a close', (socket: Socket) => socket.end()],
  ['a broken chunk', (socket: Socket) => socket.write('zz\r\n')],
])('%s in the middle of a stream reaches the client as a broken answer, not as an end', async (_what, breakOff) => {
  behave = (socket) => {
    socket.write(HEAD + CHUNK);
    breakOff(socket);
  };
  const response = parseResponse(await exchange(proxy.port, requestTo('/openai/v1/chat/completions')));
  expect(response.statusLine).toBe('HTTP/1.1 200 OK');
  expect(response.body.toString()).toBe(EVENT);
  expect(response.complete).toBe(false);
  expect(await nextRecord()).toMatchObject({
    status: 200,
    outcome: 'stream_truncated',
    response_model: 'm-1',
    response_bytes: EVENT.length,
  });
});

test('a body shorter than its Content-Length reaches the client as a broken answer', async () => {
  behave = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id":');
  const response = parseResponse(await exchange(proxy.port, requestTo('/openai/v1/chat/completions')));
  expect(response.body.toString()).toBe('{"id":');
  expect(response.complete).toBe(false);
  expect(await nextRecord()).toMatchObject({ status: 200, outcome: 'stream_truncated' });
});

test('silence inside a stream beyond the limit breaks the answer off as a timeout', async () => {
  behave = (socket) => socket.write(HEAD + CHUNK);
  const response = parseResponse(await exchange(proxy.port, requestTo('/openai/v1/chat/completions')));
  expect(response.complete).toBe(false);
  expect(await nextRecord()).toMatchObject({ status: 200, outcome: 'timeout', error_type: 'glassway_upstream_timeout' });
});

test('a stream whose HTTP ends well but whose own end mark is missing is recorded as truncated', async () => {
  behave = (socket) => socket.write(`${HEAD}${CHUNK}0\r\n\r\n`);
  const response = parseResponse(await exchange(proxy.port, requestTo('/openai/v1/chat/completions')));
  expect(response.complete).toBe(true);
  expect(await nextRecord()).toMatchObject({ status: 200, outcome: 'stream_truncated' });
});

test('a broken answer to a client that has asked for more already does not leave it waiting, and nothing more is asked', async () => {
  behave = (socket) => {
    socket.write(HEAD + CHUNK);
    setTimeout(() => socket.resetAndDestroy(), 20);
  };
  const client = await RawClient.connect(proxy.port);
  const pipelined = requestTo('/openai/v1/chat/completions').replace('Connection: close\r\n', '');
  client.write(pipelined + pipelined);
  await client.readAll();
  expect(await nextRecord()).toMatchObject({ outcome: 'stream_truncated' });
});

test('none of these was a fault of the proxy’s own, and no record holds the credential', () => {
  expect(proxy.errors).toEqual([]);
  expect(proxy.ingest.batches.map((batch) => batch.text).join()).not.toContain('sk-secret-1234');
});
