/**
 * Who may do what: every route of ingest, console, the proxy's operators' port and the proxy itself, by every kind of
 * caller. A route that is in no row of the table fails the first test.
 */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createClient } from '@clickhouse/client';
import type express from 'express';
import type { KeyRing } from '../../../contract/key-ring.ts';
import { checkKey, createKey, type KeyEntry, keyTable } from '../../../contract/keys.ts';
import { createReadCheck } from '../../../contract/read-check.ts';
import { BATCH_CONTENT_TYPE, BATCH_PATH } from '../../../contract/record.ts';
import { createAccess } from '../../../ingest/access.ts';
import { type AppDeps, createApp } from '../../../ingest/app.ts';
import { createConsole } from '../../../ingest/console/index.ts';
import { createAdminApp } from '../../../proxy/admin.ts';
import type { Journal } from '../../../proxy/journal.ts';
import { createProxyMetrics } from '../../../proxy/metrics.ts';
import { reportOf } from '../../../proxy/report.ts';
import { freePort } from '../../kit/ports.ts';
import { settingsFrom, startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { appOf, routesOf } from '../../kit/routes.ts';
import { closeServer, type HttpUpstream, listenOnLoopback, startUpstream } from '../../kit/upstream.ts';

const SECRET = 'the-secret-of-proxies-and-ingest-0123456789';
const SESSION_SECRET = 'what-signs-the-sessions-of-the-console-0123';
const NOW = new Date();
const PAST = new Date(NOW.getTime() - 1_000).toISOString();
const make = (use: 'calls' | 'console' | 'metrics', expires_at?: string) =>
  createKey({ use, name: '', project: use === 'calls' ? 'shop' : undefined, expires_at }, NOW);
const made = {
  calls: make('calls'),
  console: make('console'),
  metrics: make('metrics'),
  expired: make('console', PAST),
  revoked: make('console'),
};
const stranger = make('console');

function ringOf(entries: readonly KeyEntry[]): KeyRing {
  const table = keyTable(entries);
  return {
    check: (text, use) => checkKey(table, text, use, Date.now()),
    find: (id, use) => {
      const entry = table.get(id)?.entry;
      return entry?.use === use && entry.revoked_at === undefined && entry.expires_at === undefined ? entry : undefined;
    },
    count: () => entries.length,
    close: () => {},
  };
}
const keys = ringOf([
  ...Object.values(made)
    .map(({ entry }) => entry)
    .filter((entry) => entry !== made.revoked.entry),
  { ...made.revoked.entry, revoked_at: PAST },
]);

/** A session as this or another ingest would sign it. */
function session(entry: KeyEntry, signedWith = SESSION_SECRET, expires_s = Math.floor(Date.now() / 1_000) + 600): string {
  const signature = createHmac('sha256', signedWith).update(`${entry.id}.${expires_s}.${entry.sha256}`).digest('base64url');
  return `glassway_session=${entry.id}.${expires_s}.${signature}`;
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Every kind of caller, and what it shows. */
const CALLERS = {
  nobody: {},
  'a calls key': { ...bearer(made.calls.key), 'x-glassway-key': made.calls.key },
  'a metrics key': { ...bearer(made.metrics.key), 'x-glassway-key': made.metrics.key },
  'a console key': { ...bearer(made.console.key), 'x-glassway-key': made.console.key },
  'a console session': { cookie: `other=1; ${session(made.console.entry)}` },
  'an expired console key': bearer(made.expired.key),
  'a revoked console key': bearer(made.revoked.key),
  'a key that nobody made': { ...bearer(stranger.key), 'x-glassway-key': stranger.key },
  'a session of a revoked key': { cookie: session(made.revoked.entry) },
  'a session that another signed': { cookie: session(made.console.entry, 'some-other-secret') },
  'a session that is over': { cookie: session(made.console.entry, SESSION_SECRET, Math.floor(Date.now() / 1_000) - 1) },
  'a session of a calls key': { cookie: session(made.calls.entry) },
  'the proxies’ secret': bearer(SECRET),
  'a wrong secret': bearer(`${SECRET}!`),
} as const;
type Caller = keyof typeof CALLERS;
const ALL = Object.keys(CALLERS) as Caller[];

interface Row {
  /** Routes as routesOf names them; a star at the end stands for all that begin so. */
  readonly routes: readonly string[];
  /** Who is let in where keys are asked for. */
  readonly may: readonly Caller[];
}

const CONSOLE: readonly Caller[] = ['a console key', 'a console session'];
const INGEST_TABLE: readonly Row[] = [
  {
    routes: ['GET /healthz', 'GET /readyz', 'GET /login', 'GET /login.css', 'POST /login', 'ALL /login', 'POST /logout', 'ALL /logout'],
    may: ALL,
  },
  { routes: [`POST ${BATCH_PATH}`], may: ['the proxies’ secret'] },
  // Says 405, and nothing else.
  { routes: [`ALL ${BATCH_PATH}`], may: ALL },
  { routes: ['GET /metrics'], may: [...CONSOLE, 'a metrics key', 'the proxies’ secret'] },
  { routes: ['GET /', 'GET /page/*', 'GET /vendor/*', 'GET /api/*', 'HEAD /api/*', 'POST /api/*', 'DELETE /api/*'], may: CONSOLE },
];
const ADMIN_TABLE: readonly Row[] = [
  { routes: ['GET /healthz', 'GET /readyz'], may: ALL },
  { routes: ['GET /metrics'], may: ['a console key', 'a metrics key', 'the proxies’ secret'] },
];
const PROXY_TABLE: readonly Row[] = [
  {
    routes: [
      'POST /openai/v1/chat/completions',
      'GET /openai/v1/models',
      'POST /v1/chat/completions',
      'POST /v1/messages',
      'GET /nowhere',
      'OPTIONS /openai/v1/models',
      'UPGRADE /openai/v1/realtime',
    ],
    may: ['a calls key'],
  },
];

const rowOf = (table: readonly Row[], route: string): Row | undefined =>
  table.find(({ routes }) => routes.some((entry) => (entry.endsWith('*') ? route.startsWith(entry.slice(0, -1)) : entry === route)));

let provider: HttpUpstream;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  provider = await startUpstream((res) => {
    res.end('{}');
  });
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await provider.close();
});

