/**
 * OpenAI's Responses API: one JSON object, or a stream of typed events of which those that carry the
 * response object have the facts. The finish reason is the response's status.
 * https://platform.openai.com/docs/api-reference/responses
 */
import { readOpenaiUsage } from './openai-usage.ts';
import type { ContentKind, Endpoint, ParameterFields, Reading, StreamEvent, TextFields } from './provider.ts';
import { fields, isFields, list, plainEndpoint, readErrorBody, requestFacts, setText, text } from './values.ts';

const CONTENT_EVENTS: Readonly<Record<string, ContentKind>> = {
  'response.output_text.delta': 'answer',
  'response.refusal.delta': 'answer',
  'response.function_call_arguments.delta': 'answer',
  'response.custom_tool_call_input.delta': 'answer',
  'response.mcp_call_arguments.delta': 'answer',
  'response.code_interpreter_call_code.delta': 'answer',
  'response.audio.delta': 'answer',
  'response.output_audio.delta': 'answer',
  'response.audio.transcript.delta': 'answer',
  'response.output_audio_transcript.delta': 'answer',
  'response.image_generation_call.partial_image': 'answer',
  'response.reasoning_text.delta': 'reasoning',
  'response.reasoning.delta': 'reasoning',
  'response.reasoning_summary_text.delta': 'reasoning',
};
const END_EVENTS: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
  'response.done',
]);
/** A background response is answered before it is worked on; its usage comes when it is asked for again. */
const UNDONE: ReadonlySet<string> = new Set(['queued', 'in_progress']);
const TELLING = /"(?:response|error)"|^\s*\[DONE\]/;

function readResponse(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'model', response['model']);
  setText(reading, 'id', response['id']);
  setText(reading, 'finish_reason', response['status']);
  setText(reading, 'service_tier', response['service_tier']);
  readOpenaiUsage(reading, response['usage']);
  if (reading.usage_raw !== null && isFields(response['usage'])) reading.usage_raw = { ...response['usage'], ...toolUsage(response) };
  reading.usage_pending = response['background'] === true && UNDONE.has(text(response['status'])) ? 'all' : '';
  if (isFields(response['error'])) reading.error = readErrorBody(response) ?? null;
}

/**
 * What the hosted tools did, which is charged besides tokens: newer answers count it in `tool_usage`, older ones leave it
 * to be counted (only actions of type `search` are charged: https://platform.openai.com/docs/guides/tools-web-search).
 */
function toolUsage(response: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const counted = fields(response['tool_usage']);
  if (Object.values(counted).some((tool) => Object.values(fields(tool)).some((value) => typeof value === 'number' && value > 0)))
    return { tool_usage: counted };
  if (isFields(response['tool_usage'])) return {};
  const searches = list(response['output'])
    .map(fields)
    .filter((item) => item['type'] === 'web_search_call');
  const charged = searches.filter((item) => (text(fields(item['action'])['type']) || 'search') === 'search').length;
  return charged === 0 ? {} : { tool_usage: { web_search: { num_requests: charged } } };
}

function fold(reading: Reading, event: StreamEvent): ContentKind | undefined {
  // Some vendors close with the mark of chat completions.
  if (event.data === '[DONE]') {
    reading.ended = true;
    return undefined;
  }
  const data = fields(event.data);
  const type = text(data['type']) || event.event;
  if (isFields(data['response'])) readResponse(data['response'], reading);
  if (END_EVENTS.has(type)) reading.ended = true;
  // The documented event has code and message at its top; the service also nests them in `error`.
  if (type === 'error' || isFields(data['error'])) reading.error = readErrorBody(data) ?? { type: 'error', message: '' };
  if (type === 'response.output_item.done') return itemContent(text(fields(data['item'])['type']));
  return Object.hasOwn(CONTENT_EVENTS, type) && data['delta'] !== '' ? CONTENT_EVENTS[type] : undefined;
}

/** Items that come whole, such as a tool's call; reasoning and messages have had their deltas. */
function itemContent(type: string): ContentKind | undefined {
  return type.endsWith('_call') ? 'answer' : undefined;
}

const TEXTS: TextFields = {
  request: ['instructions', 'input'],
  tools: ['tools'],
  schemas: ['text'],
  messages: 'input',
  elsewhere: ['previous_response_id', 'conversation', 'prompt', 'preset'],
  response: ['output'],
  event: ['delta'],
};

const PARAMETERS: ParameterFields = {
  numbers: { temperature: ['temperature'], top_p: ['top_p'], max_tokens: ['max_output_tokens'] },
  words: { output_type: ['text.format.type'], service_tier: ['service_tier'], reasoning_level: ['reasoning.effort'] },
};

export const RESPONSES_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    // Perplexity's name for it: https://docs.perplexity.ai/api-reference/agent-post
    path: /\/(?:responses|v1\/agent)\/?$/,
    operation: 'chat',
    framing: 'sse',
    request: requestFacts,
    response: readResponse,
    fold,
    texts: TEXTS,
    parameters: PARAMETERS,
    matters: (event, data) => event === 'error' || TELLING.test(data.toString('latin1')),
  },
  {
    method: 'POST',
    path: /\/responses\/compact\/?$/,
    operation: 'compaction',
    framing: 'sse',
    request: requestFacts,
    response: readResponse,
    fold,
  },
  plainEndpoint('POST', /\/responses\/input_tokens\/?$/, 'count_tokens'),
];
