/**
 * Google's Gemini API and, in the same format, Vertex AI: generateContent, its two streams (SSE with
 * `alt=sse`, else one JSON array), embeddings. The model stands in the path. Counts are protobuf, whose
 * JSON leaves zeros out: in a usage object that is there, an absent count is 0.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
import type { GatewayError } from '../../contract/errors.ts';
import { MESSAGES_READER } from './anthropic.ts';
import { INTERACTION_ENDPOINTS } from './gemini-interactions.ts';
import { OPENAI_ENDPOINTS } from './openai.ts';
import type { ContentKind, Dialect, Endpoint, ParameterFields, Reading, RequestFacts, StreamEvent, TextFields } from './provider.ts';
import {
  count,
  decodeSegment,
  type Fields,
  fields,
  isFields,
  list,
  plainEndpoint,
  readErrorBody,
  requestFacts,
  setText,
  setUsage,
  sum,
  text,
  usageOf,
} from './values.ts';

type Reader = Omit<Endpoint, 'method' | 'path' | 'operation'>;

/** Vertex writes enums as numbers when asked to: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/FinishReason */
const FINISH_REASONS = [
  '',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MALFORMED_FUNCTION_CALL',
];

const requestUnary = (_body: unknown, match: RegExpExecArray): RequestFacts => ({
  model: decodeSegment(match.groups?.['model']),
  stream: false,
});
const requestStream = (_body: unknown, match: RegExpExecArray): RequestFacts => ({
  model: decodeSegment(match.groups?.['model']),
  stream: true,
});

/**
 * Vertex sends the traffic type with every chunk of a stream, the counts with the last: without any of these a chunk counts
 * nothing yet, and an answer that is over (a prompt blocked before the model saw it) counts zero.
 */
const TOTALS = ['promptTokenCount', 'candidatesTokenCount', 'responseTokenCount', 'thoughtsTokenCount', 'totalTokenCount'] as const;

function readUsage(reading: Reading, value: unknown): void {
  if (!isFields(value)) return;
  setText(reading, 'service_tier', value['serviceTier'] ?? value['trafficType']);
  const isOver = reading.finish_reason !== '' && reading.usage === null;
  if (!isOver && TOTALS.every((name) => value[name] === undefined)) return;
  const zero = (name: string): number => count(value[name]) ?? 0;
  const thoughts = count(value['thoughtsTokenCount']);
  const toolUse = count(value['toolUsePromptTokenCount']);
  const { promptTokensDetails, toolUsePromptTokensDetails, candidatesTokensDetails } = value;
  const usage = usageOf({
    input_tokens: zero('promptTokenCount') + (toolUse ?? 0),
    output_tokens: zero('candidatesTokenCount') + zero('responseTokenCount') + (thoughts ?? 0),
    cache_read_tokens: count(value['cachedContentTokenCount']),
    reasoning_tokens: thoughts,
    tool_use_tokens: toolUse,
    input_audio_tokens: sum(modality(promptTokensDetails, 'AUDIO'), modality(toolUsePromptTokensDetails, 'AUDIO')),
    input_image_tokens: sum(modality(promptTokensDetails, 'IMAGE'), modality(toolUsePromptTokensDetails, 'IMAGE')),
    output_audio_tokens: modality(candidatesTokensDetails, 'AUDIO'),
  });
  setUsage(reading, usage, value);
}

/** Null when the details do not mention it: they are not always complete. */
function modality(details: unknown, name: string): number | null {
  return sum(...list(details).map((entry) => (fields(entry)['modality'] === name ? count(fields(entry)['tokenCount']) : null)));
}

function readContent(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'model', response['modelVersion']);
  setText(reading, 'id', response['responseId']);
  const candidates = list(response['candidates']);
  // A later chunk of a stream has no finish reason to say again, so the first candidate's last word holds.
  const finishReason = fields(candidates[0])['finishReason'];
  setText(reading, 'finish_reason', typeof finishReason === 'number' ? FINISH_REASONS[finishReason] : finishReason);
  if (candidates.length === 0) setText(reading, 'finish_reason', fields(response['promptFeedback'])['blockReason']);
  readUsage(reading, response['usageMetadata']);
  if (isFields(response['error'])) reading.error = readErrorBody(response) ?? null;
  // There is no end mark; the last chunk is the one that says why it is the last.
  if (reading.finish_reason !== '') reading.ended = true;
}

