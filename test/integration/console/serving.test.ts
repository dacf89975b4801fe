/** How the console is served: its files, its headers, the hosts it answers for, and a ClickHouse that is not there. */
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage, type Server } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { createClient } from '@clickhouse/client';
import express from 'express';
import request from 'supertest';
import { createConsole } from '../../../ingest/console/index.ts';
import { freePorts } from '../../kit/ports.ts';

let server: Server;
let reader: ReturnType<typeof createClient>;

beforeAll(async () => {
  const [deadPort] = await freePorts(1);
  reader = createClient({ url: `http://127.0.0.1:${deadPort}`, log: { level: 127 } });
  const app = express();
  app.use(
    createConsole({ reader, database: 'glassway', version: '1.2.3', proxyUrl: 'http://gateway.example:4700', hosts: ['Console.Example'] }),
  );
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await reader.close();
});

/** Without any help from a client library: bytes as they are on the wire. */
async function fetchRaw(path: string, headers: Record<string, string>): Promise<{ response: IncomingMessage; body: Buffer }> {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return new Promise((resolve, reject) => {
    httpGet({ host: '127.0.0.1', port, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

test('the page and all it names are served from here, with types taken off and no inline script or style', async () => {
  const page = await request(server).get('/');
  expect(page.status).toBe(200);
  expect(page.text).not.toMatch(/<script(?![^>]*src=)|<style|style=|onclick=|https?:\/\//);
  const named = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => `/${match[1]}`);
  expect(named.length).toBeGreaterThan(15);
  for (const path of named) {
    const file = await request(server).get(path).buffer();
    expect([path, file.status]).toEqual([path, 200]);
    if (path.endsWith('.ts')) {
      expect(file.headers['content-type']).toBe('text/javascript; charset=utf-8');
      expect(file.text).not.toMatch(/^(import type|interface|export interface) /m);
    }
  }
});

test('everything carries a strict content security policy', async () => {
  for (const path of ['/', '/page/main.ts', '/vendor/echarts.js', '/api/nothing']) {
    const { response } = await fetchRaw(path, {});
    expect(response.headers['content-security-policy']).toContain("default-src 'self'");
    expect(response.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(response.headers['content-security-policy']).not.toMatch(/unsafe|\*/);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.headers['referrer-policy']).toBe('no-referrer');
  }
});

test('files are compressed as the browser can, and not sent again while they are the same', async () => {
  const plain = await fetchRaw('/vendor/preact.js', {});
  expect(plain.response.headers['content-encoding']).toBeUndefined();
  const br = await fetchRaw('/vendor/preact.js', { 'accept-encoding': 'gzip, br' });
  expect(br.response.headers['content-encoding']).toBe('br');
  expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true);
  const zipped = await fetchRaw('/vendor/preact.js', { 'accept-encoding': 'gzip' });
  expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
  const again = await fetchRaw('/vendor/preact.js', { 'if-none-match': String(plain.response.headers['etag']) });
  expect([again.response.statusCode, again.body.length]).toEqual([304, 0]);
});

test.each(['localhost:4701', '127.0.0.1:4701', '[::1]:4701', '192.168.1.20', 'gateway.example', 'console.example:80', 'x.localhost'])(
  'a request to %s is answered',
  async (host) => {
    expect((await fetchRaw('/', { host })).response.statusCode).toBe(200);
  },
);

test.each(['evil.example', 'localhost.evil.example', 'evil.example:4701', '127.0.0.1.evil.example', 'user@localhost'])(
  'a request to the host %j, which may have been rebound to us, is refused',
  async (host) => {
    for (const path of ['/', '/page/main.ts', '/api/status']) {
      const { response, body } = await fetchRaw(path, { host });
      expect(response.statusCode).toBe(421);
      expect(JSON.parse(body.toString()).error).toMatchObject({ code: 'host_not_allowed', message: expect.stringContaining('localhost') });
    }
  },
);

test('nothing outside of the page can be reached by a path', async () => {
  for (const path of ['/page/../index.ts', '/page/%2e%2e/index.ts', '/page/tsconfig.json', '/vendor/preact.d.ts', '/page/index.html'])
    expect((await fetchRaw(path, {})).response.statusCode).toBe(404);
});

test('without ClickHouse the page comes all the same, and the API says what is wrong', async () => {
  expect((await request(server).get('/')).status).toBe(200);
  for (const path of [
    '/api/status',
    '/api/unpriced',
    '/api/boards/overview/panels/1',
    '/api/boards/overview/variables/project',
    '/api/calls',
    '/api/calls/some',
    '/api/histogram',
    '/api/values',
    '/api/sessions',
    '/api/session?session=a',
    '/api/export/calls',
    '/api/loss',
  ]) {
    const response = await request(server).get(path);
    expect([path, response.status]).toEqual([path, 503]);
    expect(response.body.error).toMatchObject({
      code: 'clickhouse_unavailable',
      message: expect.stringContaining('Check that ClickHouse runs'),
    });
  }
});
