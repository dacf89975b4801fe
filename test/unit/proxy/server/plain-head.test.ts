/** What Glassway reads itself it must read as Node does; the rest it must leave alone. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { parsePlainHead } from '../../../../proxy/server/plain-head.ts';

const POST = 'POST /openai/v1/x?y=%20 HTTP/1.1\r\nHost: g:1\r\nContent-Type: application/json\r\nContent-Length: 12\r\n';

test('method, target, headers as they came, length and close', () => {
  expect(parsePlainHead(`${POST}X-Odd:\t caf\xe9 \t x\r\nx-odd:\r\nConnection: Keep-Alive\r\n`)).toEqual({
    method: 'POST',
    target: '/openai/v1/x?y=%20',
    headers: [
      ...['Host', 'g:1', 'Content-Type', 'application/json', 'Content-Length', '12'],
      ...['X-Odd', 'caf\xe9 \t x', 'x-odd', '', 'Connection', 'Keep-Alive'],
    ],
    length: 12,
    close: false,
  });
  expect(parsePlainHead('GET / HTTP/1.1\r\nhost: g\r\nconnection: CLOSE\r\n')).toMatchObject({ length: 0, close: true });
});

test.each([
  ['another method', 'HEAD /x HTTP/1.1\r\nHost: g\r\n'],
  ['a method in lower case', 'post /x HTTP/1.1\r\nHost: g\r\n'],
  ['HTTP/1.0', 'GET /x HTTP/1.0\r\nHost: g\r\n'],
  ['no version', 'GET /x\r\nHost: g\r\n'],
  ['an absolute target', 'GET http://h/x HTTP/1.1\r\nHost: g\r\n'],
  ['a target with a blank', 'GET /x y HTTP/1.1\r\nHost: g\r\n'],
  ['a target beyond ASCII', 'GET /caf\xe9 HTTP/1.1\r\nHost: g\r\n'],
  ['two blanks', 'GET  /x HTTP/1.1\r\nHost: g\r\n'],
  ['a line that ends in LF', 'GET /x HTTP/1.1\nHost: g\r\n'],
  ['a header line that ends in LF', 'GET /x HTTP/1.1\r\nHost: g\nA: b\r\n'],
  ['a CR inside a line', 'GET /x HTTP/1.1\r\nHost: g\r\nA: b\rc\r\n'],
  ['a NUL', 'GET /x HTTP/1.1\r\nHost: g\r\nA: b\0c\r\n'],
  ['a folded line', 'GET /x HTTP/1.1\r\nHost: g\r\nA: b\r\n c\r\n'],
  ['a blank before the colon', 'GET /x HTTP/1.1\r\nHost: g\r\nA : b\r\n'],
  ['a blank before the name', 'GET /x HTTP/1.1\r\n Host: g\r\n'],
  ['a blank behind a value', 'GET /x HTTP/1.1\r\nHost: g\r\nA: b \r\n'],
  ['a line without a colon', 'GET /x HTTP/1.1\r\nHost: g\r\nA\r\n'],
  ['no Host', 'GET /x HTTP/1.1\r\nA: b\r\n'],
  ['two Hosts', 'GET /x HTTP/1.1\r\nHost: g\r\nHost: g\r\n'],
  ['two lengths', `${POST}Content-Length: 12\r\n`],
  ['a length with a sign', 'POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: +1\r\n'],
  ['a list of lengths', 'POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: 1, 1\r\n'],
  ['an empty length', 'POST /x HTTP/1.1\r\nHost: g\r\nContent-Length:\r\n'],
  ['a length beyond all bounds', 'POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000000000000\r\n'],
  ['chunks', 'POST /x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n'],
  ['a coding in any case', `${POST}tRANSFER-ENCODING: identity\r\n`],
  ['an upgrade', 'GET /x HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'],
  ['an expectation', `${POST}Expect: 100-continue\r\n`],
  ['trailers', `${POST}Trailer: x\r\n`],
  ['Connection with more in it', `${POST}Connection: close, x-secret\r\n`],
  ['nothing', ''],
])('%s is not plain', (_what, text) => {
  expect(parsePlainHead(text)).toBeUndefined();
});

/** What Node makes of it, or undefined where it refuses. */
async function readByNode(text: string): Promise<Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'> | undefined> {
  const server = createServer();
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const limit = new AbortController();
  const refused = once(server, 'clientError', { signal: limit.signal }).then(() => undefined);
  const read = once(server, 'request', { signal: limit.signal }).then(([req]) => req as IncomingMessage);
  server.emit('connection', socket);
  socket.push(Buffer.from(`${text}\r\n`, 'latin1'));
  const first = await Promise.race([refused, read]);
  limit.abort();
  await Promise.allSettled([refused, read]);
  socket.destroy();
  return first;
}

const ODD = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  '\0',
  ',',
  'a',
  '\xe9',
  '0',
  'Host: h\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  '\r\n\r\n',
];

test('whatever is done to a head: what is taken for plain is what Node reads, to the byte', async () => {
  let plain = 0;
  const change = fc.record({ at: fc.nat(POST.length), drop: fc.nat(2), put: fc.constantFrom(...ODD) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 3 }), async (changes) => {
      const text = changes.reduce((head, { at, drop, put }) => head.slice(0, at) + put + head.slice(at + drop), POST);
      // As the connection cuts it: at the first empty line.
      const end = `${text}\r\n`.indexOf('\r\n\r\n');
      const head = `${text}\r\n`.slice(0, end + 2);
      const found = parsePlainHead(head);
      if (found === undefined) return;
      plain += 1;
      const nodes = await readByNode(head);
      expect({ method: found.method, url: found.target, rawHeaders: found.headers }).toEqual({
        method: nodes?.method,
        url: nodes?.url,
        rawHeaders: nodes?.rawHeaders,
      });
    }),
    { numRuns: 2_000 },
  );
  expect(plain).toBeGreaterThan(100);
});
