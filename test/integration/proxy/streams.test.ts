/**
 * Time passes through unchanged too: what the provider has sent, the client has, before the provider sends more.
 * The provider of these tests goes on only when the client has seen what came before, so a proxy that held
 * anything back would wait for ever.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip, createGzip } from 'node:zlib';
import { startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { exchange, parseResponse, RawClient } from '../../kit/raw-http.ts';
import { type HttpUpstream, startHandlerUpstream } from '../../kit/upstream.ts';

let upstream: HttpUpstream;
let proxy: TestProxy;
let answer: (req: IncomingMessage, res: ServerResponse) => void;

beforeAll(async () => {
  upstream = await startHandlerUpstream((req, res) => answer(req, res));
  proxy = await startTestProxy({ openai: upstream.origin });
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const GET = 'GET /openai/v1/stream HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n';

/** A client whose call has reached the provider, and the provider's side of it. */
async function openStream(contentType: string, headers: Record<string, string> = {}): Promise<{ client: RawClient; res: ServerResponse }> {
  const arrived = Promise.withResolvers<ServerResponse>();
  answer = (_req, res) => arrived.resolve(res);
  const client = await RawClient.connect(proxy.port);
  client.write(GET);
  const res = await arrived.promise;
  res.writeHead(200, { 'content-type': contentType, ...headers });
  res.flushHeaders();
  return { client, res };
}

test('headers are with the client before the first body byte was sent', async () => {
  const { client, res } = await openStream('text/event-stream');
  const head = await client.readUntil((text) => text.includes('\r\n\r\n'));
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/event-stream\r\n/);
  res.end();
  expect(parseResponse(await client.readAll()).complete).toBe(true);
});

test('events pass one by one, each seen by the client before the provider sends the next', async () => {
  const { client, res } = await openStream('text/event-stream');
  let sent = '';
  for (let i = 0; i < 50; i++) {
    const event = `data: {"n":${i}}\n\n`;
    sent += event;
    res.write(event);
    await client.readUntil((text) => text.includes(event));
  }
  res.end();
  expect(parseResponse(await client.readAll()).body.toString()).toBe(sent);
});

test('characters cut inside pass in lock-step, byte by byte', async () => {
  const { client, res } = await openStream('text/event-stream');
  const bytes = Buffer.from('data: "😀ü日"\n\n');
  await client.readUntil((text) => text.includes('\r\n\r\n'));
  for (const [i, byte] of bytes.entries()) {
    res.write(Buffer.of(byte));
    await client.readUntil(() => parseResponse(client.received).body.length > i);
  }
  res.end();
  expect(parseResponse(await client.readAll()).body.equals(bytes)).toBe(true);
});

test('a compressed stream passes at each flush of its encoder', async () => {
  const { client, res } = await openStream('text/event-stream', { 'content-encoding': 'gzip' });
  await client.readUntil((text) => text.includes('\r\n\r\n'));
  const encoder = createGzip();
  encoder.on('data', (chunk: Buffer) => res.write(chunk));
  const decoder = createGunzip();
  let decoded = '';
  decoder.on('data', (chunk: Buffer) => {
    decoded += chunk.toString();
  });
  let fed = 0;
  for (let i = 0; i < 10; i++) {
    encoder.write(`data: {"n":${i}}\n\n`);
    await new Promise<void>((resolve) => encoder.flush(() => resolve()));
    await waitFor(`event ${i} decoded by the client`, () => {
      const { body } = parseResponse(client.received);
      if (body.length > fed) decoder.write(body.subarray(fed));
      fed = body.length;
      return decoded.includes(`{"n":${i}}`);
    });
  }
  encoder.end();
  encoder.on('end', () => res.end());
  expect(parseResponse(await client.readAll()).complete).toBe(true);
  decoder.destroy();
});

test('an answer may come while the request is still being sent', async () => {
  answer = (req, res) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream' });
    req.pipe(res);
  };
  const client = await RawClient.connect(proxy.port);
  client.write('POST /openai/v1/duplex HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const word of ['one', 'two', 'three']) {
    client.write(`${word.length.toString(16)}\r\n${word}\r\n`);
    await client.readUntil((text) => text.includes(word));
  }
  client.write('0\r\n\r\n');
  expect(parseResponse(await client.readAll()).body.toString()).toBe('onetwothree');
});

