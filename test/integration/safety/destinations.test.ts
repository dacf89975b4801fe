/**
 * Where a call may go: only to configured upstreams. Whatever stands in a path, a placeholder, a header or a redirect,
 * no connection is made to anything else.
 */
import { createServer } from 'node:net';
import { upstreamTable } from '../../../proxy/config.ts';
import { createRouter } from '../../../proxy/route.ts';
import { settingsFrom, startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { RawClient } from '../../kit/raw-http.ts';
import { closeServer, type HttpUpstream, listenOnLoopback, startUpstream } from '../../kit/upstream.ts';

/** What must never be connected to: stands for the machine's own services and for metadata addresses. */
const decoy = createServer((socket) => {
  decoyed += 1;
  socket.destroy();
});
let decoyed = 0;
let decoyPort: number;
let provider: HttpUpstream;
let proxy: TestProxy;

beforeAll(async () => {
  decoyPort = await listenOnLoopback(decoy);
  provider = await startUpstream((res, { url }) => {
    if (url.includes('redirect')) res.writeHead(307, { location: `http://127.0.0.1:${decoyPort}/stolen` });
    res.end('{}');
  });
  proxy = await startTestProxy(
    {
      openai: provider.origin,
      based: { baseUrl: `${provider.origin}/tenants/ours`, dialect: 'openai' },
      placed: { baseUrl: `${provider.origin}/{region}`, dialect: 'openai' },
    },
    { targets: { [provider.origin]: 'openai' } },
  );
});
afterAll(async () => {
  await proxy.close();
  await provider.close();
  await closeServer(decoy);
});
beforeEach(() => {
  decoyed = 0;
  provider.requests.length = 0;
});

async function get(target: string, headers = ''): Promise<string> {
  const client = await RawClient.connect(proxy.port);
  client.write(`GET ${target} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n${headers}\r\n`);
  return (await client.readAll()).toString('latin1');
}

const HOSTILE_PLACEHOLDERS = [
  '..',
  '.',
  '%2e%2e',
  '.%2E',
  'a.evil.example',
  'a@evil.example',
  'user:pw@evil.example',
  'evil.example%2f',
  'a%2fb',
  'a%252fb',
  'a%00b',
  'a%40evil.example',
  'a:8080',
  '127.0.0.1',
  '[::1]',
  '%5b::1%5d',
  'a\\evil.example',
  'a%5cevil.example',
  'a#',
  'a%23',
  'a;b',
  'a,b',
  'a_b',
  'a b',
  'a%20b',
  'a\u00e4',
  '%ef%bc%8e%ef%bc%8e',
  '{region}',
  '$%7Bregion%7D',
  '',
];

test.each(HOSTILE_PLACEHOLDERS)('a placeholder cannot hold %j', async (value) => {
  const answer = await get(`/placed/${value}/v1/models`);
  expect(answer).toMatch(/^HTTP\/1\.1 (?:404|400) /);
  expect(provider.requests).toHaveLength(0);
  // The same of the built-in upstreams, whose placeholders stand in the host.
  const route = createRouter(upstreamTable(settingsFrom({})), 'openai');
  for (const name of ['azure', 'bedrock', 'vertex', 'snowflake', 'bedrock-mantle'])
    expect(() => route(`/${name}/${value}/v1/models`, [])).toThrow(/does not fit/);
});

test('what a placeholder may hold cannot end a host early: the host stays under the provider’s name', () => {
  const route = createRouter(upstreamTable(settingsFrom({})), 'openai');
  for (const value of ['a', '-', '--', 'A-9', 'localhost', '169-254-169-254', 'x'.repeat(60)]) {
    let origin = 'refused';
    try {
      origin = route(`/azure/${value}/x`, []).origin;
    } catch {
      // No URL at all is as good.
    }
    expect(origin === 'refused' || origin.endsWith('.openai.azure.com')).toBe(true);
  }
});

test('a region out of a forged signature cannot name a host either', () => {
  const route = createRouter(upstreamTable(settingsFrom({})), 'openai');
  const signed = (scope: string) => ['authorization', `AWS4-HMAC-SHA256 Credential=AKIA/20260101/${scope}/bedrock/aws4_request`];
  for (const scope of ['evil.example', 'a@b', '..', '[::1]', 'a:1', ''])
    expect(() => route('/model/m/converse', signed(scope))).toThrow(/not known/);
  expect(route('/model/m/converse', signed('eu-west-1')).origin).toBe('https://bedrock-runtime.eu-west-1.amazonaws.com');
});

test.each([
  '/../admin',
  '/v1/../../theirs',
  '/..',
  '/%2e%2e/theirs',
  '/.%2e/theirs',
  '/%2E./theirs',
  '/v1/..%2ftheirs',
  '/v1%2f..%2f..%2ftheirs',
  '/v1/..;/theirs',
  '/v1\\..\\..\\theirs',
  '/v1%5c..%5ctheirs',
  '/v1/%252e%252e/theirs',
  '/v1/..?x=1',
])('no path leaves the base URL’s own: %s', async (path) => {
  expect(await get(`/based${path}`)).toMatch(/^HTTP\/1\.1 (?:404|400) /);
  expect(provider.requests).toHaveLength(0);
});

test.each([
  ['/based/v1/models', '/tenants/ours/v1/models'],
  ['/based/v1/files/a..b/...', '/tenants/ours/v1/files/a..b/...'],
  ['/based/v1/models?path=/../x', '/tenants/ours/v1/models?path=/../x'],
  ['/openai//evil.example/x', '//evil.example/x'],
  ['/openai/http://evil.example/x', '/http://evil.example/x'],
  ['/openai/@evil.example', '/@evil.example'],
  ['/openai/\\\\evil.example', '/\\\\evil.example'],
  ['http://evil.example/openai/v1/models', '/v1/models'],
])('%s goes to the upstream as %s', async (path, target) => {
  await get(path);
  expect(provider.requests.map(({ url }) => url)).toEqual([target]);
});

test('the Host header decides nothing', async () => {
  const client = await RawClient.connect(proxy.port);
  client.write(
    `GET /openai/v1/models HTTP/1.1\r\nHost: 127.0.0.1:${decoyPort}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n`,
  );
  await client.readAll();
  expect(decoyed).toBe(0);
  expect(provider.requests[0]?.rawHeaders).toContain(`127.0.0.1:${provider.port}`);
});

test('a redirect is the client’s to follow', async () => {
  expect(await get('/openai/redirect')).toMatch(/^HTTP\/1\.1 307 [\s\S]*location: http:\/\/127\.0\.0\.1/i);
  expect(decoyed).toBe(0);
});

test('a WebSocket’s path cannot name a host', async () => {
  const upgrade =
    'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  for (const path of [
    `//127.0.0.1:${decoyPort}/x`,
    `/http://127.0.0.1:${decoyPort}/x`,
    `/@127.0.0.1:${decoyPort}/`,
    `\\\\127.0.0.1:${decoyPort}`,
  ]) {
    const client = await RawClient.connect(proxy.port);
    client.write(`GET /openai${path} HTTP/1.1\r\nHost: g\r\n${upgrade}\r\n`);
    await client.readUntil((text) => text.includes('\r\n\r\n')).catch(() => '');
    client.destroy();
  }
  expect(decoyed).toBe(0);
});

