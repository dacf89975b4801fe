/**
 * Clients that go away, send what is no HTTP, or ask for what is not there: the provider's side is let go, the
 * client is told, and no call that was carried is without its record.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallRecord } from '../../../contract/record.ts';
import { metricValue, startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { exchange, headerOf, parseResponse, RawClient, type RawResponse } from '../../kit/raw-http.ts';
import { type HttpUpstream, startHandlerUpstream } from '../../kit/upstream.ts';

let upstream: HttpUpstream;
let proxy: TestProxy;
let records = 0;
let answer: (req: IncomingMessage, res: ServerResponse) => void;

beforeAll(async () => {
  upstream = await startHandlerUpstream((req, res) => answer(req, res));
  proxy = await startTestProxy(
    { openai: upstream.origin, anthropic: upstream.origin, gemini: upstream.origin, placed: 'http://{region}.example.invalid' },
    { limits: { headerBytes: 16_384 } },
  );
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

async function nextRecord(): Promise<CallRecord> {
  records += 1;
  return (await proxy.records(records)).at(-1) as CallRecord;
}

const GET = 'GET /openai/v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n';

/** A client that went away as soon as `when` holds; resolves when the provider saw its connection closed. */
async function abort(
  request: string,
  onArrival: (res: ServerResponse) => void,
  when: (client: RawClient) => Promise<unknown>,
): Promise<void> {
  const arrived = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  answer = (req, res) => {
    req.on('error', () => {});
    res.on('close', () => letGo.resolve());
    onArrival(res);
    arrived.resolve();
  };
  const client = await RawClient.connect(proxy.port);
  client.write(request);
  await arrived.promise;
  await when(client);
  client.destroy();
  await letGo.promise;
}

test('a client that goes away before the headers frees the provider; the record has status 0', async () => {
  await abort(
    GET,
    () => {},
    async () => {},
  );
  expect(await nextRecord()).toMatchObject({ outcome: 'client_abort', status: 0, ttfb_ms: null, response_bytes: 0 });
});

test('a client that goes away in the middle of a stream frees the provider; the record says what it had got', async () => {
  await abort(
    GET,
    (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {}\n\n');
    },
    (client) => client.readUntil((text) => text.includes('data: {}')),
  );
  expect(await nextRecord()).toMatchObject({ outcome: 'client_abort', status: 200, response_bytes: 10 });
});

