/** What stands between proxy and ingest, and can be told to behave like an ingest that is broken in some way. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { closeServer, listenOnLoopback } from '../kit/upstream.ts';

/** `pass`: to ingest and back. `swallow`: to ingest, and its answer to nowhere. The others never reach ingest. */
export type RelayMode = 'pass' | 'swallow' | 'refuse' | '500' | 'garbage' | 'never';

export interface Relay {
  readonly url: string;
  mode: RelayMode;
  close(): Promise<void>;
}

export async function startRelay(target: string): Promise<Relay> {
  const server = createServer((req, res) => {
    req.on('error', () => {});
    res.on('error', () => {});
    if (relay.mode === 'pass' || relay.mode === 'swallow') forward(target, req, res, relay.mode);
    else misbehave(req, res, relay.mode);
  });
  const port = await listenOnLoopback(server);
  const relay: Relay = {
    url: `http://127.0.0.1:${port}`,
    mode: 'pass',
    async close() {
      server.closeAllConnections();
      await closeServer(server);
    },
  };
  return relay;
}

function forward(target: string, req: IncomingMessage, res: ServerResponse, mode: 'pass' | 'swallow'): void {
  const onward = request(`${target}${req.url}`, { method: req.method ?? 'GET', headers: req.headers }, (answer) => {
    if (mode === 'swallow') {
      req.socket.destroy();
      answer.resume();
      return;
    }
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on('error', () => res.destroy());
    answer.pipe(res);
  });
  onward.on('error', () => req.socket.destroy());
  req.pipe(onward);
}

function misbehave(req: IncomingMessage, res: ServerResponse, mode: Exclude<RelayMode, 'pass' | 'swallow'>): void {
  req.resume();
  if (mode === 'refuse') req.socket.destroy();
  else if (mode === '500') res.writeHead(500).end('{"error":"oops"}');
  else if (mode === 'garbage') res.writeHead(200, { 'content-type': 'text/html' }).end('<html>It works!</html>');
  // never: the request is taken, and nothing follows
}
