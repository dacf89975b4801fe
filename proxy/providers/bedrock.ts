/**
 * Amazon Bedrock: Converse and ConverseStream in their own format, InvokeModel in the format of whoever
 * made the model (bedrock-bodies.ts), streams as binary event streams. The model, an ARN or an inference
 * profile stands in the path. Converse's input tokens leave out cached ones, so the total adds them up.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
import type { GatewayError } from '../../contract/errors.ts';
import { MESSAGES_ENDPOINTS } from './anthropic.ts';
import { foldInvoked, readConverseUsage, readInvoked } from './bedrock-bodies.ts';
import { OPENAI_ENDPOINTS, OPENAI_LAST_ENDPOINTS } from './openai.ts';
import type {
  ContentKind,
  Dialect,
  Endpoint,
  HeaderLookup,
  ParameterFields,
  ProviderError,
  Reading,
  RequestFacts,
  StreamEvent,
  TextFields,
} from './provider.ts';
import { count, decodeSegment, type Fields, fields, isFields, plainEndpoint, readErrorBody, setText, text } from './values.ts';

/** AWS names its exceptions without a suffix in the stream and with one in the header. */
const EXCEPTION = /Exception$/i;

function requestOf(stream: boolean): (body: unknown, match: RegExpExecArray) => RequestFacts {
  return (_body, match) => ({ model: decodeSegment(match.groups?.['model']), stream });
}

/** A path that AWS's routing cannot read, such as an ARN with bare slashes, may be answered with status 200 and this. */
function readUnrouted(body: unknown): ProviderError | undefined {
  const output = fields(body)['Output'];
  return fields(output)['__type'] === undefined ? undefined : readErrorBody({ error: output });
}

function readConverse(body: unknown, reading: Reading): void {
  const response = fields(body);
  reading.error = readUnrouted(body) ?? null;
  setText(reading, 'finish_reason', response['stopReason']);
  readConverseMetadata(response, reading);
}

function readConverseMetadata(metadata: Fields, reading: Reading): void {
  readConverseUsage(reading, metadata['usage']);
  setText(reading, 'service_tier', fields(metadata['serviceTier'])['type']);
  setText(reading, 'model', fields(fields(metadata['trace'])['promptRouter'])['invokedModelId']);
}

/** Where a gateway in between has taken off the binary framing, an event's name is the one field of its JSON. */
function named(event: StreamEvent): StreamEvent {
  const [first] = event.event === '' ? Object.entries(fields(event.data)) : [];
  return first ? { event: first[0], data: first[1] } : event;
}

function foldConverse(reading: Reading, unnamed: StreamEvent): ContentKind | undefined {
  const event = named(unnamed);
  if (foldException(reading, event)) return undefined;
  const data = fields(event.data);
  if (event.event === 'messageStop') setText(reading, 'finish_reason', data['stopReason']);
  if (event.event === 'metadata') {
    readConverseMetadata(data, reading);
    reading.ended = true;
  }
  if (event.event !== 'contentBlockDelta') return undefined;
  const delta = fields(data['delta']);
  if (isFields(delta['reasoningContent'])) return 'reasoning';
  return text(delta['text']) !== '' || isFields(delta['toolUse']) || isFields(delta['citation']) ? 'answer' : undefined;
}

/** An exception inside a stream that began with status 200. */
function foldException(reading: Reading, event: StreamEvent): boolean {
  if (!EXCEPTION.test(event.event)) return false;
  reading.error = { type: event.event, message: readErrorBody(event.data)?.message ?? '' };
  return true;
}

function foldInvokeStream(reading: Reading, event: StreamEvent): ContentKind | undefined {
  return foldException(reading, event) ? undefined : foldInvoked(reading, event);
}

function readInvocation(body: unknown, reading: Reading): void {
  readInvoked(body, reading);
  reading.error ??= readUnrouted(body) ?? null;
}

/** InvokeModel also says the counts in headers, for models whose bodies do not. */
function readCountHeaders(header: HeaderLookup, reading: Reading): void {
  const names = ['input', 'output', 'cache-read-input', 'cache-write-input'] as const;
  const [input = null, output = null, cacheRead = null, cacheWrite = null] = names.map((name) =>
    count(header(`x-amzn-bedrock-${name}-token-count`)),
  );
  if (input === null && output === null) return;
  readConverseUsage(reading, {
    inputTokens: input,
    outputTokens: output ?? (input === null ? null : 0),
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
  });
}

