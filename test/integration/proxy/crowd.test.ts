/** Many clients at one moment, while the proxy has no time for them: after a pause of its machine, or of its own. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { tree } from '../../kit/processes.ts';
import { type ProxyChild, startProxyChild } from '../../kit/proxy-child.ts';
import { type HttpUpstream, startHandlerUpstream } from '../../kit/upstream.ts';

/** More than the 511 that Node lets wait by itself; Linux lets 4,096 (net.core.somaxconn). */
const CLIENTS = 600;
const CALL = 'GET /openai/v1/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n';

let upstream: HttpUpstream;
const sockets: Socket[] = [];

beforeAll(async () => {
  upstream = await startHandlerUpstream((_req, res) => res.end('{}'));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => upstream?.close());

/** What a client is told, whole; '' and more when its connection breaks. */
async function answerTo(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text.slice(0, 15);
}

/** So many clients connect, each with a call, while all of the proxy stands still; gives what each is told once it goes on. */
async function crowd(proxy: ProxyChild, meanwhile: () => void = () => {}): Promise<Set<string>> {
  const pids = tree(proxy.pid);
  let connected = 0;
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const answers = Array.from({ length: CLIENTS }, () => {
    const socket = connect(proxy.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {}); // `close` follows
    socket.once('connect', () => {
      connected += 1;
      socket.write(CALL);
    });
    return answerTo(socket);
  });
  for (let waited_ms = 0; connected < CLIENTS && waited_ms < 5_000; waited_ms += 50) await sleep(50);
  meanwhile();
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  expect(connected).toBe(CLIENTS);
  return new Set(await Promise.all(answers));
}

describe.each([1, 2])('of %s workers', (workers) => {
  test('clients that come while it stands still wait, and are all answered', async () => {
    const proxy = await startProxyChild({ openai: upstream.origin }, { workers });
    expect(await crowd(proxy)).toEqual(new Set(['HTTP/1.1 200 OK']));
    await proxy.recorded(CLIENTS);
  });

  test('so are those that wait when it is told to stop', async () => {
    const proxy = await startProxyChild({ openai: upstream.origin }, { workers, timeouts: { drainIdleMs: 5_000 } });
    expect(await crowd(proxy, () => process.kill(proxy.pid, 'SIGTERM'))).toEqual(new Set(['HTTP/1.1 200 OK']));
  });
});
