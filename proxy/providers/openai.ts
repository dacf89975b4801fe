/**
 * The wire format of OpenAI, which most vendors speak: chat completions, completions, embeddings, images,
 * audio and the rest, matched on the path's end because vendors put them under paths of their own.
 * Carries Anthropic's messages too, which many of these vendors offer beside it.
 * https://platform.openai.com/docs/api-reference
 */
import type { GatewayError } from '../../contract/errors.ts';
import { MESSAGES_ENDPOINTS } from './anthropic.ts';
import { RESPONSES_ENDPOINTS } from './openai-responses.ts';
import { readInputOnlyUsage, readOpenaiUsage } from './openai-usage.ts';
import type { ContentKind, Dialect, Endpoint, ParameterFields, Reading, RequestFacts, StreamEvent, TextFields } from './provider.ts';
import { decodeSegment, endpointsOf, fields, isFields, list, plainEndpoint, readErrorBody, requestFacts, setText, text } from './values.ts';

/** Azure's deployment stands in the path; the body's model, where there is one, is more telling. */
function requestWithDeployment(body: unknown, match: RegExpExecArray): RequestFacts {
  const facts = requestFacts(body);
  return { ...facts, model: facts.model || decodeSegment(match.groups?.['deployment']) };
}

/** The fields that every JSON object of this format may have. */
function readCommon(body: unknown, reading: Reading): void {
  const object = fields(body);
  setText(reading, 'model', object['model']);
  setText(reading, 'id', object['id']);
  setText(reading, 'fingerprint', object['system_fingerprint']);
  setText(reading, 'service_tier', object['service_tier']);
  readOpenaiUsage(reading, object['usage']);
  // Groq puts a stream's usage into its own object: https://console.groq.com/docs/api-reference#chat-create
  readOpenaiUsage(reading, fields(object['x_groq'])['usage']);
  if (object['error'] !== undefined && object['error'] !== null) reading.error = readErrorBody(object) ?? null;
}

function readChat(body: unknown, reading: Reading): void {
  // Moonshot ends a stream with the usage inside its choice: https://platform.moonshot.ai/docs/api/chat
  readOpenaiUsage(reading, fields(list(fields(body)['choices'])[0])['usage']);
  readCommon(body, reading);
  readFinishReason(body, reading);
}

/** With several choices, the first one speaks for the call. */
function readFinishReason(body: unknown, reading: Reading): void {
  for (const value of list(fields(body)['choices'])) {
    const choice = fields(value);
    // OpenRouter, of a model that failed on the way: https://openrouter.ai/docs/api/reference/errors-and-debugging
    if (isFields(choice['error'])) reading.error ??= readErrorBody(choice) ?? null;
    const index = choice['index'];
    if (reading.finish_reason === '' || index === 0 || index === undefined) setText(reading, 'finish_reason', choice['finish_reason']);
  }
}

function foldChat(reading: Reading, event: StreamEvent): ContentKind | undefined {
  if (event.data === '[DONE]') {
    reading.ended = true;
    return undefined;
  }
  readChat(event.data, reading);
  // Some vendors send no [DONE]; with both of these there is nothing left to come.
  if (reading.finish_reason !== '' && reading.usage !== null) reading.ended = true;
  if (event.event === 'error' && reading.error === null) reading.error = readErrorBody(event.data) ?? { type: 'error', message: '' };
  return chunkContent(event.data);
}

function chunkContent(data: unknown): ContentKind | undefined {
  let kind: ContentKind | undefined;
  for (const value of list(fields(data)['choices'])) {
    const choice = fields(value);
    const delta = isFields(choice['delta']) ? choice['delta'] : fields(choice['message']);
    if (isAnswer(choice, delta)) return 'answer';
    if (isReasoning(delta)) kind = 'reasoning';
  }
  return kind;
}

function isAnswer(choice: Readonly<Record<string, unknown>>, delta: Readonly<Record<string, unknown>>): boolean {
  const { content } = delta;
  // Mistral's magistral models send content as a list whose thinking parts are typed.
  const parts = list(content);
  return (
    (typeof content === 'string' && content !== '') ||
    parts.some((part) => fields(part)['type'] !== 'thinking') ||
    text(choice['text']) !== '' ||
    text(delta['refusal']) !== '' ||
    list(delta['tool_calls']).length > 0 ||
    isFields(delta['function_call']) ||
    list(delta['images']).length > 0 ||
    (isFields(delta['audio']) && (text(delta['audio']['data']) !== '' || text(delta['audio']['transcript']) !== ''))
  );
}