type Mode = 'required' | 'auto' | 'none';
const settingsOf = (auth: Mode, host = '127.0.0.1') =>
  settingsFrom({ auth, listen: { host }, access: { ingestSecret: SECRET, sessionSecret: SESSION_SECRET } });

async function startApp(auth: Mode, host?: string): Promise<{ app: express.Express; url: string }> {
  const reader = createClient({ url: `http://127.0.0.1:${await freePort()}`, log: { level: 127 } });
  const access = createAccess(settingsOf(auth, host), keys);
  const deps = {
    access,
    isStopping: () => false,
    readiness: { isMigrated: () => false, reason: async () => 'clickhouse.internal:8123 refuses' },
    metrics: {
      contentType: 'text/plain',
      expose: async () => 'glassway_ingest_ready 0\n',
      batchAnswered: () => {},
      batchRefused: () => {},
    },
    log: () => {},
    console: createConsole({ reader, database: 'glassway', version: '0', proxyUrl: 'http://127.0.0.1:1', access, log: () => {} }),
  };
  const app = createApp(deps as unknown as AppDeps);
  const server = createServer(app);
  const port = await listenOnLoopback(server);
  closers.push(async () => {
    server.closeAllConnections();
    await closeServer(server);
    await reader.close();
  });
  return { app, url: `http://127.0.0.1:${port}` };
}

async function startAdmin(auth: Mode): Promise<{ server: Server; url: string }> {
  const journal = { records: 0, bytes: 0, state: { fault: undefined, inFlight: 0, memoryRecords: 0 } } as unknown as Journal;
  const server = createAdminApp({
    version: '0',
    report: () => reportOf({ journal, accepting: true, ingestUrl: 'http://ingest.internal:4701', losses: {} }),
    metrics: () => createProxyMetrics(journal).registry.metrics(),
    mayRead: createReadCheck(settingsOf(auth), keys),
  });
  const port = await listenOnLoopback(server);
  closers.push(() => closeServer(server));
  return { server, url: `http://127.0.0.1:${port}` };
}

/** Whether the caller got past the door: whatever is said behind it. */
async function isLetIn(url: string, route: string, headers: Record<string, string>): Promise<boolean> {
  const [method = '', path = ''] = route.replace('ALL ', 'PUT ').replaceAll(/:\w+/g, 'x').split(' ');
  const batch = path === BATCH_PATH ? { 'content-type': BATCH_CONTENT_TYPE } : {};
  const response = await fetch(`${url}${path}`, { method, headers: { ...headers, ...batch }, redirect: 'manual' });
  const text = await response.text();
  const location = response.headers.get('location') ?? '';
  return response.status !== 401 && response.status !== 403 && !(response.status === 303 && location.startsWith('/login?'))
    ? true
    : text.includes('does not open the console');
}

