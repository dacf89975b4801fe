/**
 * The demo's two halves over real HTTP: the mock provider as the official SDKs see it, with no proxy between,
 * and the traffic sent through a small stand-in for the proxy that only swaps prefixes.
 */
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import Anthropic, { APIError as AnthropicError } from '@anthropic-ai/sdk';
import { FunctionCallingConfigMode, ApiError as GeminiError, type GenerateContentResponse, GoogleGenAI } from '@google/genai';
import OpenAI, { APIError as OpenAIError } from 'openai';
import { runDemo } from '../../cli/demo/command.ts';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { planCalls } from '../../cli/demo/plan.ts';
import { runTraffic, type TrafficProgress } from '../../cli/demo/traffic.ts';

let mock: MockProvider;
let openai: OpenAI;
let anthropic: Anthropic;
let gemini: GoogleGenAI;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 1, latencyScale: 0 });
  const kept = { apiKey: 'demo', maxRetries: 0, logLevel: 'off' as const };
  openai = new OpenAI({ ...kept, baseURL: `${mock.url}/openai/v1` });
  anthropic = new Anthropic({ ...kept, baseURL: `${mock.url}/anthropic` });
  gemini = new GoogleGenAI({ apiKey: 'demo', httpOptions: { baseUrl: `${mock.url}/gemini` } });
});
afterAll(() => mock.close());

const scenario = (name: string) => ({ 'x-mock-scenario': name });
const USER = [{ role: 'user' as const, content: 'How is the weather in Ghent?' }];
const SCHEMA = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
const CLAUDE = { model: 'claude-haiku-4-5', max_tokens: 4_096, messages: USER };

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('the OpenAI SDK', () => {
  test('reads a chat completion with its usage and headers', async () => {
    const { data, response } = await openai.chat.completions.create({ model: 'gpt-5-mini', messages: USER }).withResponse();
    expect(data.model).toBe('gpt-5-mini-2025-08-07');
    expect(data.choices[0]?.message.content).toMatch(/\w+/);
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
    expect(data.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(response.headers.get('x-ratelimit-remaining-requests')).toMatch(/^\d+$/);
  });

  test('reads a chat stream, usage last, and what came is what was counted', async () => {
    const before = mock.sent().cells.find((cell) => cell.model === 'gpt-4o' && cell.stream)?.output_tokens ?? 0;
    const stream = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: USER,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toMatch(/\.$/);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    const cell = mock.sent().cells.find((each) => each.model === 'gpt-4o' && each.stream && each.end === 'ok');
    expect((cell?.output_tokens ?? 0) - before).toBe(chunks.at(-1)?.usage?.completion_tokens);
  });

  test('gets tool calls whole and streamed, with arguments that fit', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters: SCHEMA } }];
    const asked = { model: 'gpt-4o', messages: USER, tools, tool_choice: 'required' as const };
    const whole = await openai.chat.completions.create(asked);
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls');
    const streamed = await openai.chat.completions.stream(asked).finalChatCompletion();
    for (const answer of [whole, streamed]) {
      const call = answer.choices[0]?.message.tool_calls?.[0];
      expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) });
    }
  });

  test('reads the Responses API, whole and streamed, with a tool and with reasoning', async () => {
    const whole = await openai.responses.create({ model: 'gpt-5', input: 'hello' });
    expect(whole.output_text).toMatch(/\w+/);
    expect(whole.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    const events = await collect(
      await openai.responses.create({ model: 'gpt-5', input: 'hello', stream: true, reasoning: { summary: 'auto' } }),
    );
    expect(events[0]?.type).toBe('response.created');
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const last = events.at(-1);
    expect(last?.type === 'response.completed' && last.response.usage?.output_tokens).toBeGreaterThan(0);
    const tools = [{ type: 'function' as const, name: 'get_weather', parameters: SCHEMA, strict: false }];
    const asked = openai.responses.stream({ model: 'gpt-4o', input: 'weather?', tools, tool_choice: 'required' });
    const call = (await asked.finalResponse()).output.find((item) => item.type === 'function_call');
    expect(JSON.parse(call?.arguments ?? '')).toEqual({ city: expect.any(String) });
  });

  test('reads completions, embeddings and models', async () => {
    const completion = await openai.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'hello' });
    expect(completion.usage?.completion_tokens).toBeLessThanOrEqual(16);
    const stream = await openai.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'hello', stream: true });
    expect((await collect(stream)).map((chunk) => chunk.choices[0]?.text ?? '').join('')).toMatch(/\w+/);
    const embedding = await openai.embeddings.create({ model: 'text-embedding-3-large', input: ['a', 'b'] });
    expect(embedding.data.map((each) => each.embedding.length)).toEqual([3072, 3072]);
    expect((await openai.models.list()).data.map((each) => each.id)).toContain('gpt-5');
  });

  test.each([400, 401, 403, 404, 429, 500, 503])('gets an error of status %i', async (status) => {
    const error = await failureOf(openai.chat.completions.create({ model: `mock-${status}`, messages: USER }));
    expect(error).toBeInstanceOf(OpenAIError);
    expect(error).toMatchObject({ status, error: { message: expect.any(String) } });
    if (status === 429) expect(error instanceof OpenAIError && error.headers?.get('retry-after')).toBe('1');
  });

  test.each(['in_stream_error', 'cut_stream', 'malformed_body', 'reset'])(
    'sees the break %s, whole and streamed, in both APIs',
    async (name) => {
      const options = { headers: scenario(name) };
      const chat = { model: 'gpt-4o', messages: USER };
      const response = { model: 'gpt-4o', input: 'hello' };
      expect(await failureOf(openai.chat.completions.create(chat, options))).toBeDefined();
      expect(await failureOf(openai.responses.create(response, options))).toBeDefined();
      const stream = async () => collect(await openai.chat.completions.create({ ...chat, stream: true }, options));
      expect(await failureOf(stream())).toBeDefined();
      const events = async () => collect(await openai.responses.create({ ...response, stream: true }, options));
      expect(await failureOf(events())).toBeDefined();
    },
  );
});

