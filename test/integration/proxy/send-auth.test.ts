import type { KeyRing } from '../../../contract/key-ring.ts';
import { checkKey, createKey, type KeyEntry, keyTable } from '../../../contract/keys.ts';
import { upstreamTable } from '../../../proxy/config.ts';
import { readProviderKeys } from '../../../proxy/provider-keys.ts';
import { settingsFrom, startTestProxy, type TestProxy, type TestProxyOptions } from '../../kit/proxy.ts';
import { RawClient } from '../../kit/raw-http.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const NOW = new Date();
const shop = createKey({ use: 'calls', project: 'shop', name: '' }, NOW);
const search = createKey({ use: 'calls', project: 'search', name: '' }, NOW);
const expired = createKey({ use: 'calls', project: 'shop', name: '', expires_at: new Date(NOW.getTime() - 1).toISOString() }, NOW);
const revoked = createKey({ use: 'calls', project: 'shop', name: '' }, NOW);
const reader = createKey({ use: 'console', name: '' }, NOW);
const stranger = createKey({ use: 'calls', project: 'shop', name: '' }, NOW);

function ringOf(entries: readonly KeyEntry[]): KeyRing {
  const table = keyTable(entries);
  return {
    check: (text, use) => checkKey(table, text, use, Date.now()),
    find: () => undefined,
    count: () => entries.length,
    close: () => {},
  };
}
const keys = ringOf([shop.entry, search.entry, expired.entry, { ...revoked.entry, revoked_at: NOW.toISOString() }, reader.entry]);

let provider: HttpUpstream;
beforeAll(async () => {
  provider = await startUpstream((res) => {
    res.setHeader('content-type', 'application/json');
    res.end('{"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
  });
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.requests.length = 0;
});

let proxy: TestProxy;
afterEach(() => proxy.close());

async function start(overrides: Record<string, unknown>, options: Partial<TestProxyOptions> = {}): Promise<void> {
  proxy = await startTestProxy({ openai: provider.origin, anthropic: provider.origin, gemini: provider.origin }, overrides, {
    keys,
    ...options,
  });
}

/** With the provider's keys held by Glassway. */
async function startHolding(overrides: Record<string, unknown> = { auth: 'required' }): Promise<void> {
  const upstreams = Object.fromEntries(
    ['openai', 'anthropic', 'gemini', 'azure'].map((name) => [name, { baseUrl: provider.origin, apiKey: { env: `KEY_${name}` } }]),
  );
  const settings = settingsFrom({ upstreams });
  const env = { KEY_openai: 'sk-held-openai', KEY_anthropic: 'sk-ant-held', KEY_gemini: 'AIza-held', KEY_azure: 'azure-held' };
  const providerKeys = readProviderKeys(settings, upstreamTable(settings), env);
  proxy = await startTestProxy(
    { openai: provider.origin, anthropic: provider.origin, gemini: provider.origin, azure: provider.origin },
    overrides,
    {
      keys,
      providerKeys,
    },
  );
}

const call = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${proxy.origin}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"model":"m"}' });

async function errorOf(response: Response): Promise<{ status: number; code: string | null; text: string }> {
  return { status: response.status, code: response.headers.get('x-glassway-error'), text: await response.text() };
}

