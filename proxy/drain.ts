/**
 * How a stopping proxy takes leave of its clients. The listening socket closes; calls in flight end; a call that still
 * comes on an open connection is carried and answered with `Connection: close`; a connection on which nothing comes for
 * a while is closed. What runs longer than the limit is cut off.
 *
 * A client that is just sending on a connection that we are just closing meets a reset, which HTTP/1.1 cannot avoid
 * (RFC 9112 §9.5). The connections in use are those where that happens, and they get their `close` with an answer; what is left after the grace are connections
 * that nobody has used for so long, and they are closed right after a look at what has arrived.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Log } from '../contract/log.ts';
import { turnAwayNew } from './door.ts';
import type { PlainConnections } from './server/plain-connections.ts';

export interface DrainOptions {
  /** How long an idle connection is kept for one more call. */
  readonly idle_ms: number;
  /** When calls that still run are cut off. */
  readonly limit_ms: number;
  readonly cutOff: () => void;
  readonly log: Log;
}

/** A turn of the event loop this short has just seen all that had arrived. */
const QUIET_TURN_MS = 1;
/** Handshakes that have begun when the door is shut end within this, on a network for which a proxy is placed. */
const HANDSHAKE_MS = 5;
/** So long is waited for such a turn where the door cannot be shut. */
const ACCEPT_WAIT_MS = 3_000;
/** For idle connections, of which there may be thousands. */
const CLOSE_WAIT_MS = 50;
/** Closing takes time too, in which more arrives. */
const CLOSED_AT_ONCE = 4;

/** Sees the server's connections from the start; resolves the drain when the last of them is gone. */
export function createDrain(server: Server, plain: PlainConnections): (options: DrainOptions) => Promise<void> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
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
    server.on('timeout', createCloser());
    // For answers that are under way, whose headers have said `keep-alive`. 0 would be for ever.
    server.keepAliveTimeout = Math.max(1, idle_ms);
    server.keepAliveTimeoutBuffer = 0;
    plain.leave(idle_ms);
    const limit = setTimeout(() => {
      log('warn', `calls still running after ${limit_ms} ms are cut off`);
      cutOff();
    }, limit_ms);
    // Node accepts one connection a turn: after a turn without any, none waits.
    const shut_ms = turnAwayNew(portOf(server)) ? performance.now() : undefined;
    let before = Number.NaN;
    // With the door shut they are so many and no more, and all are let in.
    await turnWhen(shut_ms === undefined ? ACCEPT_WAIT_MS : limit_ms, (turn_ms) => {
      const noneCame = accepted === before;
      before = accepted;
      return noneCame && (shut_ms === undefined ? turn_ms < QUIET_TURN_MS : performance.now() - shut_ms > HANDSHAKE_MS);
    });
    // Not `server.close()` of HTTP: that closes idle connections at once.
    NetServer.prototype.close.call(server);
    for (const socket of sockets) if (isIdle(socket)) socket.setTimeout(Math.max(1, idle_ms));
    for (const socket of plain.idleSockets()) socket.setTimeout(Math.max(1, idle_ms));
    await closed;
    clearTimeout(limit);
  };
}

/** Nothing has come yet, or Node waits for another request: only then does it set a time limit on the socket. */
function isIdle(socket: Socket): boolean {
  return socket.bytesRead === 0 || (socket.timeout ?? 0) > 0;
}

/** Closes the connections that it is given, but for those that turn out to be used after all. */
function createCloser(): (socket: Socket) => void {
  const due = new Map<Socket, number>();
  const closeDue = async (): Promise<void> => {
    while (due.size > 0) {
      await turnWhen(CLOSE_WAIT_MS, (turn_ms) => turn_ms < QUIET_TURN_MS);
      for (const [socket, bytesRead] of [...due].slice(0, CLOSED_AT_ONCE)) {
        due.delete(socket);
        if (socket.bytesRead === bytesRead) socket.destroySoon();
      }
    }
  };
  return (socket) => {
    due.set(socket, socket.bytesRead);
    if (due.size === 1) void closeDue();
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address !== 'string' ? address.port : 0;
}

/** Resolves right after a turn of the event loop of which `holds` is true, given how long it took, or after `wait_ms`. */
function turnWhen(wait_ms: number, holds: (turn_ms: number) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const until_ms = performance.now() + wait_ms;
    let begun_ms = Number.NEGATIVE_INFINITY;
    const look = (): void => {
      const now_ms = performance.now();
      const held = holds(now_ms - begun_ms);
      begun_ms = now_ms;
      if (held || now_ms > until_ms) resolve();
      else setImmediate(look);
    };
    setImmediate(look);
  });
}
