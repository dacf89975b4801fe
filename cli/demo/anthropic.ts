/**
 * The mock's Anthropic: messages (whole and streamed, with thinking and tools), token counts and models, as
 * documented at https://docs.anthropic.com/en/api/messages and /en/docs/build-with-claude/streaming. No I/O.
 */
import { field, isObject, list, positiveInteger, text } from './json.ts';
import { MOCK_MODELS } from './models.ts';
import { jsonPieces } from './openai-shared.ts';
import { type Ask, chunksOf, type MockUsage, type Reply, type Tool } from './reply.ts';
import {
  askFor,
  type BadRequest,
  ERROR_MESSAGES,
  estimateInputTokens,
  type Frame,
  freeEndpoint,
  type MockDialect,
  type MockEndpoint,
  type MockRequest,
} from './wire.ts';

/** https://docs.anthropic.com/en/api/errors */
const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};
const STOP_REASONS = { stop: 'end_turn', length: 'max_tokens', tool: 'tool_use' } as const;

function readMessages(request: MockRequest): Ask | BadRequest {
  const { body } = request;
  const model = text(field(body, 'model'));
  const messages = list(field(body, 'messages'));
  const outputTokensMax = positiveInteger(field(body, 'max_tokens'));
  if (model === '') return { problem: 'model: Field required' };
  if (outputTokensMax === undefined) return { problem: 'max_tokens: want a whole number above zero' };
  if (messages.length === 0) return { problem: 'messages: at least one message is required' };
  const thinking = field(body, 'thinking', 'type');
  return askFor(request, {
    model,
    stream: field(body, 'stream') === true,
    outputTokensMax,
    ...readTools(body),
    afterToolResult: list(field(messages.at(-1), 'content')).some((block) => field(block, 'type') === 'tool_result'),
    schema: field(body, 'output_config', 'format', 'schema'),
    thinking: thinking === 'enabled' || thinking === 'adaptive' ? 'on' : 'off',
    caching: readCaching(body),
  });
}

function readTools(body: unknown): { toolChoice: Ask['toolChoice']; tools: readonly Tool[] } {
  const tools = list(field(body, 'tools')).flatMap((tool) => {
    const schema = field(tool, 'input_schema');
    // Server tools have no schema; the mock does not run them.
    return isObject(schema) ? [{ name: text(field(tool, 'name')), schema }] : [];
  });
  const choice = field(body, 'tool_choice', 'type');
  if (choice === 'none') return { toolChoice: 'none', tools };
  if (choice === 'any') return { toolChoice: 'required', tools };
  const name = text(field(body, 'tool_choice', 'name'));
  return choice === 'tool' ? { toolChoice: 'required', tools: tools.filter((tool) => tool.name === name) } : { toolChoice: 'auto', tools };
}

/** Marks may stand on the request itself, its tools, the system prompt's blocks and messages' blocks. */
function readCaching(body: unknown): Ask['caching'] {
  const blocks = list(field(body, 'messages')).flatMap((message) => list(field(message, 'content')));
  const marks = [body, ...list(field(body, 'tools')), ...list(field(body, 'system')), ...blocks].map((block) =>
    field(block, 'cache_control'),
  );
  const set = marks.filter((mark) => isObject(mark));
  if (set.length === 0) return 'none';
  return set.some((mark) => field(mark, 'ttl') === '1h') ? '1h' : '5m';
}

/** `input_tokens` leaves out what was read from or written to the cache: the three add up to the total. */
function messagesUsage(usage: MockUsage): Record<string, unknown> {
  return {
    input_tokens: usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens,
    cache_creation_input_tokens: usage.cache_write_tokens,
    cache_read_input_tokens: usage.cache_read_tokens,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cache_write_tokens - usage.cache_write_1h_tokens,
      ephemeral_1h_input_tokens: usage.cache_write_1h_tokens,
    },
    output_tokens: usage.output_tokens,
    ...(usage.reasoning_tokens > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoning_tokens } } : {}),
    service_tier: 'standard',
  };
}

