/**
 * The mock's Gemini: generateContent, streamGenerateContent in both framings (SSE with `alt=sse`, else one JSON
 * array), embeddings, token counts and models, as documented at https://ai.google.dev/api/generate-content. No I/O.
 */
import { field, list, positiveInteger, text } from './json.ts';
import { MOCK_MODELS } from './models.ts';
import { embeddingOf } from './openai-embeddings.ts';
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

/** https://ai.google.dev/gemini-api/docs/troubleshooting */
const ERROR_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};
const EMBEDDING_DIMENSIONS = 768;
const EMBEDDING_VALUES_MAX = 1_000_000;

function readGenerate(request: MockRequest, stream: boolean): Ask | BadRequest {
  const { body, match } = request;
  const contents = list(field(body, 'contents'));
  if (contents.length === 0) return { problem: 'contents: want at least one content' };
  const config = field(body, 'generationConfig');
  const json = field(config, 'responseMimeType') === 'application/json';
  const schema = field(config, 'responseJsonSchema') ?? field(config, 'responseSchema') ?? {};
  return askFor(request, {
    model: match[1] ?? '',
    stream,
    outputTokensMax: positiveInteger(field(config, 'maxOutputTokens')),
    ...readTools(body),
    afterToolResult: list(field(contents.at(-1), 'parts')).some((part) => field(part, 'functionResponse') !== undefined),
    schema: json ? schema : undefined,
    thinking: field(config, 'thinkingConfig', 'thinkingBudget') === 0 ? 'off' : 'model',
    caching: 'automatic',
  });
}

function readTools(body: unknown): { toolChoice: Ask['toolChoice']; tools: readonly Tool[] } {
  const declared = list(field(body, 'tools')).flatMap((tool) => list(field(tool, 'functionDeclarations')));
  const tools = declared.flatMap((tool) => {
    const name = text(field(tool, 'name'));
    const schema = field(tool, 'parametersJsonSchema') ?? field(tool, 'parameters_json_schema') ?? field(tool, 'parameters');
    return name === '' ? [] : [{ name, schema }];
  });
  const mode = field(body, 'toolConfig', 'functionCallingConfig', 'mode');
  const allowed = list(field(body, 'toolConfig', 'functionCallingConfig', 'allowedFunctionNames'));
  if (mode === 'NONE') return { toolChoice: 'none', tools };
  const left = allowed.length === 0 ? tools : tools.filter((tool) => allowed.includes(tool.name));
  return { toolChoice: mode === 'ANY' ? 'required' : 'auto', tools: left };
}

/** `candidatesTokenCount` leaves out thinking: the two add up to the output. */
function usageMetadata(usage: MockUsage): Record<string, unknown> {
  return {
    promptTokenCount: usage.input_tokens,
    candidatesTokenCount: usage.output_tokens - usage.reasoning_tokens,
    totalTokenCount: usage.input_tokens + usage.output_tokens,
    ...(usage.cache_read_tokens > 0
      ? {
          cachedContentTokenCount: usage.cache_read_tokens,
          cacheTokensDetails: [{ modality: 'TEXT', tokenCount: usage.cache_read_tokens }],
        }
      : {}),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: usage.input_tokens }],
    ...(usage.reasoning_tokens > 0 ? { thoughtsTokenCount: usage.reasoning_tokens } : {}),
  };
}

function answer(reply: Reply, parts: readonly unknown[], ended: boolean, usage: MockUsage): Record<string, unknown> {
  const finish = ended ? { finishReason: reply.finish === 'length' ? 'MAX_TOKENS' : 'STOP' } : {};
  return {
    candidates: [{ content: { parts, role: 'model' }, ...finish, index: 0 }],
    ...(reply.saysUsage ? { usageMetadata: usageMetadata(usage) } : {}),
    modelVersion: reply.model,
    responseId: reply.id,
  };
}

/** Thoughts are shown only to requests that ask; they are counted all the same. */
const showsThoughts = (request: MockRequest): boolean =>
  field(request.body, 'generationConfig', 'thinkingConfig', 'includeThoughts') === true;

function callPart(reply: Reply): unknown[] {
  return reply.tool === undefined ? [] : [{ functionCall: { id: reply.tool.id, name: reply.tool.name, args: reply.tool.args } }];
}

const GENERATE: MockEndpoint = {
  method: 'POST',
  path: /^\/v1(?:beta|alpha)?\/models\/([^/:]+):generateContent$/,
  operation: 'chat',
  read: (request) => readGenerate(request, false),
  whole: (request, _ask, reply) => {
    const thoughts = showsThoughts(request) && reply.thinking.length > 0 ? [{ text: reply.thinking.join(''), thought: true }] : [];
    const parts = [...thoughts, ...(reply.tool === undefined ? [{ text: reply.answer.join('') }] : callPart(reply))];
    return { body: answer(reply, parts, true, reply.usage), usage: reply.saysUsage ? reply.usage : undefined };
  },
};

const STREAM_GENERATE: MockEndpoint = {
  method: 'POST',
  path: /^\/v1(?:beta|alpha)?\/models\/([^/:]+):streamGenerateContent$/,
  operation: 'chat',
  read: (request) => readGenerate(request, true),
  whole: GENERATE.whole,
  streaming: {
    framing: ({ query }) => (query.get('alt') === 'sse' ? 'sse-crlf' : 'json-array'),
    frames: generateFrames,
    failure: () => [{ data: errorBody(503, ERROR_MESSAGES[503] ?? ''), tokens: 0 }],
  },
};

