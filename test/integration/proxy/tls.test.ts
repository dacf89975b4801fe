/**
 * Providers behind TLS, most of which would rather speak HTTP/2: which knows no header case, no repeated
 * fields and no reason phrase, so that the proxy must not agree to it.
 */
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { exchange, headerOf, parseResponse } from '../../kit/raw-http.ts';
import { selfSignedCertificate } from '../../kit/tls.ts';
import { closeServer, listenOnLoopback } from '../../kit/upstream.ts';

const trusted = getCACertificates('default');
const versions: string[] = [];
let provider: Http2SecureServer;
let proxy: TestProxy;

beforeAll(async () => {
  const { key, cert } = selfSignedCertificate();
  setDefaultCACertificates([...trusted, cert]);
  provider = createSecureServer({ key, cert, allowHTTP1: true }, (req, res) => {
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
