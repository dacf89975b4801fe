/**
 * The proxy as a process has it: what it needs to start, what it says to its operators, and a stop that loses
 * neither a running call nor a record.
 */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { type RunningProxy, startProxy } from '../../../proxy/main.ts';
import { endAtLast } from '../../kit/leftovers.ts';
import { freePort } from '../../kit/ports.ts';
import { type FakeIngest, settingsFrom, startFakeIngest, waitFor } from '../../kit/proxy.ts';
import { headerOf, parseResponse, RawClient } from '../../kit/raw-http.ts';
import { closeServer, type HttpUpstream, listenOnLoopback, startHandlerUpstream } from '../../kit/upstream.ts';

let dataDir: string;
let upstream: HttpUpstream;
let ingest: FakeIngest;
let answer: (req: IncomingMessage, res: ServerResponse) => void;
const log = () => {};

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassway-proxy-'));
  upstream = await startHandlerUpstream((req, res) => answer(req, res));
  const sockets = new WebSocketServer({ noServer: true });
  upstream.server.on('upgrade', (req, socket, head) => sockets.handleUpgrade(req, socket, head, (client) => client.send('hello')));
});

beforeEach(async () => {
  ingest = await startFakeIngest();
  answer = (_req, res) => res.end('{}');
});

afterEach(() => ingest.close());

afterAll(async () => {
  await upstream.close();
  rmSync(dataDir, { recursive: true });
});

async function settings(overrides: Record<string, unknown> = {}) {
  const [proxy, proxyAdmin] = [await freePort(), await freePort()];
  return settingsFrom({
    listen: { proxy, proxyAdmin },
    ingestUrl: ingest.url,
    upstreams: { openai: { baseUrl: upstream.origin } },
    ...overrides,
    timeouts: { drainIdleMs: 0, ...(overrides['timeouts'] as object | undefined) },
  });
}

const start = async (overrides: Record<string, unknown> = {}): Promise<RunningProxy> => {
  const proxy = await startProxy(await settings(overrides), { dataDir, version: '1.2.3', log });
  return { ...proxy, stop: endAtLast(() => proxy.stop()) };
};
const portOf = (proxy: RunningProxy) => Number(new URL(proxy.url).port);
/** Waits until no new connection is taken. */
const refused = (proxy: RunningProxy) =>
  waitFor('the listening socket to be closed', async () => {
    try {
      (await RawClient.connect(portOf(proxy))).destroy();
      return false;
    } catch {
      return true;
    }
  });

test('operators are told of liveness, readiness and metrics on a port of their own', async () => {
  const proxy = await start();
  expect(await (await fetch(`${proxy.adminUrl}/healthz`)).json()).toEqual({ status: 'ok', version: '1.2.3' });
  expect(await (await fetch(`${proxy.adminUrl}/readyz`)).json()).toMatchObject({ ready: true, ingest_url: ingest.url });
  expect(await (await fetch(`${proxy.adminUrl}/metrics`)).text()).toContain('# TYPE glassway_proxy_calls_total counter');
  expect((await fetch(`${proxy.adminUrl}/elsewhere`)).status).toBe(404);
  expect((await fetch(`${proxy.url}/healthz`)).status).toBe(404);
  await proxy.stop();
});

