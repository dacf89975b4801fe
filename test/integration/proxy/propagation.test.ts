/** What a provider learns of the caller's trace, by `upstreams.<name>.propagate`. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { exchange } from '../../kit/raw-http.ts';
import { closeServer, listenOnLoopback } from '../../kit/upstream.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SENT = [
  ['TraceParent', `00-${TRACE}-b7ad6b7169203331-00`],
  ['tracestate', 'a=1'],
  ['TraceState', 'b=2'],
  ['Baggage', 'userId=alice'],
] as const;
const MODES = ['forward', 'child', 'strip'] as const;

let provider: Server;
let sockets: WebSocketServer;
let proxy: TestProxy;
const seen: IncomingMessage[] = [];

beforeAll(async () => {
  provider = createServer((req, res) => {
    seen.push(req);
    res.end('{}');
  });
  sockets = new WebSocketServer({ noServer: true });
  provider.on('upgrade', (req, socket, head) => {
    seen.push(req);
    sockets.handleUpgrade(req, socket, head, (client) => client.close());
  });
  const baseUrl = `http://127.0.0.1:${await listenOnLoopback(provider)}`;
  proxy = await startTestProxy(Object.fromEntries(MODES.map((propagate) => [propagate, { baseUrl, propagate }])));
});

afterAll(async () => {
  await proxy.close();
  sockets.close();
  await closeServer(provider);
});

const TRACE_NAMES = /^(?:traceparent|tracestate|baggage)$/i;
function traceHeaders({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, i): [string, string] => [
    rawHeaders[2 * i] as string,
    rawHeaders[2 * i + 1] as string,
  ]);
  return pairs.filter(([name]) => TRACE_NAMES.test(name));
}

async function call(
  mode: string,
  headers: readonly (readonly [string, string])[],
): Promise<{ at: [string, string][]; span_id: string; trace_id: string }> {
  const [requests, records] = [seen.length, proxy.ingest.records().length];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  await exchange(
    proxy.port,
    `POST /${mode}/v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${lines}Content-Length: 2\r\n\r\n{}`,
  );
  await waitFor('the record', () => proxy.ingest.records().length > records);
  const record = proxy.ingest.records().at(-1);
  return { at: traceHeaders(seen[requests] as IncomingMessage), span_id: record?.span_id ?? '', trace_id: record?.trace_id ?? '' };
}

test('by default the provider gets just what the caller sent', async () => {
  expect((await call('forward', SENT)).at).toEqual(SENT);
  expect((await call('forward', [])).at).toEqual([]);
});

test('child: the call’s own span is the provider’s parent, sampled as the caller’s', async () => {
  const { at, span_id } = await call('child', SENT);
  expect(at).toEqual([['TraceParent', `00-${TRACE}-${span_id}-00`], ...SENT.slice(1)]);
});

test('child: a caller without a trace gets one', async () => {
  const { at, span_id, trace_id } = await call('child', []);
  expect(at).toEqual([['traceparent', `00-${trace_id}-${span_id}-01`]]);
});

test('strip: the provider learns nothing', async () => {
  expect((await call('strip', SENT)).at).toEqual([]);
});

test.each([
  ['forward', `00-${TRACE}-b7ad6b7169203331-01`],
  ['strip', undefined],
  ['child', expect.stringMatching(new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`))],
])('a WebSocket, too: %s', async (mode, wanted) => {
  const requests = seen.length;
  const client = new WebSocket(`ws://127.0.0.1:${proxy.port}/${mode}/v1/realtime?model=m`, {
    headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, baggage: 'a=1' },
  });
  await once(client, 'close');
  expect(seen[requests]?.headers['traceparent']).toEqual(wanted);
  expect(seen[requests]?.headers['baggage']).toBe(mode === 'strip' ? undefined : 'a=1');
});
