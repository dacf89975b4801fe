/** Everything that a client can hold or send has a limit, and reaching it harms nobody else. */
import { execFile, execFileSync } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { watchMemory } from '../../kit/process-memory.ts';
import { metricValue, startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { type ProxyChild, startProxyChild } from '../../kit/proxy-child.ts';
import { RawClient } from '../../kit/raw-http.ts';
import { type HttpUpstream, startHandlerUpstream, startUpstream } from '../../kit/upstream.ts';

let provider: HttpUpstream;
let proxy: TestProxy | undefined;
let answerWith: { headers: Record<string, string>; body: Buffer } | undefined;

beforeAll(async () => {
  provider = await startUpstream((res) => {
    if (answerWith) res.writeHead(200, answerWith.headers);
    res.end(answerWith?.body ?? '{}');
  });
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.requests.length = 0;
  answerWith = undefined;
});
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
});

const start = async (overrides: Record<string, unknown> = {}): Promise<TestProxy> => {
  proxy = await startTestProxy({ openai: provider.origin }, overrides);
  return proxy;
};

test.each([
  [
    'a request target over limits.urlBytes',
    { urlBytes: 1024 },
    `GET /openai/v1/${'x'.repeat(1100)} HTTP/1.1\r\nHost: g\r\n\r\n`,
    414,
    'url_too_long',
  ],
  [
    'more headers than limits.headersMax',
    { headersMax: 20 },
    `GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n${'a: b\r\n'.repeat(20)}\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'far more headers than limits.headersMax',
    { headersMax: 20 },
    `GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n${'a: b\r\n'.repeat(3_000)}\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'headers over limits.headerBytes',
    { headerBytes: 8192 },
    `GET /openai/v1/x HTTP/1.1\r\nHost: g\r\na: ${'b'.repeat(9000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
] as const)('%s are refused, by name', async (_what, limits, request, status, code) => {
  const { port } = await start({ limits });
  const client = await RawClient.connect(port);
  client.write(request);
  const answer = await client.readUntil((text) => text.includes('\r\n\r\n'));
  client.destroy();
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*x-glassway-error: ${code}`));
  expect(provider.requests).toHaveLength(0);
});

test('as many headers as limits.headersMax pass, all of them', async () => {
  const { port } = await start({ limits: { headersMax: 20 } });
  const client = await RawClient.connect(port);
  client.write(`GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n${Array.from({ length: 19 }, (_, i) => `x-${i}: ${i}\r\n`).join('')}\r\n`);
  await client.readUntil((text) => text.startsWith('HTTP/1.1 200'));
  client.destroy();
  expect(provider.requests[0]?.rawHeaders.filter((name) => name.startsWith('x-'))).toHaveLength(19);
});

test('a header block that does not come to its end is timed out', async () => {
  const { port } = await start({ timeouts: { headersMs: 200 } });
  const client = await RawClient.connect(port);
  client.write('GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n');
  const drip = setInterval(() => client.write('a: b\r\n'), 50);
  try {
    expect((await client.readAll()).toString()).toMatch(/^HTTP\/1\.1 408 [\s\S]*x-glassway-error: request_timeout/);
  } finally {
    clearInterval(drip);
  }
});

test('an upload that only drips is given up, told so, and recorded; the provider is let go', async () => {
  const { port } = await start({ timeouts: { uploadWindowMs: 300 }, limits: { uploadWindowBytes: 1000 } });
  for (const length of ['Content-Length: 100000', 'Transfer-Encoding: chunked']) {
    const client = await RawClient.connect(port);
    client.write(`POST /openai/v1/x HTTP/1.1\r\nHost: g\r\n${length}\r\n\r\n`);
    const drip = setInterval(() => client.write('1\r\nx\r\n'), 30);
    try {
      expect((await client.readAll()).toString()).toMatch(/^HTTP\/1\.1 408 [\s\S]*x-glassway-error: request_timeout/);
    } finally {
      clearInterval(drip);
    }
  }
  const records = await proxy?.records(2);
  expect(records?.map(({ outcome, status, error_type }) => ({ outcome, status, error_type }))).toEqual(
    Array(2).fill({ outcome: 'client_error', status: 408, error_type: 'glassway_request_timeout' }),
  );
});

