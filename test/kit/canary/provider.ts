/** The canary test's other sides: a provider that answers each call as its header asks, and a receiver of spans and metrics that keeps the bytes. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { endAtLast } from '../leftovers.ts';
import type { Answer } from './answers.ts';

export const CALL_HEADER = 'x-canary-call';

export interface CanaryProvider {
  readonly url: string;
  /** By the id in CALL_HEADER. */
  readonly answers: Map<string, Answer>;
  /** The credential that came with the last call of each upstream's name; and how often. */
  readonly shown: Map<string, number>;
  close(): Promise<void>;
}

export async function startCanaryProvider(): Promise<CanaryProvider> {
  const answers = new Map<string, Answer>();
  const shown = new Map<string, number>();
  const server = createServer((req, res) => {
    req.resume();
    req.on('error', () => {}); // a proxy that was killed
    req.on('end', () => {
      const { authorization = '' } = req.headers;
      shown.set(authorization, (shown.get(authorization) ?? 0) + 1);
      const answer = answers.get(String(req.headers[CALL_HEADER]));
      if (answer === undefined) {
        res.writeHead(404).end();
        return;
      }
      res.writeHead(answer.status, { 'content-type': answer.type });
      for (const chunk of answer.chunks) res.write(chunk);
      if (answer.cut) setTimeout(() => res.destroy(), 10);
      else res.end();
    });
  });
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'realtime' });
  sockets.on('connection', (socket) =>
    socket.on('message', (message) => {
      for (const event of JSON.parse(String(message)).say) socket.send(JSON.stringify(event));
    }),
  );
  return {
    url: await listen(server),
    answers,
    shown,
    close: endAtLast(async () => {
      for (const socket of sockets.clients) socket.terminate();
      await close(server);
    }),
  };
}

export interface CanaryReceiver {
  readonly url: string;
  readonly received: readonly { readonly path: string; readonly bytes: Buffer }[];
  close(): Promise<void>;
}

export async function startCanaryReceiver(): Promise<CanaryReceiver> {
  const received: { path: string; bytes: Buffer }[] = [];
  const server = createServer((req, res) => {
    const pieces: Buffer[] = [];
    req.on('error', () => {});
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.on('end', () => {
      received.push({ path: req.url ?? '', bytes: Buffer.concat(pieces) });
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return { url: await listen(server), received, close: endAtLast(() => close(server)) };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}
