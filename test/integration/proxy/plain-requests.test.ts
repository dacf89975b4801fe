/**
 * Connections that Glassway reads itself (proxy/server/): to client and provider they are as those that Node reads, which an
 * odd but harmless header makes them.
 */

import { startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { parseResponse, RawClient, type RawResponse } from '../../kit/raw-http.ts';
import { type HttpUpstream, type RawUpstream, startRawUpstream, startUpstream } from '../../kit/upstream.ts';

/** Request trailers are announced, which is no plain request; the header itself does not pass. */
const NODES = 'Trailer: x\r\n';
const BODY = '{"model":"m","messages":[{"role":"user","content":"caf\u00e9"}]}';

let provider: HttpUpstream;
let rawProvider: RawUpstream;
let answer = '';
let proxy: TestProxy;

const request = (path: string, headers = '', body = BODY): string =>
  `POST ${path} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${Buffer.from(body).toString('latin1')}`;

beforeAll(async () => {
  provider = await startUpstream((res, { url }) => {
    res.end(url);
  });
  rawProvider = await startRawUpstream((socket) => {
    socket.write(Buffer.from(answer, 'latin1'));
    if (!/content-length|chunked| 204 | 304 /i.test(answer)) socket.end();
  });
  proxy = await startTestProxy({ openai: provider.origin, mistral: rawProvider.origin });
});
beforeEach(() => provider.requests.splice(0));
afterAll(async () => {
  await proxy?.close();
  await provider?.close();
  await rawProvider?.close();
});

/** Of connections that are not Node's. */
const plainCount = (): number => proxy.app.plain.idleSockets().length;

test('a request that comes cut anywhere reaches the provider whole, and its connection carries another', async () => {
  const bytes = Buffer.from(request('/openai/v1/x', 'X-Odd: \xe9\r\n'), 'latin1');
  const whole = await RawClient.connect(proxy.port);
  whole.write(bytes);
  await whole.readUntil((text) => text.endsWith('/v1/x'));
  const [expected] = provider.requests.splice(0);
  expect(expected?.body.toString()).toBe(BODY);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    whole.write(bytes.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    whole.write(bytes.subarray(cut));
    await waitFor('the request', () => provider.requests.length === 1);
    expect(provider.requests.splice(0)).toEqual([expected]);
    await whole.readUntil((text) => text.split('HTTP/1.1 200').length === cut + 2);
  }
  expect(plainCount()).toBe(1);
  whole.socket.destroy();
});

test.each([
  ['a length', 'HTTP/1.1 200 OK\r\nX-A: \xe9\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello'],
  ['a length of none', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'],
  ['a long body', `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'],
  ['trailers', 'HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n'],
  ['its connection\u2019s end', 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nhello'],
  ['no content', 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n'],
  ['not modified', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n'],
  ['an error', 'HTTP/1.1 429 Slow Down\r\nRetry-After: 1\r\nRetry-After: 2\r\nContent-Length: 2\r\n\r\n{}'],
])('the answer with %s is to the byte what Node writes', async (_what, bytes) => {
  answer = bytes;
  const [plain, nodes] = await Promise.all(
    ['', NODES].map(async (headers) => {
      const client = await RawClient.connect(proxy.port);
      // The second one ends the connection, so that all there is can be read.
      client.write(request('/mistral/v1/x', headers));
      await client.readUntil((text) => text.includes('\r\n\r\n'));
      const rest = client.readAll();
      setTimeout(() => client.socket.end(), 100);
      const text = (await rest).toString('latin1');
      return text.replace(/x-glassway-request-id: .*\r\n/, '');
    }),
  );
  expect(plain).toBe(nodes);
  expect(plain).toMatch(/^HTTP\/1\.1 \d{3} /);
});

test('what is refused, and what cannot be had, is answered as where Node reads', async () => {
  const heads = async (path: string): Promise<(RawResponse | undefined)[]> =>
    Promise.all(
      ['', NODES].map(async (headers) => {
        const client = await RawClient.connect(proxy.port);
        client.write(request(path, headers));
        await client.readUntil((text) => /\r\n\r\n\{.*\}$/s.test(text));
        const response = parseResponse(client.received);
        client.socket.destroy();
        return {
          ...response,
          headers: response.headers.filter(([name]) => !/^(x-glassway-request-id|connection|keep-alive)$/i.test(name)),
        };
      }),
    );
  const [plain, nodes] = await heads('/nowhere/v1/x');
  expect(plain?.statusLine).toMatch(/ 404 /);
  expect(plain).toEqual(nodes);
});

test('requests that are sent ahead are answered in their order, plain ones and others, each once', async () => {
  const client = await RawClient.connect(proxy.port);
  const count = 200;
  const paths = Array.from({ length: count }, (_, at) => `/openai/v1/n${at}`);
  client.write(paths.map((path, at) => request(path, at === count - 1 ? 'Connection: close\r\n' : at === 150 ? NODES : '')).join(''));
  const text = (await client.readAll()).toString('latin1');
  expect([...text.matchAll(/\/v1\/n(\d+)/g)].map(([, at]) => Number(at))).toEqual(paths.map((_, at) => at));
  expect(provider.requests).toHaveLength(count);
});

test('a client that asks for the end gets it, and one that goes away meanwhile is a client that aborted', async () => {
  const client = await RawClient.connect(proxy.port);
  client.write(request('/openai/v1/x', 'Connection: close\r\n'));
  const text = (await client.readAll()).toString('latin1');
  expect(text).toMatch(/\r\nConnection: close\r\n/);
  expect(text).not.toMatch(/keep-alive/i);

  const leaving = await RawClient.connect(proxy.port);
  leaving.write(request('/openai/v1/x').slice(0, -5));
  await waitFor('the call', () => proxy.journal.state.inFlight > 0);
  leaving.socket.destroy();
  await waitFor('its record', () => proxy.ingest.records().some(({ outcome }) => outcome === 'client_abort'));
});

test('none of these calls met a fault of the proxy’s own', () => {
  expect(proxy.errors).toEqual([]);
});
