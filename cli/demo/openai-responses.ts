/**
 * The mock's OpenAI Responses API, whole and as the full sequence of its events, as documented at
 * https://platform.openai.com/docs/api-reference/responses and /responses-streaming. No I/O.
 */
import { field, isObject, list, positiveInteger, text } from './json.ts';
import { jsonPieces, readSchema, readToolChoice, readTools } from './openai-shared.ts';
import { type Ask, chunksOf, type MockUsage, type Reply } from './reply.ts';
import { askFor, type BadRequest, ERROR_MESSAGES, type Frame, type MockEndpoint, type MockRequest } from './wire.ts';

type Item = Record<string, unknown>;

function readResponses(request: MockRequest): Ask | BadRequest {
  const { body } = request;
  const model = text(field(body, 'model'));
  const input = field(body, 'input');
  if (model === '') return { problem: 'you must provide a model parameter' };
  if (typeof input !== 'string' && list(input).length === 0) return { problem: 'input: want a text or a list of items' };
  return askFor(request, {
    model,
    stream: field(body, 'stream') === true,
    outputTokensMax: positiveInteger(field(body, 'max_output_tokens')),
    ...readToolChoice(body, readTools(body)),
    afterToolResult: field(list(input).at(-1), 'type') === 'function_call_output',
    schema: readSchema(field(body, 'text', 'format')),
    thinking: field(body, 'reasoning', 'effort') === 'none' ? 'off' : 'model',
    caching: 'automatic',
  });
}

function responsesUsage(usage: MockUsage): Item {
  return {
    input_tokens: usage.input_tokens,
    input_tokens_details: { cached_tokens: usage.cache_read_tokens },
    output_tokens: usage.output_tokens,
    output_tokens_details: { reasoning_tokens: usage.reasoning_tokens },
    total_tokens: usage.input_tokens + usage.output_tokens,
  };
}

/** The response object; the request's own settings are echoed in it, as the API does. */
function responseObject(request: MockRequest, reply: Reply, status: string, output: readonly Item[], extra: Item): Item {
  const { body } = request;
  return {
    id: `resp_${reply.id}`,
    object: 'response',
    created_at: reply.created_s,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: field(body, 'instructions') ?? null,
    max_output_tokens: field(body, 'max_output_tokens') ?? null,
    model: reply.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: field(body, 'previous_response_id') ?? null,
    reasoning: { effort: field(body, 'reasoning', 'effort') ?? null, summary: field(body, 'reasoning', 'summary') ?? null },
    service_tier: 'default',
    store: true,
    temperature: field(body, 'temperature') ?? 1,
    text: { format: field(body, 'text', 'format') ?? { type: 'text' }, verbosity: 'medium' },
    tool_choice: field(body, 'tool_choice') ?? 'auto',
    tools: list(field(body, 'tools')),
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: isObject(field(body, 'metadata')) ? field(body, 'metadata') : {},
    ...extra,
  };
}

function finalResponse(request: MockRequest, reply: Reply): Item {
  const cut = reply.finish === 'length';
  const extra = {
    ...(cut ? { incomplete_details: { reason: 'max_output_tokens' } } : {}),
    ...(reply.saysUsage ? { usage: responsesUsage(reply.usage) } : {}),
  };
  return responseObject(request, reply, cut ? 'incomplete' : 'completed', outputItems(request, reply), extra);
}

function outputItems(request: MockRequest, reply: Reply): Item[] {
  const reasoning = reply.thinking.length > 0 ? [reasoningItem(reply, summaryTokens(request, reply))] : [];
  return [...reasoning, reply.tool === undefined ? messageItem(reply, 'completed') : callItem(reply, 'completed')];
}

/** Reasoning itself stays hidden; a summary of it comes when the request asks. */
function summaryTokens(request: MockRequest, reply: Reply): readonly string[] {
  const wanted = text(field(request.body, 'reasoning', 'summary'));
  return wanted === '' ? [] : reply.thinking.slice(0, 60);
}

function reasoningItem(reply: Reply, summary: readonly string[]): Item {
  return {
    id: `rs_${reply.id}`,
    type: 'reasoning',
    summary: summary.length === 0 ? [] : [{ type: 'summary_text', text: summary.join('') }],
  };
}

const textPart = (content: string): Item => ({ type: 'output_text', annotations: [], logprobs: [], text: content });

function messageItem(reply: Reply, status: 'in_progress' | 'completed'): Item {
  const content = status === 'completed' ? [textPart(reply.answer.join(''))] : [];
  return { id: `msg_${reply.id}`, type: 'message', status, role: 'assistant', content };
}