test('stop ships what is not shipped yet', async () => {
  const proxy = await start();
  for (let i = 0; i < 20; i++) await (await fetch(`${proxy.url}/openai/v1/x`)).text();
  expect(await proxy.stop()).toEqual({ recordsLost: 0 });
  expect(ingest.records().map((record) => record.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('stop lets a running stream end, refuses new connections meanwhile, and records the call', async () => {
  const arrived = Promise.withResolvers<ServerResponse>();
  answer = (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.write('first ');
    arrived.resolve(res);
  };
  const proxy = await start();
  const client = await RawClient.connect(portOf(proxy));
  client.write('GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n\r\n');
  const res = await arrived.promise;
  await client.readUntil((text) => text.includes('first '));
  const stopped = proxy.stop();
  await refused(proxy);
  expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(503);
  res.end('last');
  expect(await stopped).toEqual({ recordsLost: 0 });
  const response = parseResponse(await client.readAll());
  expect([response.body.toString(), response.complete]).toEqual(['first last', true]);
  expect(ingest.records()).toMatchObject([{ outcome: 'ok', status: 200 }]);
});

const ASK = 'GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n\r\n';

test('a stopping proxy still carries what comes on an open connection, and says that it was the last', async () => {
  const proxy = await start({ timeouts: { drainIdleMs: 60_000 } });
  const [used, fresh] = [await RawClient.connect(portOf(proxy)), await RawClient.connect(portOf(proxy))];
  used.write(ASK);
  await used.readUntil((text) => text.endsWith('{}'));
  expect(headerOf(parseResponse(used.received), 'connection')).toBe('keep-alive');
  const stopped = proxy.stop();
  await refused(proxy);
  const seen = used.received.length;
  for (const client of [used, fresh]) client.write(ASK);
  const answers = [(await used.readAll()).subarray(seen), await fresh.readAll()].map((bytes) => parseResponse(bytes));
  expect(answers.map((each) => [each.statusLine, headerOf(each, 'connection'), each.complete])).toEqual([
    ['HTTP/1.1 200 OK', 'close', true],
    ['HTTP/1.1 200 OK', 'close', true],
  ]);
  expect(await stopped).toEqual({ recordsLost: 0 }); // at once: no connection is left
  expect(ingest.records()).toHaveLength(3);
});

test('an answer that was under way at the stop leaves its connection open for one more call', async () => {
  const arrived = Promise.withResolvers<ServerResponse>();
  answer = (_req, res) => {
    res.write('first ');
    arrived.resolve(res);
  };
  const proxy = await start({ timeouts: { drainIdleMs: 5_000 } });
  const client = await RawClient.connect(portOf(proxy));
  client.write(ASK);
  const res = await arrived.promise;
  await client.readUntil((text) => text.includes('first '));
  const stopped = proxy.stop();
  await refused(proxy);
  res.end('last');
  await client.readUntil((text) => text.endsWith('0\r\n\r\n'));
  answer = (_req, again) => again.end('{}');
  client.write(ASK);
  expect((await client.readAll()).toString()).toMatch(/last.*Connection: close.*\{\}$/s);
  expect(await stopped).toEqual({ recordsLost: 0 });
});

test('idle connections are closed after their time, and hold up the stop no longer', async () => {
  const proxy = await start({ timeouts: { drainIdleMs: 100, drainMs: 60_000 } });
  const [used, fresh] = [await RawClient.connect(portOf(proxy)), await RawClient.connect(portOf(proxy))];
  used.write(ASK);
  await used.readUntil((text) => text.endsWith('{}'));
  expect(await proxy.stop()).toEqual({ recordsLost: 0 });
  await Promise.all([used.readAll(), fresh.readAll()]);
});

test('stop cuts off a call that does not end within the limit, and records it', async () => {
  answer = (_req, res) => {
    res.writeHead(200);
    res.write('first ');
  };
  const proxy = await start({ timeouts: { drainMs: 200 } });
  const client = await RawClient.connect(portOf(proxy));
  client.write('GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n\r\n');
  await client.readUntil((text) => text.includes('first '));
  expect(await proxy.stop()).toEqual({ recordsLost: 0 });
  expect(parseResponse(await client.readAll()).complete).toBe(false);
  expect(ingest.records()).toHaveLength(1);
});

test('stop ends an open WebSocket after the limit, and records it', async () => {
  const proxy = await start({ timeouts: { drainMs: 200 } });
  const client = new WebSocket(`${proxy.url.replace('http', 'ws')}/openai/v1/realtime`);
  await once(client, 'message');
  const closed = once(client, 'close');
  expect(await proxy.stop()).toEqual({ recordsLost: 0 });
  await closed;
  expect(ingest.records()).toMatchObject([{ status: 101 }]);
}, 10_000);

test('the proxy carries calls without any ingest, and the next one that has one ships their records', async () => {
  const proxy = await start({ ingestUrl: undefined });
  expect((await fetch(`${proxy.url}/openai/v1/x`)).status).toBe(200);
  expect(await proxy.stop()).toEqual({ recordsLost: 0 });
  const next = await start();
  await waitFor('the record of the proxy before', () => ingest.records().length === 1);
  expect((await fetch(`${next.url}/openai/v1/x`)).status).toBe(200);
  expect(await (await fetch(`${next.adminUrl}/readyz`)).json()).toMatchObject({
    journal: { ok: true, fault: null, calls_in_flight: 0, records_in_memory: 0, records_lost: {} },
  });
  expect(await (await fetch(`${next.adminUrl}/metrics`)).text()).toMatch(/^glassway_proxy_journals_adopted_total 1$/m);
  await next.stop();
  const [first, second] = ingest.records();
  expect([first?.seq, second?.seq, first?.proxy_id === second?.proxy_id]).toEqual([1, 1, false]);
  expect(readdirSync(join(dataDir, 'journal'))).toEqual([]);
});

test.each(['proxy', 'proxyAdmin'])(
  'a port in use for listen.%s is an error that names the setting, and nothing stays open',
  async (name) => {
    const blocker = createServer();
    const taken = await listenOnLoopback(blocker);
    const other = await freePort();
    const listen = name === 'proxy' ? { proxy: taken, proxyAdmin: other } : { proxy: other, proxyAdmin: taken };
    await expect(start({ listen })).rejects.toThrow(new RegExp(`${taken}.*listen\\.${name}.*in use`));
    await expect(RawClient.connect(other)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await closeServer(blocker);
  },
);

test('the fingerprint key is made once, stays, and is readable by its owner only', async () => {
  const path = join(dataDir, 'fingerprint.key');
  const before = readFileSync(path);
  expect(before).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const prints: string[] = [];
  for (let i = 0; i < 2; i++) {
    const proxy = await start();
    await (await fetch(`${proxy.url}/openai/v1/x`, { headers: { authorization: 'Bearer k' } })).text();
    await proxy.stop();
    await waitFor('its record', () => ingest.records().length === i + 1);
    prints.push(ingest.records()[i]?.key_fingerprint ?? '');
  }
  expect(prints[0]).toBe(prints[1]);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a data folder that cannot be had is an error that names it', async () => {
  const file = join(dataDir, 'a-file');
  writeFileSync(file, '');
  const wanted = await settings();
  await expect(startProxy(wanted, { dataDir: join(file, 'data'), version: '1', log })).rejects.toThrow(/a-file.*cannot be used/);
});