test('300 calls to one provider are in flight at once', async () => {
  const held: ServerResponse[] = [];
  answer = (_req, res) => {
    held.push(res);
    if (held.length === 300) for (const waiting of held) waiting.end('done');
  };
  const bodies = await Promise.all(Array.from({ length: 300 }, async () => parseResponse(await exchange(proxy.port, GET)).body.toString()));
  expect(bodies).toEqual(Array.from({ length: 300 }, () => 'done'));
});

test('a client that does not read stops the provider, and the rest waits there, not in the proxy', async () => {
  const total = 200 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  let blocked = false;
  answer = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': total });
    const pump = () => {
      blocked = false;
      while (written < total) {
        written += chunk.length;
        if (!res.write(chunk)) {
          blocked = true;
          res.once('drain', pump);
          return;
        }
      }
      res.end();
    };
    pump();
  };
  const client = await RawClient.connect(proxy.port);
  client.socket.pause();
  client.write(GET);
  let last = -1;
  await waitFor('the provider is no longer read', async () => {
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const settled = blocked && before === written && last === written;
    last = written;
    return settled;
  });
  // What is on the way: socket buffers of both connections. Far less than the whole.
  expect(written).toBeLessThan(total / 4);
  // Once read again, all of it comes. Counted, not kept.
  let received = 0;
  client.socket.removeAllListeners('data');
  const done = new Promise((resolve) => client.socket.once('close', resolve));
  client.socket.on('data', (data: Buffer) => {
    received += data.length;
  });
  client.socket.resume();
  await done;
  expect(received).toBeGreaterThan(total);
  expect(received).toBeLessThan(total + 1_000);
});

test('100 calls one after another use one connection to the provider', async () => {
  const fresh = await startHandlerUpstream((req, res) => {
    req.resume();
    req.on('end', () => res.end('{}'));
  });
  const own = await startTestProxy({ openai: fresh.origin });
  try {
    const client = await RawClient.connect(own.port);
    for (let i = 1; i <= 100; i++) {
      client.write('POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}');
      await client.readUntil((text) => text.split('HTTP/1.1 200 OK').length === i + 1 && text.endsWith('{}'));
    }
    client.destroy();
    expect(fresh.connections()).toBe(1);
  } finally {
    await own.close();
    await fresh.close();
  }
});

test('requests that a client pipelines are answered in its order', async () => {
  answer = (req, res) => {
    const wait_ms = req.url === '/v1/slow' ? 50 : 0;
    setTimeout(() => res.end(req.url), wait_ms);
  };
  const client = await RawClient.connect(proxy.port);
  client.write('GET /openai/v1/slow HTTP/1.1\r\nHost: g\r\n\r\nGET /openai/v1/fast HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n');
  const text = (await client.readAll()).toString();
  expect(text.indexOf('/v1/slow')).toBeGreaterThan(0);
  expect(text.indexOf('/v1/fast')).toBeGreaterThan(text.indexOf('/v1/slow'));
});

test('nothing gives requests and responses another prototype, which would make them slow', async () => {
  answer = (_req, res) => res.end('ok');
  const seen: [IncomingMessage, object, ServerResponse, object][] = [];
  const before = (req: IncomingMessage, res: ServerResponse) =>
    seen.push([req, Object.getPrototypeOf(req), res, Object.getPrototypeOf(res)]);
  proxy.app.server.prependListener('request', before);
  // Not a plain request (proxy/server/plain-head.ts), so Node makes these.
  await exchange(proxy.port, GET.replace('\r\n\r\n', '\r\nTrailer: x\r\n\r\n'));
  proxy.app.server.off('request', before);
  expect(seen).toHaveLength(1);
  for (const [req, reqPrototype, res, resPrototype] of seen) {
    expect(Object.getPrototypeOf(req) === reqPrototype).toBe(true);
    expect(Object.getPrototypeOf(res) === resPrototype).toBe(true);
  }
});

test('none of these calls met a fault of the proxy’s own', () => {
  expect(proxy.errors).toEqual([]);
});