const CONVERSE_TEXTS: TextFields = {
  request: ['system', 'messages'],
  tools: ['toolConfig'],
  messages: 'messages',
  response: ['output'],
  event: ['delta', 'start'],
};
const CONVERSE_PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['inferenceConfig.temperature'],
    top_p: ['inferenceConfig.topP'],
    max_tokens: ['inferenceConfig.maxTokens'],
    top_k: ['additionalModelRequestFields.top_k', 'additionalModelRequestFields.inferenceConfig.topK'],
  },
  words: { service_tier: ['serviceTier.type'] },
};
/** Of all makers: their names do not collide. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html */
const INVOKE_PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['temperature', 'inferenceConfig.temperature', 'textGenerationConfig.temperature'],
    top_p: ['top_p', 'p', 'inferenceConfig.topP', 'textGenerationConfig.topP'],
    top_k: ['top_k', 'k', 'inferenceConfig.topK'],
    max_tokens: [
      'max_tokens',
      'max_completion_tokens',
      'max_gen_len',
      'max_tokens_to_sample',
      'inferenceConfig.maxTokens',
      'inferenceConfig.max_new_tokens',
      'textGenerationConfig.maxTokenCount',
    ],
    seed: ['seed'],
    frequency_penalty: ['frequency_penalty'],
    presence_penalty: ['presence_penalty'],
    choice_count: ['n', 'num_generations'],
    dimensions: ['dimensions', 'output_dimension'],
  },
  words: { encoding_formats: ['embeddingTypes', 'embedding_types'] },
};
/** Of all makers: their names do not collide. */
const INVOKE_TEXTS: TextFields = {
  request: ['system', 'messages', 'prompt', 'inputText', 'message', 'preamble', 'chat_history', 'documents'],
  tools: ['tools', 'toolConfig'],
  messages: 'messages',
  response: ['content', 'choices', 'generation', 'outputs', 'results', 'generations', 'text', 'output', 'completion'],
  event: ['content_block', 'delta', 'choices', 'generation', 'outputs', 'outputText', 'text', 'contentBlockStart', 'contentBlockDelta'],
};
const EMBEDDING_TEXTS: TextFields = { request: ['inputText', 'texts', 'input', 'prompt'], response: [], event: [] };

const invoke: Omit<Endpoint, 'method' | 'path' | 'operation'> = {
  framing: 'aws-event-stream',
  request: requestOf(false),
  response: readInvocation,
  fold: foldInvokeStream,
  headers: readCountHeaders,
  parameters: INVOKE_PARAMETERS,
};

/** A model id may hold unescaped colons and, in an ARN, escaped or bare slashes (its length is 2,048 at most). */
const on = (action: string, model = '.{1,2048}'): RegExp => new RegExp(`\\/model\\/(?<model>${model})\\/${action}\\/?$`);
const converse = {
  framing: 'aws-event-stream',
  response: readConverse,
  fold: foldConverse,
  texts: CONVERSE_TEXTS,
  parameters: CONVERSE_PARAMETERS,
} as const;
const EMBEDDING_MODEL = '.{0,256}embed.{0,256}';
const IMAGE_MODEL = '.{0,256}(?:titan-image|nova-canvas|stability\\.).{0,256}';

export const bedrock: Dialect = {
  name: 'bedrock',
  endpoints: [
    { ...converse, request: requestOf(false), method: 'POST', path: on('converse'), operation: 'chat' },
    { ...converse, request: requestOf(true), method: 'POST', path: on('converse-stream'), operation: 'chat' },
    { ...invoke, texts: EMBEDDING_TEXTS, method: 'POST', path: on('invoke', EMBEDDING_MODEL), operation: 'embeddings' },
    { ...invoke, method: 'POST', path: on('invoke', IMAGE_MODEL), operation: 'image_generation' },
    { ...invoke, method: 'POST', path: on('invoke', '.{0,256}rerank.{0,256}'), operation: 'rerank' },
    { ...invoke, texts: INVOKE_TEXTS, method: 'POST', path: on('invoke'), operation: 'chat' },
    {
      ...invoke,
      texts: INVOKE_TEXTS,
      request: requestOf(true),
      method: 'POST',
      path: on('invoke-with-response-stream'),
      operation: 'chat',
    },
    { ...plainEndpoint('POST', on('count-tokens'), 'count_tokens'), request: requestOf(false) },
    // Bedrock's OpenAI-compatible paths, on this host and on bedrock-mantle's.
    ...OPENAI_ENDPOINTS,
    ...MESSAGES_ENDPOINTS,
    ...OPENAI_LAST_ENDPOINTS,
  ],
  error: (body) => readUnrouted(body) ?? readErrorBody(body),
  errorTypeHeader: 'x-amzn-errortype',
  /** https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html: a message; `__type` is where Smithy's JSON puts the type. */
  errorBody: (error: GatewayError) => ({ __type: error.type, type: error.type, message: error.message }),
};
