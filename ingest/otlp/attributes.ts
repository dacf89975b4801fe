/**
 * The table of what a span says: for each attribute its name, its type, how firmly the conventions want it, and the
 * columns that it comes from. Names and types are those of OpenTelemetry's GenAI conventions 1.41.1; `next` is the name
 * in the conventions that are in development, where it differs or where only they have one. Documentation and tests walk
 * this table; nothing else knows an attribute's name.
 * https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai and, next,
 * https://github.com/open-telemetry/semantic-conventions-genai
 */
import type { AttributeValue } from '@opentelemetry/api';
import { CALL_COLUMNS, type CallColumnName } from '../../contract/columns.ts';
import type { Conventions } from '../../contract/otlp-settings.ts';
import type { SpanCall } from './span-call.ts';

export type AttributeType = 'string' | 'int' | 'double' | 'boolean' | 'string[]';
/** `own`: not of the conventions, but Glassway's, or what backends read beside them. */
export type Requirement = 'required' | 'conditionally required' | 'recommended' | 'opt-in' | 'own';

export interface SpanAttribute {
  /** Missing: the conventions of 1.41.1 have none. */
  readonly name?: string;
  /** Missing: as before. */
  readonly next?: string;
  readonly type: AttributeType;
  readonly requirement: Requirement;
  readonly columns: readonly CallColumnName[];
  /** Undefined: the call does not say. */
  readonly value: (call: SpanCall) => AttributeValue | undefined;
}

/** Outcomes that are no error of the operation: the caller changed its mind. */
const NO_ERRORS: ReadonlySet<string> = new Set(['ok', 'client_abort']);

export function isError(call: Pick<SpanCall, 'outcome'>): boolean {
  return !NO_ERRORS.has(call.outcome);
}

/** The provider's own code where there is one: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/ */
export function errorType(call: Pick<SpanCall, 'error_type' | 'outcome'>): string {
  return call.error_type || call.outcome;
}

const text = (value: string): string | undefined => (value === '' ? undefined : value);
const known = (value: number | null): number | undefined => value ?? undefined;
const seconds = (milliseconds: number | null): number | undefined => (milliseconds === null ? undefined : milliseconds / 1_000);
const number =
  (name: string) =>
  (call: SpanCall): number | undefined =>
    call.request_parameters[name];
const word =
  (name: string) =>
  (call: SpanCall): string | undefined =>
    call.request_options[name];
const OPENAI_APIS: Readonly<Record<string, string>> = { '/chat/completions': 'chat_completions', '/responses': 'responses' };
const openaiApi = (path: string): string | undefined => OPENAI_APIS[/\/(?:chat\/completions|responses)$/.exec(path)?.[0] ?? ''];
const isOpenai = (call: SpanCall): boolean => call.provider === 'openai' || call.provider === 'azure.ai.openai';

type Line = readonly [
  name: string,
  type: AttributeType,
  requirement: Requirement,
  columns: CallColumnName | readonly CallColumnName[],
  value: SpanAttribute['value'],
  next?: string,
];

