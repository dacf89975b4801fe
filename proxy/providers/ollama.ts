/**
 * Ollama's own API: newline-delimited JSON unless `stream` is false, counts in the last line; and the
 * OpenAI-compatible paths beside it. A prompt count is absent when the server did not evaluate the prompt.
 * https://github.com/ollama/ollama/blob/main/docs/api.md
 */
import type { GatewayError } from '../../contract/errors.ts';
import { openai } from './openai.ts';
import type { ContentKind, Dialect, Endpoint, ParameterFields, Reading, RequestFacts, StreamEvent, TextFields } from './provider.ts';
import {
  count,
  endpointsOf,
  fields,
  isFields,
  list,
  plainEndpoint,
  readErrorBody,
  requestFacts,
  setText,
  setUsage,
  text,
  usageOf,
} from './values.ts';

const USAGE_FIELDS = ['prompt_eval_count', 'eval_count'] as const;

/** Streaming is the default here. */
function requestStreaming(body: unknown): RequestFacts {
  return { model: requestFacts(body).model, stream: fields(body)['stream'] !== false };
}

function readUsage(reading: Reading, response: Readonly<Record<string, unknown>>, output: number | null): void {
  const raw = Object.fromEntries(USAGE_FIELDS.filter((name) => response[name] !== undefined).map((name) => [name, response[name]]));
  setUsage(reading, usageOf({ input_tokens: count(response['prompt_eval_count']), output_tokens: output }), raw);
}

function readGeneration(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'model', response['model']);
  setText(reading, 'finish_reason', response['done_reason']);
  if (response['done'] === true) {
    reading.ended = true;
    readUsage(reading, response, count(response['eval_count']));
  }
  if (text(response['error']) !== '') reading.error = readErrorBody(response) ?? null;
}

function readEmbedding(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'model', response['model']);
  if (count(response['prompt_eval_count']) !== null) readUsage(reading, response, 0);
}

function fold(reading: Reading, event: StreamEvent): ContentKind | undefined {
  readGeneration(event.data, reading);
  const data = fields(event.data);
  const message = isFields(data['message']) ? data['message'] : data;
  if (text(message['content']) !== '' || text(data['response']) !== '' || list(message['tool_calls']).length > 0) return 'answer';
  return text(message['thinking']) === '' ? undefined : 'reasoning';
}

const CHAT_TEXTS: TextFields = {
  request: ['messages'],
  tools: ['tools'],
  schemas: ['format'],
  messages: 'messages',
  response: ['message'],
  event: ['message'],
};
/** `context` is an earlier conversation as token ids. */
const GENERATE_TEXTS: TextFields = {
  request: ['system', 'prompt', 'suffix'],
  elsewhere: ['context', 'images'],
  response: ['response', 'thinking'],
  event: ['response', 'thinking'],
};
const EMBEDDING_TEXTS: TextFields = { request: ['input', 'prompt'], response: [], event: [] };

const PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['options.temperature'],
    top_p: ['options.top_p'],
    top_k: ['options.top_k'],
    max_tokens: ['options.num_predict'],
    seed: ['options.seed'],
    frequency_penalty: ['options.frequency_penalty'],
    presence_penalty: ['options.presence_penalty'],
    dimensions: ['dimensions'],
  },
  // A schema in `format` is an object, and asks for JSON too; only the word is read.
  words: { output_type: ['format'], reasoning_level: ['think'] },
};

const generation: Omit<Endpoint, 'method' | 'path' | 'operation'> = {
  framing: 'ndjson',
  request: requestStreaming,
  response: readGeneration,
  fold,
  texts: CHAT_TEXTS,
  parameters: PARAMETERS,
};

export const ollama: Dialect = {
  name: 'ollama',
  endpoints: [
    ...endpointsOf(generation, [[/\/api\/chat\/?$/, 'chat']]),
    ...endpointsOf({ ...generation, texts: GENERATE_TEXTS }, [[/\/api\/generate\/?$/, 'text_completion']]),
    ...endpointsOf({ ...generation, texts: EMBEDDING_TEXTS, request: requestFacts, response: readEmbedding }, [
      [/\/api\/embed(?:dings)?\/?$/, 'embeddings'],
    ]),
    plainEndpoint('GET', /\/api\/tags\/?$/, 'list_models'),
    ...openai.endpoints,
  ],
  error: readErrorBody,
  /** Its own errors are `{"error": "…"}`; the OpenAI-compatible paths nest it. One shape serves both readers. */
  errorBody: (error: GatewayError) => ({ error: { message: error.message, type: error.type, param: null, code: error.code } }),
};
