/** A TCP link to a server that can be cut, or made to swallow answers: what a network does to an insert. */
import { connect, createServer, type Socket } from 'node:net';

export interface Link {
  readonly port: number;
  /** Connections are closed, new ones refused at once. */
  cut(): void;
  /** Requests get through, their answers don't: the connection breaks at the answer's first byte. */
  swallowAnswers(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openLink(toPort: number): Promise<Link> {
  let mode: 'open' | 'cut' | 'swallow' = 'open';
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (mode === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(toPort, '127.0.0.1');
    keep(far);
    near.pipe(far);
    far.on('data', (data) => (mode === 'swallow' ? near.resetAndDestroy() : near.write(data)));
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    cut: () => {
      mode = 'cut';
      drop();
    },
    swallowAnswers: () => {
      mode = 'swallow';
    },
    mend: () => {
      mode = 'open';
    },
    close: async () => {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
