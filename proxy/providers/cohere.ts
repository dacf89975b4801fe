/**
 * Cohere's own API, v2 (SSE) and v1 (newline-delimited JSON): chat, embeddings, rerank. Of its two counts,
 * `tokens` is what the model read and wrote, `billed_units` what is charged; the former is the usage, and
 * the latter where there is no other.
 * https://docs.cohere.com/v2/reference/chat
 */
import type { GatewayError } from '../../contract/errors.ts';
import { OPENAI_ENDPOINTS } from './openai.ts';
import type { ContentKind, Dialect, Endpoint, ParameterFields, Reading, StreamEvent, TextFields } from './provider.ts';
import {
  count,
  endpointsOf,
  fields,
  firstCount,
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

const CONTENT_EVENTS: ReadonlySet<string> = new Set([
  // v2
  'content-delta',
  'tool-plan-delta',
  'tool-call-start',
  'tool-call-delta',
  // v1
  'text-generation',
  'tool-calls-chunk',
  'tool-calls-generation',
]);

function readUsage(reading: Reading, raw: unknown, outputDefault: number | null): void {
  if (!isFields(raw)) return;
  const tokens = fields(raw['tokens']);
  const billed = fields(raw['billed_units']);
  const input = firstCount(tokens['input_tokens'], billed['input_tokens']);
  const usage = usageOf({
    input_tokens: input,
    output_tokens: firstCount(tokens['output_tokens'], billed['output_tokens']) ?? (input === null ? null : outputDefault),
    cache_read_tokens: count(raw['cached_tokens']),
  });
  setUsage(reading, usage, raw);
  // Searches and images are charged too, without any tokens.
  reading.usage_raw ??= isFields(raw['billed_units']) ? raw : null;
}

function readChat(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'model', response['model']);
  setText(reading, 'id', response['generation_id']);
  setText(reading, 'id', response['response_id']);
  setText(reading, 'id', response['id']);
  setText(reading, 'finish_reason', response['finish_reason']);
  readUsage(reading, response['usage'] ?? response['meta'], null);
}

function readInputOnly(body: unknown, reading: Reading): void {
  readUsage(reading, fields(body)['usage'] ?? fields(body)['meta'], 0);
}

function fold(reading: Reading, event: StreamEvent): ContentKind | undefined {
  const data = fields(event.data);
  const type = text(data['type']) || text(data['event_type']) || event.event;
  if (type === 'message-start') setText(reading, 'id', data['id']);
  if (type === 'message-end' || type === 'stream-end') {
    readChat(data['response'], reading);
    readChat(data['delta'], reading);
    setText(reading, 'finish_reason', data['finish_reason']);
    const error = fields(data['delta'])['error'];
    if (error !== undefined && error !== null) reading.error = readErrorBody({ error }) ?? null;
    reading.ended = true;
  }
  if (type === 'error' || (type === '' && typeof data['message'] === 'string')) reading.error = readErrorBody(data) ?? null;
  if (!CONTENT_EVENTS.has(type)) return undefined;
  const content = fields(fields(fields(data['delta'])['message'])['content']);
  if (text(content['thinking']) !== '') return 'reasoning';
  return content['text'] === '' || data['text'] === '' ? undefined : 'answer';
}

const CHAT_TEXTS: TextFields = {
  request: ['preamble', 'chat_history', 'message', 'messages', 'documents', 'tool_results', 'prompt'],
  tools: ['tools'],
  schemas: ['response_format'],
  messages: 'messages',
  elsewhere: ['conversation_id'],
  response: ['message', 'text', 'tool_calls'],
  event: ['delta', 'text', 'tool_call_delta'],
};
const CHAT_PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['temperature'],
    top_p: ['p'],
    top_k: ['k'],
    max_tokens: ['max_tokens'],
    seed: ['seed'],
    frequency_penalty: ['frequency_penalty'],
    presence_penalty: ['presence_penalty'],
    choice_count: ['num_generations'],
  },
  words: { output_type: ['response_format.type'] },
};
const EMBEDDING_PARAMETERS: ParameterFields = {
  numbers: { dimensions: ['output_dimension'] },
  words: { encoding_formats: ['embedding_types'] },
};
const EMBEDDING_TEXTS: TextFields = { request: ['texts', 'inputs', 'images'], response: [], event: [] };

const untold: Omit<Endpoint, 'method' | 'path' | 'operation'> = { framing: 'sse', request: requestFacts, response: readChat, fold };
const chat: Omit<Endpoint, 'method' | 'path' | 'operation'> = { ...untold, texts: CHAT_TEXTS, parameters: CHAT_PARAMETERS };
const inputOnly: Omit<Endpoint, 'method' | 'path' | 'operation'> = { ...untold, response: readInputOnly };

export const cohere: Dialect = {
  name: 'cohere',
  endpoints: [
    ...endpointsOf(chat, [[/\/v2\/chat\/?$/, 'chat']]),
    ...endpointsOf({ ...chat, framing: 'ndjson' }, [
      [/\/v1\/chat\/?$/, 'chat'],
      [/\/generate\/?$/, 'text_completion'],
    ]),
    ...endpointsOf({ ...inputOnly, texts: EMBEDDING_TEXTS, parameters: EMBEDDING_PARAMETERS }, [[/\/v[12]\/embed\/?$/, 'embeddings']]),
    ...endpointsOf(inputOnly, [
      [/\/v[12]\/rerank\/?$/, 'rerank'],
      [/\/v1\/classify\/?$/, 'classification'],
    ]),
    plainEndpoint('POST', /\/tokenize\/?$/, 'count_tokens'),
    // https://docs.cohere.com/docs/compatibility-api
    ...OPENAI_ENDPOINTS,
    plainEndpoint('GET', /\/models(?:\/[^/]+)?\/?$/, 'list_models'),
  ],
  error: readErrorBody,
  /** https://docs.cohere.com/reference/errors knows `message` only; `type` is ours. */
  errorBody: (error: GatewayError) => ({ message: error.message, type: error.type }),
};

/** The shape of Cohere's models on other clouds, where a body carries no usage. */
export function readCohereText(body: unknown, reading: Reading): void {
  readChat(body, reading);
  setText(reading, 'finish_reason', fields(list(fields(body)['generations'])[0])['finish_reason']);
}