const letIn = async (url: string, route: string): Promise<Caller[]> => {
  const found: Caller[] = [];
  for (const caller of ALL) if (await isLetIn(url, route, CALLERS[caller])) found.push(caller);
  return found;
};

test('no route is missing from the table', async () => {
  const { app } = await startApp('required');
  const { server } = await startAdmin('required');
  expect(routesOf(app).filter((route) => rowOf(INGEST_TABLE, route) === undefined)).toEqual([]);
  expect(routesOf(appOf(server)).filter((route) => rowOf(ADMIN_TABLE, route) === undefined)).toEqual([]);
  expect(routesOf(app)).toEqual(expect.arrayContaining(['GET /api/calls/:id', 'GET /page/main.ts', 'GET /']));
});

test('ingest and console let in whom the table says, and nobody else', async () => {
  const { app, url } = await startApp('required');
  const routes = routesOf(app).filter((route) => !/^GET \/(page|vendor)\/(?!main\.ts|preact\.js)/.test(route));
  for (const route of [...routes, 'POST /api/calls', 'GET /api/of-tomorrow', 'DELETE /api/calls'])
    expect({ route, letIn: await letIn(url, route) }).toEqual({
      route,
      letIn: ALL.filter((caller) => rowOf(INGEST_TABLE, route)?.may.includes(caller)),
    });
});

test('the operators’ port lets in whom the table says, and nobody else', async () => {
  const { server, url } = await startAdmin('required');
  for (const route of routesOf(appOf(server)))
    expect({ route, letIn: await letIn(url, route) }).toEqual({
      route,
      letIn: ALL.filter((caller) => rowOf(ADMIN_TABLE, route)?.may.includes(caller)),
    });
});

describe('the proxy', () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startTestProxy({ openai: provider.origin, anthropic: provider.origin }, { auth: 'required' }, { keys });
    closers.push(() => proxy.close());
  });

  test.each(PROXY_TABLE.flatMap(({ routes, may }) => routes.map((route) => [route, may] as const)))(
    '%s is for those with a key for calls',
    async (route, may) => {
      for (const caller of ALL) {
        const before = provider.requests.length;
        const [method = '', path = ''] = route.split(' ');
        // What stands in `authorization` is the provider's there.
        const { authorization: _bearer, ...shown } = { authorization: '', ...CALLERS[caller] };
        const upgrade = method === 'UPGRADE' ? { connection: 'upgrade', upgrade: 'websocket' } : {};
        const status = await statusOf(proxy.port, method === 'UPGRADE' ? 'GET' : method, path, { ...shown, ...upgrade });
        expect({ route, caller, letIn: status !== 401 }).toEqual({ route, caller, letIn: may.includes(caller) });
        if (status === 401) expect(provider.requests).toHaveLength(before);
      }
    },
  );
});

async function statusOf(port: number, method: string, path: string, headers: Record<string, string>): Promise<number> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('what is open to all says no more to strangers than whether it is ready', async () => {
  const { url } = await startApp('required');
  const admin = await startAdmin('required');
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ready: false });
  expect(await (await fetch(`${admin.url}/readyz`)).json()).toEqual({ ready: true });
  expect(await (await fetch(`${url}/readyz`, { headers: bearer(made.metrics.key) })).json()).toMatchObject({
    reason: expect.stringContaining('clickhouse.internal'),
  });
  expect(await (await fetch(`${admin.url}/readyz`, { headers: bearer(made.metrics.key) })).json()).toMatchObject({
    ingest_url: 'http://ingest.internal:4701',
  });
});

test.each([
  ['on loopback', 'auto', '127.0.0.1'],
  ['with auth: none', 'none', '0.0.0.0'],
] as const)('%s everybody may read, and only those with the secret bring records', async (_where, auth, host) => {
  const { url, app } = await startApp(auth, host);
  for (const route of ['GET /', 'GET /api/calls', 'GET /metrics', 'GET /page/main.ts'])
    expect({ route, letIn: await letIn(url, route) }).toEqual({ route, letIn: ALL });
  expect(await letIn(url, `POST ${BATCH_PATH}`)).toEqual(['the proxies’ secret']);
  expect(routesOf(app)).not.toContain('POST /login');
});

test('a key of the one project cannot read: there is no way from a call to the console', async () => {
  const { url } = await startApp('required');
  const answer = await fetch(`${url}/login`, { method: 'POST', body: new URLSearchParams({ key: made.calls.key }), redirect: 'manual' });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('set-cookie')).toBeNull();
});