/** DeepSeek and many others say `reasoning_content`, OpenRouter and Groq `reasoning`. */
function isReasoning(delta: Readonly<Record<string, unknown>>): boolean {
  return (
    text(delta['reasoning_content']) !== '' ||
    text(delta['reasoning']) !== '' ||
    list(delta['reasoning_details']).length > 0 ||
    list(delta['content']).length > 0
  );
}

/**
 * A usage or finish reason other than null, an error, Groq's own object, the end mark. The same words
 * inside a content string cost one needless parse.
 */
const TELLING = /"(?:usage|finish_reason)"\s{0,8}:\s{0,8}[^n\s]|"error"|"x_groq"|^\s*\[DONE\]/;

function chunkMatters(event: string, data: Buffer): boolean {
  return event !== '' || TELLING.test(data.toString('latin1'));
}

/** Streams of typed events other than chat: images, speech, transcription, Mistral's conversations. */
function foldTyped(reading: Reading, event: StreamEvent): ContentKind | undefined {
  const data = fields(event.data);
  const type = text(data['type']) || event.event;
  readChat(event.data, reading);
  if (type === 'error' && reading.error === null) reading.error = readErrorBody(data) ?? { type: 'error', message: '' };
  if (event.data === '[DONE]' || /\.(?:done|completed)$/.test(type)) reading.ended = true;
  return /\.(?:delta|partial_image)$/.test(type) ? 'answer' : chunkContent(event.data);
}

/** OpenAI's names, and those that vendors of its format add (top_k, random_seed). */
const CHAT_PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['temperature'],
    top_p: ['top_p'],
    top_k: ['top_k'],
    max_tokens: ['max_completion_tokens', 'max_tokens'],
    seed: ['seed', 'random_seed'],
    frequency_penalty: ['frequency_penalty'],
    presence_penalty: ['presence_penalty'],
    choice_count: ['n'],
  },
  words: {
    output_type: ['response_format.type'],
    service_tier: ['service_tier'],
    reasoning_level: ['reasoning_effort', 'reasoning.effort'],
  },
};
const EMBEDDING_PARAMETERS: ParameterFields = {
  numbers: { dimensions: ['dimensions', 'output_dimension'] },
  words: { encoding_formats: ['encoding_format', 'output_dtype'] },
};
const made = (outputType: 'image' | 'speech' | 'text'): ParameterFields => ({
  numbers: { choice_count: ['n'], temperature: ['temperature'] },
  outputType,
});

const CHAT_TEXTS: TextFields = {
  request: ['messages'],
  tools: ['tools', 'functions'],
  schemas: ['response_format'],
  messages: 'messages',
  response: ['choices'],
  event: ['choices'],
};
const COMPLETION_TEXTS: TextFields = { request: ['prompt', 'suffix'], response: ['choices'], event: ['choices'] };
const EMBEDDING_TEXTS: TextFields = { request: ['input', 'inputs'], response: [], event: [] };

const chat: Omit<Endpoint, 'method' | 'path' | 'operation'> = {
  framing: 'sse',
  request: requestWithDeployment,
  response: readChat,
  fold: foldChat,
  matters: chunkMatters,
  texts: CHAT_TEXTS,
  parameters: CHAT_PARAMETERS,
};
const { texts: _ofChat, parameters: _alsoOfChat, ...untold } = chat;
/**
 * Snowflake's own chat streams end without a mark or a finish reason, each event with the usage so far.
 * https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api
 */
const unmarked: typeof chat = {
  ...chat,
  fold(reading, event) {
    const kind = foldChat(reading, event);
    if (reading.usage !== null) reading.ended = true;
    return kind;
  },
};
const inputOnly: Omit<Endpoint, 'method' | 'path' | 'operation'> = {
  ...untold,
  response(body, reading) {
    readCommon(body, reading);
    readInputOnlyUsage(reading, fields(body)['usage']);
  },
};
const typed: Omit<Endpoint, 'method' | 'path' | 'operation' | 'matters'> = {
  framing: 'sse',
  request: requestWithDeployment,
  response: readChat,
  fold: foldTyped,
};