function message(reply: Reply, content: readonly unknown[], ended: boolean, usage: MockUsage): Record<string, unknown> {
  return {
    id: `msg_01${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content,
    stop_reason: ended ? STOP_REASONS[reply.finish] : null,
    stop_sequence: null,
    ...(reply.saysUsage ? { usage: messagesUsage(usage) } : {}),
  };
}

const signatureOf = (reply: Reply): string => Buffer.from(`demo-signature-${reply.id}`).toString('base64');
const toolBlock = (tool: NonNullable<Reply['tool']>, input: unknown) => ({
  type: 'tool_use',
  id: `toolu_01${tool.id}`,
  name: tool.name,
  input,
});

const MESSAGES: MockEndpoint = {
  method: 'POST',
  path: /^\/v1\/messages$/,
  operation: 'chat',
  read: readMessages,
  whole: (_request, _ask, reply) => {
    const content = [
      ...(reply.thinking.length > 0 ? [{ type: 'thinking', thinking: reply.thinking.join(''), signature: signatureOf(reply) }] : []),
      reply.tool === undefined ? { type: 'text', text: reply.answer.join('') } : toolBlock(reply.tool, reply.tool.args),
    ];
    return { body: message(reply, content, true, reply.usage), usage: reply.saysUsage ? reply.usage : undefined };
  },
  streaming: {
    framing: () => 'named-sse',
    frames: messageFrames,
    failure: () => [named({ type: 'error', error: { type: 'overloaded_error', message: ERROR_MESSAGES[529] ?? '' } })],
  },
};

function named(data: { readonly type: string; readonly [key: string]: unknown }, tokens = 0): Frame {
  return { event: data.type, data, tokens };
}

function* messageFrames(_request: MockRequest, _ask: Ask, reply: Reply): Generator<Frame> {
  const opening = { ...reply.usage, output_tokens: 1, reasoning_tokens: 0 };
  const start = named({ type: 'message_start', message: message(reply, [], false, opening) });
  yield reply.saysUsage ? { ...start, usage: opening } : start;
  let index = 0;
  if (reply.thinking.length > 0) yield* thinkingFrames(reply, index++);
  else yield named({ type: 'ping' });
  yield* reply.tool === undefined ? textFrames(reply, index) : toolFrames(reply, reply.tool, index);
  const delta = { stop_reason: STOP_REASONS[reply.finish], stop_sequence: null };
  // The counts of message_delta are cumulative; the input's are repeated in it.
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, output_tokens_details } = messagesUsage(
    reply.usage,
  );
  const usage = { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, output_tokens_details };
  const end = named({ type: 'message_delta', delta, usage: reply.saysUsage ? usage : { output_tokens: null } });
  yield reply.saysUsage ? { ...end, usage: reply.usage } : end;
  yield named({ type: 'message_stop' });
}

function* thinkingFrames(reply: Reply, index: number): Generator<Frame> {
  yield named({ type: 'content_block_start', index, content_block: { type: 'thinking', thinking: '', signature: '' } });
  yield named({ type: 'ping' });
  for (const part of chunksOf(reply.thinking, reply.random)) {
    yield named({ type: 'content_block_delta', index, delta: { type: 'thinking_delta', thinking: part.text } }, part.tokens);
  }
  yield named({ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: signatureOf(reply) } });
  yield named({ type: 'content_block_stop', index });
}

function* textFrames(reply: Reply, index: number): Generator<Frame> {
  yield named({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } });
  for (const part of chunksOf(reply.answer, reply.random)) {
    yield named({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: part.text } }, part.tokens);
  }
  yield named({ type: 'content_block_stop', index });
}

function* toolFrames(_reply: Reply, tool: NonNullable<Reply['tool']>, index: number): Generator<Frame> {
  yield named({ type: 'content_block_start', index, content_block: toolBlock(tool, {}) });
  for (const partial_json of ['', ...jsonPieces(tool.args)]) {
    yield named({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json } }, 2);
  }
  yield named({ type: 'content_block_stop', index });
}

const modelObject = (id: string) => ({ type: 'model', id, display_name: id, created_at: '2025-09-29T00:00:00Z' });

export const ANTHROPIC: MockDialect = {
  name: 'anthropic',
  credentialHeaders: ['x-api-key', 'authorization'],
  endpoints: [
    MESSAGES,
    freeEndpoint('POST', /^\/v1\/messages\/count_tokens$/, 'other', ({ bodyBytes }) => ({ input_tokens: estimateInputTokens(bodyBytes) })),
    freeEndpoint('GET', /^\/v1\/models$/, 'other', () => {
      const data = MOCK_MODELS.filter((entry) => entry.dialect === 'anthropic').map((entry) => modelObject(entry.answersAs));
      return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    }),
    freeEndpoint('GET', /^\/v1\/models\/([^/]+)$/, 'other', ({ match }) => modelObject(match[1] ?? '')),
  ],
  // https://docs.anthropic.com/en/api/rate-limits#response-headers
  headers: (requestId, ask) => ({
    'request-id': `req_01${requestId}`,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': '3999',
    'anthropic-ratelimit-requests-reset': new Date(Date.now() + 1000).toISOString(),
    'anthropic-ratelimit-tokens-limit': '2000000',
    'anthropic-ratelimit-tokens-remaining': String(Math.max(0, 2_000_000 - (ask?.input_tokens ?? 0))),
    'anthropic-ratelimit-tokens-reset': new Date(Date.now() + 1000).toISOString(),
  }),
  error: (status, text, requestId) => ({
    status,
    body: { type: 'error', error: { type: ERROR_TYPES[status] ?? 'api_error', message: text }, request_id: `req_01${requestId}` },
  }),
};
