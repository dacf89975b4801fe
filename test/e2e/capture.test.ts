/**
 * What is kept of prompts and answers: nothing, unless the project asks; a request may lower that, never raise it.
 */
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { filesWith } from '../kit/files.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

const PROMPT = 'the-secret-recipe-7f3a';
let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 2, latencyScale: 0 });
  glassway = await startGlassway({
    settings: { upstreams: { openai: { baseUrl: `${mock.url}/openai` } }, projects: { archive: { capture: 'full' } } },
  });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

async function ask(id: string, headers: Record<string, string>, stream = false): Promise<string> {
  const answer = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test', 'x-glassway-request-id': id, ...headers },
    body: JSON.stringify({ model: 'gpt-5-mini', stream, messages: [{ role: 'user', content: PROMPT }] }),
  });
  const text = await answer.text();
  await glassway.rows(`SELECT id FROM calls WHERE id = '${id}'`, 1);
  return text;
}

/** Bodies are inserted after their calls. */
const bodies = (id: string, count: number) =>
  glassway.rows(`SELECT project, request, response, capture FROM bodies WHERE id = '${id}'`, count);

test('without a word from the project, no byte of a prompt or an answer is written anywhere', async () => {
  await ask('plain', { 'x-glassway-project': 'checkout' });
  await ask('raised', { 'x-glassway-project': 'checkout', 'x-glassway-capture': 'full' }, true);
  expect(await glassway.query('SELECT count() AS n FROM bodies')).toEqual([{ n: 0 }]);
  expect(JSON.stringify(await glassway.query('SELECT * FROM calls'))).not.toContain(PROMPT);
  expect(filesWith(glassway.dataDir, PROMPT)).toEqual([]);
  expect(glassway.output()).not.toContain(PROMPT);
});

test('a project that captures has the bodies as they were, decoded, plain and streamed', async () => {
  const plain = await ask('full', { 'x-glassway-project': 'archive', 'accept-encoding': 'gzip' });
  const streamed = await ask('full-stream', { 'x-glassway-project': 'archive' }, true);
  const [first] = await bodies('full', 1);
  expect(first).toEqual({ project: 'archive', capture: 'full', request: expect.stringContaining(PROMPT), response: plain });
  const [second] = await bodies('full-stream', 1);
  expect(second?.['response'] === streamed).toBe(true);
});

test('a request lowers what its project captures', async () => {
  await ask('lowered', { 'x-glassway-project': 'archive', 'x-glassway-capture': 'metadata' });
  await ask('not-lowered', { 'x-glassway-project': 'archive' });
  await bodies('not-lowered', 1);
  expect(await bodies('lowered', 0)).toEqual([]);
});
