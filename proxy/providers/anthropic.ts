/**
 * Anthropic's Messages API: one JSON message, or a stream in which usage comes in pieces (message_start,
 * then message_delta with running totals). Input tokens leave out those read from and written to the
 * prompt cache, so the total adds them up.
 * https://docs.claude.com/en/api/messages and …/build-with-claude/streaming
 */
import type { GatewayError } from '../../contract/errors.ts';
import type { ContentKind, Dialect, Endpoint, Reading, StreamEvent, Usage } from './provider.ts';
import {
  amount,
  count,
  type Fields,
  fields,
  isFields,
  list,
  plainEndpoint,
  readErrorBody,
  requestFacts,
  setText,
  setUsage,
  sum,
  text,
  usageOf,
} from './values.ts';

const CONTENT_DELTAS: Readonly<Record<string, ContentKind>> = {
  text_delta: 'answer',
  input_json_delta: 'answer',
  citations_delta: 'answer',
  thinking_delta: 'reasoning',
};
/** Every event but the content's own. */
const TELLING = /"(?:message_|error"|usage"|fallback")/;

function readUsage(reading: Reading, value: unknown): void {
  if (!isFields(value)) return;
  // A later usage repeats what changed; what it leaves out or nulls still holds.
  const raw: Fields = { ...fields(reading.usage_raw), ...Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) };
  // The totals are those of the answer. Steps beside it (`iterations`: an advisor's, a compaction's) stay in `usage_raw`,
  // where pricing finds them: https://platform.claude.com/docs/en/build-with-claude/compaction
  setUsage(reading, countsOf(raw), raw);
  setText(reading, 'service_tier', raw['service_tier']);
  // OpenRouter's messages endpoint adds what it charged.
  const cost = amount(raw['cost']);
  if (cost !== null) reading.cost_usd = cost;
}

function countsOf(raw: Fields): Usage {
  const written = fields(raw['cache_creation']);
  const cacheWrite1h = count(written['ephemeral_1h_input_tokens']);
  const cacheRead = count(raw['cache_read_input_tokens']);
  const cacheWrite = count(raw['cache_creation_input_tokens']) ?? sum(count(written['ephemeral_5m_input_tokens']), cacheWrite1h);
  const input = count(raw['input_tokens']);
  return usageOf({
    input_tokens: input === null ? null : sum(input, cacheRead, cacheWrite),
    output_tokens: count(raw['output_tokens']),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    cache_write_1h_tokens: cacheWrite1h,
    reasoning_tokens: count(fields(raw['output_tokens_details'])['thinking_tokens']),
  });
}

export function readMessage(body: unknown, reading: Reading): void {
  const message = fields(body);
  setText(reading, 'model', message['model']);
  setText(reading, 'id', message['id']);
  setText(reading, 'finish_reason', message['stop_reason']);
  readUsage(reading, message['usage']);
  if (message['type'] === 'error') reading.error = readErrorBody(message) ?? null;
}

export function foldMessage(reading: Reading, event: StreamEvent): ContentKind | undefined {
  const data = fields(event.data);
  switch (text(data['type']) || event.event) {
    case 'message_start':
      readMessage(data['message'], reading);
      reading.usage_pending = 'output';
      return undefined;
    case 'content_block_start':
      return startBlock(reading, fields(data['content_block']));
    case 'content_block_delta':
      return deltaContent(fields(data['delta']));
    case 'message_delta':
      setText(reading, 'finish_reason', fields(data['delta'])['stop_reason']);
      readUsage(reading, data['usage']);
      if (count(fields(data['usage'])['output_tokens']) !== null) reading.usage_pending = '';
      return undefined;
    case 'message_stop':
      reading.ended = true;
      return undefined;
    case 'error':
      reading.error = readErrorBody(data) ?? { type: 'error', message: '' };
      return undefined;
    default:
      return undefined;
  }
}

/** Blocks that come whole, or with their first words. A `fallback` block says that another model goes on from there. */
function startBlock(reading: Reading, block: Fields): ContentKind | undefined {
  if (block['type'] === 'fallback') setText(reading, 'model', fields(block['to'])['model']);
  if (block['type'] === 'redacted_thinking' || text(block['thinking']) !== '') return 'reasoning';
  return text(block['text']) !== '' || list(block['content']).length > 0 ? 'answer' : undefined;
}

function deltaContent(delta: Fields): ContentKind | undefined {
  const type = text(delta['type']);
  const empty = delta['text'] === '' || delta['partial_json'] === '' || delta['thinking'] === '';
  return !empty && Object.hasOwn(CONTENT_DELTAS, type) ? CONTENT_DELTAS[type] : undefined;
}

export function messageMatters(_event: string, data: Buffer): boolean {
  return TELLING.test(data.toString('latin1'));
}

export const MESSAGES_READER = {
  framing: 'sse',
  request: requestFacts,
  response: readMessage,
  fold: foldMessage,
  matters: messageMatters,
  texts: {
    request: ['system', 'messages'],
    tools: ['tools'],
    messages: 'messages',
    elsewhere: ['container'],
    response: ['content'],
    event: ['content_block', 'delta'],
  },
  parameters: {
    numbers: {
      temperature: ['temperature'],
      top_p: ['top_p'],
      top_k: ['top_k'],
      max_tokens: ['max_tokens', 'max_tokens_to_sample'],
    },
    words: {
      service_tier: ['service_tier'],
      output_type: ['output_config.format.type', 'output_format.type'],
      reasoning_level: ['output_config.effort'],
    },
  },
} as const satisfies Partial<Endpoint>;

export const MESSAGES_ENDPOINTS: readonly Endpoint[] = [
  // OpenAI's assistants keep their messages in threads, which is no call of a model.
  { ...MESSAGES_READER, method: 'POST', path: /(?<!\/threads\/[^/]{1,128})\/messages\/?$/, operation: 'chat' },
  plainEndpoint('POST', /\/messages\/count_tokens\/?$/, 'count_tokens'),
  plainEndpoint('POST', /\/messages\/batches\/?$/, 'batch'),
];

/** https://docs.claude.com/en/api/errors */
export function anthropicErrorBody(error: GatewayError): unknown {
  return { type: 'error', error: { type: error.type, message: error.message } };
}

/** The legacy text completions: https://docs.claude.com/en/api/complete */
function readCompletion(body: unknown, reading: Reading): void {
  readMessage(body, reading);
  if (text(fields(body)['stop_reason']) !== '') reading.ended = true;
}

export const ANTHROPIC_LAST_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: /\/complete\/?$/,
    operation: 'text_completion',
    framing: 'sse',
    request: requestFacts,
    response: readCompletion,
    fold(reading, event) {
      readCompletion(event.data, reading);
      return text(fields(event.data)['completion']) === '' ? undefined : 'answer';
    },
    texts: { request: ['prompt'], response: ['completion'], event: ['completion'] },
    parameters: MESSAGES_READER.parameters,
  },
  plainEndpoint('GET', /\/models(?:\/[^/]+)?\/?$/, 'list_models'),
  plainEndpoint('POST', /\/files\/?$/, 'file_upload'),
];

export const anthropic: Dialect = {
  name: 'anthropic',
  endpoints: [...MESSAGES_ENDPOINTS, ...ANTHROPIC_LAST_ENDPOINTS],
  error: readErrorBody,
  keyHeader: 'x-api-key',
  errorBody: anthropicErrorBody,
};