function foldContent(reading: Reading, event: StreamEvent): ContentKind | undefined {
  readContent(event.data, reading);
  let kind: ContentKind | undefined;
  for (const candidate of list(fields(event.data)['candidates'])) {
    for (const value of list(fields(fields(candidate)['content'])['parts'])) {
      const part = fields(value);
      if (isEmptyPart(part)) continue;
      if (part['thought'] !== true) return 'answer';
      kind = 'reasoning';
    }
  }
  return kind;
}

function isEmptyPart(part: Fields): boolean {
  const names = Object.keys(part).filter((name) => name !== 'thought' && name !== 'thoughtSignature');
  return names.length === 0 || (names.length === 1 && part['text'] === '');
}

/** gemini-embedding models report usage as generateContent does; older ones say nothing. */
function readEmbedding(body: unknown, reading: Reading): void {
  readUsage(reading, fields(body)['usageMetadata']);
}

/** https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api */
function readPrediction(body: unknown, reading: Reading): void {
  const response = fields(body);
  const counts = list(response['predictions']).map((prediction) => {
    return count(fields(fields(fields(prediction)['embeddings'])['statistics'])['token_count']);
  });
  const input = sum(...counts);
  if (input === null) return;
  const raw = { token_count: input, ...(isFields(response['metadata']) ? { metadata: response['metadata'] } : {}) };
  setUsage(reading, usageOf({ input_tokens: input, output_tokens: 0 }), raw);
}

/** What is put into a cache is read as input, and charged as that: https://ai.google.dev/api/caching */
function readCachedContent(body: unknown, reading: Reading): void {
  setText(reading, 'model', lastSegment(fields(body)['model']));
  const raw = fields(body)['usageMetadata'];
  const input = count(fields(raw)['totalTokenCount']);
  if (input !== null) setUsage(reading, usageOf({ input_tokens: input, output_tokens: 0 }), raw);
}

/** `models/gemini-…`, on Vertex the publisher's whole path. */
function lastSegment(name: unknown): string {
  return text(name).slice(text(name).lastIndexOf('/') + 1);
}

const nothing = (): undefined => undefined;
const CONTENT_TEXTS: TextFields = {
  request: ['systemInstruction', 'system_instruction', 'contents'],
  tools: ['tools'],
  elsewhere: ['cachedContent', 'cached_content'],
  response: ['candidates'],
  event: ['candidates'],
};
/** Protobuf's JSON takes either spelling: https://protobuf.dev/programming-guides/json/ */
const configured = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => ['generationConfig', 'generation_config'].map((config) => `${config}.${name}`));
const CONTENT_PARAMETERS: ParameterFields = {
  numbers: {
    temperature: configured('temperature'),
    top_p: configured('topP', 'top_p'),
    top_k: configured('topK', 'top_k'),
    max_tokens: configured('maxOutputTokens', 'max_output_tokens'),
    seed: configured('seed'),
    frequency_penalty: configured('frequencyPenalty', 'frequency_penalty'),
    presence_penalty: configured('presencePenalty', 'presence_penalty'),
    choice_count: configured('candidateCount', 'candidate_count'),
  },
  words: {
    output_type: configured('responseMimeType', 'response_mime_type', 'responseModalities', 'response_modalities'),
    reasoning_level: configured('thinkingConfig.thinkingLevel', 'thinking_config.thinking_level'),
    service_tier: ['serviceTier', 'service_tier'],
  },
};
const EMBEDDING_PARAMETERS: ParameterFields = {
  numbers: { dimensions: ['outputDimensionality', 'output_dimensionality', 'parameters.outputDimensionality'] },
};
const EMBEDDING_TEXTS: TextFields = { request: ['content', 'requests', 'instances', 'text'], response: [], event: [] };
const content: Reader = {
  framing: 'sse',
  request: requestUnary,
  response: readContent,
  fold: foldContent,
  texts: CONTENT_TEXTS,
  parameters: CONTENT_PARAMETERS,
};
const stream: Reader = { ...content, framing: 'json-array', request: requestStream };
const embedding: Reader = {
  framing: 'sse',
  request: requestUnary,
  response: readEmbedding,
  fold: nothing,
  texts: EMBEDDING_TEXTS,
  parameters: EMBEDDING_PARAMETERS,
};
const prediction: Reader = { ...embedding, response: readPrediction };
const modelOnly: Reader = { framing: 'sse', request: requestUnary, response: nothing, fold: nothing };
const cachedContent: Reader = {
  ...modelOnly,
  request: (body) => ({ model: lastSegment(fields(body)['model']), stream: false }),
  response: readCachedContent,
};

/** `models/…`, `tunedModels/…` and, on Vertex, `endpoints/…`. */
const on = (verb: string, model = '[^/:]+'): RegExp => new RegExp(`\\/(?:models|tunedModels|endpoints)\\/(?<model>${model}):${verb}$`);

