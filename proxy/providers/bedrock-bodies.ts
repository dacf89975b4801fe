/**
 * The bodies of Bedrock's InvokeModel: each maker's own format, told apart by their fields, because a
 * path may name an ARN that says nothing of the maker. In streams each chunk wraps such a body in base64,
 * and the last one adds the counts under Amazon's name.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
 */
import { parseJson } from '../framing/json.ts';
import { foldMessage, readMessage } from './anthropic.ts';
import { readCohereText } from './cohere.ts';
import { OPENAI_ENDPOINTS } from './openai.ts';
import type { ContentKind, Endpoint, Reading, StreamEvent } from './provider.ts';
import { count, fields, isFields, list, setText, setUsage, sum, text, usageOf } from './values.ts';

const METRICS = 'amazon-bedrock-invocationMetrics';
const chatCompletions = OPENAI_ENDPOINTS[0] as Endpoint;

type Reader = (body: unknown, reading: Reading) => void;

/** In order: a body that has the field is read by the reader. */
const READERS: readonly (readonly [field: string, reader: Reader])[] = [
  ['choices', chatCompletions.response],
  ['generation', readLlama],
  ['outputs', readMistral],
  ['inputTextTokenCount', readTitan],
  ['results', readTitan],
  ['generations', readCohereText],
  ['finish_reason', readCohereText],
  ['output', readNova],
  ['stop_reason', readMessage],
  ['usage', readMessage],
];

export function readInvoked(body: unknown, reading: Reading): void {
  const response = fields(body);
  const found = READERS.find(([field]) => response[field] !== undefined);
  found?.[1](response, reading);
}

export function foldInvoked(reading: Reading, event: StreamEvent): ContentKind | undefined {
  const bytes = text(fields(event.data)['bytes']);
  const body = fields(bytes === '' ? event.data : parseJson(Buffer.from(bytes, 'base64').toString('utf8')));
  const type = text(body['type']);
  let kind: ContentKind | undefined;
  if (type !== '') kind = foldMessage(reading, { event: type, data: body });
  else if (body['choices'] !== undefined) kind = foldChoices(reading, body);
  else if (isNovaEvent(body)) kind = foldNova(reading, body);
  else {
    readInvoked(body, reading);
    kind =
      text(body['generation']) !== '' || text(body['outputText']) !== '' || text(body['text']) !== '' || hasOutput(body)
        ? 'answer'
        : undefined;
    setText(reading, 'finish_reason', body['completionReason']);
  }
  if (body[METRICS] !== undefined) {
    reading.ended = true;
    // The maker's own usage says more; Amazon's metrics fill in where there is none.
    if (reading.usage === null) readMetrics(reading, body[METRICS]);
  }
  return kind;
}

function foldChoices(reading: Reading, body: unknown): ContentKind | undefined {
  return chatCompletions.fold(reading, { event: '', data: body });
}

function hasOutput(body: Readonly<Record<string, unknown>>): boolean {
  return list(body['outputs']).some((output) => text(fields(output)['text']) !== '');
}

function readMetrics(reading: Reading, metrics: unknown): void {
  const counts = fields(metrics);
  const { inputTokenCount, outputTokenCount, cacheReadInputTokenCount, cacheWriteInputTokenCount } = counts;
  const usage = { cacheReadInputTokenCount, cacheWriteInputTokenCount, inputTokens: inputTokenCount, outputTokens: outputTokenCount };
  readConverseUsage(reading, Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined)));
}

export function readConverseUsage(reading: Reading, raw: unknown): void {
  if (!isFields(raw)) return;
  const input = count(raw['inputTokens']);
  const cacheRead = count(raw['cacheReadInputTokens'] ?? raw['cacheReadInputTokenCount']);
  const cacheWrite = count(raw['cacheWriteInputTokens'] ?? raw['cacheWriteInputTokenCount']);
  const usage = usageOf({
    input_tokens: input === null ? null : sum(input, cacheRead, cacheWrite),
    output_tokens: count(raw['outputTokens']),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    cache_write_1h_tokens: sum(...list(raw['cacheDetails']).map(writtenFor1h)),
  });
  setUsage(reading, usage, raw);
}

function writtenFor1h(detail: unknown): number | null {
  return fields(detail)['ttl'] === '1h' ? count(fields(detail)['inputTokens']) : null;
}

function readLlama(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'finish_reason', response['stop_reason']);
  const { prompt_token_count, generation_token_count } = response;
  const usage = usageOf({ input_tokens: count(prompt_token_count), output_tokens: count(generation_token_count) });
  setUsage(reading, usage, { prompt_token_count, generation_token_count });
}

function readMistral(body: unknown, reading: Reading): void {
  setText(reading, 'finish_reason', fields(list(fields(body)['outputs'])[0])['stop_reason']);
}

/** Titan text counts the output per result, in streams as a running total; Titan embeddings have none. */
function readTitan(body: unknown, reading: Reading): void {
  const response = fields(body);
  const results = list(response['results']);
  setText(reading, 'finish_reason', fields(results[0])['completionReason']);
  const input = count(response['inputTextTokenCount']) ?? reading.usage?.input_tokens ?? null;
  const counted = sum(count(response['totalOutputTextTokenCount']), ...results.map((result) => count(fields(result)['tokenCount'])));
  const isEmbedding = response['embedding'] !== undefined || response['embeddingsByType'] !== undefined;
  const output = counted ?? (isEmbedding ? 0 : null);
  setUsage(reading, usageOf({ input_tokens: input, output_tokens: output }), { inputTextTokenCount: input, outputTextTokenCount: output });
}

/** Amazon's Nova answers as Converse does. */
function readNova(body: unknown, reading: Reading): void {
  const response = fields(body);
  setText(reading, 'finish_reason', response['stopReason']);
  readConverseUsage(reading, response['usage']);
}

const NOVA_EVENTS = ['messageStart', 'contentBlockStart', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata'] as const;

function isNovaEvent(body: Readonly<Record<string, unknown>>): boolean {
  return NOVA_EVENTS.some((name) => body[name] !== undefined);
}

function foldNova(reading: Reading, body: Readonly<Record<string, unknown>>): ContentKind | undefined {
  setText(reading, 'finish_reason', fields(body['messageStop'])['stopReason']);
  readConverseUsage(reading, fields(body['metadata'])['usage']);
  const delta = fields(fields(body['contentBlockDelta'])['delta']);
  if (delta['reasoningContent'] !== undefined) return 'reasoning';
  return text(delta['text']) !== '' || delta['toolUse'] !== undefined ? 'answer' : undefined;
}
