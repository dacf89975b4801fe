/**
 * Finds the text that costs tokens in a parsed body: the strings under the fields that the endpoint names,
 * whatever their depth. Says when there is something that no text tokenizer can count (an image, a file, an
 * earlier conversation), because then the sum would be wrong and the count stays unknown. Pure; never throws.
 */
import { ELIDED } from '../framing/json-skimmer.ts';
import type { TextFields } from '../providers/provider.ts';
import { fields, isFields, list } from '../providers/values.ts';
import { collectTools } from './tools.ts';

export interface FoundTexts {
  readonly texts: string[];
  /** Tokens known without a tokenizer: token ids given as numbers, a format's own. */
  tokens: number;
  /** Something costs tokens that is not text, or not here. */
  unseen: boolean;
}

/** Fields whose strings the model neither reads nor writes as text: ids, names of kinds, signatures, the vendors' own remarks. */
const NOT_TEXT: ReadonlySet<string> = new Set([
  ...['id', 'type', 'role', 'index', 'object', 'status', 'phase', 'model', 'modelVersion', 'detail', 'format', 'obfuscation'],
  ...['call_id', 'tool_call_id', 'tool_use_id', 'toolUseId', 'cache_control', 'cachePoint', 'media_type', 'mime_type', 'mimeType'],
  ...['finish_reason', 'finishReason', 'stop_reason', 'stopReason', 'stop_sequence', 'done_reason', 'matched_stop', 'usage'],
  ...['native_finish_reason', 'content_filter_results', 'reasoning_details', 'groundingMetadata', 'urlContextMetadata', 'logprobsResult'],
  ...['taskType', 'task_type', 'finishMessage'],
  ...['signature', 'thoughtSignature', 'thought_signature', 'encrypted_content', 'redactedContent'],
  ...['logprobs', 'prompt_logprobs', 'token_ids', 'annotations', 'citation', 'citations', 'citationMetadata', 'safetyRatings'],
]);
/** Fields of content that is no text. */
const UNSEEN: ReadonlySet<string> = new Set([
  ...['image', 'image_url', 'images', 'audio', 'input_audio', 'video', 'video_url', 'document', 'source', 'data'],
  ...['file', 'file_id', 'file_data', 'file_url', 'inlineData', 'inline_data', 'fileData'],
]);
/** Objects that the model reads or writes as JSON: a tool's arguments and results. */
const AS_JSON: ReadonlySet<string> = new Set(['input', 'args', 'arguments', 'response', 'parameters', 'json']);

/** https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb: 3 a message, one for its role, and 3 that open the answer. */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_PER_ANSWER = 3;
/**
 * What opens and closes a tool's call beside its name and arguments. Nobody documents it: recorded calls of
 * OpenAI's models have medians between 9 and 17.
 */
const TOKENS_PER_TOOL_CALL = 12;
/** Deeper than any vendor's content lies. */
const DEPTH_MAX = 64;

/** What a request gives the model to read. */
export function requestTexts(body: unknown, spec: TextFields): FoundTexts {
  const request = fields(body);
  const found: FoundTexts = { texts: [], tokens: 0, unseen: !isFields(body) };
  for (const name of spec.elsewhere ?? []) if (!isEmpty(request[name])) found.unseen = true;
  for (const name of spec.request) collect(request[name], found, 0);
  for (const name of spec.schemas ?? []) if (!isEmpty(request[name])) found.texts.push(JSON.stringify(request[name]));
  for (const name of spec.tools ?? []) collectTools(request[name], found);
  if (spec.messages !== undefined) found.tokens += countMessages(request, spec, spec.messages) * TOKENS_PER_MESSAGE + TOKENS_PER_ANSWER;
  return found;
}

/** A text in place of the list is one message, and so is an instruction beside it. */
function countMessages(request: Readonly<Record<string, unknown>>, spec: TextFields, messages: string): number {
  return list(request[messages]).length + spec.request.filter((name) => typeof request[name] === 'string' && request[name] !== '').length;
}

/** What a whole response, or one event of a stream, has from the model. */
export function answerTexts(
  body: unknown,
  names: readonly string[],
  found: FoundTexts = { texts: [], tokens: 0, unseen: false },
): FoundTexts {
  const answer = fields(body);
  for (const name of names) if (!NOT_TEXT.has(name)) collect(answer[name], found, 0);
  return found;
}

function collect(value: unknown, found: FoundTexts, depth: number): void {
  if (depth > DEPTH_MAX || value === ELIDED) found.unseen = true;
  else if (typeof value === 'string') {
    if (value !== '') found.texts.push(value);
  } else if (Array.isArray(value)) {
    for (const element of value) {
      // Embeddings and completions take token ids in place of text.
      if (typeof element === 'number') found.tokens += 1;
      else collect(element, found, depth + 1);
    }
  } else if (isFields(value)) collectFields(value, found, depth);
}

function collectFields(value: Readonly<Record<string, unknown>>, found: FoundTexts, depth: number): void {
  // A reference to an item of an earlier response: https://platform.openai.com/docs/api-reference/responses/create
  if (value['type'] === 'item_reference') found.unseen = true;
  if (isToolCall(value)) found.tokens += TOKENS_PER_TOOL_CALL;
  for (const [name, inner] of Object.entries(value)) {
    if (NOT_TEXT.has(name)) continue;
    if (UNSEEN.has(name)) found.unseen ||= !isEmpty(inner);
    else if (AS_JSON.has(name) && isFields(inner)) found.texts.push(JSON.stringify(inner));
    else collect(inner, found, depth + 1);
  }
}

/** By its name and its id: in streams only the event that opens the call has both. */
function isToolCall(value: Readonly<Record<string, unknown>>): boolean {
  if (isFields(value['functionCall'])) return true; // Gemini
  const call = isFields(value['function']) ? value['function'] : value;
  const id = value['id'] ?? value['call_id'] ?? value['toolUseId'];
  return typeof call['name'] === 'string' && typeof id === 'string';
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}
