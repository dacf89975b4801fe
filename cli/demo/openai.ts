/**
 * The mock's OpenAI: chat completions, completions, embeddings and models, whole and streamed, as documented
 * at https://platform.openai.com/docs/api-reference; the Responses API is in openai-responses.ts. No I/O.
 */
import { field, list, positiveInteger, text } from './json.ts';
import { MOCK_MODELS } from './models.ts';
import { EMBEDDINGS } from './openai-embeddings.ts';
import { RESPONSES } from './openai-responses.ts';
import { chatUsage, jsonPieces, openaiError, readSchema, readToolChoice, readTools } from './openai-shared.ts';
import { type Ask, chunksOf, type Reply } from './reply.ts';
import {
  askFor,
  type BadRequest,
  ERROR_MESSAGES,
  type Frame,
  freeEndpoint,
  type MockDialect,
  type MockEndpoint,
  type MockRequest,
} from './wire.ts';

const CHOICES_MAX = 8;
const DONE: Frame = { data: '[DONE]', tokens: 0 };

function readChat(request: MockRequest): Ask | BadRequest {
  const { body } = request;
  const model = text(field(body, 'model'));
  const messages = list(field(body, 'messages'));
  if (model === '') return { problem: 'you must provide a model parameter' };
  if (messages.length === 0) return { problem: 'messages: want an array with at least one message' };
  return askFor(request, {
    model,
    stream: field(body, 'stream') === true,
    outputTokensMax: positiveInteger(field(body, 'max_completion_tokens')) ?? positiveInteger(field(body, 'max_tokens')),
    ...readToolChoice(body, readTools(body)),
    afterToolResult: field(messages.at(-1), 'role') === 'tool',
    schema: readSchema(field(body, 'response_format')),
    thinking: field(body, 'reasoning_effort') === 'none' ? 'off' : 'model',
    caching: 'automatic',
    choices: Math.min(positiveInteger(field(body, 'n')) ?? 1, CHOICES_MAX),
  });
}

const serverError = (): readonly Frame[] => [{ data: openaiError(500, ERROR_MESSAGES[500] ?? ''), tokens: 0 }];
const chatFinish = (reply: Reply): string => (reply.finish === 'tool' ? 'tool_calls' : reply.finish);

function chatToolCall(reply: Reply): Record<string, unknown> | undefined {
  if (reply.tool === undefined) return undefined;
  return { id: `call_${reply.tool.id}`, type: 'function', function: { name: reply.tool.name, arguments: JSON.stringify(reply.tool.args) } };
}

const CHAT: MockEndpoint = {
  method: 'POST',
  path: /^\/v1\/chat\/completions$/,
  operation: 'chat',
  read: readChat,
  whole: (_request, ask, reply) => {
    const call = chatToolCall(reply);
    const message = {
      role: 'assistant',
      content: call === undefined ? reply.answer.join('') : null,
      ...(call === undefined ? {} : { tool_calls: [call] }),
      refusal: null,
      annotations: [],
    };
    const choices = Array.from({ length: ask.choices }, (_, index) => ({
      index,
      message,
      logprobs: null,
      finish_reason: chatFinish(reply),
    }));
    const usage = reply.saysUsage ? { usage: chatUsage(reply.usage) } : {};
    const head = { id: `chatcmpl-${reply.id}`, object: 'chat.completion', created: reply.created_s, model: reply.model };
    return {
      body: { ...head, choices, ...usage, service_tier: 'default', system_fingerprint: 'fp_demo' },
      usage: reply.saysUsage ? reply.usage : undefined,
    };
  },
  streaming: {
    framing: () => 'sse',
    frames: chatFrames,
    failure: serverError,
  },
};

function* chatFrames(request: MockRequest, ask: Ask, reply: Reply): Generator<Frame> {
  const wantsUsage = field(request.body, 'stream_options', 'include_usage') === true;
  const head = {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion.chunk',
    created: reply.created_s,
    model: reply.model,
    service_tier: 'default',
    system_fingerprint: 'fp_demo',
  };
  const chunk = (index: number, delta: unknown, finish_reason: string | null, tokens: number): Frame => ({
    data: { ...head, choices: [{ index, delta, logprobs: null, finish_reason }], ...(wantsUsage ? { usage: null } : {}) },
    tokens,
  });
  for (let index = 0; index < ask.choices; index++) {
    const thinking = index === 0 ? reply.usage.reasoning_tokens : 0;
    yield* chatChoice(reply, (delta, finish, tokens) => chunk(index, delta, finish, tokens), thinking);
  }
  if (wantsUsage && reply.saysUsage) {
    yield { data: { ...head, choices: [], usage: chatUsage(reply.usage) }, tokens: 0, usage: reply.usage };
  }
  yield DONE;
}

