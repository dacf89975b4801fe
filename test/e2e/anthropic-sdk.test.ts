/**
 * The official Anthropic SDK through Glassway: it must see what it sees without, and the row must say what it says.
 */
import Anthropic from '@anthropic-ai/sdk';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 11, latencyScale: 0 });
  glassway = await startGlassway({ settings: { upstreams: { anthropic: { baseUrl: `${mock.url}/anthropic` } } } });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

const through = (id: string, headers: Record<string, string> = {}) =>
  new Anthropic({
    baseURL: `${glassway.proxyUrl}/anthropic`,
    apiKey: 'sk-ant-test-secret',
    maxRetries: 0,
    defaultHeaders: { 'x-glassway-project': 'sdk-tests', 'x-glassway-request-id': id, ...headers },
  });

async function row(id: string): Promise<Record<string, unknown>> {
  const [found] = await glassway.rows(`SELECT * FROM calls WHERE id = '${id}'`, 1);
  return found as Record<string, unknown>;
}

const question = {
  model: 'claude-sonnet-4-5',
  max_tokens: 500,
  messages: [{ role: 'user' as const, content: 'What is the capital of France?' }],
};

/** Anthropic's input_tokens leave the cached ones out; the row's count all. */
const totalInput = (usage: Anthropic.Usage) =>
  usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);

test('a plain message: the SDK and the row agree on model, tokens and stop reason', async () => {
  const answer = await through('anthropic-plain').messages.create(question);
  expect(await row('anthropic-plain')).toMatchObject({
    provider: 'anthropic',
    operation: 'chat',
    request_model: 'claude-sonnet-4-5',
    response_model: answer.model,
    stream: false,
    outcome: 'ok',
    finish_reason: answer.stop_reason,
    input_tokens: totalInput(answer.usage),
    output_tokens: answer.usage.output_tokens,
    cache_read_tokens: answer.usage.cache_read_input_tokens,
    cost_source: 'catalogue',
    sdk: expect.stringMatching(/^Anthropic\/JS/),
  });
});

test('a streamed message: the last word on usage is the row', async () => {
  const answer = await through('anthropic-stream').messages.stream(question).finalMessage();
  const found = await row('anthropic-stream');
  expect(found).toMatchObject({
    stream: true,
    outcome: 'ok',
    finish_reason: answer.stop_reason,
    input_tokens: totalInput(answer.usage),
    output_tokens: answer.usage.output_tokens,
  });
  expect(found['ttft_ms']).not.toBeNull();
});

test('reasoning and answer are timed apart', async () => {
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 };
  const answer = await through('anthropic-thinking')
    .messages.stream({ ...question, max_tokens: 4_000, thinking })
    .finalMessage();
  expect(answer.content.map((block) => block.type)).toEqual(['thinking', 'text']);
  const found = await row('anthropic-thinking');
  expect(found['answer_ttft_ms']).toBeGreaterThan(found['ttft_ms'] as number);
  expect(found['answer_ttft_ms']).toBeLessThanOrEqual(found['duration_ms'] as number);
});

test('a tool call, plain and streamed, arrives whole', async () => {
  const tools = [
    { name: 'get_weather', input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] } },
  ];
  const scenario = { 'x-mock-scenario': 'tool_call' };
  const plain = await through('anthropic-tool', scenario).messages.create({ ...question, tools });
  expect(plain.content.some((block) => block.type === 'tool_use' && block.name === 'get_weather')).toBe(true);
  const streamed = await through('anthropic-tool-stream', scenario)
    .messages.stream({ ...question, tools })
    .finalMessage();
  expect(streamed.content.some((block) => block.type === 'tool_use')).toBe(true);
  for (const id of ['anthropic-tool', 'anthropic-tool-stream'])
    expect(await row(id)).toMatchObject({ finish_reason: 'tool_use', outcome: 'ok' });
});

test.each([
  ['401', Anthropic.AuthenticationError, 'auth_error'],
  ['429', Anthropic.RateLimitError, 'rate_limited'],
  ['500', Anthropic.InternalServerError, 'provider_error'],
  ['529', Anthropic.InternalServerError, 'provider_error'],
])('an error %s is the SDK’s own exception, and a row that names it', async (scenario, expected, outcome) => {
  await expect(through(`anthropic-${scenario}`, { 'x-mock-scenario': scenario }).messages.create(question)).rejects.toThrow(expected);
  const found = await row(`anthropic-${scenario}`);
  expect(found).toMatchObject({ status: Number(scenario), outcome, cost_usd: null });
  expect(found['error_type']).toMatch(/_error$/);
});

test('an error inside a stream reaches the SDK, and the row says stream_error', async () => {
  await expect(
    through('anthropic-in-stream', { 'x-mock-scenario': 'in_stream_error' }).messages.stream(question).finalMessage(),
  ).rejects.toThrow();
  expect(await row('anthropic-in-stream')).toMatchObject({ status: 200, outcome: 'stream_error' });
});

test('a stream that is cut off breaks for the client too, and the row says stream_truncated with the tokens known so far', async () => {
  await expect(through('anthropic-cut', { 'x-mock-scenario': 'cut_stream' }).messages.stream(question).finalMessage()).rejects.toThrow();
  const found = await row('anthropic-cut');
  expect(found).toMatchObject({ status: 200, outcome: 'stream_truncated', stream: true });
});

test('an aborted stream is a row with client_abort', async () => {
  const stream = through('anthropic-abort', { 'x-mock-scenario': 'stall' }).messages.stream(question);
  stream.on('connect', () => stream.abort());
  await expect(stream.finalMessage()).rejects.toThrow(Anthropic.APIUserAbortError);
  expect(await row('anthropic-abort')).toMatchObject({ outcome: 'client_abort' });
});

test('paths without an upstream’s name go to Anthropic when they look like it', async () => {
  const client = new Anthropic({
    baseURL: glassway.proxyUrl,
    apiKey: 'sk-ant-test-secret',
    maxRetries: 0,
    defaultHeaders: { 'x-glassway-request-id': 'anthropic-bare' },
  });
  const answer = await client.messages.create(question);
  expect(await row('anthropic-bare')).toMatchObject({
    upstream: 'anthropic',
    project: 'default',
    output_tokens: answer.usage.output_tokens,
  });
});

test('an invalid project tag is a 400 in Anthropic’s error shape that says what is right', async () => {
  const call = through('anthropic-bad-project', { 'x-glassway-project': 'p'.repeat(129) }).messages.create(question);
  await expect(call).rejects.toThrow(/glassway_invalid_project.*at most 128/);
});
