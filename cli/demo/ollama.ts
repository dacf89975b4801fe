/**
 * The mock's Ollama: its own chat and generate, newline-delimited unless `stream` is false, as documented at
 * https://github.com/ollama/ollama/blob/main/docs/api.md. No I/O.
 */
import { field, list, positiveInteger, text } from './json.ts';
import { chunksOf, type Reply } from './reply.ts';
import { askFor, type Frame, type MockDialect, type MockEndpoint, type MockRequest } from './wire.ts';

const NANOSECONDS = 1e6;

/** How an answer's text is carried: as a message, or as `response`. */
type Carry = (content: string) => Record<string, unknown>;

function line(reply: Reply, carried: Record<string, unknown>): Record<string, unknown> {
  return { model: reply.model, created_at: new Date(reply.created_s * 1_000).toISOString(), ...carried, done: false };
}

function finish(reply: Reply): Record<string, unknown> {
  const { input_tokens, output_tokens } = reply.usage;
  const eval_duration = Math.round(output_tokens * reply.token_ms * NANOSECONDS);
  const prompt_eval_duration = Math.round(reply.ttft_ms * NANOSECONDS);
  return {
    done: true,
    done_reason: reply.finish === 'length' ? 'length' : 'stop',
    total_duration: eval_duration + prompt_eval_duration,
    load_duration: 0,
    ...(reply.saysUsage ? { prompt_eval_count: input_tokens, eval_count: output_tokens } : {}),
    prompt_eval_duration,
    eval_duration,
  };
}

function* frames(reply: Reply, carry: Carry): Generator<Frame> {
  for (const part of chunksOf(reply.answer, reply.random)) yield { data: line(reply, carry(part.text)), tokens: part.tokens };
  yield { data: { ...line(reply, carry('')), ...finish(reply) }, tokens: 0, ...(reply.saysUsage ? { usage: reply.usage } : {}) };
}

function endpoint(path: RegExp, operation: string, carry: Carry, isAsked: (request: MockRequest) => boolean): MockEndpoint {
  return {
    method: 'POST',
    path,
    operation,
    read: (request) => {
      const { body } = request;
      const model = text(field(body, 'model'));
      if (model === '' || !isAsked(request)) return { problem: 'model is required' };
      const outputTokensMax = positiveInteger(field(body, 'options', 'num_predict'));
      return askFor(request, { model, stream: field(body, 'stream') !== false, outputTokensMax, thinking: 'off' });
    },
    whole: (_request, _ask, reply) => ({
      body: { ...line(reply, carry(reply.answer.join(''))), ...finish(reply) },
      usage: reply.saysUsage ? reply.usage : undefined,
    }),
    streaming: {
      framing: () => 'ndjson',
      frames: (_request, _ask, reply) => frames(reply, carry),
      failure: () => [{ data: { error: 'an error was encountered while running the model' }, tokens: 0 }],
    },
  };
}

export const OLLAMA: MockDialect = {
  name: 'ollama',
  endpoints: [
    endpoint(
      /^\/api\/chat$/,
      'chat',
      (content) => ({ message: { role: 'assistant', content } }),
      ({ body }) => list(field(body, 'messages')).length > 0,
    ),
    endpoint(
      /^\/api\/generate$/,
      'text_completion',
      (response) => ({ response }),
      ({ body }) => text(field(body, 'prompt')) !== '',
    ),
  ],
  // A local server asks for none.
  credentialHeaders: [],
  headers: () => ({}),
  error: (status, message) => ({ status, body: { error: message } }),
};
