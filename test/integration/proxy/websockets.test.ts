/**
 * Upgraded connections: frames pass both ways as they are, with one record a connection.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import type { CallRecord } from '../../../contract/record.ts';
import { freePort } from '../../kit/ports.ts';
import { startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { exchange, headerOf, parseResponse } from '../../kit/raw-http.ts';
import { closeServer, listenOnLoopback, startRawUpstream } from '../../kit/upstream.ts';

let provider: Server;
let providerPort: number;
let sockets: WebSocketServer;
let proxy: TestProxy;
let records = 0;
const upgrades: IncomingMessage[] = [];

beforeAll(async () => {
  provider = createServer();
  sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => {
      if (!binary && String(data) === 'close') socket.close(4_001, 'as asked');
      else if (!binary && String(data) === 'break') socket.terminate();
      else socket.send(data as Buffer, { binary });
    });
  });
  provider.on('upgrade', (req, socket, head) => {
    upgrades.push(req);
    if (req.url?.includes('refuse')) {
      const body = '{"error":{"message":"Incorrect API key","type":"invalid_request_error","code":"invalid_api_key"}}';
      socket.end(
        `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    } else sockets.handleUpgrade(req, socket, head, (client) => sockets.emit('connection', client, req));
  });
  providerPort = await listenOnLoopback(provider);
  proxy = await startTestProxy({ openai: `http://127.0.0.1:${providerPort}`, refusing: `http://127.0.0.1:${await freePort()}` });
});

afterAll(async () => {
  for (const client of sockets.clients) client.terminate();
  await proxy.close();
  provider.closeAllConnections();
  await closeServer(provider);
});

async function nextRecord(): Promise<CallRecord> {
  records += 1;
  return (await proxy.records(records)).at(-1) as CallRecord;
}

const REALTIME = '/openai/v1/realtime?model=gpt-realtime';
const PROTOCOLS = ['realtime', 'openai-insecure-api-key.sk-in-protocol'];

async function open(headers: Record<string, string> = {}): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${proxy.port}${REALTIME}`, PROTOCOLS, {
    headers: { authorization: 'Bearer sk-websocket', ...headers },
  });
  await once(client, 'open');
  return client;
}

async function echo(client: WebSocket, data: string | Buffer): Promise<{ data: Buffer; binary: boolean }> {
  const answer = once(client, 'message') as Promise<[Buffer, boolean]>;
  client.send(data);
  const [received, binary] = await answer;
  return { data: received, binary };
}

test('frames pass both ways, text and binary, with subprotocol, close code and reason', async () => {
  const client = await open({ 'x-glassway-project': 'voice', 'x-glassway-user': 'u1' });
  expect(client.protocol).toBe('realtime');
  expect(await echo(client, '{"type":"session.update","text":"ü😀"}')).toEqual({
    data: Buffer.from('{"type":"session.update","text":"ü😀"}'),
    binary: false,
  });
  const audio = Buffer.alloc(300_000, 7);
  const heard = await echo(client, audio);
  expect([heard.binary, heard.data.equals(audio)]).toEqual([true, true]);
  const closed = once(client, 'close');
  client.send('close');
  const [code, reason] = await closed;
  expect([code, String(reason)]).toEqual([4_001, 'as asked']);
  const record = await nextRecord();
  expect(record).toMatchObject({ status: 101, outcome: 'ok', method: 'GET', path: '/v1/realtime', project: 'voice', user_id: 'u1' });
  expect(record.request_bytes).toBeGreaterThan(audio.length);
  expect(record.response_bytes).toBeGreaterThan(audio.length);
});

test('the provider sees its own host and the caller’s credential, and nothing of Glassway', async () => {
  const client = await open({
    'x-glassway-project': 'voice',
    'proxy-authorization': 'Basic x',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  client.close();
  await once(client, 'close');
  const seen = upgrades.at(-1) as IncomingMessage;
  expect(seen.url).toBe('/v1/realtime?model=gpt-realtime');
  expect(seen.headers).toMatchObject({ host: `127.0.0.1:${providerPort}`, authorization: 'Bearer sk-websocket', upgrade: 'websocket' });
  expect(seen.headers['traceparent']).toBe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  expect(
    Object.keys(seen.headers).filter(
      (name) => name.startsWith('x-glassway-') || name === 'proxy-authorization' || name.startsWith('x-forwarded'),
    ),
  ).toEqual([]);
  expect(await nextRecord()).toMatchObject({ trace_id: '0af7651916cd43dd8448eb211c80319c', status: 101 });
});

test('a connection that the provider breaks off ends for the client too, with its record', async () => {
  const client = await open();
  const closed = once(client, 'close');
  client.send('break');
  expect((await closed)[0]).toBe(1_006);
  expect(await nextRecord()).toMatchObject({ status: 101 });
});

test('a frame that the provider sends in one packet with its 101 is not lost', async () => {
  const provider101 = await startRawUpstream((socket, head) => {
    const key = /sec-websocket-key: *(\S+)/i.exec(head)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const frame = Buffer.from('\x81\x05hello', 'latin1');
    socket.write(
      Buffer.concat([
        Buffer.from(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        ),
        frame,
      ]),
    );
  });
  const own = await startTestProxy({ openai: provider101.origin });
  try {
    const client = new WebSocket(`ws://127.0.0.1:${own.port}/openai/v1/realtime`);
    const [data] = await once(client, 'message');
    expect(String(data)).toBe('hello');
    client.terminate();
    expect((await own.record()).response_bytes).toBe(7);
  } finally {
    await own.close();
    await provider101.close();
  }
}, 10_000);

test('a client that vanishes frees the provider', async () => {
  const client = await open();
  client.terminate();
  await waitFor('the provider’s side is closed', () => sockets.clients.size === 0);
  expect(await nextRecord()).toMatchObject({ status: 101 });
});

function upgradeRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
}

test('an upgrade that the provider refuses passes with its status, headers and body', async () => {
  const response = parseResponse(await exchange(proxy.port, upgradeRequest('/openai/v1/realtime/refuse')));
  expect(response.statusLine).toBe('HTTP/1.1 401 Unauthorized');
  expect(headerOf(response, 'x-request-id')).toBe('r1');
  expect(response.body.toString()).toContain('Incorrect API key');
  expect(headerOf(response, 'x-glassway-error')).toBeUndefined();
  expect(await nextRecord()).toMatchObject({ status: 401, outcome: 'auth_error' });
});

test('a provider that cannot be reached is a 502 with Glassway’s error', async () => {
  const response = parseResponse(await exchange(proxy.port, upgradeRequest('/refusing/v1/realtime')));
  expect(response.statusLine).toMatch(/^HTTP\/1\.1 502 /);
  expect(headerOf(response, 'x-glassway-error')).toBe('upstream_unreachable');
  expect(response.body.toString()).toContain('glassway_upstream_unreachable');
  expect(await nextRecord()).toMatchObject({ status: 502, outcome: 'unreachable' });
});

test('an upgrade for an unknown upstream is a 404 that lists the known ones', async () => {
  const response = parseResponse(await exchange(proxy.port, upgradeRequest('/opnai/v1/realtime')));
  expect(response.statusLine).toMatch(/^HTTP\/1\.1 404 /);
  expect(headerOf(response, 'x-glassway-error')).toBe('unknown_upstream');
  expect(response.body.toString()).toMatch(/openai.*anthropic/);
});

test('no record holds a credential, and none of these was a fault of the proxy’s own', () => {
  expect(proxy.ingest.batches.map((batch) => batch.text).join()).not.toMatch(/sk-websocket|sk-in-protocol/);
  expect(proxy.errors).toEqual([]);
});
