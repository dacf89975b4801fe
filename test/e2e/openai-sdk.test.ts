/**
 * The official OpenAI SDK through Glassway and beside it: it must see the same, and the row must say what it says.
 */
import OpenAI from 'openai';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 7, latencyScale: 0 });
  glassway = await startGlassway({ settings: { upstreams: { openai: { baseUrl: `${mock.url}/openai` } } } });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

const client = (baseURL: string, headers: Record<string, string> = {}) =>
  new OpenAI({ baseURL, apiKey: 'sk-test-secret-key', maxRetries: 0, defaultHeaders: headers });
const direct = (headers: Record<string, string> = {}) => client(`${mock.url}/openai/v1`, headers);
const through = (id: string, headers: Record<string, string> = {}) =>
  client(`${glassway.proxyUrl}/openai/v1`, { 'x-glassway-project': 'sdk-tests', 'x-glassway-request-id': id, ...headers });

async function row(id: string): Promise<Record<string, unknown>> {
  const [found] = await glassway.rows(`SELECT * FROM calls WHERE id = '${id}'`, 1);
  return found as Record<string, unknown>;
}

const question = { model: 'gpt-5-mini', messages: [{ role: 'user' as const, content: 'What is the capital of France?' }] };

test('a plain chat completion: the SDK and the row agree on model, tokens and finish reason', async () => {
  const answer = await through('openai-plain').chat.completions.create(question);
  expect(answer.choices[0]?.message.content).toBeTruthy();
  expect(await row('openai-plain')).toMatchObject({
    project: 'sdk-tests',
    upstream: 'openai',
    provider: 'openai',
    operation: 'chat',
    method: 'POST',
    path: '/openai/v1/chat/completions',
    request_model: 'gpt-5-mini',
    response_model: answer.model,
    stream: false,
    status: 200,
    outcome: 'ok',
    finish_reason: answer.choices[0]?.finish_reason,
    input_tokens: answer.usage?.prompt_tokens,
    output_tokens: answer.usage?.completion_tokens,
    usage_source: 'provider',
    cost_source: 'catalogue',
    sdk: expect.stringMatching(/^OpenAI\/JS/),
    rate_limits: expect.objectContaining({ limit_requests: 10_000, reset_requests_s: 0.006, reset_tokens_s: 0 }),
  });
});

