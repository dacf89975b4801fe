/**
 * How a stopping proxy takes leave of its clients. The listening socket closes at once; calls in flight end; a call
 * that still comes on an open connection is carried and answered with `Connection: close`; a connection on which
 * nothing comes for a while is closed. What runs longer than the limit is cut off.
 *
 * A client that is just sending on a connection that we are just closing meets a reset, which HTTP/1.1 cannot avoid
 * (RFC 9112 §9.5). The connections that are in use are those where that happens, and they get their `close` with an
 * answer; what is left after the grace are connections that nobody has used for so long.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Log } from '../contract/log.ts';

export interface DrainOptions {
  /** How long an idle connection is kept for one more call. */
  readonly idle_ms: number;
  /** When calls that still run are cut off. */
  readonly limit_ms: number;
  readonly cutOff: () => void;
  readonly log: Log;
}

/** Sees the server's connections from the start; resolves the drain when the last of them is gone. */
export function createDrain(server: Server): (options: DrainOptions) => Promise<void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return async ({ idle_ms, limit_ms, cutOff, log }) => {
    const closed = once(server, 'close');
    server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
      res.shouldKeepAlive = false;
      req.socket.setTimeout(0);
    });
    // With a listener, what happens after a time limit is ours.
    server.on('timeout', closeUnlessUsed);
    // For answers that are under way, whose headers have said `keep-alive`. 0 would be for ever.
    server.keepAliveTimeout = Math.max(1, idle_ms);
    server.keepAliveTimeoutBuffer = 0;
    for (const socket of sockets) if (isIdle(socket)) socket.setTimeout(Math.max(1, idle_ms));
    // Not `server.close()` of HTTP: that closes idle connections at once.
    NetServer.prototype.close.call(server);
    const limit = setTimeout(() => {
      log('warn', `calls still running after ${limit_ms} ms are cut off`);
      cutOff();
    }, limit_ms);
    await closed;
    clearTimeout(limit);
  };
}

/** Nothing has come yet, or Node waits for another request: only then does it set a time limit on the socket. */
function isIdle(socket: Socket): boolean {
  return socket.bytesRead === 0 || (socket.timeout ?? 0) > 0;
}

/** Timers run before what has arrived meanwhile is read: that may be a call. */
function closeUnlessUsed(socket: Socket): void {
  const { bytesRead } = socket;
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) socket.destroySoon();
  });
}
