/**
 * Vendors of the mock that speak OpenAI's format but say a stream's usage unasked, in its last chunk: Mistral
 * as `usage` (https://docs.mistral.ai/api), Groq inside `x_groq` (https://console.groq.com/docs/api-reference).
 */
import { field, isObject, list } from './json.ts';
import { OPENAI } from './openai.ts';
import type { Ask, Reply } from './reply.ts';
import type { Frame, MockDialect, MockEndpoint, MockRequest } from './wire.ts';

type PutUsage = (usage: unknown) => Record<string, unknown>;

/** OpenAI's frames with the usage moved from the extra chunk into the one that says the finish reason. */
function* usageInLast(endpoint: MockEndpoint, request: MockRequest, ask: Ask, reply: Reply, put: PutUsage): Generator<Frame> {
  const asking = { ...request, body: { ...(isObject(request.body) ? request.body : {}), stream_options: { include_usage: true } } };
  let held: Frame | undefined;
  for (const frame of endpoint.streaming?.frames(asking, ask, reply) ?? []) {
    const usage = field(frame.data, 'usage');
    const { usage: _null, ...data } = isObject(frame.data) ? frame.data : {};
    if (held !== undefined && isObject(usage)) {
      yield { ...held, data: { ...(isObject(held.data) ? held.data : {}), ...put(usage) }, usage: reply.usage };
      held = undefined;
      continue;
    }
    if (held !== undefined) yield held;
    const plain = isObject(frame.data) ? { ...frame, data } : frame;
    const isLast = list(field(frame.data, 'choices')).some((choice) => field(choice, 'finish_reason') !== null);
    held = isLast ? plain : undefined;
    if (!isLast) yield plain;
  }
  if (held !== undefined) yield held;
}

function vendor(name: MockDialect['name'], prefix: string, put: PutUsage): MockDialect {
  const endpoints = OPENAI.endpoints.flatMap((endpoint): MockEndpoint[] => {
    if (endpoint.operation !== 'chat' || !endpoint.path.test('/v1/chat/completions')) return [];
    const { streaming } = endpoint;
    return [
      {
        ...endpoint,
        path: new RegExp(`^${prefix}/v1/chat/completions$`),
        ...(streaming && { streaming: { ...streaming, frames: (request, ask, reply) => usageInLast(endpoint, request, ask, reply, put) } }),
      },
    ];
  });
  return { ...OPENAI, name, endpoints };
}

export const MISTRAL = vendor('mistral', '', (usage) => ({ usage }));
export const GROQ = vendor('groq', '/openai', (usage) => ({ x_groq: { id: 'req_mock', usage } }));