test('a streamed chat completion with usage: chunks join to the answer, the row has the usage and a time to first token', async () => {
  const stream = await through('openai-stream').chat.completions.create({
    ...question,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  let usage: OpenAI.CompletionUsage | null | undefined;
  let finish: string | null | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  expect(text.length).toBeGreaterThan(0);
  const found = await row('openai-stream');
  expect(found).toMatchObject({
    stream: true,
    outcome: 'ok',
    finish_reason: finish,
    input_tokens: usage?.prompt_tokens,
    output_tokens: usage?.completion_tokens,
  });
  expect(found['ttft_ms']).toBeGreaterThanOrEqual(found['ttfb_ms'] as number);
  expect(found['duration_ms']).toBeGreaterThanOrEqual(found['ttft_ms'] as number);
});

test('a stream that reports no usage is counted here, says so, and is priced', async () => {
  const stream = await through('openai-no-usage').chat.completions.create({ ...question, stream: true });
  for await (const _ of stream);
  expect(await row('openai-no-usage')).toMatchObject({
    outcome: 'ok',
    usage_source: 'estimated',
    input_tokens: 14,
    output_tokens: expect.any(Number),
    cost_usd: expect.any(Number),
    cost_source: 'catalogue',
  });
});

test('a tool call, plain and streamed, arrives whole', async () => {
  const tools = [
    {
      type: 'function' as const,
      function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
    },
  ];
  const scenario = { 'x-mock-scenario': 'tool_call' };
  const answer = await through('openai-tool', scenario).chat.completions.create({ ...question, tools });
  const call = answer.choices[0]?.message.tool_calls?.[0];
  expect(call?.type === 'function' && call.function.name).toBe('get_weather');
  expect(await row('openai-tool')).toMatchObject({ finish_reason: 'tool_calls', outcome: 'ok' });

  const streamed = await through('openai-tool-stream', scenario)
    .chat.completions.stream({ ...question, tools, stream: true })
    .finalChatCompletion();
  expect(streamed.choices[0]?.message.tool_calls).toHaveLength(1);
  expect(await row('openai-tool-stream')).toMatchObject({ finish_reason: 'tool_calls', stream: true });
});

test('the Responses API, plain and streamed: the row has its status and usage', async () => {
  const answer = await through('openai-responses').responses.create({ model: 'gpt-5', input: 'Say hello.' });
  expect(await row('openai-responses')).toMatchObject({
    operation: 'chat',
    finish_reason: answer.status,
    response_model: answer.model,
    input_tokens: answer.usage?.input_tokens,
    output_tokens: answer.usage?.output_tokens,
    reasoning_tokens: answer.usage?.output_tokens_details.reasoning_tokens,
  });
  const stream = await through('openai-responses-stream').responses.create({ model: 'gpt-5', input: 'Say hello.', stream: true });
  let completed: OpenAI.Responses.Response | undefined;
  for await (const event of stream) if (event.type === 'response.completed') completed = event.response;
  expect(await row('openai-responses-stream')).toMatchObject({
    stream: true,
    finish_reason: 'completed',
    output_tokens: completed?.usage?.output_tokens,
  });
});

test('embeddings and the list of models pass; embeddings have input tokens, the list has none', async () => {
  const embeddings = await through('openai-embeddings').embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'] });
  expect(embeddings.data).toHaveLength(2);
  expect(await row('openai-embeddings')).toMatchObject({
    operation: 'embeddings',
    input_tokens: embeddings.usage.prompt_tokens,
    response_model: embeddings.model,
  });
  const models = await through('openai-models').models.list();
  expect(models.data.length).toBeGreaterThan(0);
  expect(await row('openai-models')).toMatchObject({
    operation: 'list_models',
    method: 'GET',
    status: 200,
    outcome: 'ok',
    input_tokens: null,
  });
});

test.each([
  ['401', OpenAI.AuthenticationError, 'auth_error'],
  ['429', OpenAI.RateLimitError, 'rate_limited'],
  ['400', OpenAI.BadRequestError, 'client_error'],
  ['500', OpenAI.InternalServerError, 'provider_error'],
])('an error %s is the same exception with and without Glassway, and a row that names it', async (scenario, expected, outcome) => {
  const asked = { 'x-mock-scenario': scenario };
  const failure = async (sdk: OpenAI) => {
    try {
      await sdk.chat.completions.create(question);
    } catch (error) {
      return error;
    }
    throw new Error('it did not fail');
  };
  const seen = await failure(through(`openai-${scenario}`, asked));
  const wanted = await failure(direct(asked));
  expect(seen).toBeInstanceOf(expected);
  if (!(seen instanceof OpenAI.APIError) || !(wanted instanceof OpenAI.APIError)) throw new Error('not an APIError');
  expect({ status: seen.status, code: seen.code, type: seen.type }).toEqual({
    status: wanted.status,
    code: wanted.code,
    type: wanted.type,
  });
  expect(seen.headers?.get('retry-after') ?? null).toBe(wanted.headers?.get('retry-after') ?? null);
  const found = await row(`openai-${scenario}`);
  expect(found).toMatchObject({ status: Number(scenario), outcome, usage_source: 'none', cost_usd: null });
  expect(found['error_type']).not.toBe('');
});

test('a malformed body reaches the SDK as it is, and costs the row its tokens only', async () => {
  await expect(through('openai-malformed', { 'x-mock-scenario': 'malformed_body' }).chat.completions.create(question)).rejects.toThrow();
  expect(await row('openai-malformed')).toMatchObject({ status: 200, usage_source: 'none', input_tokens: null });
});

test('a stream that is cut off breaks for the client too, and the row says stream_truncated', async () => {
  const stream = await through('openai-cut', { 'x-mock-scenario': 'cut_stream' }).chat.completions.create({ ...question, stream: true });
  await expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toThrow();
  expect(await row('openai-cut')).toMatchObject({ status: 200, outcome: 'stream_truncated' });
});

test('an error inside a stream reaches the SDK, and the row says stream_error', async () => {
  const stream = await through('openai-in-stream', { 'x-mock-scenario': 'in_stream_error' }).chat.completions.create({
    ...question,
    stream: true,
  });
  await expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toThrow(OpenAI.APIError);
  const found = await row('openai-in-stream');
  expect(found).toMatchObject({ status: 200, outcome: 'stream_error' });
  expect(found['error_message']).not.toBe('');
});

test('a caller that aborts mid-stream cuts the provider off, and the row says client_abort', async () => {
  const stream = await through('openai-abort', { 'x-mock-scenario': 'stall' }).chat.completions.create({ ...question, stream: true });
  for await (const _ of stream) {
    stream.controller.abort();
    break;
  }
  expect(await row('openai-abort')).toMatchObject({ status: 200, outcome: 'client_abort', stream: true });
});

test('a 20 MB request passes, and its row has the model and the bytes', async () => {
  const content = 'x'.repeat(20 * 1024 * 1024);
  const answer = await through('openai-20mb').chat.completions.create({ model: 'gpt-5-mini', messages: [{ role: 'user', content }] });
  const found = await row('openai-20mb');
  expect(found).toMatchObject({ status: 200, request_model: 'gpt-5-mini', input_tokens: answer.usage?.prompt_tokens });
  expect(found['request_bytes']).toBeGreaterThan(20 * 1024 * 1024);
});

test('no row holds the API key, and one key has one fingerprint', async () => {
  const found = await glassway.rows("SELECT *, toString(tags) AS tags_text FROM calls WHERE project = 'sdk-tests'", 5);
  expect(JSON.stringify(found)).not.toContain('sk-test-secret-key');
  expect(new Set(found.map((r) => r['key_fingerprint'])).size).toBe(1);
  expect(found[0]?.['key_fingerprint']).toMatch(/^[0-9a-f]{8}$/);
});