const seenHeader = (name: string): string[] => {
  const raw = provider.requests.at(-1)?.rawHeaders ?? [];
  return raw.filter((_value, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
};

describe('where keys are required', () => {
  test.each<[string, Record<string, string>, number, string]>([
    ['no key', {}, 401, 'key_missing'],
    ['only the provider’s key', { authorization: 'Bearer sk-of-the-caller' }, 401, 'key_missing'],
    ['a key that nobody made', { 'x-glassway-key': stranger.key }, 401, 'key_invalid'],
    ['a key that is none', { 'x-glassway-key': 'let me in' }, 401, 'key_invalid'],
    ['an empty key', { 'x-glassway-key': '' }, 401, 'key_invalid'],
    ['an expired key', { 'x-glassway-key': expired.key }, 401, 'key_invalid'],
    ['a revoked key', { 'x-glassway-key': revoked.key }, 401, 'key_invalid'],
    ['a key for the console', { 'x-glassway-key': reader.key }, 401, 'key_invalid'],
    ['a tag of another project', { 'x-glassway-key': shop.key, 'x-glassway-project': 'search' }, 403, 'project_forbidden'],
    ['the tag `default`', { 'x-glassway-key': shop.key, 'x-glassway-project': 'default' }, 403, 'project_forbidden'],
    ['a key as API key where none is held', { authorization: `Bearer ${shop.key}` }, 401, 'provider_key_missing'],
  ])('%s is refused, and the provider sees nothing', async (_what, headers, status, code) => {
    await start({ auth: 'required' });
    const error = await errorOf(await call('/openai/v1/chat/completions', headers));
    expect(error).toMatchObject({ status, code });
    expect(error.text).toContain(`glassway_${code}`);
    expect(error.text).not.toContain(shop.key.slice(17));
    expect(provider.requests).toHaveLength(0);
  });

  test('who shows no key learns not even which upstreams there are', async () => {
    await start({ auth: 'required' });
    const error = await errorOf(await call('/nowhere/v1'));
    expect(error).toMatchObject({ status: 401, code: 'key_missing' });
    expect(error.text).not.toContain('openai,');
  });

  test.each([
    ['without a tag', {}],
    ['with the same tag', { 'x-glassway-project': 'shop' }],
  ])('a good key %s decides the project; the provider sees its own key and nothing of ours', async (_what, tag) => {
    await start({ auth: 'required' });
    const response = await call('/openai/v1/chat/completions', {
      'x-glassway-key': shop.key,
      authorization: 'Bearer sk-of-the-caller',
      ...tag,
    });
    expect(response.status).toBe(200);
    expect((await proxy.record()).project).toBe('shop');
    expect(seenHeader('authorization')).toEqual(['Bearer sk-of-the-caller']);
    expect(JSON.stringify(provider.requests)).not.toContain(shop.key.slice(17));
    expect(JSON.stringify(proxy.ingest.batches)).not.toContain(shop.key.slice(17));
  });

  test('a WebSocket needs a key as well', async () => {
    await start({ auth: 'required' });
    const client = await RawClient.connect(proxy.port);
    client.write(
      'GET /openai/v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n',
    );
    expect((await client.readAll()).toString()).toMatch(/^HTTP\/1\.1 401 [\s\S]*x-glassway-error: key_missing/);
    const inProtocol = await RawClient.connect(proxy.port);
    inProtocol.write(
      `GET /openai/v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: realtime, openai-insecure-api-key.${shop.key}\r\n\r\n`,
    );
    expect((await inProtocol.readAll()).toString()).toMatch(/x-glassway-error: key_invalid/);
    expect(provider.requests).toHaveLength(0);
  });
});

describe('where Glassway holds the provider’s key', () => {
  test.each<[string, Record<string, string>, string, string]>([
    ['/openai/v1/chat/completions', { authorization: `Bearer ${shop.key}` }, 'authorization', 'Bearer sk-held-openai'],
    ['/anthropic/v1/messages', { 'x-api-key': shop.key }, 'x-api-key', 'sk-ant-held'],
    ['/anthropic/v1/messages', { authorization: `Bearer ${shop.key}` }, 'x-api-key', 'sk-ant-held'],
    ['/azure/openai/deployments/d/chat/completions', { 'api-key': shop.key }, 'api-key', 'azure-held'],
    ['/gemini/v1beta/models/m:generateContent', { 'x-goog-api-key': shop.key }, 'x-goog-api-key', 'AIza-held'],
    [`/gemini/v1beta/models/m:generateContent?alt=sse&key=${shop.key}`, {}, 'x-goog-api-key', 'AIza-held'],
    [
      '/openai/v1/chat/completions',
      { 'x-glassway-key': shop.key, authorization: 'Bearer sk-of-the-caller' },
      'authorization',
      'Bearer sk-held-openai',
    ],
  ])('%s with %j goes on with the held key alone', async (path, headers, name, value) => {
    await startHolding();
    expect((await call(path, headers)).status).toBe(200);
    expect(seenHeader(name)).toEqual([value]);
    const all = JSON.stringify(provider.requests);
    expect(all).not.toContain('gwk_');
    expect(all).not.toContain('sk-of-the-caller');
    const record = await proxy.record();
    expect(record.project).toBe('shop');
    expect(record.key_fingerprint).toMatch(/^([0-9a-f]{8})?$/);
    expect(JSON.stringify(proxy.ingest.batches)).not.toMatch(/gwk_|held/);
  });

  test('the query keeps its other parameters', async () => {
    await startHolding();
    await call(`/gemini/v1beta/models/m:streamGenerateContent?key=${shop.key}&alt=sse&x=key=y`);
    expect(provider.requests[0]?.url).toBe('/v1beta/models/m:streamGenerateContent?alt=sse&x=key=y');
  });

  test('on an open proxy a call without a key does not get it', async () => {
    await startHolding({});
    expect((await call('/openai/v1/chat/completions', { authorization: 'Bearer sk-of-the-caller' })).status).toBe(200);
    expect(seenHeader('authorization')).toEqual(['Bearer sk-of-the-caller']);
  });

  test('a key that is not there at start is named', () => {
    const settings = settingsFrom({ upstreams: { openai: { apiKey: { env: 'NOT_THERE' } }, groq: { apiKey: { file: '/nowhere/key' } } } });
    expect(() => readProviderKeys(settings, upstreamTable(settings), {})).toThrow(
      /upstreams\.openai\.apiKey: the variable NOT_THERE is not set.*\n.*upstreams\.groq\.apiKey: the file \/nowhere\/key cannot be read \(ENOENT\)/,
    );
    expect(() => settingsFrom({ upstreams: { openai: { apiKey: 'sk-in-the-file' } } })).toThrow(/never the key itself/);
    try {
      settingsFrom({ upstreams: { openai: { apiKey: 'sk-in-the-file' } }, access: { ingestSecret: 'too-short' } });
    } catch (error) {
      expect(String(error)).not.toMatch(/sk-in-the-file|too-short/);
    }
  });
});

describe('on an open proxy', () => {
  test('a key that is shown is checked, and decides the project', async () => {
    await start({});
    expect((await call('/openai/v1/chat/completions', { 'x-glassway-key': stranger.key })).status).toBe(401);
    expect((await call('/openai/v1/chat/completions', { 'x-glassway-key': search.key })).status).toBe(200);
    expect((await proxy.record()).project).toBe('search');
  });

  test.each<[string, Record<string, string>, number]>([
    ['a page of another site', { origin: 'https://evil.example' }, 403],
    ['a sandboxed page', { origin: 'null' }, 403],
    ['a page that looks local', { origin: 'http://localhost.evil.example' }, 403],
    ['a page on this machine', { origin: 'http://localhost:3000' }, 200],
    ['a page at an address of this machine', { origin: 'http://[::1]:8080' }, 200],
    ['a page that the settings allow', { origin: 'https://app.example' }, 200],
    ['a program built of web technology', { origin: 'app://notes' }, 200],
    ['a program', {}, 200],
  ])('%s: %j', async (_what, headers, status) => {
    await start({ access: { origins: ['https://app.example'] } });
    expect((await call('/openai/v1/chat/completions', headers)).status).toBe(status);
  });

  test.each([
    ['127.0.0.1:4700', 200],
    ['localhost', 200],
    ['[::1]:1', 200],
    ['workstation', 200],
    ['glassway.internal', 200],
    ['rebound.evil.example:4700', 421],
    ['127.0.0.1.evil.example', 421],
  ])('asked as host %s it answers %i', async (host, status) => {
    await start({ access: { hosts: ['glassway.internal'] } });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET /openai/v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect((await client.readAll()).toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('a WebSocket from a page of another site is refused', async () => {
    await start({});
    const client = await RawClient.connect(proxy.port);
    client.write(
      'GET /openai/v1/realtime HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    expect((await client.readAll()).toString()).toMatch(/x-glassway-error: origin_not_allowed/);
    expect(provider.requests).toHaveLength(0);
  });
});
