/**
 * LM Studio's own chat: one JSON object, or a stream of typed events whose last one carries that object. Counts stand in
 * `stats`, reasoning as a part of the output. There is no finish reason. Its other paths are OpenAI's and Anthropic's.
 * https://lmstudio.ai/docs/developer/rest/chat and …/rest/streaming-events
 */
import { openai } from './openai.ts';
import type { ContentKind, Dialect, Endpoint, Reading, StreamEvent } from './provider.ts';
import { count, fields, isFields, readErrorBody, requestFacts, setText, setUsage, text, usageOf } from './values.ts';

const CONTENT_EVENTS: Readonly<Record<string, ContentKind>> = {
  'message.delta': 'answer',
  'tool_call.start': 'answer',
  'reasoning.delta': 'reasoning',
};

function readChat(body: unknown, reading: Reading): void {
  const response = fields(body);
  const { stats } = response;
  setText(reading, 'model', response['model_instance_id']);
  setText(reading, 'id', response['response_id']);
  if (isFields(response['error'])) reading.error = readErrorBody(response) ?? null;
  if (!isFields(stats)) return;
  const usage = usageOf({
    input_tokens: count(stats['input_tokens']),
    output_tokens: count(stats['total_output_tokens']),
    reasoning_tokens: count(stats['reasoning_output_tokens']),
  });
  setUsage(reading, usage, stats);
}

function fold(reading: Reading, event: StreamEvent): ContentKind | undefined {
  const data = fields(event.data);
  const type = text(data['type']) || event.event;
  // The first event names the model, the last has the whole response under `result`.
  readChat(data, reading);
  readChat(data['result'], reading);
  if (type === 'chat.end') reading.ended = true;
  return Object.hasOwn(CONTENT_EVENTS, type) && data['content'] !== '' ? CONTENT_EVENTS[type] : undefined;
}

const chat: Endpoint = {
  method: 'POST',
  path: /\/api\/v1\/chat\/?$/,
  operation: 'chat',
  framing: 'sse',
  request: requestFacts,
  response: readChat,
  fold,
  texts: {
    request: ['system_prompt', 'input'],
    elsewhere: ['previous_response_id', 'integrations'],
    response: ['output'],
    event: ['content'],
  },
  parameters: {
    numbers: { temperature: ['temperature'], top_p: ['top_p'], top_k: ['top_k'], max_tokens: ['max_output_tokens'] },
    words: { reasoning_level: ['reasoning'] },
  },
};

export const lmstudio: Dialect = { ...openai, endpoints: [chat, ...openai.endpoints] };