test('a slow line that moves passes, though it takes many windows', async () => {
  const { port } = await start({ timeouts: { uploadWindowMs: 300 }, limits: { uploadWindowBytes: 10 } });
  const client = await RawClient.connect(port);
  client.write('POST /openai/v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n');
  for (let sent = 0; sent < 1000; sent += 25) {
    client.write('x'.repeat(25));
    await sleep(30);
  }
  await client.readUntil((text) => text.startsWith('HTTP/1.1 200'));
  client.destroy();
  expect(provider.requests[0]?.body).toHaveLength(1000);
});

test('beyond limits.connectionsMax connections are closed as they come, and counted; those there go on', async () => {
  const { port, metrics } = await start({ limits: { connectionsMax: 3 } });
  const clients = await Promise.all(Array.from({ length: 3 }, () => RawClient.connect(port)));
  const fourth = await RawClient.connect(port);
  expect(await fourth.readAll()).toHaveLength(0);
  expect(await metricValue(metrics, 'glassway_proxy_connections_dropped_total')).toBe(1);
  clients[0]?.write('GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n\r\n');
  await clients[0]?.readUntil((text) => text.startsWith('HTTP/1.1 200'));
  for (const client of clients) client.destroy();
});

const slowhttptest = '/usr/bin/slowhttptest';
const hasSlowhttptest = (() => {
  try {
    execFileSync('test', ['-x', slowhttptest]);
    return true;
  } catch {
    return false;
  }
})();

(hasSlowhttptest ? test : test.skip).each([
  ['headers that never end', ['-H', '-i', '1']],
  ['bodies that drip', ['-B', '-i', '1', '-s', '100000', '-t', 'POST']],
  ['answers that are not read', ['-X', '-w', '1', '-y', '2', '-n', '5', '-z', '1', '-k', '1']],
])(
  'slowhttptest with %s holds its own connections only: other calls are served meanwhile',
  async (_what, options) => {
    const { port, origin } = await start();
    const attack = execFile(slowhttptest, [
      ...options,
      '-c',
      '300',
      '-r',
      '300',
      '-l',
      '5',
      '-p',
      '1',
      '-u',
      `http://127.0.0.1:${port}/openai/v1/models`,
    ]);
    const ended = new Promise((resolve) => attack.once('exit', resolve));
    try {
      await waitFor(
        'the attack to hold connections',
        () => new Promise<boolean>((resolve) => proxy?.app.server.getConnections((_error, count) => resolve(count > 200))),
      );
      for (let i = 0; i < 50; i += 1) {
        const answer = await fetch(`${origin}/openai/v1/chat/completions`, { method: 'POST', body: '{}' });
        expect(answer.status).toBe(200);
        await answer.text();
      }
    } finally {
      attack.kill('SIGKILL');
      await ended;
    }
    expect(proxy?.errors).toEqual([]);
  },
  30_000,
);

const ENDLESS_START = 'data: {"a":"';
/** Twice what the process may grow by. */
const MEBIBYTES = 300;
const ENDLESS_BYTES = MEBIBYTES * 1024 ** 2 + ENDLESS_START.length;

/** One line of a stream that has no end until the stream has. */
function sendEndlessLine(_req: IncomingMessage, res: ServerResponse): void {
  const line = Buffer.alloc(1024 ** 2, 'x');
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.write(ENDLESS_START);
  let left = MEBIBYTES;
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!res.write(line)) {
        res.once('drain', more);
        return;
      }
    }
    res.end();
  };
  more();
}

