/**
 * The mock's Amazon Bedrock: Converse and ConverseStream with bearer keys, as documented at
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html. No I/O.
 */
import { field, list, positiveInteger } from './json.ts';
import { jsonPieces } from './openai-shared.ts';
import { chunksOf, type Reply } from './reply.ts';
import { askFor, ERROR_MESSAGES, type Frame, type MockDialect, type MockEndpoint } from './wire.ts';

const FINISH: Readonly<Record<Reply['finish'], string>> = { stop: 'end_turn', length: 'max_tokens', tool: 'tool_use' };
/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors */
const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'AccessDeniedException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailableException',
};

function metadata(reply: Reply): Record<string, unknown> {
  const { input_tokens, output_tokens } = reply.usage;
  const usage = { inputTokens: input_tokens, outputTokens: output_tokens, totalTokens: input_tokens + output_tokens };
  return { ...(reply.saysUsage ? { usage } : {}), metrics: { latencyMs: Math.round(reply.ttft_ms) } };
}

function* frames(reply: Reply): Generator<Frame> {
  const event = (name: string, data: unknown, tokens = 0): Frame => ({ event: name, data, tokens });
  yield event('messageStart', { role: 'assistant' });
  if (reply.tool === undefined) {
    for (const part of chunksOf(reply.answer, reply.random))
      yield event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: part.text } }, part.tokens);
  } else {
    const { id, name, args } = reply.tool;
    yield event('contentBlockStart', { contentBlockIndex: 0, start: { toolUse: { toolUseId: `tooluse_${id}`, name } } });
    for (const input of jsonPieces(args)) yield event('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input } } }, 2);
  }
  yield event('contentBlockStop', { contentBlockIndex: 0 });
  yield event('messageStop', { stopReason: FINISH[reply.finish] });
  yield { ...event('metadata', metadata(reply)), ...(reply.saysUsage ? { usage: reply.usage } : {}) };
}

function converse(action: string, stream: boolean): Omit<MockEndpoint, 'streaming'> {
  return {
    method: 'POST',
    path: new RegExp(`^/model/(.+)/${action}$`),
    operation: 'chat',
    read: (request) => {
      const { body, match } = request;
      if (list(field(body, 'messages')).length === 0) return { problem: 'A conversation must start with a user message.' };
      const tools = list(field(body, 'toolConfig', 'tools')).map((tool) => ({
        name: String(field(tool, 'toolSpec', 'name')),
        schema: field(tool, 'toolSpec', 'inputSchema', 'json'),
      }));
      const outputTokensMax = positiveInteger(field(body, 'inferenceConfig', 'maxTokens'));
      return askFor(request, { model: decodeURIComponent(match[1] ?? ''), stream, outputTokensMax, tools, thinking: 'off' });
    },
    whole: (_request, _ask, reply) => {
      const { tool } = reply;
      const content = tool
        ? { toolUse: { toolUseId: `tooluse_${tool.id}`, name: tool.name, input: tool.args } }
        : { text: reply.answer.join('') };
      const output = { message: { role: 'assistant', content: [content] } };
      return { body: { output, stopReason: FINISH[reply.finish], ...metadata(reply) }, usage: reply.saysUsage ? reply.usage : undefined };
    },
  };
}

export const BEDROCK: MockDialect = {
  name: 'bedrock',
  endpoints: [
    converse('converse', false),
    {
      ...converse('converse-stream', true),
      streaming: {
        framing: () => 'aws-event-stream',
        frames: (_request, _ask, reply) => frames(reply),
        failure: () => [{ event: 'internalServerException', data: { message: ERROR_MESSAGES[500] ?? '' }, tokens: 0 }],
      },
    },
  ],
  credentialHeaders: ['authorization'],
  headers: (requestId) => ({ 'x-amzn-requestid': requestId }),
  error: (status, message) => ({
    status: status === 529 ? 503 : status,
    body: { __type: ERROR_TYPES[status] ?? 'InternalServerException', message },
  }),
};