/** Reasoning shows only as a wait before the first chunk: chat completions never stream it. */
function* chatChoice(
  reply: Reply,
  chunk: (delta: unknown, finish: string | null, tokens: number) => Frame,
  thinkingTokens: number,
): Generator<Frame> {
  const call = reply.tool;
  if (call === undefined) {
    yield chunk({ role: 'assistant', content: '', refusal: null }, null, thinkingTokens);
    for (const part of chunksOf(reply.answer, reply.random)) yield chunk({ content: part.text }, null, part.tokens);
  } else {
    const opening = { index: 0, id: `call_${call.id}`, type: 'function', function: { name: call.name, arguments: '' } };
    yield chunk({ role: 'assistant', content: null, tool_calls: [opening], refusal: null }, null, thinkingTokens);
    for (const part of jsonPieces(call.args)) yield chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }, null, 2);
  }
  yield chunk({}, chatFinish(reply), 0);
}

const COMPLETIONS: MockEndpoint = {
  method: 'POST',
  path: /^\/v1\/completions$/,
  operation: 'text_completion',
  read: (request) => {
    const model = text(field(request.body, 'model'));
    if (model === '') return { problem: 'you must provide a model parameter' };
    const choices = Math.min(positiveInteger(field(request.body, 'n')) ?? 1, CHOICES_MAX);
    // The endpoint's documented default for max_tokens is 16.
    const outputTokensMax = positiveInteger(field(request.body, 'max_tokens')) ?? 16;
    return askFor(request, { model, stream: field(request.body, 'stream') === true, outputTokensMax, thinking: 'off', choices });
  },
  whole: (_request, ask, reply) => {
    const choice = { text: reply.answer.join(''), logprobs: null, finish_reason: reply.finish };
    const choices = Array.from({ length: ask.choices }, (_, index) => ({ ...choice, index }));
    return {
      body: { ...completionHead(reply), choices, ...(reply.saysUsage ? { usage: completionUsage(reply) } : {}) },
      usage: reply.saysUsage ? reply.usage : undefined,
    };
  },
  streaming: { framing: () => 'sse', frames: completionFrames, failure: serverError },
};

function* completionFrames(request: MockRequest, ask: Ask, reply: Reply): Generator<Frame> {
  const head = completionHead(reply);
  for (let index = 0; index < ask.choices; index++) {
    for (const part of chunksOf(reply.answer, reply.random)) {
      yield { data: { ...head, choices: [{ text: part.text, index, logprobs: null, finish_reason: null }] }, tokens: part.tokens };
    }
    yield { data: { ...head, choices: [{ text: '', index, logprobs: null, finish_reason: reply.finish }] }, tokens: 0 };
  }
  if (field(request.body, 'stream_options', 'include_usage') === true && reply.saysUsage) {
    yield { data: { ...head, choices: [], usage: completionUsage(reply) }, tokens: 0, usage: reply.usage };
  }
  yield DONE;
}

function completionHead(reply: Reply): Record<string, unknown> {
  return { id: `cmpl-${reply.id}`, object: 'text_completion', created: reply.created_s, model: reply.model };
}

function completionUsage({ usage }: Reply): Record<string, number> {
  const total = usage.input_tokens + usage.output_tokens;
  return { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens, total_tokens: total };
}

const modelObject = (id: string) => ({ id, object: 'model', created: 1_735_689_600, owned_by: 'system' });

export const OPENAI: MockDialect = {
  name: 'openai',
  credentialHeaders: ['authorization'],
  endpoints: [
    CHAT,
    RESPONSES,
    COMPLETIONS,
    EMBEDDINGS,
    freeEndpoint('GET', /^\/v1\/models$/, 'other', () => ({
      object: 'list',
      data: MOCK_MODELS.filter((entry) => entry.dialect === 'openai').map((entry) => modelObject(entry.name)),
    })),
    freeEndpoint('GET', /^\/v1\/models\/([^/]+)$/, 'other', ({ match }) => modelObject(match[1] ?? '')),
  ],
  // https://platform.openai.com/docs/api-reference/debugging-requests and /docs/guides/rate-limits
  headers: (requestId, ask, processing_ms) => ({
    'x-request-id': `req_${requestId}`,
    'openai-organization': 'demo',
    'openai-version': '2020-10-01',
    'openai-processing-ms': String(Math.round(processing_ms)),
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-remaining-tokens': String(Math.max(0, 2_000_000 - (ask?.input_tokens ?? 0))),
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-reset-tokens': '0s',
  }),
  // OpenAI has no 529 of its own.
  error: (status, message) => ({ status: status === 529 ? 503 : status, body: openaiError(status, message) }),
};