describe('a target named by a header', () => {
  test('is taken when it is in the list, as it is written there', async () => {
    expect(await get('/v1/models', `X-Glassway-Target-Url: ${provider.origin}\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get('/v1/models', `Helicone-Target-URL: ${provider.origin}/\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(provider.requests.map(({ url }) => url)).toEqual(['/v1/models', '/v1/models']);
    expect(JSON.stringify(provider.requests[0])).not.toMatch(/target-url/i);
  });

  const others = (port: number, providerPort: number) => [
    `http://127.0.0.1:${port}`,
    `http://127.0.0.1:${providerPort}@127.0.0.1:${port}`,
    `http://localhost:${providerPort}`,
    `http://127.0.0.1:${providerPort}.evil.example`,
    `http://127.0.0.1:${providerPort}/../`,
    `HTTP://127.0.0.1:${providerPort}`,
    `http://127.1:${providerPort}`,
    `http://2130706433:${providerPort}`,
    `http://[::ffff:127.0.0.1]:${providerPort}`,
    'http://169.254.169.254',
    'file:///etc/passwd',
    '',
  ];
  test('is refused when it is not, whatever it resolves to', async () => {
    for (const target of others(decoyPort, provider.port))
      expect({ target, answer: (await get('/v1/models', `X-Glassway-Target-Url: ${target}\r\n`)).slice(0, 12) }).toEqual({
        target,
        answer: 'HTTP/1.1 403',
      });
    expect(decoyed).toBe(0);
    expect(provider.requests).toHaveLength(0);
  });

  test('is refused by default, and a rival’s header is not looked at', async () => {
    const plain = await startTestProxy({ openai: provider.origin });
    try {
      const ask = (headers: Record<string, string>) => fetch(`${plain.origin}/v1/models`, { headers });
      const refused = await ask({ 'x-glassway-target-url': provider.origin });
      expect({ status: refused.status, code: refused.headers.get('x-glassway-error') }).toEqual({
        status: 403,
        code: 'target_not_allowed',
      });
      expect((await ask({ 'helicone-target-url': `http://127.0.0.1:${decoyPort}` })).status).toBe(200);
      expect(decoyed).toBe(0);
    } finally {
      await plain.close();
    }
  });

  test('in the settings is an origin, of an upstream that there is', () => {
    expect(() => settingsFrom({ targets: { 'https://llm.example/path': 'openai' } })).toThrow(/scheme, host and port/);
    expect(() => settingsFrom({ targets: { 'https://llm.example': 'nobody' } })).toThrow(
      /targets\.https:\/\/llm\.example: "nobody" is no upstream/,
    );
  });
});
