/**
 * Providers behind TLS, most of which would rather speak HTTP/2: which knows no header case, no repeated
 * fields and no reason phrase, so that the proxy must not agree to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { UpstreamClient } from '../../../proxy/client/client.ts';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { exchange, headerOf, parseResponse } from '../../kit/raw-http.ts';
import { selfSignedCertificate } from '../../kit/tls.ts';
import { closeServer, listenOnLoopback } from '../../kit/upstream.ts';

const trusted = getCACertificates('default');
const versions: string[] = [];
let provider: Http2SecureServer;
let proxy: TestProxy;
let elsewhere: ChildProcess | undefined;
let certificate: { key: string; cert: string };

beforeAll(async () => {
  certificate = selfSignedCertificate();
  setDefaultCACertificates([...trusted, certificate.cert]);
  provider = createSecureServer({ ...certificate, allowHTTP1: true }, (req, res) => {
    versions.push(req.httpVersion);
    res.writeHead(200, { 'X-Custom-CASE': 'yes', 'content-type': 'application/json' });
    res.end('{"data":[]}');
  });
  const port = await listenOnLoopback(provider);
  proxy = await startTestProxy({ openai: `https://localhost:${port}` });
});

afterAll(async () => {
  setDefaultCACertificates(trusted);
  await proxy.close();
  elsewhere?.kill();
  await closeServer(provider);
});

test('a provider that offers HTTP/2 is spoken to in HTTP/1.1, its headers unchanged', async () => {
  const response = parseResponse(await exchange(proxy.port, 'GET /openai/v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n'));
  expect(response.statusLine).toBe('HTTP/1.1 200 OK');
  expect(response.headers).toContainEqual(['X-Custom-CASE', 'yes']);
  expect(headerOf(response, 'x-glassway-error')).toBeUndefined();
  expect(response.body.toString()).toBe('{"data":[]}');
  expect(versions).toEqual(['1.1']);
});

/** A provider in a process of its own, which answers while this one is busy with something else, and counts its connections. */
const ELSEWHERE = `
  let connections = 0;
  const server = require('node:https').createServer(JSON.parse(process.env.CERTIFICATE), (req, res) => res.end(String(connections)));
  server.on('secureConnection', () => { connections += 1; });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

test('a connection is used again though the answer is there before TLS has said that the request is out', async () => {
  elsewhere = spawn(process.execPath, ['-e', ELSEWHERE], {
    env: { CERTIFICATE: JSON.stringify(certificate) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(elsewhere.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const client = new UpstreamClient({ connect_ms: 5_000, response_ms: 5_000, idle_ms: 5_000, keep_ms: 10_000, headBytesMax: 4_096 });
  const call = (): Promise<string> =>
    new Promise((resolve, reject) => {
      let body = '';
      client.send(
        `https://localhost:${String(port).trim()}`,
        { method: 'POST', target: '/', headers: [], body: Buffer.from('{}'), length: undefined },
        {
          // Busy until the answer has come, as a proxy under load is.
          onDispatched: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50),
          onWritable: () => {},
          onHead: () => {},
          onData: (piece) => {
            body += piece.toString();
          },
          onReadDone: () => {},
          onEnd: () => resolve(body),
          onFault: reject,
        },
      );
    });
  try {
    const counts: string[] = [];
    for (let i = 0; i < 5; i += 1) counts.push(await call());
    expect(counts).toEqual(['1', '1', '1', '1', '1']);
  } finally {
    client.close();
  }
});
