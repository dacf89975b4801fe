/**
 * The yardstick: the proxy that Node's documentation teaches, and nothing else.
 * `node bare-pipe.ts PORT PROVIDER_PORT http|https [WORKERS]`
 */
import cluster from 'node:cluster';
import { Agent, createServer, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';

const [port, providerPort] = process.argv.slice(2).map(Number);
const secure = process.argv[4] === 'https';
const workers = process.argv[5] === undefined ? undefined : Number(process.argv[5]);

if (workers !== undefined && cluster.isPrimary) for (let i = 0; i < workers; i += 1) cluster.fork();
else serve();

function serve(): void {
  const agent = secure ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  const send = secure ? tlsRequest : request;
  createServer((req, res) => {
    const { method, url, headers } = req;
    const options = { host: '127.0.0.1', port: providerPort, agent, method, path: url, headers };
    const upstream = send(options, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    upstream.on('error', () => res.destroy());
    res.on('close', () => upstream.destroy());
    req.pipe(upstream);
  }).listen({ port, host: '127.0.0.1', backlog: 16_384 });
}
