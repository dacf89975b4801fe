/**
 * Every SDK that people use, through one Glassway against the mock provider, plain and streaming: each must
 * work with nothing changed but its base URL and headers, and the row must say what the SDK says.
 */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { generateText, type LanguageModel, streamText } from 'ai';
import { CohereClientV2 } from 'cohere-ai';
import Groq from 'groq-sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

const UPSTREAMS = ['openai', 'anthropic', 'gemini', 'mistral', 'groq', 'cohere', 'bedrock', 'ollama'] as const;
const PROMPT = 'What is the capital of France?';
const MESSAGES = [{ role: 'user' as const, content: PROMPT }];

let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 11, latencyScale: 0 });
  const upstreams = Object.fromEntries(UPSTREAMS.map((name) => [name, { baseUrl: `${mock.url}/${name}` }]));
  glassway = await startGlassway({ settings: { upstreams } });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

/** What an SDK says of a call. */
interface Told {
  readonly text: string;
  readonly input: number | undefined;
  readonly output: number | undefined;
  /** As the SDK words it; undefined: it does not say. */
  readonly finish?: string | null | undefined;
}

interface Sdk {
  readonly provider: string;
  readonly model: string;
  /** What the SDK calls the finish reason that the provider words otherwise. */
  readonly finishIs?: Readonly<Record<string, string>>;
  plain(at: string, headers: Record<string, string>): Promise<Told>;
  stream(at: string, headers: Record<string, string>): Promise<Told>;
}

/** Its own type follows generics that resolve to nothing here. */
const langchainUsage = (usage: unknown) => usage as { readonly input_tokens: number; readonly output_tokens: number } | undefined;

const apiKey = 'sk-matrix-key';
const joined = (parts: readonly (string | null | undefined)[]) => parts.map((part) => part ?? '').join('');

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function vercel(
  provider: string,
  model: string,
  finishIs: Record<string, string>,
  make: (at: string, headers: Record<string, string>) => LanguageModel,
): Sdk {
  return {
    provider,
    model,
    finishIs,
    async plain(at, headers) {
      const { text, usage, finishReason } = await generateText({ model: make(at, headers), prompt: PROMPT, maxRetries: 0 });
      return { text, input: usage.inputTokens, output: usage.outputTokens, finish: finishReason };
    },
    async stream(at, headers) {
      const answer = streamText({ model: make(at, headers), prompt: PROMPT, maxRetries: 0 });
      const text = joined(await all(answer.textStream));
      const usage = await answer.usage;
      return { text, input: usage.inputTokens, output: usage.outputTokens, finish: await answer.finishReason };
    },
  };
}

const bedrock = (at: string, headers: Record<string, string>) => {
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: `${at}/bedrock`,
    token: { token: apiKey },
    authSchemePreference: ['httpBearerAuth'],
    // Its default speaks HTTP/2, which needs TLS.
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers);
      return next(args);
    },
    { step: 'build' },
  );
  return client;
};
const toBedrock = { modelId: 'us.amazon.nova-lite-v1:0', messages: [{ role: 'user' as const, content: [{ text: PROMPT }] }] };

