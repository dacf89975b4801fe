/**
 * One call, one record: who called, what it used, how long it took, in the provider's own numbers.
 */
import { gzipSync } from 'node:zlib';
import type { CallRecord } from '../../../contract/record.ts';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const KEY = 'sk-proj-VerySecretKey0123456789';

interface Example {
  readonly path: string;
  readonly request: unknown;
  readonly type: string;
  readonly response: string;
  readonly wants: Partial<CallRecord>;
}

const events = (list: readonly (readonly [event: string, data: unknown])[]) =>
  list
    .map(([event, data]) => `${event === '' ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
    .join('');

const OPENAI_CHUNK = { id: 'c1', object: 'chat.completion.chunk', model: 'gpt-4o-2024-08-06' };

const EXAMPLES: Readonly<Record<string, Example>> = {
  'an OpenAI chat completion': {
    path: '/openai/v1/chat/completions',
    request: { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] },
    type: 'application/json',
    response: JSON.stringify({
      id: 'c1',
      object: 'chat.completion',
      model: 'gpt-4o-2024-08-06',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: 11,
        completion_tokens: 7,
        total_tokens: 18,
        prompt_tokens_details: { cached_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    }),
    wants: {
      provider: 'openai',
      operation: 'chat',
      request_model: 'gpt-4o',
      response_model: 'gpt-4o-2024-08-06',
      stream: false,
      finish_reason: 'stop',
      input_tokens: 11,
      output_tokens: 7,
      cache_read_tokens: 3,
      reasoning_tokens: 2,
    },
  },
  'an OpenAI chat stream': {
    path: '/openai/v1/chat/completions',
    request: { model: 'gpt-4o', stream: true, stream_options: { include_usage: true }, messages: [] },
    type: 'text/event-stream',
    response: events([
      ['', { ...OPENAI_CHUNK, choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }],
      ['', { ...OPENAI_CHUNK, choices: [{ index: 0, delta: { content: 'Hello' } }] }],
      ['', { ...OPENAI_CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'length' }] }],
      ['', { ...OPENAI_CHUNK, choices: [], usage: { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 } }],
      ['', '[DONE]'],
    ]),
    wants: {
      operation: 'chat',
      stream: true,
      response_model: 'gpt-4o-2024-08-06',
      finish_reason: 'length',
      input_tokens: 5,
      output_tokens: 4,
      cache_read_tokens: null,
    },
  },
  'an Anthropic message': {
    path: '/anthropic/v1/messages',
    request: { model: 'claude-sonnet-4-5', max_tokens: 9, messages: [] },
    type: 'application/json',
    response: JSON.stringify({
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, output_tokens: 6 },
    }),
    wants: {
      provider: 'anthropic',
      operation: 'chat',
      response_model: 'claude-sonnet-4-5-20250929',
      finish_reason: 'end_turn',
      input_tokens: 130,
      output_tokens: 6,
      cache_read_tokens: 100,
      cache_write_tokens: 20,
    },
  },
  'an Anthropic stream': {
    path: '/anthropic/v1/messages',
    request: { model: 'claude-sonnet-4-5', stream: true, max_tokens: 9, messages: [] },
    type: 'text/event-stream',
    response: events([
      [
        'message_start',
        {
          type: 'message_start',
          message: {
            id: 'm',
            type: 'message',
            role: 'assistant',
            model: 'claude-sonnet-4-5-20250929',
            content: [],
            usage: { input_tokens: 10, output_tokens: 1 },
          },
        },
      ],
      ['content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
      ['content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } }],
      ['content_block_stop', { type: 'content_block_stop', index: 0 }],
      ['message_delta', { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 9 } }],
      ['message_stop', { type: 'message_stop' }],
    ]),
    wants: {
      operation: 'chat',
      stream: true,
      response_model: 'claude-sonnet-4-5-20250929',
      finish_reason: 'max_tokens',
      input_tokens: 10,
      output_tokens: 9,
    },
  },
  'a Gemini answer': {
    path: '/gemini/v1beta/models/gemini-2.5-flash:generateContent',
    request: { contents: [] },
    type: 'application/json; charset=UTF-8',
    response: JSON.stringify({
      candidates: [{ content: { parts: [{ text: 'Hi' }], role: 'model' }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 15 },
      modelVersion: 'gemini-2.5-flash',
    }),
    wants: {
      provider: 'gcp.gemini',
      request_model: 'gemini-2.5-flash',
      response_model: 'gemini-2.5-flash',
      finish_reason: 'STOP',
      input_tokens: 8,
      output_tokens: 7,
      reasoning_tokens: 4,
    },
  },
  'a Gemini stream': {
    path: `/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=${KEY}`,
    request: { contents: [] },
    type: 'text/event-stream',
    response: events([
      [
        '',
        {
          candidates: [{ content: { parts: [{ text: 'H' }], role: 'model' } }],
          modelVersion: 'gemini-2.5-flash',
          usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 },
        },
      ],
      [
        '',
        {
          candidates: [{ content: { parts: [{ text: 'i' }], role: 'model' }, finishReason: 'STOP' }],
          modelVersion: 'gemini-2.5-flash',
          usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 3, totalTokenCount: 11 },
        },
      ],
    ]),
    wants: {
      stream: true,
      response_model: 'gemini-2.5-flash',
      finish_reason: 'STOP',
      input_tokens: 8,
      output_tokens: 3,
      path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
    },
  },
};

let upstream: HttpUpstream;
let proxy: TestProxy;
let answerWith: Example;
let compressed = false;
let records = 0;

beforeAll(async () => {
  upstream = await startUpstream((res) => {
    const body = compressed ? gzipSync(answerWith.response) : Buffer.from(answerWith.response);
    res.writeHead(200, { 'content-type': answerWith.type, ...(compressed && { 'content-encoding': 'gzip' }) });
    res.end(body);
  });
  proxy = await startTestProxy({ openai: upstream.origin, anthropic: upstream.origin, gemini: upstream.origin });
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

async function call(example: Example, headers: Record<string, string> = {}): Promise<{ record: CallRecord; response: Response }> {
  answerWith = example;
  const response = await fetch(proxy.origin + example.path, {
    method: 'POST',
    body: JSON.stringify(example.request),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
  });
  expect(await response.text()).toBe(example.response);
  records += 1;
  return { response, record: (await proxy.records(records)).at(-1) as CallRecord };
}

describe.each(Object.entries(EXAMPLES))('%s', (_name, example) => {
  test.each([false, true])('is recorded with the provider’s own numbers, compressed: %s', async (gzip) => {
    compressed = gzip;
    const { record, response } = await call(example);
    compressed = false;
    expect(record).toMatchObject({
      ...example.wants,
      status: 200,
      outcome: 'ok',
      error_type: '',
      usage_source: 'provider',
      method: 'POST',
    });
    expect(record.id).toBe(response.headers.get('x-glassway-request-id'));
    expect(record.request_bytes).toBe(JSON.stringify(example.request).length);
    expect(record.response_bytes).toBe(gzip ? gzipSync(example.response).length : Buffer.byteLength(example.response));
    expect(JSON.parse(record.usage_raw)).toBeTruthy();
  });

  test('has timings that are possible', async () => {
    const { record } = await call(example);
    const { overhead_ms, ttfb_ms, duration_ms, ttft_ms } = record as CallRecord & {
      overhead_ms: number;
      ttfb_ms: number;
      duration_ms: number;
    };
    expect(overhead_ms).toBeGreaterThanOrEqual(0);
    // Part of our own time comes after the headers: the sending of them.
    expect(duration_ms).toBeGreaterThanOrEqual(overhead_ms);
    expect(duration_ms).toBeGreaterThanOrEqual(ttfb_ms);
    expect(Math.abs(Date.parse(`${record.started_at.replace(' ', 'T').slice(0, 23)}Z`) - Date.now())).toBeLessThan(60_000);
    if (example.wants.stream) {
      expect(ttft_ms).toBeGreaterThanOrEqual(ttfb_ms);
      expect(ttft_ms).toBeLessThanOrEqual(duration_ms);
      expect(record.max_gap_ms).toBeGreaterThanOrEqual(0);
    } else expect([ttft_ms, record.max_gap_ms]).toEqual([null, null]);
  });
});

test('a record carries what the caller says of itself', async () => {
  const { record } = await call(EXAMPLES['an OpenAI chat completion'] as Example, {
    'x-glassway-project': 'checkout',
    'x-glassway-user': 'user-1',
    'x-glassway-session': 'session-1',
    'x-glassway-tag-team': 'blue',
    'x-glassway-request-id': 'my-own-id',
    'user-agent': 'OpenAI/JS 6.1.0',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  expect(record).toMatchObject({
    id: 'my-own-id',
    project: 'checkout',
    user_id: 'user-1',
    session_id: 'session-1',
    tags: { team: 'blue' },
    sdk: 'OpenAI/JS 6.1.0',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    parent_span_id: 'b7ad6b7169203331',
    span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    key_fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
  });
});

test('calls made at once give one record each, numbered without gaps, with ids of their own', async () => {
  answerWith = EXAMPLES['an OpenAI chat completion'] as Example;
  await Promise.all(
    Array.from({ length: 200 }, async () =>
      (await fetch(`${proxy.origin}/openai/v1/chat/completions`, { method: 'POST', body: '{}' })).text(),
    ),
  );
  records += 200;
  const all = await proxy.records(records);
  // Numbers are given when calls begin; records come as calls end.
  expect(all.map((record) => record.seq).sort((a, b) => a - b)).toEqual(Array.from({ length: records }, (_, i) => i + 1));
  expect(new Set(all.map((record) => record.id)).size).toBe(records);
  expect(new Set(all.map((record) => record.proxy_id))).toEqual(new Set(['test-proxy']));
});

test('no prompt, completion or credential is in what was shipped', () => {
  const shipped = proxy.ingest.batches.map((batch) => batch.text).join();
  expect(shipped).not.toContain(KEY);
  expect(shipped).not.toContain('Hello');
  expect(proxy.ingest.records().every((record) => record.bodies === undefined)).toBe(true);
  expect(proxy.errors).toEqual([]);
});