describe('the Anthropic SDK', () => {
  test('reads a message, its headers and a count of tokens', async () => {
    const { data, response } = await anthropic.messages.create(CLAUDE).withResponse();
    expect(data).toMatchObject({ model: 'claude-haiku-4-5-20251001', stop_reason: 'end_turn', content: [{ type: 'text' }] });
    expect(response.headers.get('request-id')).toMatch(/^req_/);
    expect((await anthropic.messages.countTokens({ model: CLAUDE.model, messages: USER })).input_tokens).toBeGreaterThan(0);
  });

  test('reads a stream with thinking, a signature and the usage of the end', async () => {
    const stream = anthropic.messages.stream({ ...CLAUDE, thinking: { type: 'enabled', budget_tokens: 1_024 } });
    const message = await stream.finalMessage();
    expect(message.content.map((block) => block.type)).toEqual(['thinking', 'text']);
    expect(message.content[0]?.type === 'thinking' && message.content[0].signature).toMatch(/\w+/);
    expect(message.usage.output_tokens).toBeGreaterThan(1);
  });

  test('gets a tool call whole and streamed, with input that fits', async () => {
    const asked = { ...CLAUDE, tools: [{ name: 'get_weather', input_schema: SCHEMA }], tool_choice: { type: 'any' as const } };
    for (const message of [await anthropic.messages.create(asked), await anthropic.messages.stream(asked).finalMessage()]) {
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content).toEqual([expect.objectContaining({ type: 'tool_use', input: { city: expect.any(String) } })]);
    }
  });

  test('sees caching where the request marks it, the parts adding up to the whole', async () => {
    const system = [{ type: 'text' as const, text: 'Be brief. '.repeat(800), cache_control: { type: 'ephemeral' as const } }];
    const { usage } = await anthropic.messages.create({ ...CLAUDE, system });
    expect((usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0)).toBeGreaterThan(0);
    const written = usage.cache_creation;
    expect((written?.ephemeral_5m_input_tokens ?? 0) + (written?.ephemeral_1h_input_tokens ?? 0)).toBe(usage.cache_creation_input_tokens);
    expect(usage.input_tokens).toBeGreaterThan(0);
  });

  test.each([400, 401, 403, 404, 429, 500, 529])('gets an error of status %i', async (status) => {
    const error = await failureOf(anthropic.messages.create({ ...CLAUDE, model: `mock-${status}` }));
    expect(error).toBeInstanceOf(AnthropicError);
    expect(error).toMatchObject({ status, error: { type: 'error', error: { type: expect.stringMatching(/_error$/) } } });
  });

  test.each(['in_stream_error', 'cut_stream', 'malformed_body', 'reset'])('sees the break %s, whole and streamed', async (name) => {
    const options = { headers: scenario(name) };
    expect(await failureOf(anthropic.messages.create(CLAUDE, options))).toBeDefined();
    const stream = async () => collect(await anthropic.messages.create({ ...CLAUDE, stream: true }, options));
    expect(await failureOf(stream())).toBeDefined();
  });

  test('is told when an answer stops for length', async () => {
    const message = await anthropic.messages.create({ ...CLAUDE, max_tokens: 3 });
    expect(message).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } });
  });
});

