/**
 * The mock provider over plain HTTP: repeatable, strict about credentials and bodies, unshaken by odd input.
 */
import { connect } from 'node:net';
import { type MockProvider, startMockProvider } from '../../../cli/demo/mock-provider.ts';

let mock: MockProvider;
beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 1, latencyScale: 0 });
});
afterAll(() => mock.close());

const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] };
const JSON_HEADERS = { 'content-type': 'application/json', authorization: 'Bearer demo' };

function post(provider: MockProvider, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(provider.url + path, { method: 'POST', headers: { ...JSON_HEADERS, 'x-api-key': 'demo', ...headers }, body: text });
}

const withoutClock = (text: string): string => text.replace(/"created(_at)?":\d+/g, '');

async function conversation(seed: number, order: readonly number[]): Promise<string[]> {
  const provider = await startMockProvider({ host: '127.0.0.1', port: 0, seed, latencyScale: 0, errors: true });
  const answers: string[] = [];
  try {
    for (const index of order) {
      const messages = [{ role: 'user', content: `question ${index}` }];
      const stream = index % 2 === 0;
      const answer = await post(provider, '/openai/v1/chat/completions', { ...CHAT, messages, stream });
      answers[index] = `${answer.status} ${withoutClock(await answer.text())}`;
    }
  } finally {
    await provider.close();
  }
  return answers;
}

describe('repeatability', () => {
  test('the same seed and requests give the same answers, in whatever order they come', async () => {
    const forward = await conversation(3, [0, 1, 2, 3, 4, 5]);
    expect(await conversation(3, [5, 4, 3, 2, 1, 0])).toEqual(forward);
    expect(await conversation(4, [0, 1, 2, 3, 4, 5])).not.toEqual(forward);
  });

  test('a repeated request is answered anew', async () => {
    const first = await (await post(mock, '/openai/v1/chat/completions', CHAT)).text();
    const second = await (await post(mock, '/openai/v1/chat/completions', CHAT)).text();
    expect(withoutClock(second)).not.toBe(withoutClock(first));
  });
});

describe('odd input', () => {
  test.each([
    ['/openai/v1/chat/completions', '{"model":', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/chat/completions', '', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/chat/completions', '[]', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/chat/completions', '{"model":{},"messages":7}', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/responses', '{"model":"gpt-5"}', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/embeddings', '{"model":"m","input":[]}', 400, 'error.type', 'invalid_request_error'],
    ['/openai/v1/embeddings', '{"model":"m","input":["a"],"dimensions":100000000}', 400, 'error.type', 'invalid_request_error'],
    ['/anthropic/v1/messages', '{"model":"claude-haiku-4-5","messages":[{}]}', 400, 'error.type', 'invalid_request_error'],
    ['/anthropic/v1/messages', 'null', 400, 'error.type', 'invalid_request_error'],
    ['/gemini/v1beta/models/gemini-2.5-flash:generateContent', '{"contents":{}}', 400, 'error.status', 'INVALID_ARGUMENT'],
    ['/gemini/v1beta/models/gemini-2.5-flash:noSuchThing', '{}', 404, 'error.status', 'NOT_FOUND'],
    ['/anthropic/v1/nothing', '{}', 404, 'error.type', 'not_found_error'],
    ['/nobody/v1/chat', '{}', 404, 'error.type', 'invalid_request_error'],
  ])("%s with body %p is answered in the dialect's shape", async (path, body, status, property, value) => {
    const answer = await post(mock, path, body);
    expect(answer.status).toBe(status);
    const answered: unknown = await answer.json();
    expect(answered).toHaveProperty(property, value);
  });

  test('tools, messages and schemas of the wrong shape do not stop an answer', async () => {
    const strange = { ...CHAT, tools: [null, 3, { function: { name: 'f', parameters: { type: ['object'], properties: null } } }], n: -1 };
    expect((await post(mock, '/openai/v1/chat/completions', strange)).status).toBe(200);
    const messages = { model: 'claude-haiku-4-5', max_tokens: 5, messages: [null, { content: [null] }], system: [1], tools: {} };
    expect((await post(mock, '/anthropic/v1/messages', messages)).status).toBe(200);
  });

  test('an unknown scenario is refused with the list of known ones', async () => {
    const answer = await post(mock, '/openai/v1/chat/completions', CHAT, { 'x-mock-scenario': 'meteor' });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('cut_stream');
  });

  test('a body over the limit gets 413 and the next call goes on', async () => {
    const answer = await post(mock, '/anthropic/v1/messages', 'x'.repeat(33 * 1024 ** 2));
    expect(answer.status).toBe(413);
    expect(await answer.json()).toHaveProperty('error.type', 'request_too_large');
    expect((await post(mock, '/openai/v1/chat/completions', CHAT)).status).toBe(200);
  });

  test('a method that the address does not take gets 405', async () => {
    expect((await fetch(`${mock.url}/openai/v1/chat/completions`, { headers: JSON_HEADERS })).status).toBe(405);
  });

  test('a request that breaks off leaves the mock answering', async () => {
    const { port } = mock;
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"mod', () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    expect((await post(mock, '/openai/v1/chat/completions', CHAT)).status).toBe(200);
  });
});

test('a call without a credential is refused, in each dialect', async () => {
  for (const path of ['/openai/v1/models', '/anthropic/v1/models', '/gemini/v1beta/models']) {
    expect((await fetch(mock.url + path)).status).toBe(401);
  }
  expect((await fetch(`${mock.url}/gemini/v1beta/models?key=demo`)).status).toBe(200);
});

test('a long whole answer is compressed for those who accept it, and only for them', async () => {
  const body = { ...CHAT, model: 'gpt-4o', response_format: undefined, messages: [{ role: 'user', content: 'long' }] };
  const path = '/openai/v1/embeddings';
  const embed = { model: 'text-embedding-3-small', input: JSON.stringify(body) };
  expect((await post(mock, path, embed, { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBe('gzip');
  expect((await post(mock, path, embed, { 'accept-encoding': 'identity' })).headers.get('content-encoding')).toBeNull();
});

test('OpenAI streams say usage only when asked', async () => {
  const plain = await (await post(mock, '/openai/v1/chat/completions', { ...CHAT, stream: true })).text();
  expect(plain).not.toContain('prompt_tokens');
  expect(plain.endsWith('data: [DONE]\n\n')).toBe(true);
  const asked = { ...CHAT, stream: true, stream_options: { include_usage: true } };
  expect(await (await post(mock, '/openai/v1/chat/completions', asked)).text()).toContain('prompt_tokens');
});

test('Gemini streams one JSON array without alt=sse, also when the stream fails inside', async () => {
  const path = '/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent';
  const contents = [{ role: 'user', parts: [{ text: 'hello' }] }];
  const elements: unknown = await (await post(mock, path, { contents }, { 'x-goog-api-key': 'demo' })).json();
  expect(Array.isArray(elements) && elements.at(-1)).toHaveProperty('candidates.0.finishReason', 'STOP');
  const failing: unknown = await (await post(mock, path, { contents }, { 'x-mock-scenario': 'in_stream_error' })).json();
  expect(Array.isArray(failing) && failing.at(-1)).toHaveProperty('error.status', 'UNAVAILABLE');
});

test('a port in use is an error that says so', async () => {
  await expect(startMockProvider({ host: '127.0.0.1', port: mock.port, seed: 1 })).rejects.toThrow('EADDRINUSE');
});
