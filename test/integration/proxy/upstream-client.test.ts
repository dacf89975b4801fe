/**
 * The client of the providers' side against bare TCP providers: each answer of the corpus read as undici reads it, but where
 * the corpus says otherwise, and connections kept and given up as they must be.
 */
import type { Socket } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { type UpstreamCall, UpstreamClient } from '../../../proxy/client/client.ts';
import type { RequestParts } from '../../../proxy/client/request.ts';
import { waitFor } from '../../kit/proxy.ts';
import { type RawUpstream, startRawUpstream, startUpstream } from '../../kit/upstream.ts';
import { ANSWERS } from '../../unit/proxy/client/answers.ts';

const HEAD_BYTES_MAX = 4_096;
const LIMITS = { connect_ms: 2_000, response_ms: 250, idle_ms: 250, keep_ms: 10_000, headBytesMax: HEAD_BYTES_MAX };

let provider: RawUpstream;
let client: UpstreamClient;
let agent: Agent;
let sockets: Socket[] = [];
let onRequest: (socket: Socket) => void;

beforeAll(async () => {
  provider = await startRawUpstream((socket) => {
    sockets.push(socket);
    onRequest(socket);
  });
});
afterAll(() => provider.close());
beforeEach(() => {
  sockets = [];
  client = new UpstreamClient(LIMITS);
  agent = new Agent({ headersTimeout: 250, bodyTimeout: 250, maxHeaderSize: HEAD_BYTES_MAX, allowH2: false });
});
afterEach(async () => {
  client.close();
  await agent.destroy();
});

interface Seen {
  status: number;
  reason: string;
  headers: readonly string[];
  body: string;
  trailers: readonly string[];
  fault: string | undefined;
}

const unseen = (): Seen => ({ status: 0, reason: '', headers: [], body: '', trailers: [], fault: undefined });
const GET: RequestParts = { method: 'GET', target: '/', headers: [], body: undefined, length: undefined };

/** The call, its outcome, and what is called when a streamed body may be written. */
function send(
  parts: Partial<RequestParts> = {},
  onWritable: (call: UpstreamCall) => void = () => {},
  origin = provider.origin,
): Promise<Seen> {
  const seen = unseen();
  return new Promise((resolve) => {
    const call = client.send(
      origin,
      { ...GET, ...parts },
      {
        onDispatched: () => {},
        onWritable: () => onWritable(call),
        onHead: ({ status, reason, headers }) => Object.assign(seen, { status, reason, headers }),
        onData: (piece) => {
          seen.body += piece.toString('latin1');
        },
        onReadDone: () => {},
        onEnd: (trailers) => resolve({ ...seen, trailers }),
        onFault: (error) => resolve({ ...seen, fault: (error as { code?: string }).code ?? error.message }),
      },
    );
  });
}

const strings = (raw: unknown): string[] => ((raw ?? []) as (Buffer | string)[]).map((part) => part.toString('latin1'));

function sendByUndici(method: string): Promise<Seen> {
  const seen = unseen();
  return new Promise((resolve) => {
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => {},
      onResponseStart: (controller, status, _headers, reason) => {
        if (status >= 200) Object.assign(seen, { status, reason, headers: strings(controller.rawHeaders) });
      },
      onResponseData: (_controller, chunk) => {
        seen.body += chunk.toString('latin1');
      },
      onResponseEnd: (controller) => resolve({ ...seen, trailers: strings(controller.rawTrailers) }),
      onResponseError: () => resolve({ ...seen, fault: 'refused' }),
    };
    agent.dispatch({ origin: provider.origin, path: '/', method: method as 'GET' }, handler);
  });
}

const samples = ANSWERS.filter((sample) => sample.otherwise === undefined);

test.each(samples)('an answer with $name is to undici what it is to us', async ({ bytes, method = 'GET', closes }) => {
  onRequest = (socket) => {
    socket.write(Buffer.from(bytes, 'latin1'));
    if (closes) socket.end();
  };
  const [ours, theirs] = await Promise.all([send({ method }), sendByUndici(method)]);
  expect(ours.fault === undefined).toBe(theirs.fault === undefined);
  if (theirs.fault === undefined) expect(ours).toEqual(theirs);
});

const answerWith = (text: string) => (socket: Socket) => void socket.write(text);
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
/** Connections that were made for these calls, one after another. */
async function connectionsFor(calls: readonly Partial<RequestParts>[]): Promise<number> {
  sockets = [];
  for (const parts of calls) expect((await send(parts)).fault).toBeUndefined();
  return new Set(sockets).size;
}