function callItem(reply: Reply, status: 'in_progress' | 'completed'): Item {
  const args = status === 'completed' ? JSON.stringify(reply.tool?.args) : '';
  const call_id = `call_${reply.tool?.id ?? ''}`;
  return { id: `fc_${reply.id}`, type: 'function_call', status, arguments: args, call_id, name: reply.tool?.name ?? '' };
}

/** An event before it has its number in the sequence. */
type Unnumbered = readonly [type: string, data: Item, tokens: number];

function* responsesFrames(request: MockRequest, _ask: Ask, reply: Reply): Generator<Frame> {
  let sequence_number = 0;
  const frame = ([type, data, tokens]: Unnumbered): Frame => ({
    event: type,
    data: { type, sequence_number: sequence_number++, ...data },
    tokens,
  });
  const opening = responseObject(request, reply, 'in_progress', [], {});
  yield frame(['response.created', { response: opening }, 0]);
  yield frame(['response.in_progress', { response: opening }, 0]);
  let output_index = 0;
  if (reply.thinking.length > 0) for (const event of reasoningEvents(request, reply, output_index++)) yield frame(event);
  for (const event of reply.tool === undefined ? messageEvents(reply, output_index) : callEvents(reply, output_index)) yield frame(event);
  const response = finalResponse(request, reply);
  const last = frame([reply.finish === 'length' ? 'response.incomplete' : 'response.completed', { response }, 0]);
  yield reply.saysUsage ? { ...last, usage: reply.usage } : last;
}

function* reasoningEvents(request: MockRequest, reply: Reply, output_index: number): Generator<Unnumbered> {
  const item_id = `rs_${reply.id}`;
  const summary = summaryTokens(request, reply);
  yield ['response.output_item.added', { output_index, item: reasoningItem(reply, []) }, 0];
  if (summary.length > 0) {
    const at = { item_id, output_index, summary_index: 0 };
    const whole = summary.join('');
    yield ['response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } }, 0];
    for (const part of chunksOf(summary, reply.random))
      yield ['response.reasoning_summary_text.delta', { ...at, delta: part.text }, part.tokens];
    yield ['response.reasoning_summary_text.done', { ...at, text: whole }, 0];
    yield ['response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text: whole } }, 0];
  }
  yield ['response.output_item.done', { output_index, item: reasoningItem(reply, summary) }, reply.thinking.length - summary.length];
}

function* messageEvents(reply: Reply, output_index: number): Generator<Unnumbered> {
  const at = { item_id: `msg_${reply.id}`, output_index, content_index: 0 };
  const whole = reply.answer.join('');
  yield ['response.output_item.added', { output_index, item: messageItem(reply, 'in_progress') }, 0];
  yield ['response.content_part.added', { ...at, part: textPart('') }, 0];
  for (const part of chunksOf(reply.answer, reply.random)) {
    yield ['response.output_text.delta', { ...at, delta: part.text, logprobs: [] }, part.tokens];
  }
  yield ['response.output_text.done', { ...at, text: whole, logprobs: [] }, 0];
  yield ['response.content_part.done', { ...at, part: textPart(whole) }, 0];
  yield ['response.output_item.done', { output_index, item: messageItem(reply, 'completed') }, 0];
}

function* callEvents(reply: Reply, output_index: number): Generator<Unnumbered> {
  const at = { item_id: `fc_${reply.id}`, output_index };
  const args = JSON.stringify(reply.tool?.args);
  yield ['response.output_item.added', { output_index, item: callItem(reply, 'in_progress') }, 0];
  for (const delta of jsonPieces(reply.tool?.args)) yield ['response.function_call_arguments.delta', { ...at, delta }, 2];
  yield ['response.function_call_arguments.done', { ...at, arguments: args }, 0];
  yield ['response.output_item.done', { output_index, item: callItem(reply, 'completed') }, 0];
}

/** The API says a failure twice: as an error event, and as the response's own end. */
function responsesFailure(request: MockRequest, reply: Reply, framesSent: number): readonly Frame[] {
  const problem = { code: 'server_error', message: ERROR_MESSAGES[500] ?? '' };
  const response = responseObject(request, reply, 'failed', [], { error: problem });
  return [
    { event: 'error', data: { type: 'error', sequence_number: framesSent, ...problem, param: null }, tokens: 0 },
    { event: 'response.failed', data: { type: 'response.failed', sequence_number: framesSent + 1, response }, tokens: 0 },
  ];
}

export const RESPONSES: MockEndpoint = {
  method: 'POST',
  path: /^\/v1\/responses$/,
  operation: 'chat',
  read: readResponses,
  whole: (request, _ask, reply) => ({ body: finalResponse(request, reply), usage: reply.saysUsage ? reply.usage : undefined }),
  streaming: { framing: () => 'named-sse', frames: responsesFrames, failure: responsesFailure },
};