export const GEMINI_ENDPOINTS: readonly Endpoint[] = (
  [
    [on('generateContent'), 'chat', content],
    [on('streamGenerateContent'), 'chat', stream],
    [on('(?:embedContent|batchEmbedContents|embedText)'), 'embeddings', embedding],
    [on('(?:countTokens|computeTokens)'), 'count_tokens', modelOnly],
    [on('predict', '[^/:]{0,256}(?:embedding|gecko)[^/:]{0,256}'), 'embeddings', prediction],
    [on('predict', '[^/:]{0,256}imagen[^/:]{0,256}'), 'image_generation', modelOnly],
    [on('predictLongRunning', '[^/:]{0,256}veo[^/:]{0,256}'), 'video_generation', modelOnly],
    [on('(?:batchGenerateContent|asyncBatchEmbedContent)'), 'batch', modelOnly],
    [/\/cachedContents$/, 'cached_content', cachedContent],
    [on('[A-Za-z]+'), 'other', { ...modelOnly, response: readContent, fold: foldContent }],
  ] as const
).map(([path, operation, reader]) => ({ ...reader, method: 'POST', path, operation }));

/** Whole models of other publishers in their own format: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude */
const published = (publisher: string, verb: string): RegExp =>
  new RegExp(`\\/publishers\\/${publisher}\\/models\\/(?<model>[^/:]+):${verb}$`);

const requestPublished = (body: unknown, match: RegExpExecArray): RequestFacts => ({
  model: decodeSegment(match.groups?.['model']),
  stream: requestFacts(body).stream,
});
const chatCompletions = OPENAI_ENDPOINTS[0] as Endpoint;

const PUBLISHER_ENDPOINTS: readonly Endpoint[] = [
  { ...modelOnly, method: 'POST', path: /\/publishers\/anthropic\/models\/(?<model>count-tokens):rawPredict$/, operation: 'count_tokens' },
  { ...MESSAGES_READER, request: requestPublished, method: 'POST', path: published('anthropic', 'rawPredict'), operation: 'chat' },
  { ...MESSAGES_READER, request: requestStream, method: 'POST', path: published('anthropic', 'streamRawPredict'), operation: 'chat' },
  { ...chatCompletions, request: requestPublished, path: published('[^/]+', 'rawPredict') },
  { ...chatCompletions, request: requestStream, path: published('[^/]+', 'streamRawPredict') },
];

/**
 * Google's OpenAI-compatible endpoints leave thoughts out of `completion_tokens`; only the total has them.
 * https://ai.google.dev/gemini-api/docs/openai
 */
function withThoughts(endpoint: Endpoint): Endpoint {
  return {
    ...endpoint,
    response(body, reading) {
      endpoint.response(body, reading);
      addThoughts(reading);
    },
    fold(reading, event) {
      const kind = endpoint.fold(reading, event);
      addThoughts(reading);
      return kind;
    },
  };
}

function addThoughts(reading: Reading): void {
  const total = count(fields(reading.usage_raw)['total_tokens']);
  const { usage } = reading;
  if (usage?.input_tokens == null || usage.output_tokens === null || total === null) return;
  const missing = total - usage.input_tokens - usage.output_tokens;
  if (missing <= 0) return;
  reading.usage = { ...usage, output_tokens: usage.output_tokens + missing, reasoning_tokens: usage.reasoning_tokens ?? missing };
}

/** https://cloud.google.com/apis/design/errors#http_mapping; its `status` has a fixed vocabulary, which leaves `reason` for ours. */
export function geminiErrorBody(error: GatewayError): unknown {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: error.type, domain: 'glassway' }];
  return { error: { code: error.status, message: error.message, status: statusName(error.status), type: error.type, details } };
}

const STATUS_NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

function statusName(status: number): string {
  return STATUS_NAMES[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'UNKNOWN');
}

export const gemini: Dialect = {
  name: 'gemini',
  endpoints: [
    ...PUBLISHER_ENDPOINTS,
    ...GEMINI_ENDPOINTS,
    ...INTERACTION_ENDPOINTS,
    ...OPENAI_ENDPOINTS.map(withThoughts),
    plainEndpoint('GET', /\/models(?:\/[^/]+)?\/?$/, 'list_models'),
    plainEndpoint('POST', /\/files\/?$/, 'file_upload'),
  ],
  error: readErrorBody,
  keyHeader: 'x-goog-api-key',
  errorBody: geminiErrorBody,
};