const SDKS: Readonly<Record<string, Sdk>> = {
  openai: {
    provider: 'openai',
    model: 'gpt-4o-mini',
    async plain(at, defaultHeaders) {
      const sdk = new OpenAI({ baseURL: `${at}/openai/v1`, apiKey, defaultHeaders, maxRetries: 0 });
      const { choices, usage } = await sdk.chat.completions.create({ model: this.model, messages: MESSAGES });
      return {
        text: choices[0]?.message.content ?? '',
        input: usage?.prompt_tokens,
        output: usage?.completion_tokens,
        finish: choices[0]?.finish_reason,
      };
    },
    async stream(at, defaultHeaders) {
      const sdk = new OpenAI({ baseURL: `${at}/openai/v1`, apiKey, defaultHeaders, maxRetries: 0 });
      const chunks = await all(
        await sdk.chat.completions.create({ model: this.model, messages: MESSAGES, stream: true, stream_options: { include_usage: true } }),
      );
      const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
      const finish = chunks.findLast((chunk) => chunk.choices[0]?.finish_reason)?.choices[0]?.finish_reason;
      return {
        text: joined(chunks.map((chunk) => chunk.choices[0]?.delta.content)),
        input: usage?.prompt_tokens,
        output: usage?.completion_tokens,
        finish,
      };
    },
  },
  '@anthropic-ai/sdk': {
    provider: 'anthropic',
    model: 'claude-haiku-4-5',
    async plain(at, defaultHeaders) {
      const sdk = new Anthropic({ baseURL: `${at}/anthropic`, apiKey, defaultHeaders, maxRetries: 0 });
      const message = await sdk.messages.create({ model: this.model, max_tokens: 500, messages: MESSAGES });
      return toldByAnthropic(message);
    },
    async stream(at, defaultHeaders) {
      const sdk = new Anthropic({ baseURL: `${at}/anthropic`, apiKey, defaultHeaders, maxRetries: 0 });
      return toldByAnthropic(await sdk.messages.stream({ model: this.model, max_tokens: 500, messages: MESSAGES }).finalMessage());
    },
  },
  '@google/genai': {
    provider: 'gcp.gemini',
    model: 'gemini-2.5-flash-lite',
    async plain(at, headers) {
      const sdk = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${at}/gemini`, headers } });
      const { text, usageMetadata: usage, candidates } = await sdk.models.generateContent({ model: this.model, contents: PROMPT });
      return {
        text: text ?? '',
        input: usage?.promptTokenCount,
        output: usage?.candidatesTokenCount,
        finish: candidates?.[0]?.finishReason,
      };
    },
    async stream(at, headers) {
      const sdk = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${at}/gemini`, headers } });
      const chunks = await all(await sdk.models.generateContentStream({ model: this.model, contents: PROMPT }));
      const last = chunks.at(-1);
      const usage = last?.usageMetadata;
      return {
        text: joined(chunks.map((chunk) => chunk.text)),
        input: usage?.promptTokenCount,
        output: usage?.candidatesTokenCount,
        finish: last?.candidates?.[0]?.finishReason,
      };
    },
  },
  '@mistralai/mistralai': {
    provider: 'mistral_ai',
    model: 'mistral-small-latest',
    async plain(at, headers) {
      const sdk = new Mistral({ apiKey, serverURL: `${at}/mistral` });
      const { choices, usage } = await sdk.chat.complete({ model: this.model, messages: MESSAGES }, { headers });
      const content = choices[0]?.message?.content;
      return {
        text: typeof content === 'string' ? content : '',
        input: usage.promptTokens,
        output: usage.completionTokens,
        finish: choices[0]?.finishReason,
      };
    },
    async stream(at, headers) {
      const sdk = new Mistral({ apiKey, serverURL: `${at}/mistral` });
      const events = await all(await sdk.chat.stream({ model: this.model, messages: MESSAGES }, { headers }));
      const last = events.at(-1)?.data;
      const text = joined(
        events.map(({ data }) => (typeof data.choices[0]?.delta.content === 'string' ? data.choices[0].delta.content : '')),
      );
      return { text, input: last?.usage?.promptTokens, output: last?.usage?.completionTokens, finish: last?.choices[0]?.finishReason };
    },
  },
  'cohere-ai': {
    provider: 'cohere',
    model: 'command-a-03-2025',
    async plain(at, headers) {
      const sdk = new CohereClientV2({ token: apiKey, environment: `${at}/cohere` });
      const { message, usage, finishReason } = await sdk.chat({ model: this.model, messages: MESSAGES }, { headers });
      const text = joined((message.content ?? []).map((part) => (part.type === 'text' ? part.text : '')));
      return { text, input: usage?.tokens?.inputTokens, output: usage?.tokens?.outputTokens, finish: finishReason };
    },
    async stream(at, headers) {
      const sdk = new CohereClientV2({ token: apiKey, environment: `${at}/cohere` });
      const events = await all(await sdk.chatStream({ model: this.model, messages: MESSAGES }, { headers }));
      const end = events.find((event) => event.type === 'message-end')?.delta;
      const text = joined(events.map((event) => (event.type === 'content-delta' ? event.delta?.message?.content?.text : '')));
      return { text, input: end?.usage?.tokens?.inputTokens, output: end?.usage?.tokens?.outputTokens, finish: end?.finishReason };
    },
  },
  'groq-sdk': {
    provider: 'groq',
    model: 'llama-3.3-70b-versatile',
    async plain(at, defaultHeaders) {
      const sdk = new Groq({ apiKey, baseURL: `${at}/groq`, defaultHeaders, maxRetries: 0 });
      const { choices, usage } = await sdk.chat.completions.create({ model: this.model, messages: MESSAGES });
      return {
        text: choices[0]?.message.content ?? '',
        input: usage?.prompt_tokens,
        output: usage?.completion_tokens,
        finish: choices[0]?.finish_reason,
      };
    },
    async stream(at, defaultHeaders) {
      const sdk = new Groq({ apiKey, baseURL: `${at}/groq`, defaultHeaders, maxRetries: 0 });
      const chunks = await all(await sdk.chat.completions.create({ model: this.model, messages: MESSAGES, stream: true }));
      const last = chunks.findLast((chunk) => chunk.x_groq?.usage);
      const usage = last?.x_groq?.usage;
      return {
        text: joined(chunks.map((chunk) => chunk.choices[0]?.delta.content)),
        input: usage?.prompt_tokens,
        output: usage?.completion_tokens,
        finish: last?.choices[0]?.finish_reason,
      };
    },
  },
  '@aws-sdk/client-bedrock-runtime': {
    provider: 'aws.bedrock',
    model: toBedrock.modelId,
    async plain(at, headers) {
      const { output, usage, stopReason } = await bedrock(at, headers).send(new ConverseCommand(toBedrock));
      return {
        text: output?.message?.content?.[0]?.text ?? '',
        input: usage?.inputTokens,
        output: usage?.outputTokens,
        finish: stopReason,
      };
    },
    async stream(at, headers) {
      const { stream = [] } = await bedrock(at, headers).send(new ConverseStreamCommand(toBedrock));
      const events = [];
      for await (const event of stream) events.push(event);
      const usage = events.at(-1)?.metadata?.usage;
      const finish = events.find((event) => event.messageStop)?.messageStop?.stopReason;
      return {
        text: joined(events.map((event) => event.contentBlockDelta?.delta?.text)),
        input: usage?.inputTokens,
        output: usage?.outputTokens,
        finish,
      };
    },
  },
  ollama: {
    provider: 'ollama',
    model: 'llama3.2',
    async plain(at, headers) {
      const answer = await new Ollama({ host: `${at}/ollama`, headers }).chat({ model: this.model, messages: MESSAGES });
      return { text: answer.message.content, input: answer.prompt_eval_count, output: answer.eval_count, finish: answer.done_reason };
    },
    async stream(at, headers) {
      const parts = await all(
        await new Ollama({ host: `${at}/ollama`, headers }).chat({ model: this.model, messages: MESSAGES, stream: true }),
      );
      const last = parts.at(-1);
      return {
        text: joined(parts.map((part) => part.message.content)),
        input: last?.prompt_eval_count,
        output: last?.eval_count,
        finish: last?.done_reason,
      };
    },
  },
  'ai with @ai-sdk/openai (responses)': vercel('openai', 'gpt-4o-mini', { completed: 'stop' }, (at, headers) =>
    createOpenAI({ baseURL: `${at}/openai/v1`, apiKey, headers })('gpt-4o-mini'),
  ),
  'ai with @ai-sdk/openai (chat)': vercel('openai', 'gpt-4o-mini', {}, (at, headers) =>
    createOpenAI({ baseURL: `${at}/openai/v1`, apiKey, headers }).chat('gpt-4o-mini'),
  ),
  'ai with @ai-sdk/anthropic': vercel('anthropic', 'claude-haiku-4-5', { end_turn: 'stop' }, (at, headers) =>
    createAnthropic({ baseURL: `${at}/anthropic/v1`, apiKey, headers })('claude-haiku-4-5'),
  ),
  'ai with @ai-sdk/google': vercel('gcp.gemini', 'gemini-2.5-flash-lite', { STOP: 'stop' }, (at, headers) =>
    createGoogle({ baseURL: `${at}/gemini/v1beta`, apiKey, headers })('gemini-2.5-flash-lite'),
  ),
  '@langchain/openai': {
    provider: 'openai',
    model: 'gpt-4o-mini',
    async plain(at, defaultHeaders) {
      const model = new ChatOpenAI({
        model: this.model,
        apiKey,
        maxRetries: 0,
        configuration: { baseURL: `${at}/openai/v1`, defaultHeaders },
      });
      const { text, usage_metadata, response_metadata } = await model.invoke(PROMPT);
      const usage = langchainUsage(usage_metadata);
      return { text, input: usage?.input_tokens, output: usage?.output_tokens, finish: String(response_metadata['finish_reason']) };
    },
    async stream(at, defaultHeaders) {
      const model = new ChatOpenAI({
        model: this.model,
        apiKey,
        maxRetries: 0,
        configuration: { baseURL: `${at}/openai/v1`, defaultHeaders },
      });
      const chunks = await all(await model.stream(PROMPT));
      const usage = langchainUsage(chunks.findLast((chunk) => chunk.usage_metadata)?.usage_metadata);
      return { text: joined(chunks.map((chunk) => chunk.text)), input: usage?.input_tokens, output: usage?.output_tokens };
    },
  },
};

