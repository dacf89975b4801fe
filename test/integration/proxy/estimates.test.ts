/** Calls whose provider says no usage, or not all of it, through a real proxy with its counting thread. */
import { once } from 'node:events';
import { request } from 'node:http';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { metricValue, startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const WORDS = ['Paris', ' is', ' the', ' capital', ' of', ' France', '.'];
const MESSAGES = [
  { role: 'system', content: 'Answer in one sentence.' },
  { role: 'user', content: 'What is the capital of France?' },
];
/** As the cookbook counts: three a message and its role, three for the answer's start. */
const INPUT_TOKENS = countTokens('Answer in one sentence.') + countTokens('What is the capital of France?') + 2 * 4 + 3;

let upstream: HttpUpstream;
let proxy: TestProxy;

afterEach(async () => {
  await proxy?.close();
  await upstream?.close();
});

type Step = string | 'wait' | 'break';

/** A provider that sends these pieces, then ends; `wait`: it keeps the connection open, `break`: it closes it. */
async function serve(steps: readonly Step[], type = 'text/event-stream', status = 200): Promise<void> {
  upstream = await startUpstream((res) => {
    res.writeHead(status, { 'content-type': type });
    for (const step of steps) {
      if (step === 'wait') return;
      if (step === 'break') {
        setTimeout(() => res.destroy(), 20);
        return;
      }
      res.write(step);
    }
    res.end();
  });
  const at = upstream.origin;
  proxy = await startTestProxy({ openai: at, anthropic: at, gemini: at, ollama: at, cohere: at });
}

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (delta: unknown, finish_reason: string | null = null) =>
  event({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-2024-08-06', choices: [{ index: 0, delta, finish_reason }] });
const words = WORDS.map((content) => chunk({ content }));
const post = (path: string, body: unknown) =>
  fetch(`${proxy.origin}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const chat = (extra: Record<string, unknown> = {}) =>
  post('/openai/v1/chat/completions', { model: 'gpt-4o', messages: MESSAGES, stream: true, ...extra });

test('an OpenAI stream without usage is counted with the tokenizer and marked estimated', async () => {
  await serve([chunk({ role: 'assistant', content: '' }), ...words, chunk({}, 'stop'), event('[DONE]')]);
  await (await chat()).text();
  expect(await proxy.record()).toMatchObject({
    outcome: 'ok',
    usage_source: 'estimated',
    input_tokens: INPUT_TOKENS,
    output_tokens: countTokens(WORDS.join('')),
    usage_raw: '',
    reasoning_tokens: null,
  });
  expect(await metricValue(proxy.metrics, 'glassway_proxy_estimates_total', { result: 'counted' })).toBe(1);
});

test('the tools that a request offers and the arguments that a tool is called with are counted', async () => {
  const tools = [
    { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } },
  ];
  const call = (fn: unknown) => chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: fn }] });
  await serve([
    call({ name: 'get_weather', arguments: '' }),
    call({ arguments: '{"city":' }),
    call({ arguments: '"Paris"}' }),
    chunk({}, 'tool_calls'),
    event('[DONE]'),
  ]);
  await (await chat({ tools })).text();
  expect(await proxy.record()).toMatchObject({
    usage_source: 'estimated',
    // The cookbook's account: 7 a tool, 3 for its properties, 3 for each, 12 for the list.
    input_tokens: INPUT_TOKENS + 7 + countTokens('get_weather:') + 3 + 3 + countTokens('city:string:') + 12,
    // And 12 for the call's own syntax.
    output_tokens: countTokens('get_weather{"city":"Paris"}') + 12,
  });
});

test('usage from the provider is never replaced by a count', async () => {
  const usage = event({ model: 'gpt-4o', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } });
  await serve([...words, chunk({}, 'stop'), usage, event('[DONE]')]);
  await (await chat()).text();
  expect(await proxy.record()).toMatchObject({ usage_source: 'provider', input_tokens: 1, output_tokens: 2 });
  expect(await metricValue(proxy.metrics, 'glassway_proxy_estimates_total')).toBe(0);
});

test('a client that hangs up is charged for what had been streamed to it', async () => {
  await serve([...words.slice(0, 4), 'wait']);
  const aborted = new AbortController();
  const answer = await fetch(`${proxy.origin}/openai/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'gpt-4o', messages: MESSAGES, stream: true }),
    signal: aborted.signal,
  });
  const reader = answer.body?.getReader();
  let seen = '';
  while (!seen.includes('capital')) seen += Buffer.from((await reader?.read())?.value ?? []).toString('utf8');
  aborted.abort();
  expect(await proxy.record()).toMatchObject({
    outcome: 'client_abort',
    usage_source: 'estimated',
    input_tokens: INPUT_TOKENS,
    output_tokens: countTokens(WORDS.slice(0, 4).join('')),
  });
});

test('a stream that breaks off is counted as far as it came, half an event left out', async () => {
  await serve([...words.slice(0, 3), (words[3] as string).slice(0, 30), 'break']);
  await (await chat()).text().catch(() => '');
  expect(await proxy.record()).toMatchObject({
    outcome: 'stream_truncated',
    usage_source: 'estimated',
    output_tokens: countTokens('Paris is the'),
  });
});