describe('for a project with onClientAbort: finish', () => {
  let finishing: TestProxy;
  beforeAll(async () => {
    const projects = { patient: { onClientAbort: 'finish' } };
    finishing = await startTestProxy({ openai: upstream.origin }, { projects, timeouts: { finishMs: 300 } });
  });
  afterAll(() => finishing.close());

  const ASK = 'POST /openai/v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nx-glassway-project: patient\r\n';
  const BODY = '{"model":"gpt-5-mini","stream":true,"messages":[]}';
  const CHUNK = 'data: {"model":"gpt-5-mini","choices":[{"delta":{"content":"hi"}}]}\n\n';
  const REST = 'data: {"model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\ndata: [DONE]\n\n';

  async function vanish(): Promise<ServerResponse> {
    const arrived = Promise.withResolvers<ServerResponse>();
    answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(CHUNK);
      arrived.resolve(res);
    };
    const client = await RawClient.connect(finishing.port);
    client.write(`${ASK}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
    const res = await arrived.promise;
    await client.readUntil((text) => text.includes('"hi"'));
    client.destroy();
    await waitFor('the proxy to see that', async () => (await metricValue(finishing.metrics, 'glassway_proxy_calls_in_flight')) === 0);
    return res;
  }

  test('the answer is read to its end, and the record has its tokens', async () => {
    const res = await vanish();
    res.end(REST);
    const [record] = await finishing.records(1);
    expect(record).toMatchObject({ outcome: 'client_abort', input_tokens: 7, output_tokens: 3, usage_source: 'provider' });
  });

  test('a provider that does not come to an end is cut off after timeouts.finishMs', async () => {
    const res = await vanish();
    await new Promise((resolve) => res.once('close', resolve));
    expect((await finishing.records(2))[1]).toMatchObject({ outcome: 'client_abort', status: 200, usage_source: 'estimated' });
  });
});

test('a client that goes away while it sends a chunked body frees the provider', async () => {
  const request = 'POST /openai/v1/files HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
  await abort(
    request,
    () => {},
    async () => {},
  );
  expect(await nextRecord()).toMatchObject({ outcome: 'client_abort', status: 0, request_bytes: 5 });
});

test('a client that goes away while it sends a short body never reaches the provider', async () => {
  let reached = false;
  answer = (_req, res) => {
    reached = true;
    res.end();
  };
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/files HTTP/1.1\r\nHost: g\r\nContent-Length: 100\r\n\r\nhello');
  await waitFor('the call is known to the proxy', async () => (await metricValue(proxy.metrics, 'glassway_proxy_calls_in_flight')) === 1);
  client.destroy();
  expect(await nextRecord()).toMatchObject({ outcome: 'client_abort', status: 0 });
  expect(reached).toBe(false);
});

test('a provider that refuses a body before it has it all is heard at once, and the client gets its answer whole', async () => {
  answer = (req, res) => {
    req.on('error', () => {});
    res.writeHead(413, { connection: 'close', 'content-type': 'application/json' });
    res.end('{"error":{"message":"too large"}}');
  };
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/files HTTP/1.1\r\nHost: g\r\nContent-Length: 50000000\r\n\r\n');
  client.write(Buffer.alloc(100_000));
  await client.readUntil((text) => text.includes('too large'));
  const response = parseResponse(client.received);
  expect(response.statusLine).toBe('HTTP/1.1 413 Payload Too Large');
  expect(response.complete).toBe(true);
  expect(await nextRecord()).toMatchObject({ outcome: 'client_error', status: 413 });
  // What the client still sends is not left standing in its way: it is read, or the connection ends.
  const rest = Buffer.alloc(4 * 1024 * 1024);
  await new Promise<void>((resolve) => {
    client.socket.once('close', () => resolve());
    client.socket.write(rest, () => resolve());
  });
  client.destroy();
}, 8_000);

function expectError(response: RawResponse, status: number, code: string, says: RegExp): void {
  expect(response.statusLine).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(headerOf(response, 'x-glassway-error')).toBe(code);
  expect(headerOf(response, 'content-type')).toBe('application/json');
  expect(response.body.toString()).toMatch(says);
  expect(JSON.parse(response.body.toString())).toBeTruthy();
}

const request = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n${headers}\r\n`;

test.each([
  ['an upstream that is not there', request('/opnai/v1/models'), 404, 'unknown_upstream', /openai, .*anthropic.*gemini/],
  ['no upstream at all', request('/'), 404, 'unknown_upstream', /openai/],
  ['a placeholder that could name another host', request('/placed/evil.example:80%2f/x'), 404, 'invalid_upstream_path', /\{region\}/],
  ['a placeholder that is missing', request('/placed'), 404, 'invalid_upstream_path', /\{region\}/],
  [
    'a project tag over 128 characters',
    request('/openai/v1/models', `x-glassway-project: ${'p'.repeat(129)}\r\n`),
    400,
    'invalid_project',
    /129 characters.*128/,
  ],
  ['an empty project tag', request('/openai/v1/models', 'x-glassway-project:\r\n'), 400, 'invalid_project', /empty/],
  [
    'a control character in the project tag, in UTF-8',
    request('/openai/v1/models', 'x-glassway-project: a\u00c2\u0085b\r\n'),
    400,
    'invalid_project',
    /control/,
  ],
  ['a tab in the project tag', request('/openai/v1/models', 'x-glassway-project: a\tb\r\n'), 400, 'invalid_project', /control/],
  [
    'a control character in any header',
    request('/openai/v1/models', 'x-glassway-project: a\x01b\r\n'),
    400,
    'malformed_request',
    /header value/i,
  ],
  [
    'a capture mode that is none',
    request('/openai/v1/models', 'x-glassway-capture: everything\r\n'),
    400,
    'invalid_header',
    /metadata, redacted, full/,
  ],
  ['a request id with a space', request('/openai/v1/models', 'x-glassway-request-id: a b\r\n'), 400, 'invalid_header', /request-id/],
  ['headers over the limit', request('/openai/v1/models', `X-Big: ${'x'.repeat(20_000)}\r\n`), 431, 'headers_too_large', /headerBytes/],
  ['what is no HTTP', 'NOT HTTP\r\n\r\n', 400, 'malformed_request', /not valid HTTP/],
  [
    'two different lengths',
    'POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    400,
    'malformed_request',
    /not valid HTTP/,
  ],
  [
    'length and chunks at once',
    'POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'malformed_request',
    /not valid HTTP/,
  ],
])('%s is refused with an error that says so', async (_what, bytes, status, code, says) => {
  answer = (_req, res) => res.end('reached the provider');
  expectError(parseResponse(await exchange(proxy.port, bytes)), status, code, says);
});

test('headers up to the limit pass', async () => {
  answer = (req, res) => res.end(String((req.headers['x-big'] as string).length));
  const response = parseResponse(await exchange(proxy.port, request('/openai/v1/models', `X-Big: ${'x'.repeat(15_000)}\r\n`)));
  expect(response.body.toString()).toBe('15000');
  expect(await nextRecord()).toMatchObject({ status: 200 });
});

test.each([
  ['/anthropic/v1/messages', /^\{"type":"error","error":\{"type":"glassway_invalid_project"/],
  ['/gemini/v1beta/models/g:generateContent', /"code":400/],
  ['/v1/messages', /^\{"type":"error"/],
])('an error on %s has the shape of that dialect', async (path, shape) => {
  expectError(parseResponse(await exchange(proxy.port, request(path, 'x-glassway-project:\r\n'))), 400, 'invalid_project', shape);
});

test('a refused call with a large body still gets its answer', async () => {
  const response = await fetch(`${proxy.origin}/opnai/v1/x`, { method: 'POST', body: Buffer.alloc(5_000_000) });
  expect(response.status).toBe(404);
  expect(response.headers.get('x-glassway-error')).toBe('unknown_upstream');
});

test('garbage behind a request does not get into the answer that is under way', async () => {
  const responses: ServerResponse[] = [];
  answer = (_req, res) => {
    responses.push(res);
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: {}\n\n');
  };
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n');
  await client.readUntil((text) => text.includes('data: {}'));
  client.write('this is no chunk size\r\n');
  await client.readAll();
  expect(client.received.toString()).not.toContain('malformed_request');
  expect(await nextRecord()).toMatchObject({ outcome: 'client_abort', status: 200 });
});

test('a plain request that offers an upgrade which is no WebSocket is carried as a plain request', async () => {
  // Java's HttpClient offers h2c with each first request on plain HTTP.
  answer = (req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    req.on('end', () => res.end(`${req.method} ${body} ${req.headers.upgrade ?? 'none'}`));
  };
  const bytes =
    'POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: 2\r\n\r\n{}';
  const response = parseResponse(await exchange(proxy.port, bytes));
  expect(response.body.toString()).toBe('POST {} none');
  expect(await nextRecord()).toMatchObject({ status: 200, request_bytes: 2 });
});

test('no call is left in flight, and none of these was a fault of the proxy’s own', async () => {
  await waitFor('all calls ended', async () => (await metricValue(proxy.metrics, 'glassway_proxy_calls_in_flight')) === 0);
  expect(proxy.errors).toEqual([]);
});