/** Azure's form of the path, so that the deployment can be told: https://learn.microsoft.com/azure/ai-services/openai/reference */
const DEPLOYMENT = '(?:\\/deployments\\/(?<deployment>[^/]+)|\\/engines\\/[^/]+)?';
const under = (end: string): RegExp => new RegExp(`${DEPLOYMENT}\\/${end}\\/?$`);

export const OPENAI_ENDPOINTS: readonly Endpoint[] = [
  ...endpointsOf({ ...chat, usageOnRequest: true }, [[under('chat\\/completions'), 'chat']]),
  ...endpointsOf(chat, [[under('agents\\/completions'), 'chat']]),
  ...RESPONSES_ENDPOINTS,
  ...endpointsOf({ ...chat, usageOnRequest: true, texts: COMPLETION_TEXTS }, [[under('completions'), 'text_completion']]),
  ...endpointsOf(unmarked, [[/\/cortex\/inference:complete$/, 'chat']]),
  ...endpointsOf({ ...inputOnly, texts: EMBEDDING_TEXTS, parameters: EMBEDDING_PARAMETERS }, [
    [under('(?:contextualized|multimodal)?embeddings'), 'embeddings'],
    [under('pooling'), 'embeddings'],
    [/\/cortex\/inference:embed$/, 'embeddings'],
  ]),
  ...endpointsOf(inputOnly, [
    // `ranking` is NVIDIA's name, `score` and the ones below vLLM's: https://docs.vllm.ai/en/latest/serving/openai_compatible_server
    [under('(?:rerank|ranking|score)'), 'rerank'],
    [under('(?:classify|decisions|(?:chat\\/)?classifications)'), 'classification'],
    [under('(?:chat\\/)?moderations'), 'moderation'],
  ]),
  ...endpointsOf({ ...typed, parameters: made('image') }, [[under('images\\/(?:generations|edits|variations)'), 'image_generation']]),
  ...endpointsOf({ ...typed, parameters: made('speech') }, [[under('audio\\/speech'), 'speech']]),
  ...endpointsOf({ ...typed, parameters: made('text') }, [
    [under('audio\\/transcriptions'), 'transcription'],
    [under('audio\\/translations'), 'translation'],
  ]),
  ...endpointsOf({ ...typed, parameters: CHAT_PARAMETERS }, [
    [under('conversations(?:\\/[^/]+(?:\\/restart)?)?'), 'chat'],
    [under('threads(?:\\/[^/]+)?\\/runs(?:\\/[^/]+\\/submit_tool_outputs)?'), 'invoke_agent'],
    [under('videos'), 'video_generation'],
    [under('ocr'), 'ocr'],
  ]),
];

/** OpenAI names the model in the query, Azure the deployment: https://platform.openai.com/docs/guides/realtime-websocket */
function requestRealtime(_body: unknown, _match: RegExpExecArray, query: string): RequestFacts {
  const parameters = new URLSearchParams(query);
  return { model: parameters.get('model') ?? parameters.get('deployment') ?? '', stream: true };
}

export const OPENAI_LAST_ENDPOINTS: readonly Endpoint[] = [
  { ...plainEndpoint('GET', /\/realtime\/?$/, 'realtime_session'), request: requestRealtime, realtime: true },
  plainEndpoint('GET', /\/models(?:\/.+)?$/, 'list_models'),
  plainEndpoint('POST', /\/files\/?$/, 'file_upload'),
  plainEndpoint('POST', /\/batches\/?$/, 'batch'),
  // Whatever else is asked of a model here names it, and its usage, in the same way.
  { ...typed, method: 'POST', path: /\/v\d[^/]*\/[a-z]/, operation: 'other' },
];

/** https://platform.openai.com/docs/guides/error-codes */
export function openaiErrorBody(error: GatewayError): unknown {
  return { error: { message: error.message, type: error.type, param: null, code: error.code } };
}

export const openai: Dialect = {
  name: 'openai',
  endpoints: [...OPENAI_ENDPOINTS, ...MESSAGES_ENDPOINTS, ...OPENAI_LAST_ENDPOINTS],
  error: readErrorBody,
  errorBody: openaiErrorBody,
};