describe('what a body may cost the process that carries it', () => {
  const GROWN_BYTES_MAX = 150 * 1024 ** 2;
  let child: ProxyChild;
  let endless: HttpUpstream;
  beforeAll(async () => {
    endless = await startHandlerUpstream(sendEndlessLine);
    child = await startProxyChild({ openai: provider.origin, endless: endless.origin }, { limits: { bodyBytes: 1024 ** 2 } });
    await (await fetch(`${child.origin}/openai/v1/models`)).text(); // so that what every call needs is loaded
    await child.recorded(1);
  });
  afterAll(async () => {
    await child?.close();
    await endless?.close();
  });

  /** 512 MiB of zeros in some 500 KB of gzip, or some hundreds of bytes of brotli. */
  const ZEROS = Buffer.alloc(64 * 1024 ** 2);
  const BOMBS: readonly (readonly [string, string, Buffer])[] = [
    ['gzip', 'gzip', Buffer.concat(Array(8).fill(gzipSync(ZEROS)))],
    ['brotli', 'br', brotliCompressSync(ZEROS)],
    ['gzip in gzip', 'gzip, gzip', gzipSync(Buffer.concat(Array(8).fill(gzipSync(ZEROS))))],
  ];

  test.each(BOMBS)(
    'a decompression bomb (%s) passes byte for byte, and the tap reads no more than its limit',
    async (_name, encoding, bomb) => {
      answerWith = { headers: { 'content-type': 'application/json', 'content-encoding': encoding }, body: bomb };
      const records = child.ingest.records().length;
      const grown_bytes = watchMemory(child.pid);
      const client = await RawClient.connect(child.port);
      client.write('GET /openai/v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n');
      const answer = await client.readAll();
      expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4).includes(bomb.subarray(0, 64))).toBe(true);
      await child.recorded(records + 1);
      expect(grown_bytes()).toBeLessThan(GROWN_BYTES_MAX);
    },
  );

  test('a line of a stream that never ends is passed on, and holds no memory', async () => {
    const records = child.ingest.records().length;
    const grown_bytes = watchMemory(child.pid);
    const answer = await fetch(`${child.origin}/endless/v1/chat/completions`, { method: 'POST', body: '{"stream":true}' });
    let bytes = 0;
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) bytes += chunk.length;
    expect(bytes).toBe(ENDLESS_BYTES);
    await child.recorded(records + 1);
    expect(grown_bytes()).toBeLessThan(GROWN_BYTES_MAX);
    expect(child.ingest.records().at(-1)?.response_bytes).toBe(bytes);
    expect(child.errors).toEqual([]);
  });
});

describe('prototype pollution', () => {
  const POISON =
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"model":"m","usage":{"__proto__":{"polluted":1}}}';

  test('a call whose body, headers, tags and answer name an object’s insides changes none', async () => {
    answerWith = { headers: { 'content-type': 'application/json' }, body: Buffer.from(POISON) };
    const { port } = await start({ projects: JSON.parse('{"shop":{"capture":"full"}}') });
    const client = await RawClient.connect(port);
    const headers = [
      '__proto__: x',
      'constructor: y',
      'hasOwnProperty: z',
      'X-Glassway-Tag-__proto__: a',
      'X-Glassway-Tag-constructor: b',
      'X-Glassway-Tag-toString: c',
    ];
    const metadata = `X-Portkey-Metadata: ${POISON}`;
    client.write(
      `POST /openai/v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nX-Glassway-Project: __proto__\r\n${headers.join('\r\n')}\r\n${metadata}\r\nContent-Type: application/json\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    );
    expect((await client.readAll()).toString()).toMatch(/^HTTP\/1\.1 200 /);
    const record = await proxy?.record();
    expect(record).toMatchObject({ project: '__proto__' });
    expect(Object.keys(record?.tags ?? {}).sort()).toEqual(['constructor', 'model', 'tostring']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((() => {}) as unknown as Record<string, unknown>).not.toHaveProperty('polluted');
    expect(provider.requests[0]?.rawHeaders).toEqual(expect.arrayContaining(['__proto__', 'constructor', 'hasOwnProperty']));
  });

  test.each([
    '__proto__: { polluted: true }',
    'listen: { __proto__: { polluted: true } }',
    'projects: { __proto__: { capture: full } }',
    'constructor: { prototype: { polluted: true } }',
  ])('nor do settings: %s', async (yaml) => {
    const { loadSettings } = await import('../../../contract/config.ts');
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
    const folder = mkdtempSync('/tmp/glassway-test-');
    writeFileSync(`${folder}/glassway.yaml`, yaml);
    let capture: unknown;
    try {
      const { projects } = loadSettings({ file: `${folder}/glassway.yaml`, env: {} });
      capture = ({} as Record<string, unknown>)['capture'] ?? (Object.hasOwn(projects, 'shop') ? projects['shop'] : undefined);
    } catch {
      // Refused is as good.
    }
    rmSync(folder, { recursive: true });
    expect(capture).toBeUndefined();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
