/** What a provider gets of requests that two parsers may read differently: one, or none and the client a refusal. Never two. */
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { RawClient } from '../../kit/raw-http.ts';
import { closeServer, type HttpUpstream, listenOnLoopback, startUpstream } from '../../kit/upstream.ts';
import { CORPUS, SMUGGLED } from './smuggling-corpus.ts';

let provider: HttpUpstream;
let relay: Server;
let proxy: TestProxy;
/** Every byte that went to the provider. */
let bytes = '';

beforeAll(async () => {
  provider = await startUpstream((res) => {
    res.end('{}');
  });
  provider.server.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'));
  relay = createServer((near) => {
    const far = connect(provider.port, '127.0.0.1');
    near.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
    });
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
  });
  proxy = await startTestProxy({ openai: `http://127.0.0.1:${await listenOnLoopback(relay)}` });
});
afterAll(async () => {
  await proxy.close();
  await provider.close();
  await closeServer(relay);
});
beforeEach(() => {
  bytes = '';
  provider.requests.length = 0;
});

/** Sends, and gives what was answered until the connection closed, or nothing more came of an answer that was whole. */
async function send(request: string): Promise<string> {
  const client = await RawClient.connect(proxy.port);
  client.write(request);
  const answered = () => client.received.includes('\r\n\r\n');
  for (let quiet_ms = 0; !client.closed && quiet_ms < (answered() ? 40 : 400); quiet_ms += 10) await sleep(10);
  client.destroy();
  await sleep(20); // what is still on its way to the provider
  return client.received.toString('latin1');
}

test(`the corpus has at least 60 variants, each under a name of its own`, () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(60);
  expect(new Set(CORPUS.map(([name]) => name)).size).toBe(CORPUS.length);
});

test.each(CORPUS)('%s', async (_name, request, wanted) => {
  const answer = await send(request);
  const targets = provider.requests.map(({ url }) => url);
  expect(targets).not.toContain('/v1/smuggled');
  expect(targets.length).toBeLessThanOrEqual(1);
  if (wanted === 'refused') expect(targets).toEqual([]);
  if (wanted === 'one') expect(targets).toHaveLength(1);
  if (targets.length === 0) {
    // Nothing said, or a refusal: a 200 would have to be the provider's.
    expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
    expect(answer).not.toMatch(/HTTP\/1\.1 200 /);
  } else {
    // As the provider got it, the body's bytes and no more lie behind the header block.
    expect(bytes.match(/^[A-Z]+ \S+ HTTP\/1\.1\r\n/)).not.toBeNull();
    expect(bytes.slice(bytes.indexOf('\r\n\r\n') + 4).replace(SMUGGLED, '')).not.toMatch(/HTTP\/1\.1/);
  }
  expect(proxy.errors).toEqual([]);
});

test('what is pipelined the right way is two calls, answered in order', async () => {
  const first = 'POST /openai/v1/first HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}';
  const answer = await send(`${first}${SMUGGLED.replace('smuggled', 'second')}`);
  expect(provider.requests.map(({ url }) => url).sort()).toEqual(['/v1/first', '/v1/second']);
  expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
});

test('headers of the hop and those that Connection names stay on this side', async () => {
  await send(
    'GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nConnection: close, X-Secret, keep-alive\r\nX-Secret: a\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: Basic x\r\nProxy-Connection: x\r\nTE: trailers\r\nX-Kept: b\r\n\r\n',
  );
  const names = (provider.requests[0]?.rawHeaders ?? []).filter((_text, i) => i % 2 === 0).map((name) => name.toLowerCase());
  expect(names).toContain('x-kept');
  for (const name of ['x-secret', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te']) expect(names).not.toContain(name);
});