test('a connection is used again, but not where a provider may have misread what was on it', async () => {
  onRequest = answerWith(EMPTY);
  const body = Buffer.from('{}');
  expect(await connectionsFor([{}, { method: 'POST', body }, {}])).toBe(1);
  // The first of these goes over the connection that is there.
  expect(await connectionsFor([{ method: 'HEAD' }, { method: 'HEAD' }])).toBe(2);
  expect(await connectionsFor([{ body }, { body }])).toBe(2);
});

test.each([
  ['says so', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  ['closes it too soon for another call', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n'],
  ['says more than it was asked', `${EMPTY}HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npoisoned!`],
])('a connection is given up when the provider %s', async (_what, answer) => {
  onRequest = answerWith(answer);
  expect(await connectionsFor([{}, {}])).toBe(2);
});

test('what a provider says without being asked is nobody’s answer, and its connection is closed', async () => {
  onRequest = answerWith(EMPTY);
  await send();
  const [socket] = sockets as [Socket];
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npoisoned!');
  await closed;
  const next = await send();
  expect([next.body, new Set(sockets).size]).toEqual(['', 2]);
});

test('a call is not sent twice: its connection closed under it is its end', async () => {
  let requests = 0;
  onRequest = (socket) => {
    requests += 1;
    if (requests === 1) socket.write(EMPTY);
    else socket.destroy();
  };
  await send();
  expect((await send()).fault).toBe('CONNECTION_CLOSED');
  expect(requests).toBe(2);
});

test('no answer, and silence inside one, end at their limits', async () => {
  onRequest = () => {};
  expect((await send()).fault).toBe('RESPONSE_TIMEOUT');
  onRequest = answerWith('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab');
  expect(await send()).toMatchObject({ body: 'ab', fault: 'IDLE_TIMEOUT' });
});

test('a body that comes piece by piece goes out in chunks, or as it is where its length is known', async () => {
  const upstream = await startUpstream((res) => void res.end());
  const write = (call: UpstreamCall): void => {
    call.write(Buffer.from('ab'));
    call.write(Buffer.from('cd'));
    call.finishWriting();
  };
  try {
    for (const [length, headers] of [
      [undefined, []],
      [4, ['Content-LENGTH', '4']],
    ] as const)
      expect((await send({ method: 'POST', body: 'streamed', length, headers }, write, upstream.origin)).fault).toBeUndefined();
    const [chunked, known] = upstream.requests;
    expect(chunked?.body.toString()).toBe('abcd');
    expect(chunked?.rawHeaders.slice(4)).toEqual(['transfer-encoding', 'chunked']);
    expect(known?.body.toString()).toBe('abcd');
    expect(known?.rawHeaders.slice(4)).toEqual(['Content-LENGTH', '4']);
  } finally {
    await upstream.close();
  }
});

test.each(['onDispatched', 'onHead', 'onReadDone', 'onEnd'])(
  'what %s throws is the fault of its own call, and of no other',
  async (thrower) => {
    onRequest = answerWith('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na');
    const finish = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('b');
    }, 20);
    try {
      const told = await new Promise<string>((resolve) => {
        const events = {
          onDispatched: () => {},
          onWritable: () => {},
          onHead: () => {},
          onData: () => {},
          onReadDone: () => {},
          onEnd: () => {},
          onFault: (error: Error) => resolve(error.message),
          [thrower]: () => {
            throw new Error(`thrown by ${thrower}`);
          },
        };
        client.send(provider.origin, GET, events);
        void send();
      });
      expect(told).toBe(`thrown by ${thrower}`);
      expect((await send()).body).toBe('ab');
    } finally {
      clearInterval(finish);
    }
  },
);

test('a name with an address that nobody answers on is reached by its other one', async () => {
  onRequest = answerWith(EMPTY);
  // localhost is ::1 too, where this provider does not listen.
  expect(await send({}, undefined, provider.origin.replace('127.0.0.1', 'localhost'))).toMatchObject({ status: 200, fault: undefined });
});

test('what is called off is told to nobody, and closed', async () => {
  const told: string[] = [];
  const closed = Promise.withResolvers<void>();
  onRequest = (socket) => socket.once('close', () => closed.resolve());
  const call = client.send(provider.origin, GET, {
    onDispatched: () => {},
    onWritable: () => told.push('writable'),
    onHead: () => told.push('head'),
    onData: () => told.push('data'),
    onReadDone: () => told.push('read'),
    onEnd: () => told.push('end'),
    onFault: () => told.push('fault'),
  });
  await waitFor('the request to arrive', () => sockets.length === 1);
  call.abort();
  await closed.promise;
  expect(told).toEqual([]);
});

test('a client that is closed cuts off what runs and takes no more', async () => {
  onRequest = () => {};
  const running = send();
  await waitFor('the request to arrive', () => sockets.length === 1);
  client.close();
  expect((await running).fault).toBe('ABORTED');
  expect((await send()).fault).toBe('ABORTED');
});
