/**
 * The mock's Cohere: chat of its v2 API, whole and streamed, as documented at
 * https://docs.cohere.com/v2/reference/chat and …/chat-stream. No I/O.
 */
import { field, list, positiveInteger, text } from './json.ts';
import { jsonPieces, readTools } from './openai-shared.ts';
import { chunksOf, type Reply } from './reply.ts';
import { askFor, ERROR_MESSAGES, type Frame, type MockDialect, type MockEndpoint } from './wire.ts';

const FINISH: Readonly<Record<Reply['finish'], string>> = { stop: 'COMPLETE', length: 'MAX_TOKENS', tool: 'TOOL_CALL' };

function usageOf({ usage }: Reply): Record<string, unknown> {
  const { input_tokens, output_tokens } = usage;
  return { billed_units: { input_tokens, output_tokens }, tokens: { input_tokens, output_tokens } };
}

const event = (type: string, data: Record<string, unknown>, tokens = 0): Frame => ({ event: type, data: { type, ...data }, tokens });

function* frames(reply: Reply): Generator<Frame> {
  yield event('message-start', {
    id: reply.id,
    delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } },
  });
  if (reply.tool === undefined) {
    yield event('content-start', { index: 0, delta: { message: { content: { type: 'text', text: '' } } } });
    for (const part of chunksOf(reply.answer, reply.random))
      yield event('content-delta', { index: 0, delta: { message: { content: { text: part.text } } } }, part.tokens);
    yield event('content-end', { index: 0 });
  } else {
    const { id, name, args } = reply.tool;
    const opening = { id, type: 'function', function: { name, arguments: '' } };
    yield event('tool-call-start', { index: 0, delta: { message: { tool_calls: opening } } });
    for (const part of jsonPieces(args))
      yield event('tool-call-delta', { index: 0, delta: { message: { tool_calls: { function: { arguments: part } } } } }, 2);
    yield event('tool-call-end', { index: 0 });
  }
  const usage = reply.saysUsage ? { usage: usageOf(reply) } : {};
  yield {
    ...event('message-end', { delta: { finish_reason: FINISH[reply.finish], ...usage } }),
    ...(reply.saysUsage ? { usage: reply.usage } : {}),
  };
}

const CHAT: MockEndpoint = {
  method: 'POST',
  path: /^\/v2\/chat$/,
  operation: 'chat',
  read: (request) => {
    const { body } = request;
    const model = text(field(body, 'model'));
    if (model === '' || list(field(body, 'messages')).length === 0) return { problem: 'invalid request: model and messages are required' };
    const outputTokensMax = positiveInteger(field(body, 'max_tokens'));
    return askFor(request, { model, stream: field(body, 'stream') === true, outputTokensMax, tools: readTools(body), thinking: 'off' });
  },
  whole: (_request, _ask, reply) => {
    const call = reply.tool && {
      id: reply.tool.id,
      type: 'function',
      function: { name: reply.tool.name, arguments: JSON.stringify(reply.tool.args) },
    };
    const message = {
      role: 'assistant',
      ...(call ? { tool_calls: [call] } : { content: [{ type: 'text', text: reply.answer.join('') }] }),
    };
    const usage = reply.saysUsage ? { usage: usageOf(reply) } : {};
    return {
      body: { id: reply.id, finish_reason: FINISH[reply.finish], message, ...usage },
      usage: reply.saysUsage ? reply.usage : undefined,
    };
  },
  streaming: {
    framing: () => 'named-sse',
    frames: (_request, _ask, reply) => frames(reply),
    failure: () => [event('message-end', { delta: { finish_reason: 'ERROR', error: ERROR_MESSAGES[500] ?? '' } })],
  },
};

export const COHERE: MockDialect = {
  name: 'cohere',
  endpoints: [CHAT],
  credentialHeaders: ['authorization'],
  headers: (requestId) => ({ 'x-debug-trace-id': requestId }),
  error: (status, message) => ({ status: status === 529 ? 503 : status, body: { message } }),
};
