/**
 * Google's Interactions API: one interaction as JSON, or a stream of typed events of which those that carry the
 * interaction have the facts. Counts are parts: thoughts and tool-use prompts stand beside output and input, and
 * `total_tokens` sums all four. The finish reason is the interaction's status.
 * https://ai.google.dev/api/interactions-api
 */
import type { ContentKind, Endpoint, ParameterFields, Reading, RequestFacts, StreamEvent, TextFields } from './provider.ts';
import { count, fields, isFields, list, readErrorBody, requestFacts, setText, setUsage, sum, text, usageOf } from './values.ts';

/** Both generations of event names are in use: `step.*` since May 2026, `content.*` before. */
const DELTA_EVENTS: ReadonlySet<string> = new Set(['step.delta', 'content.delta']);
const END_EVENTS: ReadonlySet<string> = new Set(['interaction.completed', 'interaction.complete']);
const REASONING_DELTAS: ReadonlySet<string> = new Set(['thought', 'thought_summary']);
const TELLING = /"(?:interaction|usage|error)"|^\s*\[DONE\]/;

/** An agent, where one is asked, stands in the model's place. */
function request(body: unknown): RequestFacts {
  const facts = requestFacts(body);
  return { ...facts, model: facts.model || text(fields(body)['agent']) };
}

function readUsage(reading: Reading, raw: unknown): void {
  if (!isFields(raw)) return;
  const thoughts = count(raw['total_thought_tokens']);
  const toolUse = count(raw['total_tool_use_tokens']);
  const { input_tokens_by_modality: inputs, tool_use_tokens_by_modality: toolInputs, output_tokens_by_modality: outputs } = raw;
  const usage = usageOf({
    input_tokens: sum(count(raw['total_input_tokens']), toolUse),
    output_tokens: sum(count(raw['total_output_tokens']), thoughts),
    cache_read_tokens: count(raw['total_cached_tokens']),
    reasoning_tokens: thoughts,
    tool_use_tokens: toolUse,
    input_audio_tokens: sum(modality(inputs, 'audio'), modality(toolInputs, 'audio')),
    input_image_tokens: sum(modality(inputs, 'image'), modality(toolInputs, 'image')),
    output_audio_tokens: modality(outputs, 'audio'),
  });
  setUsage(reading, usage, raw);
}

function modality(details: unknown, name: string): number | null {
  return sum(...list(details).map((entry) => (fields(entry)['modality'] === name ? count(fields(entry)['tokens']) : null)));
}

function readInteraction(body: unknown, reading: Reading): void {
  const interaction = fields(body);
  setText(reading, 'id', interaction['id']);
  setText(reading, 'model', interaction['agent']);
  setText(reading, 'model', interaction['model']);
  setText(reading, 'finish_reason', interaction['status']);
  setText(reading, 'service_tier', interaction['service_tier']);
  readUsage(reading, interaction['usage']);
  if (isFields(interaction['error'])) reading.error = readErrorBody(interaction) ?? null;
}

function fold(reading: Reading, event: StreamEvent): ContentKind | undefined {
  if (event.data === '[DONE]') {
    reading.ended = true;
    return undefined;
  }
  const data = fields(event.data);
  const type = text(data['event_type']) || event.event;
  readInteraction(data['interaction'], reading);
  // Any event may say the usage so far.
  readUsage(reading, fields(data['metadata'])['usage']);
  if (END_EVENTS.has(type)) reading.ended = true;
  if (type === 'error' || isFields(data['error'])) reading.error = readErrorBody(data) ?? { type: 'error', message: '' };
  return DELTA_EVENTS.has(type) ? deltaContent(fields(data['delta'])) : undefined;
}

function deltaContent(delta: Readonly<Record<string, unknown>>): ContentKind | undefined {
  const type = text(delta['type']);
  if (type === 'thought_signature' || delta['text'] === '') return undefined;
  return REASONING_DELTAS.has(type) ? 'reasoning' : 'answer';
}

const TEXTS: TextFields = {
  request: ['system_instruction', 'input'],
  tools: ['tools'],
  elsewhere: ['previous_interaction_id', 'agent'],
  response: ['steps', 'outputs'],
  event: ['delta', 'step', 'content'],
};

const PARAMETERS: ParameterFields = {
  numbers: {
    temperature: ['generation_config.temperature'],
    top_p: ['generation_config.top_p'],
    max_tokens: ['generation_config.max_output_tokens'],
    seed: ['generation_config.seed'],
  },
  words: {
    output_type: ['response_mime_type', 'response_modalities'],
    reasoning_level: ['generation_config.thinking_level'],
    service_tier: ['service_tier'],
  },
};

export const INTERACTION_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: /\/interactions\/?$/,
    operation: 'chat',
    framing: 'sse',
    request,
    response: readInteraction,
    fold,
    texts: TEXTS,
    parameters: PARAMETERS,
    matters: (event, data) => event === 'error' || TELLING.test(data.toString('latin1')),
  },
];