describe('the Gemini SDK', () => {
  const asked = { model: 'gemini-2.5-flash', contents: 'How is the weather in Ghent?' };

  test('reads an answer whose counts add up', async () => {
    const { text, usageMetadata, modelVersion } = await gemini.models.generateContent(asked);
    expect(text).toMatch(/\w+/);
    expect(modelVersion).toBe('gemini-2.5-flash');
    const { promptTokenCount = 0, candidatesTokenCount = 0, thoughtsTokenCount = 0, totalTokenCount } = usageMetadata ?? {};
    expect(thoughtsTokenCount).toBeGreaterThan(0);
    expect(totalTokenCount).toBe(promptTokenCount + candidatesTokenCount + thoughtsTokenCount);
  });

  test('reads a stream whose usage grows and whose last chunk says why it ends', async () => {
    const chunks = await collect<GenerateContentResponse>(await gemini.models.generateContentStream(asked));
    const counts = chunks.map((chunk) => chunk.usageMetadata?.totalTokenCount ?? 0);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP');
  });

  test('gets thoughts only when it asks', async () => {
    const config = { thinkingConfig: { includeThoughts: true } };
    const shown = await gemini.models.generateContent({ ...asked, config });
    expect(shown.candidates?.[0]?.content?.parts?.[0]?.thought).toBe(true);
    const chunks = await collect<GenerateContentResponse>(await gemini.models.generateContentStream({ ...asked, config }));
    expect(chunks[0]?.candidates?.[0]?.content?.parts?.[0]?.thought).toBe(true);
  });

  test('gets a function call whole and streamed, with arguments that fit', async () => {
    const config = {
      tools: [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: SCHEMA }] }],
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
    };
    const whole = await gemini.models.generateContent({ ...asked, config });
    const streamed = await collect<GenerateContentResponse>(await gemini.models.generateContentStream({ ...asked, config }));
    for (const answer of [whole, ...streamed]) expect(answer.functionCalls?.[0]?.args).toEqual({ city: expect.any(String) });
  });

  test('reads embeddings, token counts and models', async () => {
    const { embeddings } = await gemini.models.embedContent({ model: 'gemini-embedding-001', contents: ['a', 'b'] });
    expect(embeddings?.map((each) => each.values?.length)).toEqual([768, 768]);
    expect((await gemini.models.countTokens(asked)).totalTokens).toBeGreaterThan(0);
    expect((await gemini.models.get({ model: 'gemini-2.5-pro' })).name).toBe('models/gemini-2.5-pro');
  });

  test.each([400, 401, 403, 404, 429, 500, 503])('gets an error of status %i', async (status) => {
    const error = await failureOf(gemini.models.generateContent({ ...asked, model: `mock-${status}` }));
    expect(error).toBeInstanceOf(GeminiError);
    expect(error).toMatchObject({ status });
  });

  test.each(['in_stream_error', 'cut_stream', 'malformed_body', 'reset'])('sees the break %s, whole and streamed', async (name) => {
    const config = { httpOptions: { headers: scenario(name) } };
    expect(await failureOf(gemini.models.generateContent({ ...asked, config }))).toBeDefined();
    const stream = async () => collect<GenerateContentResponse>(await gemini.models.generateContentStream({ ...asked, config }));
    expect(await failureOf(stream())).toBeDefined();
  });
});

/** Closed after each test, whatever became of it. */
const opened: Server[] = [];
afterEach(() => Promise.all(opened.splice(0).map(stop)));

function openServer(listener?: RequestListener): Server {
  const server = createServer(listener);
  opened.push(server);
  return server;
}