const LINES: readonly Line[] = [
  ['gen_ai.operation.name', 'string', 'required', 'operation', (call) => call.operation],
  ['gen_ai.provider.name', 'string', 'required', 'provider', (call) => call.provider],
  ['error.type', 'string', 'conditionally required', ['error_type', 'outcome'], (call) => (isError(call) ? errorType(call) : undefined)],
  ['gen_ai.conversation.id', 'string', 'conditionally required', 'session_id', (call) => text(call.session_id)],
  ['gen_ai.output.type', 'string', 'conditionally required', 'request_options', word('output_type')],
  [
    'gen_ai.request.choice.count',
    'int',
    'conditionally required',
    'request_parameters',
    // "If available, in the request, and !=1"
    ({ request_parameters: { choice_count } }) => (choice_count === 1 ? undefined : choice_count),
  ],
  ['gen_ai.request.model', 'string', 'conditionally required', 'request_model', (call) => text(call.request_model)],
  ['gen_ai.request.seed', 'int', 'conditionally required', 'request_parameters', number('seed')],
  ['gen_ai.request.stream', 'boolean', 'conditionally required', 'stream', (call) => call.stream || undefined],
  ['server.port', 'int', 'conditionally required', 'server_port', (call) => (call.server_port === 0 ? undefined : call.server_port)],
  ['server.address', 'string', 'recommended', 'server_address', (call) => text(call.server_address)],
  ['gen_ai.request.encoding_formats', 'string[]', 'recommended', 'request_options', (call) => word('encoding_formats')(call)?.split(',')],
  ['gen_ai.request.frequency_penalty', 'double', 'recommended', 'request_parameters', number('frequency_penalty')],
  ['gen_ai.request.max_tokens', 'int', 'recommended', 'request_parameters', number('max_tokens')],
  ['gen_ai.request.presence_penalty', 'double', 'recommended', 'request_parameters', number('presence_penalty')],
  ['gen_ai.request.temperature', 'double', 'recommended', 'request_parameters', number('temperature')],
  ['gen_ai.request.top_k', 'double', 'recommended', 'request_parameters', number('top_k')],
  ['gen_ai.request.top_p', 'double', 'recommended', 'request_parameters', number('top_p')],
  ['gen_ai.embeddings.dimension.count', 'int', 'recommended', 'request_parameters', number('dimensions')],
  [
    'gen_ai.response.finish_reasons',
    'string[]',
    'recommended',
    'finish_reason',
    (call) => (call.finish_reason === '' ? undefined : [call.finish_reason]),
  ],
  ['gen_ai.response.id', 'string', 'recommended', 'response_id', (call) => text(call.response_id)],
  ['gen_ai.response.model', 'string', 'recommended', 'response_model', (call) => text(call.response_model)],
  ['gen_ai.response.time_to_first_chunk', 'double', 'recommended', 'ttft_ms', (call) => (call.stream ? seconds(call.ttft_ms) : undefined)],
  ['gen_ai.usage.input_tokens', 'int', 'recommended', 'input_tokens', (call) => known(call.input_tokens)],
  ['gen_ai.usage.output_tokens', 'int', 'recommended', 'output_tokens', (call) => known(call.output_tokens)],
  ['gen_ai.usage.cache_read.input_tokens', 'int', 'recommended', 'cache_read_tokens', (call) => known(call.cache_read_tokens)],
  [
    'gen_ai.usage.cache_creation.input_tokens',
    'int',
    'recommended',
    'cache_write_tokens',
    (call) => known(call.cache_write_tokens),
    'gen_ai.usage.cache_write.input_tokens',
  ],
  ['gen_ai.usage.reasoning.output_tokens', 'int', 'recommended', 'reasoning_tokens', (call) => known(call.reasoning_tokens)],
  ['', 'int', 'recommended', 'input_audio_tokens', (call) => known(call.input_audio_tokens), 'gen_ai.usage.audio.input_tokens'],
  ['', 'int', 'recommended', 'output_audio_tokens', (call) => known(call.output_audio_tokens), 'gen_ai.usage.audio.output_tokens'],
  ['', 'int', 'recommended', 'input_image_tokens', (call) => known(call.input_image_tokens), 'gen_ai.usage.image.input_tokens'],
  ['', 'string', 'recommended', 'request_options', word('reasoning_level'), 'gen_ai.request.reasoning.level'],
  [
    'openai.request.service_tier',
    'string',
    'conditionally required',
    'request_options',
    // "If the request includes a service_tier and the value is not 'auto'"
    (call) => (isOpenai(call) && word('service_tier')(call) !== 'auto' ? word('service_tier')(call) : undefined),
  ],
  [
    'openai.response.service_tier',
    'string',
    'conditionally required',
    'service_tier',
    (call) => (isOpenai(call) ? text(call.service_tier) : undefined),
  ],
  [
    'openai.response.system_fingerprint',
    'string',
    'recommended',
    'system_fingerprint',
    (call) => (isOpenai(call) ? text(call.system_fingerprint) : undefined),
  ],
  ['openai.api.type', 'string', 'recommended', ['provider', 'path'], (call) => (isOpenai(call) ? openaiApi(call.path) : undefined)],
  ['user.id', 'string', 'own', 'user_id', (call) => text(call.user_id)],
  ['session.id', 'string', 'own', 'session_id', (call) => text(call.session_id)],
  ['gen_ai.usage.cost', 'double', 'own', 'cost_usd', (call) => (call.cost_usd === null ? undefined : Number(call.cost_usd))],
  ['http.request.method', 'string', 'own', 'method', (call) => call.method],
  ['http.response.status_code', 'int', 'own', 'status', (call) => (call.status === 0 ? undefined : call.status)],
  ['http.request.body.size', 'int', 'own', 'request_bytes', (call) => call.request_bytes],
  ['http.response.body.size', 'int', 'own', 'response_bytes', (call) => call.response_bytes],
  ['url.path', 'string', 'own', 'path', (call) => call.path],
  ['glassway.call.id', 'string', 'own', 'id', (call) => call.id],
  ['glassway.project', 'string', 'own', 'project', (call) => call.project],
  ['glassway.upstream', 'string', 'own', 'upstream', (call) => call.upstream],
  ['glassway.outcome', 'string', 'own', 'outcome', (call) => call.outcome],
  ['glassway.usage.source', 'string', 'own', 'usage_source', (call) => call.usage_source],
  ['glassway.cost.source', 'string', 'own', 'cost_source', (call) => call.cost_source],
  ['glassway.cost.version', 'string', 'own', 'price_version', (call) => text(call.price_version)],
  ['glassway.service_tier', 'string', 'own', 'service_tier', (call) => text(call.service_tier)],
  ['glassway.usage.cache_write_1h_tokens', 'int', 'own', 'cache_write_1h_tokens', (call) => known(call.cache_write_1h_tokens)],
  ['glassway.usage.tool_use_tokens', 'int', 'own', 'tool_use_tokens', (call) => known(call.tool_use_tokens)],
  ['glassway.time_to_first_byte_ms', 'double', 'own', 'ttfb_ms', (call) => known(call.ttfb_ms)],
  ['glassway.time_to_first_answer_ms', 'double', 'own', 'answer_ttft_ms', (call) => known(call.answer_ttft_ms)],
  ['glassway.overhead_ms', 'double', 'own', 'overhead_ms', (call) => known(call.overhead_ms)],
  ['glassway.stream.max_gap_ms', 'double', 'own', 'max_gap_ms', (call) => known(call.max_gap_ms)],
  ['glassway.stream.chunks', 'int', 'own', 'output_chunks', (call) => known(call.output_chunks)],
  ['glassway.key_fingerprint', 'string', 'own', 'key_fingerprint', (call) => text(call.key_fingerprint)],
  ['glassway.sdk', 'string', 'own', 'sdk', (call) => text(call.sdk)],
];

