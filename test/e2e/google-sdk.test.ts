/**
 * The official Google Gen AI SDK through Glassway: it must see what it sees without, and the row must say what it says.
 */
import { ApiError, type GenerateContentResponse, GoogleGenAI } from '@google/genai';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 13, latencyScale: 0 });
  glassway = await startGlassway({ settings: { upstreams: { gemini: { baseUrl: `${mock.url}/gemini` } } } });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

const through = (id: string, headers: Record<string, string> = {}) =>
  new GoogleGenAI({
    apiKey: 'AIza-test-secret',
    httpOptions: {
      baseUrl: `${glassway.proxyUrl}/gemini`,
      headers: { 'x-glassway-project': 'sdk-tests', 'x-glassway-request-id': id, ...headers },
    },
  });

async function row(id: string): Promise<Record<string, unknown>> {
  const [found] = await glassway.rows(`SELECT * FROM calls WHERE id = '${id}'`, 1);
  return found as Record<string, unknown>;
}

const question = { model: 'gemini-2.5-flash', contents: 'What is the capital of France?' };

/** Gemini counts thoughts beside the answer and tool results beside the prompt; the row's totals hold both. */
const tokens = (response: GenerateContentResponse | undefined) => ({
  input_tokens: (response?.usageMetadata?.promptTokenCount ?? 0) + (response?.usageMetadata?.toolUsePromptTokenCount ?? 0),
  output_tokens: (response?.usageMetadata?.candidatesTokenCount ?? 0) + (response?.usageMetadata?.thoughtsTokenCount ?? 0),
});

test('generateContent: the SDK and the row agree on model, tokens and finish reason', async () => {
  const answer = await through('gemini-plain').models.generateContent(question);
  expect(answer.text).toBeTruthy();
  expect(await row('gemini-plain')).toMatchObject({
    provider: 'gcp.gemini',
    operation: 'chat',
    request_model: 'gemini-2.5-flash',
    response_model: answer.modelVersion,
    stream: false,
    outcome: 'ok',
    finish_reason: answer.candidates?.[0]?.finishReason,
    ...tokens(answer),
    cost_source: 'catalogue',
  });
});

test('generateContentStream: cumulative usage is counted once', async () => {
  let last: GenerateContentResponse | undefined;
  for await (const chunk of await through('gemini-stream').models.generateContentStream(question)) last = chunk;
  const found = await row('gemini-stream');
  expect(found).toMatchObject({ stream: true, outcome: 'ok', finish_reason: last?.candidates?.[0]?.finishReason, ...tokens(last) });
  expect(found['ttft_ms']).not.toBeNull();
});

test('the JSON-array framing of streams is read as well', async () => {
  const answer = await fetch(`${glassway.proxyUrl}/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': 'AIza-test-secret', 'x-glassway-request-id': 'gemini-array' },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
  });
  const chunks = (await answer.json()) as GenerateContentResponse[];
  expect(await row('gemini-array')).toMatchObject({ stream: true, outcome: 'ok', ...tokens(chunks.at(-1)) });
});

test('a function call arrives whole', async () => {
  const tools = [
    { functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } }] },
  ];
  const answer = await through('gemini-tool', { 'x-mock-scenario': 'tool_call' }).models.generateContent({
    ...question,
    config: { tools },
  });
  expect(answer.functionCalls?.[0]?.name).toBe('get_weather');
  expect(await row('gemini-tool')).toMatchObject({ outcome: 'ok', ...tokens(answer) });
});

test.each([
  ['401', 'auth_error'],
  ['429', 'rate_limited'],
  ['500', 'provider_error'],
])('an error %s is the SDK’s own exception, and a row that names it', async (scenario, outcome) => {
  await expect(through(`gemini-${scenario}`, { 'x-mock-scenario': scenario }).models.generateContent(question)).rejects.toThrow(ApiError);
  const found = await row(`gemini-${scenario}`);
  expect(found).toMatchObject({ status: Number(scenario), outcome });
  expect(found['error_type']).not.toBe('');
});

test('the key in the query string reaches the provider and no row', async () => {
  const answer = await fetch(`${glassway.proxyUrl}/gemini/v1beta/models/gemini-2.5-flash:generateContent?key=AIza-query-secret`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-glassway-request-id': 'gemini-query-key' },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
  });
  expect(answer.status).toBe(200);
  const found = await row('gemini-query-key');
  expect(JSON.stringify(found)).not.toContain('AIza-query-secret');
  expect(found['key_fingerprint']).toMatch(/^[0-9a-f]{8}$/);
});
