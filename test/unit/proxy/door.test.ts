/** The listening socket of a server that is about to close: who is at it is let in, who comes is turned away. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { turnAwayNew } from '../../../proxy/door.ts';
import { listenOnLoopback } from '../../kit/upstream.ts';

let server: Server;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** How a client fares: what it is told, or the error it meets. */
function call(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.once('data', (text: Buffer) => resolve(text.toString()));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}
/** Node begins to connect before the next turn. */
const begun = () => new Promise((resolve) => process.nextTick(resolve));

test('who waits to be accepted is, and who comes later is refused when it closes, never reset', async () => {
  server = createServer((socket) => socket.end('welcome'));
  const port = await listenOnLoopback(server);
  const early = call(port);
  await begun();
  expect(turnAwayNew(port)).toBe(process.platform === 'linux');
  if (process.platform !== 'linux') return;
  const late = call(port);
  await begun();
  expect(await early).toBe('welcome');
  server.close();
  await once(server, 'close');
  expect(await late).toBe('ECONNREFUSED');
});

test('a port on which nobody listens is no fault', () => {
  expect(turnAwayNew(0)).toBe(false);
});
