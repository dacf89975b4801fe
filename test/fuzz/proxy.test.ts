/**
 * Anything at all, sent to a running proxy: headers, paths and bodies that nobody would write. It never crashes, answers
 * with the provider's words or with an error of the table, has no fault of its own, and holds no memory afterwards.
 */
import fc from 'fast-check';
import { GATEWAY_ERRORS } from '../../contract/errors.ts';
import { watchMemory } from '../kit/process-memory.ts';
import { type ProxyChild, startProxyChild } from '../kit/proxy-child.ts';
import { RawClient } from '../kit/raw-http.ts';
import { type HttpUpstream, startUpstream } from '../kit/upstream.ts';

let provider: HttpUpstream;
let proxy: ProxyChild;
beforeAll(async () => {
  provider = await startUpstream((res, { body }) => {
    res.setHeader('content-type', body.length % 2 === 0 ? 'application/json' : 'text/event-stream');
    res.end(body); // what was made up comes back as an answer, to be read as one
  });
  proxy = await startProxyChild(
    { openai: provider.origin, anthropic: provider.origin, gemini: provider.origin },
    { projects: { all: { capture: 'full' } } },
  );
});
afterAll(async () => {
  await proxy.close();
  await provider.close();
});

const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_!#$%&'*+.^`|~"), minLength: 1, maxLength: 20 });
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 60 });
const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 200 });
const knownName = fc.constantFrom(
  'X-Glassway-Project',
  'x-glassway-user',
  'X-Glassway-Tag-A',
  'x-glassway-tag-',
  'x-glassway-request-id',
  'x-glassway-capture',
  'x-glassway-key',
  'x-glassway-target-url',
  'x-portkey-metadata',
  'cf-aig-metadata',
  'x-litellm-tags',
  'helicone-property-a',
  'traceparent',
  'authorization',
  'x-api-key',
  'content-type',
  'content-encoding',
  'accept-encoding',
  'connection',
  'expect',
  'te',
  'trailer',
  'cookie',
  'origin',
  'user-agent',
  'range',
  '__proto__',
  'constructor',
);
const knownValue = fc.constantFrom(
  'gzip',
  'br, zstd',
  'application/json',
  'text/event-stream',
  'multipart/form-data; boundary=',
  '{"a":',
  '{"_user":{}}',
  'close',
  'full',
  'null',
  '',
);
const header = fc.tuple(fc.oneof(knownName, token), fc.oneof(printable, knownValue, latin1));
const segment = fc.oneof(
  fc.constantFrom(
    'openai',
    'anthropic',
    'gemini',
    'azure',
    'v1',
    'v1beta',
    'chat',
    'completions',
    'messages',
    'models',
    'm:streamGenerateContent',
    'embeddings',
    'responses',
    'files',
    '..',
    '%2e%2e',
    '',
    '__proto__',
  ),
  token,
);
const target = fc
  .tuple(
    fc.array(segment, { maxLength: 6 }),
    fc.option(
      printable.map((text) => text.replaceAll(' ', '+')),
      { nil: undefined },
    ),
  )
  .map(([segments, query]) => `/${segments.join('/')}${query === undefined ? '' : `?${query}`}`);
const jsonish = fc.oneof(
  fc.json({ maxDepth: 6 }),
  fc.json().map((text) => text.slice(0, -1)),
  fc.json().map((text) => `data: ${text}\n\n`),
  fc.constantFrom(
    '{"model":1,"stream":"yes","messages":{"__proto__":1}}',
    '{"usage":{"prompt_tokens":-1,"completion_tokens":1e999}}',
    '[[[[[[[[[[',
    '\ufeff{}',
    'data: [DONE]\n\n',
  ),
);
const body = fc.oneof(
  jsonish.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
);
const call = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'QUERY'),
  target,
  headers: fc.array(header, { maxLength: 12 }),
  body,
  chunked: fc.boolean(),
});

const CODES = new Set(Object.keys(GATEWAY_ERRORS));

/** The answer to bytes; '' when the connection was closed without one. */
async function send(bytes: Buffer): Promise<string> {
  const client = await RawClient.connect(proxy.port);
  client.write(bytes);
  const answer = await client
    .readUntil((text) => text.includes('\r\n\r\n'))
    .catch((error: Error) =>
      error.message.startsWith('the connection closed') ? client.received.toString('latin1') : Promise.reject(error),
    );
  client.destroy();
  return answer;
}

function check(answer: string): void {
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
  const code = /\r\nx-glassway-error: (\S+)/.exec(answer)?.[1];
  if (answer !== '') expect(status).toBeGreaterThanOrEqual(100);
  if (code !== undefined) expect(CODES).toContain(code);
  if (status >= 500) expect(code).toBeDefined();
  expect(code).not.toBe('internal');
  expect(proxy.errors).toEqual([]);
}

const RUNS = 400;
const MEMORY_BYTES_MAX = 200 * 1024 ** 2;

test('well-framed requests of any content are carried or refused by name', async () => {
  const grown_bytes = watchMemory(proxy.pid);
  await fc.assert(
    fc.asyncProperty(call, async ({ method, target: wanted, headers, body: payload, chunked }) => {
      const lines = headers.map(([name, value]) => `${name}: ${value.replace(/[\0\r\n]/g, '')}\r\n`).join('');
      const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${payload.length}`;
      const framed = chunked
        ? Buffer.concat([
            Buffer.from(payload.length === 0 ? '' : `${payload.length.toString(16)}\r\n`),
            payload,
            Buffer.from(payload.length === 0 ? '0\r\n\r\n' : '\r\n0\r\n\r\n'),
          ])
        : payload;
      check(
        await send(
          Buffer.concat([
            Buffer.from(`${method} ${wanted} HTTP/1.1\r\nHost: g\r\n${lines}${framing}\r\nConnection: close\r\n\r\n`, 'latin1'),
            framed,
          ]),
        ),
      );
    }),
    { numRuns: RUNS },
  );
  expect(grown_bytes()).toBeLessThan(MEMORY_BYTES_MAX);
});

test('bytes that are no HTTP are refused or dropped', async () => {
  const almost = fc
    .tuple(
      fc.constantFrom('GET /openai/v1/models HTTP/1.1\r\nHost: g\r\n', 'POST /openai/v1/x HTTP/1.1\r\n', 'GET ', ''),
      latin1,
      fc.constantFrom('\r\n\r\n', '\n\n', '\r\n'),
    )
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(almost, async (text) => {
      const client = await RawClient.connect(proxy.port);
      client.write(Buffer.from(text, 'latin1'));
      client.socket.end();
      check((await client.readAll()).toString('latin1'));
    }),
    { numRuns: RUNS },
  );
});

test('after all that a plain call is a plain call', async () => {
  const answer = await fetch(`${proxy.origin}/openai/v1/chat/completions`, { method: 'POST', body: '{"model":"m"} ' });
  expect(await answer.text()).toBe('{"model":"m"} ');
});
