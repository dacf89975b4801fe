/**
 * Providers under a test's control, on loopback: one on node:http that keeps exactly what it was sent, and one
 * on bare TCP that answers with the very bytes it is told. Close them when done; they close what is open.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { endAtLast } from './leftovers.ts';

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly rawTrailers: readonly string[];
}

export interface HttpUpstream {
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  /** Requests whose bodies were read to their end. */
  readonly requests: SeenRequest[];
  /** TCP connections made to it so far. */
  readonly connections: () => number;
  close(): Promise<void>;
}

export type Answer = (res: ServerResponse, seen: SeenRequest, req: IncomingMessage) => void | Promise<void>;

/** Reads each request whole, keeps it, then has `answer` answer it. */
export async function startUpstream(answer: Answer): Promise<HttpUpstream> {
  const requests: SeenRequest[] = [];
  const upstream = await startHandlerUpstream((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('error', () => {}); // a caller that goes away
    req.on('end', () => {
      const seen = {
        method: req.method ?? '',
        url: req.url ?? '',
        rawHeaders: req.rawHeaders,
        body: Buffer.concat(chunks),
        rawTrailers: req.rawTrailers,
      };
      requests.push(seen);
      Promise.resolve(answer(res, seen, req)).catch((error: unknown) =>
        res.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    });
  });
  return Object.assign(upstream, { requests });
}

/** The same with a listener of the test's own, called before the body is read. */
export async function startHandlerUpstream(listener: RequestListener): Promise<HttpUpstream> {
  const open = new Set<Duplex>();
  const server = createServer({ maxHeaderSize: 1024 * 1024, requestTimeout: 0 }, listener);
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const port = await listenOnLoopback(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    server,
    requests: [],
    connections: () => connections,
    close: endAtLast(async () => {
      for (const socket of open) socket.destroy();
      await closeServer(server);
    }),
  };
}

export interface RawUpstream {
  readonly origin: string;
  readonly port: number;
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

/** Bare TCP: `onRequest` is called with each request's header block as soon as it is there; bodies are skipped. */
export async function startRawUpstream(onRequest: (socket: Socket, head: string) => void): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // resets are what these tests are about
    let unread = '';
    let bodyBytesLeft = 0;
    socket.on('data', (chunk: Buffer) => {
      unread += chunk.toString('latin1');
      for (;;) {
        const skipped = Math.min(bodyBytesLeft, unread.length);
        unread = unread.slice(skipped);
        bodyBytesLeft -= skipped;
        const end = unread.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = unread.slice(0, end);
        unread = unread.slice(end + 4);
        bodyBytesLeft = Number(
          /\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? (/\r\ntransfer-encoding: *chunked/i.test(head) ? Number.POSITIVE_INFINITY : 0),
        );
        onRequest(socket, head);
      }
    });
  });
  const port = await listenOnLoopback(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    sockets,
    close: endAtLast(async () => {
      for (const socket of sockets) socket.destroy();
      await closeServer(server);
    }),
  };
}

export async function listenOnLoopback(server: NetServer): Promise<number> {
  // A thousand may come at once to a process that has no time.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 65_535 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function closeServer(server: NetServer): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  await closed;
}
