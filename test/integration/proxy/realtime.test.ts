/** Realtime connections through a real proxy: the client and the provider speak WebSocket, the rows tell what was said. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { CallRecord } from '../../../contract/record.ts';
import { createWebsocketReader } from '../../../proxy/framing/websocket.ts';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';

let http: Server | undefined;
let provider: WebSocketServer | undefined;
let proxy: TestProxy | undefined;
afterEach(async () => {
  await proxy?.close();
  for (const client of provider?.clients ?? []) client.terminate();
  provider?.close();
  if (http?.listening) await new Promise((done) => http?.close(done));
  http = provider = proxy = undefined;
});

const USAGE = {
  total_tokens: 253,
  input_tokens: 132,
  output_tokens: 121,
  input_token_details: {
    text_tokens: 119,
    audio_tokens: 13,
    image_tokens: 0,
    cached_tokens: 64,
    cached_tokens_details: { text_tokens: 64, audio_tokens: 0 },
  },
  output_token_details: { text_tokens: 30, audio_tokens: 91 },
};
const SESSION = { type: 'session.created', session: { id: 's', model: 'gpt-realtime-2025-08-28' } };
const audio = 'UklGRg'.repeat(20_000);
/** What the provider says when it is asked for a response. */
const EVENTS = (id: string, done: object = { status: 'completed', usage: USAGE }): object[] => [
  { type: 'response.created', event_id: 'e1', response: { id, status: 'in_progress', usage: null } },
  { type: 'response.output_audio.delta', event_id: 'e2', response_id: id, delta: audio },
  { type: 'response.output_audio_transcript.delta', response_id: id, delta: 'the words "type":"response.done" in a text' },
  { type: 'response.done', event_id: 'e3', response: { object: 'realtime.response', id, output: [], ...done } },
];

async function serve(deflate: boolean, answer: (number: number) => object[]): Promise<TestProxy> {
  http = createServer();
  provider = new WebSocketServer({ server: http, perMessageDeflate: deflate });
  provider.on('connection', (socket) => {
    let asked = 0;
    // With the headers, in one packet as often as not.
    socket.send(JSON.stringify(SESSION));
    socket.on('message', () => {
      asked += 1;
      for (const event of answer(asked)) socket.send(JSON.stringify(event));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  proxy = await startTestProxy({ openai: origin, azure: { baseUrl: `${origin}/{resource}`, provider: 'azure.ai.openai' } });
  return proxy;
}

/** Asks for `turns` responses and gives every message that came. */
async function talk(url: string, turns: number, deflate: boolean): Promise<string[]> {
  const headers = { 'x-glassway-request-id': 'talk', 'x-glassway-project': 'voice', 'x-glassway-session': 's1' };
  const socket = new WebSocket(url.replace('http', 'ws'), { headers, perMessageDeflate: deflate });
  const messages: string[] = [];
  let done = 0;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'response.create' })));
    socket.on('message', (message: Buffer) => {
      messages.push(message.toString('utf8'));
      if (JSON.parse(message.toString('utf8')).type !== 'response.done') return;
      done += 1;
      if (done < turns) socket.send(JSON.stringify({ type: 'response.create' }));
      else resolve();
    });
  });
  socket.close();
  await once(socket, 'close');
  return messages;
}

const byId = (records: readonly CallRecord[], id: string) => records.find((record) => record.id === id);