test('off loopback ingest does not start where anybody could bring records', () => {
  expect(() => createAccess(settingsFrom({ listen: { host: '0.0.0.0' } }), keys)).toThrow(
    /would take records from anybody.*access\.ingestSecret.*auth: none/,
  );
  expect(() => createAccess(settingsFrom({ listen: { host: '0.0.0.0' }, auth: 'none' }), keys)).not.toThrow();
  expect(() => createAccess(settingsFrom({ listen: { host: '0.0.0.0' }, access: { ingestSecret: SECRET } }), keys)).not.toThrow();
});

describe('signing in', () => {
  const form = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${url}/login`, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });

  test('gives a cookie that scripts cannot read and other sites do not send, and it opens the console', async () => {
    const { url } = await startApp('required');
    const answer = await form(url, { key: made.console.key, next: '/?range=7d' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/?range=7d');
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^glassway_session=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(made.console.key.slice(17));
    expect((await fetch(`${url}/page/main.ts`, { headers: { cookie: cookie.split(';')[0] ?? '' } })).status).toBe(200);
    const secure = createAccess(
      settingsFrom({ auth: 'required', access: { ingestSecret: SECRET, consoleUrl: 'https://glassway.example' } }),
      keys,
    );
    expect(secure.sessions?.open(made.console.key)).toMatch(/; Secure$/);
  });

  test.each([
    ['https://evil.example'],
    ['//evil.example'],
    ['/\\evil.example'],
    ['/%0d%0aset-cookie:x=1\n'],
    ['javascript:alert(1)'],
    ['/logout'],
  ])('leads to the first page and not to %j', async (next) => {
    const { url } = await startApp('required');
    const location = (await form(url, { key: made.console.key, next })).headers.get('location');
    expect(location === '/' || location === '/%0d%0aset-cookie:x=1').toBe(true);
  });

  test.each<[Record<string, string>]>([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
  ])('a form of another site changes nothing: %j', async (headers) => {
    const { url } = await startApp('required');
    for (const path of ['/login', '/logout'])
      expect(
        (
          await fetch(`${url}${path}`, {
            method: 'POST',
            body: new URLSearchParams({ key: made.console.key }),
            headers,
            redirect: 'manual',
          })
        ).status,
      ).toBe(403);
    const cookie = session(made.console.entry);
    expect((await fetch(`${url}/api/calls`, { method: 'POST', headers: { ...headers, cookie } })).status).toBe(403);
  });

  test('what a wrong key was is not said again, and the page is text only', async () => {
    const { url } = await startApp('required');
    const answer = await form(url, { key: '<script>alert(1)</script>', next: '/?x="><script>' });
    const text = await answer.text();
    expect(answer.status).toBe(401);
    expect(text).not.toContain('<script>');
    expect(text).toContain('does not open the console');
    expect(answer.headers.get('content-security-policy')).toMatch(/script-src 'self'.*form-action 'self'.*frame-ancestors 'none'/);
  });

  test('a form too large is refused', async () => {
    const { url } = await startApp('required');
    expect((await form(url, { key: 'x'.repeat(20_000) })).status).toBe(413);
  });

  test('signing out takes the cookie away', async () => {
    const { url } = await startApp('required');
    const answer = await fetch(`${url}/logout`, { method: 'POST', redirect: 'manual' });
    expect(answer.headers.get('set-cookie')).toMatch(/^glassway_session=; Max-Age=0; Path=\//);
  });
});

test('by a name that is not ours (DNS rebinding) an open ingest gives neither page nor figures', async () => {
  const { url } = await startApp('auto');
  const { port } = new URL(url);
  for (const path of ['/', '/api/calls', '/metrics'])
    expect(await statusOf(Number(port), 'GET', path, { host: `rebound.evil.example:${port}` })).toBeGreaterThanOrEqual(400);
  expect(await statusOf(Number(port), 'GET', '/metrics', { host: `localhost:${port}` })).toBe(200);
});

test('after ten wrong keys an address waits before it may sign in, and is told how long', async () => {
  const { url } = await startApp('required');
  const signIn = (key: string) =>
    fetch(`${url}/login`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ key, next: '/' }) });
  expect((await signIn(made.console.key)).status).toBe(303);
  for (let i = 0; i < 10; i += 1) expect((await signIn(`gwc_${String(i).padStart(12, '0')}_wrong`)).status).toBe(401);
  for (const key of ['gwc_000000000000_wrong', made.console.key]) {
    const refused = await signIn(key);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('set-cookie')).toBeNull();
    expect(await refused.text()).toMatch(/Too many wrong keys came from this address\. Try again in \d+ seconds\./);
  }
  // Whoever is signed in, or shows a key with each request, goes on.
  expect(await isLetIn(url, 'GET /api/boards', CALLERS['a console session'])).toBe(true);
});
