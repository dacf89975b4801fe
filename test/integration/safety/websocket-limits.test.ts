/**
 * What a WebSocket may cost the proxy: messages pass at any size, byte for byte, and whoever sends one without end, or reads none,
 * takes no memory of it. Measured of a proxy in a process of its own.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { watchMemory } from '../../kit/process-memory.ts';
import { type ProxyChild, startProxyChild } from '../../kit/proxy-child.ts';
import { type HttpUpstream, startHandlerUpstream } from '../../kit/upstream.ts';

const MEBIBYTE = 1024 ** 2;
const PIECES = 120;
const GROWN_BYTES_MAX = 80 * MEBIBYTE;
let provider: HttpUpstream;
let sockets: WebSocketServer;
let proxy: ProxyChild;

beforeAll(async () => {
  provider = await startHandlerUpstream((_req, res) => res.end());
  sockets = new WebSocketServer({ server: provider.server, perMessageDeflate: false });
  sockets.on('connection', async (socket) => {
    const piece = Buffer.alloc(MEBIBYTE, 'x');
    // One message, in fragments (RFC 6455 §5.4).
    for (let sent = 1; sent <= PIECES && socket.readyState === socket.OPEN; sent += 1)
      await new Promise((done) => socket.send(piece, { binary: false, fin: sent === PIECES }, done));
    socket.close();
  });
  proxy = await startProxyChild({ openai: provider.origin });
  await (await fetch(`${proxy.origin}/openai/v1/models`)).text(); // so that what every call needs is loaded
  await proxy.recorded(1);
});
afterAll(async () => {
  for (const socket of sockets?.clients ?? []) socket.terminate();
  await proxy?.close();
  await provider?.close();
});

const PAUSE_MS = 500;
const REQUEST =
  'GET /openai/v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

test('a message of 120 MiB in fragments, not read for a while, passes and holds no memory', async () => {
  const records = proxy.ingest.records().length;
  const grown_bytes = watchMemory(proxy.pid);
  const client = connect(proxy.port, '127.0.0.1');
  try {
    await once(client, 'connect');
    client.write(REQUEST);
    let bytes = 0;
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(client, 'data');
    client.pause();
    await sleep(PAUSE_MS);
    client.resume();
    await once(client, 'end');
    expect(bytes).toBeGreaterThan(PIECES * MEBIBYTE);
  } finally {
    client.destroy();
  }
  await proxy.recorded(records + 1);
  expect(grown_bytes()).toBeLessThan(GROWN_BYTES_MAX);
  expect(proxy.ingest.records().at(-1)?.response_bytes).toBeGreaterThan(PIECES * MEBIBYTE);
  expect(proxy.errors).toEqual([]);
}, 120_000);