test.each([
  ['plain', false],
  ['compressed with permessage-deflate', true],
])('frames pass as they came, %s, and each response is a row of its own beside the connection', async (_name, deflate) => {
  const events = (number: number) => EVENTS(`resp_${number}`);
  const { origin, records } = await serve(deflate, events);
  const messages = await talk(`${origin}/openai/v1/realtime?model=gpt-realtime`, 2, deflate);
  expect(messages).toEqual([JSON.stringify(SESSION), ...[...events(1), ...events(2)].map((event) => JSON.stringify(event))]);
  const found = await records(3);
  const connection = byId(found, 'talk');
  expect(connection).toMatchObject({
    operation: 'realtime_session',
    status: 101,
    outcome: 'ok',
    request_model: 'gpt-realtime',
    usage_source: 'none',
    input_tokens: null,
  });
  for (const id of ['talk-1', 'talk-2']) {
    const turn = byId(found, id);
    expect(turn).toMatchObject({
      operation: 'chat',
      project: 'voice',
      session_id: 's1',
      provider: 'openai',
      request_model: 'gpt-realtime',
      response_model: 'gpt-realtime-2025-08-28',
      finish_reason: 'completed',
      outcome: 'ok',
      stream: true,
      usage_source: 'provider',
      input_tokens: 132,
      output_tokens: 121,
      cache_read_tokens: 64,
      input_audio_tokens: 13,
      output_audio_tokens: 91,
      trace_id: connection?.trace_id,
      parent_span_id: connection?.span_id,
    });
    expect(JSON.parse(turn?.usage_raw ?? '')).toEqual(USAGE);
    expect(turn?.ttft_ms).toBeLessThanOrEqual(turn?.duration_ms ?? -1);
  }
});

test("a failed response is a stream_error with the provider's reason, a cancelled one is no error", async () => {
  const failed = {
    status: 'failed',
    status_details: { type: 'failed', error: { type: 'server_error', code: 'overloaded', message: 'try later' } },
    usage: null,
  };
  const { origin, records } = await serve(false, (number) =>
    EVENTS(`resp_${number}`, number === 1 ? failed : { status: 'cancelled', usage: USAGE }),
  );
  await talk(`${origin}/azure/mine/openai/realtime?api-version=2025-04-01-preview&deployment=voice-1`, 2, false);
  const found = await records(3);
  expect(byId(found, 'talk-1')).toMatchObject({
    outcome: 'stream_error',
    error_type: 'overloaded',
    error_message: 'try later',
    usage_source: 'none',
    input_tokens: null,
    request_model: 'voice-1',
  });
  expect(byId(found, 'talk-2')).toMatchObject({
    outcome: 'ok',
    finish_reason: 'cancelled',
    output_tokens: 121,
    provider: 'azure.ai.openai',
  });
});

/** A frame as a server writes it. */
function frame(opcode: number, payload: Buffer, final = true): Buffer {
  const length = payload.length < 126 ? Buffer.from([payload.length]) : Buffer.from([126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), length, payload]);
}

test('messages in fragments, with control frames between them and cut at any byte, are put together', () => {
  const bytes = Buffer.concat([
    frame(1, Buffer.from('one ')),
    frame(1, Buffer.from('frag'), false),
    frame(9, Buffer.from('ping')),
    frame(0, Buffer.alloc(0), false),
    frame(0, Buffer.from('ments')),
    frame(2, Buffer.from('binary')),
    frame(1, Buffer.from('x'.repeat(300))),
    frame(1, Buffer.alloc(0)),
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const seen: string[] = [];
    const faults: string[] = [];
    const reader = createWebsocketReader({
      extensions: '',
      onText: (message) => seen.push(message.toString()),
      onFault: (fault) => faults.push(fault),
    });
    reader.push(bytes.subarray(0, cut));
    reader.push(bytes.subarray(cut));
    expect([seen, faults]).toEqual([['one ', 'fragments', 'x'.repeat(300), ''], []]);
  }
});

test('a message that is too long is passed over and counted; what is no frame ends the reading', () => {
  const seen: string[] = [];
  const faults: string[] = [];
  const reader = createWebsocketReader({
    extensions: '',
    onText: (message) => seen.push(message.toString()),
    onFault: (fault) => faults.push(fault),
  });
  for (let part = 0; part < 40; part += 1) reader.push(frame(part === 0 ? 1 : 0, Buffer.alloc(60_000, 'a'), part === 39));
  reader.push(frame(1, Buffer.from('next')));
  reader.push(Buffer.from('HTTP/1.1 400 Bad Request'));
  reader.push(frame(1, Buffer.from('never')));
  expect([seen, faults]).toEqual([['next'], ['event_too_large', 'bad_framing']]);
});