export const SPAN_ATTRIBUTES: readonly SpanAttribute[] = LINES.map(([name, type, requirement, columns, value, next]) => ({
  ...(name === '' ? {} : { name }),
  ...(next === undefined ? {} : { next }),
  type,
  requirement,
  columns: typeof columns === 'string' ? [columns] : columns,
  value,
}));

/** Each of the caller's tags is an attribute of its own. */
export const TAG_ATTRIBUTE_PREFIX = 'glassway.tag.';

/** Where the text of a call goes, when its project captures it. JSON in the conventions' shapes (messages/). */
export const CONTENT_ATTRIBUTES = {
  input: 'gen_ai.input.messages',
  output: 'gen_ai.output.messages',
  system: 'gen_ai.system_instructions',
  stopSequences: 'gen_ai.request.stop_sequences',
  tools: 'gen_ai.tool.definitions',
} as const;

/** Columns that a span says in another way than by an attribute, or not at all, and why. */
export const OTHER_COLUMNS: Readonly<Partial<Record<CallColumnName, string>>> = {
  started_at: "the span's start",
  duration_ms: "the span's end, from its start",
  trace_id: "the span's trace id",
  span_id: "the span's id",
  parent_span_id: "the span's parent",
  trace_flags: 'whether it is exported, with a parent-based sampler',
  trace_state: "the span's trace state",
  error_message: "the span's status, and event `exception`",
  tags: 'attributes `glassway.tag.<name>`',
  usage_raw: 'not exported: its counts are',
  rate_limits: 'not exported: of the account, not of the call',
  proxy_id: 'not exported: for the loss meter',
  seq: 'not exported: for the loss meter',
  ingested_at: 'not exported',
  ingest_id: "the resource's `service.instance.id`, of the ingest that exports",
};

export type NamedAttribute = readonly [name: string, type: AttributeType, value: SpanAttribute['value'], fewValues: boolean];

/** Columns with few different values, so that what is made of each may be kept. */
const FEW_VALUES: ReadonlySet<string> = new Set(
  CALL_COLUMNS.filter(({ type }) => type === 'LowCardinality(String)').map(({ name }) => name),
);

/** The attributes that the conventions in use have, ready to be walked for each span. */
export function attributesOf(conventions: Conventions): readonly NamedAttribute[] {
  return SPAN_ATTRIBUTES.flatMap((attribute): NamedAttribute[] => {
    const name = conventions === 'next' ? (attribute.next ?? attribute.name) : attribute.name;
    const fewValues = attribute.columns.length === 1 && attribute.columns.every((column) => FEW_VALUES.has(column));
    return name === undefined ? [] : [[name, attribute.type, attribute.value, fewValues]];
  });
}
