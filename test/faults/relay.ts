/** What stands between proxy and ingest, and can be told to behave like an ingest that is broken in some way. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { closeServer, listenOnLoopback } from '../kit/upstream.ts';

/** `pass`: to ingest and back. `swallow`: to ingest, and its answer to nowhere. The others never reach ingest. */
export type RelayMode = 'pass' | 'swallow' | 'refuse' | '500' | 'garbage' | 'never';

export interface Relay {
  readonly url: string;
  mode: RelayMode;
  /** How often it has behaved so by now: a scenario has happened only when its harm was done, however slow the machine is. */
  readonly harmDone: number;
  close(): Promise<void>;
}

export async function startRelay(target: string): Promise<Relay> {
  const server = createServer((req, res) => {
    req.on('error', () => {});
    res.on('error', () => {});
    if (relay.mode === 'pass') forward(target, req, res);
    else if (relay.mode === 'swallow') forward(target, req, undefined, harm);
    else misbehave(req, res, relay.mode, harm);
  });
  let harmDone = 0;
  const harm = () => {
    harmDone += 1;
  };
  const port = await listenOnLoopback(server);
  const relay: Relay = {
    url: `http://127.0.0.1:${port}`,
    mode: 'pass',
    get harmDone() {
      return harmDone;
    },
    async close() {
      server.closeAllConnections();
      await closeServer(server);
    },
  };
  return relay;
}

/** Without `res` the answer goes nowhere. */
function forward(target: string, req: IncomingMessage, res: ServerResponse | undefined, harm?: () => void): void {
  const onward = request(`${target}${req.url}`, { method: req.method ?? 'GET', headers: req.headers }, (answer) => {
    if (res === undefined) {
      req.socket.destroy();
      answer.resume();
      if (answer.statusCode === 200) harm?.();
      return;
    }
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on('error', () => res.destroy());
    answer.pipe(res);
  });
  onward.on('error', () => req.socket.destroy());
  req.pipe(onward);
}

function misbehave(req: IncomingMessage, res: ServerResponse, mode: Exclude<RelayMode, 'pass' | 'swallow'>, harm: () => void): void {
  req.resume();
  harm();
  if (mode === 'refuse') req.socket.destroy();
  else if (mode === '500') res.writeHead(500).end('{"error":"oops"}');
  else if (mode === 'garbage') res.writeHead(200, { 'content-type': 'text/html' }).end('<html>It works!</html>');
  // never: the request is taken, and nothing follows
}