test("Anthropic's own input count stays when its output count never came", async () => {
  const named = (type: string, data: object) => `event: ${type}\n${event({ type, ...data })}`;
  const usage = { input_tokens: 40, cache_read_input_tokens: 10, cache_creation_input_tokens: 0, output_tokens: 1 };
  await serve([
    named('message_start', { message: { model: 'claude-sonnet-4-5', usage } }),
    ...WORDS.map((text) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    'break',
  ]);
  await (await post('/anthropic/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 9, messages: MESSAGES.slice(1), stream: true }))
    .text()
    .catch(() => '');
  expect(await proxy.record()).toMatchObject({
    outcome: 'stream_truncated',
    usage_source: 'estimated',
    input_tokens: 50,
    cache_read_tokens: 10,
    output_tokens: countTokens(WORDS.join('')),
  });
});

test('a plain answer without usage is counted, and embeddings have no output', async () => {
  const answer = {
    model: 'gpt-4o',
    choices: [{ index: 0, message: { role: 'assistant', content: WORDS.join('') }, finish_reason: 'stop' }],
  };
  await serve([JSON.stringify(answer)], 'application/json');
  await (await chat({ stream: false })).text();
  expect(await proxy.record()).toMatchObject({
    usage_source: 'estimated',
    input_tokens: INPUT_TOKENS,
    output_tokens: countTokens(WORDS.join('')),
  });
  await (await post('/openai/v1/embeddings', { model: 'm', input: ['one two', 'three'] })).text();
  const [, embedding] = await proxy.records(2);
  expect(embedding).toMatchObject({ operation: 'embeddings', usage_source: 'estimated', input_tokens: 3, output_tokens: 0 });
});

test('Ollama, Gemini and Cohere streams that break off are counted from their own shapes', async () => {
  const lines: Readonly<Record<string, readonly [path: string, body: unknown, piece: (text: string) => string]>> = {
    ollama: [
      '/ollama/api/chat',
      { model: 'm', messages: MESSAGES },
      (content) => `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done: false })}\n`,
    ],
    gemini: [
      '/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
      { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
      (text) => event({ candidates: [{ content: { role: 'model', parts: [{ text }] } }] }),
    ],
    cohere: [
      '/cohere/v2/chat',
      { model: 'command-a', stream: true, messages: MESSAGES },
      (text) => event({ type: 'content-delta', delta: { message: { content: { text } } } }),
    ],
  };
  for (const [upstreamName, [path, body, piece]] of Object.entries(lines)) {
    await serve([...WORDS.map(piece), 'break'], upstreamName === 'ollama' ? 'application/x-ndjson' : 'text/event-stream');
    await (await post(path, body)).text().catch(() => '');
    expect(await proxy.record()).toMatchObject({
      upstream: upstreamName,
      usage_source: 'estimated',
      output_tokens: countTokens(WORDS.join('')),
      input_tokens: expect.any(Number),
    });
    await proxy.close();
    await upstream.close();
  }
});

test.each([
  ['an error status', 429, [JSON.stringify({ error: { message: 'slow down' } })], 'application/json'],
  ['an error in place of any content', 200, [event({ error: { message: 'overloaded', type: 'server_error' } })], 'text/event-stream'],
  ['an answer that cannot be read', 200, ['{"choices": [{"mess'], 'application/json'],
] as const)('%s spends no tokens that anyone could count: they stay NULL', async (_name, status, steps, type) => {
  await serve(steps, type, status);
  await (await chat({ stream: type !== 'application/json' })).text();
  expect(await proxy.record()).toMatchObject({ usage_source: 'none', input_tokens: null, output_tokens: null });
});

test('a background response that is still to be worked on has no tokens yet', async () => {
  await serve(
    [JSON.stringify({ object: 'response', background: true, status: 'queued', model: 'gpt-5', output: [], usage: null })],
    'application/json',
  );
  await (await post('/openai/v1/responses', { model: 'gpt-5', input: 'Hello', background: true })).text();
  expect(await proxy.record()).toMatchObject({ finish_reason: 'queued', usage_source: 'none', input_tokens: null });
});

test('input that is no text, or not in the request, leaves the input unknown and counts the output', async () => {
  await serve([...words, chunk({}, 'stop'), event('[DONE]')]);
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
  ];
  await (await chat({ messages: [{ role: 'user', content }] })).text();
  expect(await proxy.record()).toMatchObject({ usage_source: 'estimated', input_tokens: null, output_tokens: countTokens(WORDS.join('')) });
});

test('a prompt of several megabytes is reckoned from its first, to within a few percent', async () => {
  await serve([...words, event('[DONE]')]);
  const sentence = 'The "quick" brown fox\njumps over the lazy dog. ';
  const content = sentence.repeat(60_000);
  const body = JSON.stringify({ model: 'gpt-4o', stream: true, messages: [{ role: 'user', content }] });
  const req = request(`${proxy.origin}/openai/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
  req.end(body);
  const [res] = (await once(req, 'response')) as [NodeJS.ReadableStream];
  res.resume();
  const record = await proxy.record();
  const exact = countTokens(sentence.repeat(100)) * 600;
  expect(record.usage_source).toBe('estimated');
  expect((record.input_tokens ?? 0) / exact).toBeGreaterThan(0.95);
  expect((record.input_tokens ?? 0) / exact).toBeLessThan(1.05);
});

test('text that spells a special token, or has no spaces, is counted like any other', async () => {
  await serve([chunk({ content: '<|endoftext|>' }), chunk({ content: '数'.repeat(20_000) }), event('[DONE]')]);
  await (await chat()).text();
  const record = await proxy.record();
  expect(record.usage_source).toBe('estimated');
  expect(record.output_tokens).toBeGreaterThan(5_000);
});

test('a proxy that stops first counts what waits', async () => {
  await serve([...words, event('[DONE]')]);
  await Promise.all([1, 2, 3].map(async () => (await chat()).text()));
  await proxy.app.close();
  await waitFor('the records', () => proxy.ingest.records().length === 3);
  expect(proxy.ingest.records().map((record) => record.usage_source)).toEqual(['estimated', 'estimated', 'estimated']);
});