function toldByAnthropic({ content, usage, stop_reason }: Anthropic.Message): Told {
  const text = joined(content.map((block) => (block.type === 'text' ? block.text : '')));
  return { text, input: usage.input_tokens, output: usage.output_tokens, finish: stop_reason };
}

const CASES = Object.keys(SDKS).flatMap((name) => [[name, 'plain'] as const, [name, 'stream'] as const]);

test.each(CASES)('%s, %s: the call works, and the row says what the SDK says', async (name, way) => {
  const sdk = SDKS[name] as Sdk;
  const id = `${name.replace(/[^a-z]+/g, '-')}-${way}`;
  const told = await sdk[way](glassway.proxyUrl, { 'x-glassway-project': 'matrix', 'x-glassway-request-id': id });
  expect(told.text.length).toBeGreaterThan(0);
  expect(told.input).toBeGreaterThan(0);
  expect(told.output).toBeGreaterThan(0);
  const [row] = await glassway.rows(`SELECT * FROM calls WHERE id = '${id}'`, 1);
  expect(row).toMatchObject({
    project: 'matrix',
    provider: sdk.provider,
    operation: 'chat',
    request_model: sdk.model,
    stream: way === 'stream',
    status: 200,
    outcome: 'ok',
    usage_source: 'provider',
    input_tokens: told.input,
    output_tokens: told.output,
    sdk: expect.stringMatching(/./),
  });
  const finish = String(row?.['finish_reason']);
  if (told.finish !== undefined) expect(sdk.finishIs?.[finish] ?? finish).toBe(told.finish);
  else expect(finish).not.toBe('');
});