/** Swaps the demo upstreams' prefixes and pipes; what it saw at most at once is `highest`. */
async function startStandIn(
  targetPort: () => number,
): Promise<{ url: string; server: Server; highest(): number; projects: Map<string, number> }> {
  let inFlight = 0;
  let highest = 0;
  const projects = new Map<string, number>();
  const server = openServer((request, response) => {
    if (!request.url?.startsWith('/demo-')) {
      response.writeHead(404).end();
      return;
    }
    const project = request.headers['x-glassway-project'];
    if (typeof project === 'string') projects.set(project, (projects.get(project) ?? 0) + 1);
    highest = Math.max(highest, ++inFlight);
    response.on('close', () => {
      inFlight -= 1;
      onward.destroy();
    });
    const path = (request.url ?? '').replace(/^\/demo-/, '/');
    const onward = httpRequest(
      { host: '127.0.0.1', port: targetPort(), path, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, highest: () => highest, projects };
}

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

describe('the traffic', () => {
  const short = { rate: 100, minutes: 0.03, seed: 5 };

  test('sends every planned call, tagged, and its counts are those of the other side', async () => {
    const target = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 2, latencyScale: 0, errors: true });
    const standIn = await startStandIn(() => target.port);
    try {
      const shown: TrafficProgress[] = [];
      const summary = await runTraffic({ ...short, proxyUrl: standIn.url, onProgress: (progress) => shown.push(progress) });
      const planned = [...planCalls(short)].length;
      expect(summary.sent).toBe(planned);
      expect(summary.ok + summary.failed + summary.aborted).toBe(planned);
      expect(summary.ok).toBeGreaterThan(planned * 0.8);
      expect(new Map(summary.projects.map((each) => [each.project, each.calls]))).toEqual(standIn.projects);
      expect(shown.at(-1)).toMatchObject({ sent: planned, inFlight: 0 });
      const { calls, cells } = target.sent();
      expect(calls).toBe(planned);
      const labelled = new Map<string, number>();
      for (const cell of cells) labelled.set(cell.label, (labelled.get(cell.label) ?? 0) + cell.calls);
      expect(labelled).toEqual(standIn.projects);
    } finally {
      await target.close();
    }
  });

  test('never has more calls in flight than it may, and says how many had to wait', async () => {
    const target = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 2, latencyScale: 0.02 });
    const standIn = await startStandIn(() => target.port);
    try {
      const summary = await runTraffic({ ...short, rate: 300, minutes: 0.01, proxyUrl: standIn.url, inFlightMax: 3 });
      expect(summary.inFlightHighest).toBe(3);
      expect(standIn.highest()).toBeLessThanOrEqual(4);
      expect(summary.delayed).toBeGreaterThan(0);
      expect(summary.sent).toBe([...planCalls({ ...short, rate: 300, minutes: 0.01 })].length);
    } finally {
      await target.close();
    }
  });

  test('stops when told to, and calls that hang are given up', async () => {
    const silent = openServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stopping = new AbortController();
    const proxyUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const onProgress = ({ sent }: TrafficProgress): void => {
      if (sent >= 5) stopping.abort();
    };
    const summary = await runTraffic({ rate: 100, minutes: 60, seed: 1, proxyUrl, signal: stopping.signal, onProgress });
    expect(summary.sent).toBeGreaterThanOrEqual(5);
    expect(summary.aborted).toBe(summary.sent);
  });
});

describe('glassway demo', () => {
  const unused = async (): Promise<number> => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await stop(server);
    return port;
  };
  const base = {
    consoleUrl: 'http://127.0.0.1:4701',
    mockHost: '127.0.0.1',
    rate: 50,
    minutes: 0.02,
    seed: 1,
    keysFile: '/nowhere/keys.json',
  };
  const capture = () => {
    const out = new PassThrough();
    return { out, text: () => String(out.read() ?? '') };
  };

  test('runs to the end, prints what was sent per project and where to look, and leaves its port free', async () => {
    const mockPort = await unused();
    const standIn = await startStandIn(() => mockPort);
    const { out, text } = capture();
    const code = await runDemo({ ...base, proxyUrl: standIn.url, mockPort, out, signal: new AbortController().signal });
    const printed = text();
    expect(code).toBe(0);
    expect(printed).toMatch(/support-bot +\d+ +\d+ +\d+ +\d+ +[\d,]+ +[\d,]+/);
    expect(printed).toContain(`See the calls: ${base.consoleUrl}`);
    const again = await startMockProvider({ host: '127.0.0.1', port: mockPort, seed: 1 });
    await again.close();
  });

  test('ends with its summary when stopped', async () => {
    const mockPort = await unused();
    const standIn = await startStandIn(() => mockPort);
    const stopping = new AbortController();
    const { out, text } = capture();
    standIn.server.on('request', () => {
      if (standIn.projects.size >= 2) stopping.abort();
    });
    const code = await runDemo({ ...base, minutes: 60, proxyUrl: standIn.url, mockPort, out, signal: stopping.signal });
    expect(code).toBe(0);
    expect(text()).toContain('See the calls:');
  });

  test('says what to do when no proxy answers', async () => {
    const { out, text } = capture();
    const proxyUrl = `http://127.0.0.1:${await unused()}`;
    expect(await runDemo({ ...base, proxyUrl, mockPort: await unused(), out, signal: new AbortController().signal })).toBe(1);
    expect(text()).toMatch(/No proxy answers at .* \(ECONNREFUSED\)\. Start Glassway in another terminal first: npm start/);
  });

  test('names the port when it is in use', async () => {
    const standIn = await startStandIn(() => 0);
    const { out, text } = capture();
    expect(await runDemo({ ...base, proxyUrl: standIn.url, mockPort: mock.port, out, signal: new AbortController().signal })).toBe(1);
    expect(text()).toContain(`Port ${mock.port} is in use`);
  });

  test('refuses bad numbers by name', async () => {
    const { out, text } = capture();
    expect(
      await runDemo({ ...base, rate: 0, proxyUrl: 'http://127.0.0.1:1', mockPort: 1, out, signal: new AbortController().signal }),
    ).toBe(1);
    expect(text()).toContain('--rate 0: want');
  });
});