function* generateFrames(request: MockRequest, _ask: Ask, reply: Reply): Generator<Frame> {
  const said = { ...reply.usage, output_tokens: 0, reasoning_tokens: 0 };
  const frame = (parts: readonly unknown[], ended: boolean, tokens: number): Frame => {
    const usage = ended ? reply.usage : { ...said };
    return { data: answer(reply, parts, ended, usage), tokens, ...(reply.saysUsage ? { usage } : {}) };
  };
  for (const part of showsThoughts(request) ? chunksOf(reply.thinking, reply.random) : []) {
    said.output_tokens += part.tokens;
    said.reasoning_tokens += part.tokens;
    yield frame([{ text: part.text, thought: true }], false, part.tokens);
  }
  const unseen = reply.usage.reasoning_tokens - said.reasoning_tokens;
  said.output_tokens += unseen;
  said.reasoning_tokens += unseen;
  if (reply.tool !== undefined) {
    yield frame(callPart(reply), true, reply.usage.output_tokens - said.output_tokens + unseen);
    return;
  }
  // Gemini sends few, long chunks; the last one carries the finish reason.
  let waiting = unseen;
  let held: { text: string; tokens: number } | undefined;
  for (const part of joined(chunksOf(reply.answer, reply.random), 6)) {
    if (held !== undefined) {
      said.output_tokens += held.tokens;
      yield frame([{ text: held.text }], false, held.tokens + waiting);
      waiting = 0;
    }
    held = part;
  }
  yield frame([{ text: held?.text ?? '' }], true, (held?.tokens ?? 0) + waiting);
}

function* joined(parts: Iterable<{ text: string; tokens: number }>, each: number): Generator<{ text: string; tokens: number }> {
  let run = { text: '', tokens: 0 };
  let count = 0;
  for (const part of parts) {
    run = { text: run.text + part.text, tokens: run.tokens + part.tokens };
    if (++count % each === 0) {
      yield run;
      run = { text: '', tokens: 0 };
    }
  }
  if (run.tokens > 0) yield run;
}

/** One request alone, or a batch of them, which is what the official SDK sends for one as well. */
function embeddingEndpoint(path: RegExp, batch: boolean): MockEndpoint {
  const contentsOf = (request: MockRequest): readonly unknown[] => (batch ? list(field(request.body, 'requests')) : [request.body]);
  return {
    method: 'POST',
    path,
    operation: 'embeddings',
    read: (request) => {
      const contents = contentsOf(request);
      if (contents.length === 0 || contents.some((entry) => field(entry, 'content') === undefined))
        return { problem: 'content: is required' };
      if (contents.length * EMBEDDING_DIMENSIONS > EMBEDDING_VALUES_MAX) return { problem: 'requests: too many in one batch' };
      return askFor(request, { model: request.match[1] ?? '', thinking: 'off', outputTokensMax: 1 });
    },
    whole: (request) => {
      const embeddings = contentsOf(request).map((entry) => ({
        values: Array.from(embeddingOf(field(entry, 'content'), EMBEDDING_DIMENSIONS)),
      }));
      // The API reports no usage for embeddings.
      return { body: batch ? { embeddings } : { embedding: embeddings[0] }, usage: undefined };
    },
  };
}

function errorBody(status: number, message: string): { error: Record<string, unknown> } {
  const retry = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1s' }];
  return {
    error: { code: status, message, status: ERROR_STATUSES[status] ?? 'UNAVAILABLE', ...(status === 429 ? { details: retry } : {}) },
  };
}

const modelObject = (name: string) => ({ name: `models/${name}`, displayName: name, inputTokenLimit: 1_048_576, outputTokenLimit: 65_536 });

export const GEMINI: MockDialect = {
  name: 'gemini',
  credentialHeaders: ['x-goog-api-key', 'authorization'],
  credentialQuery: 'key',
  endpoints: [
    GENERATE,
    STREAM_GENERATE,
    embeddingEndpoint(/^\/v1(?:beta|alpha)?\/models\/([^/:]+):embedContent$/, false),
    embeddingEndpoint(/^\/v1(?:beta|alpha)?\/models\/([^/:]+):batchEmbedContents$/, true),
    freeEndpoint('POST', /^\/v1(?:beta|alpha)?\/models\/([^/:]+):countTokens$/, 'other', ({ bodyBytes }) => ({
      totalTokens: estimateInputTokens(bodyBytes),
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: estimateInputTokens(bodyBytes) }],
    })),
    freeEndpoint('GET', /^\/v1(?:beta|alpha)?\/models$/, 'other', () => ({
      models: MOCK_MODELS.filter((entry) => entry.dialect === 'gemini').map((entry) => modelObject(entry.name)),
    })),
    freeEndpoint('GET', /^\/v1(?:beta|alpha)?\/models\/([^/:]+)$/, 'other', ({ match }) => modelObject(match[1] ?? '')),
  ],
  headers: (_requestId, _ask, processing_ms) => ({
    'server-timing': `gfet4t7; dur=${Math.round(processing_ms)}`,
    vary: 'Origin, X-Origin, Referer',
    'x-content-type-options': 'nosniff',
  }),
  // Google has no 529 of its own.
  error: (status, message) => ({ status: status === 529 ? 503 : status, body: errorBody(status === 529 ? 503 : status, message) }),
};
