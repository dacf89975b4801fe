/**
 * The columns of table `calls`, one row per LLM call: the single list that the record's type,
 * its validation, the migrations' test and the documentation are made from.
 * A column is filled by the proxy (it saw the call) or by ingest (it knows prices and the clock of storage).
 */

/** A column of table `calls`. `type` is the ClickHouse type, `from` says which side fills it. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly from: 'proxy' | 'ingest';
  readonly description: string;
  /** The record's version that first has it, 1 where it is not said. Older records are read as if it were empty. */
  readonly since?: number;
}

export const CALL_COLUMNS = [
  { name: 'id', type: 'String', from: 'proxy', description: "request id: the caller's, else a UUIDv7" },
  { name: 'project', type: 'LowCardinality(String)', from: 'proxy', description: 'project tag; `default` when the call names none' },
  {
    name: 'started_at',
    type: "DateTime64(6, 'UTC')",
    from: 'proxy',
    description: 'first byte of the request at the proxy, UTC, microseconds',
  },
  { name: 'upstream', type: 'LowCardinality(String)', from: 'proxy', description: "the upstream's name in the configuration" },
  { name: 'provider', type: 'LowCardinality(String)', from: 'proxy', description: 'OpenTelemetry `gen_ai.provider.name`' },
  { name: 'operation', type: 'LowCardinality(String)', from: 'proxy', description: 'OpenTelemetry `gen_ai.operation.name`, or `other`' },
  { name: 'method', type: 'String', from: 'proxy', description: 'HTTP method' },
  { name: 'path', type: 'String', from: 'proxy', description: "the provider's path, without query string" },
  { name: 'request_model', type: 'LowCardinality(String)', from: 'proxy', description: 'model the caller asked for' },
  { name: 'response_model', type: 'LowCardinality(String)', from: 'proxy', description: 'model the provider says it used' },
  { name: 'stream', type: 'Bool', from: 'proxy', description: 'whether the caller asked for a streamed answer' },
  { name: 'status', type: 'UInt16', from: 'proxy', description: 'HTTP status that the client got; 0 if nothing was sent' },
  { name: 'outcome', type: 'LowCardinality(String)', from: 'proxy', description: 'one of OUTCOMES' },
  { name: 'error_type', type: 'String', from: 'proxy', description: "the provider's error code, or Glassway's `glassway_…`" },
  { name: 'error_message', type: 'String', from: 'proxy', description: 'at most 1 KiB, secrets removed' },
  { name: 'finish_reason', type: 'LowCardinality(String)', from: 'proxy', description: 'as the provider says it' },
  { name: 'input_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'every input token, cached ones included' },
  { name: 'output_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'every output token, reasoning included' },
  { name: 'cache_read_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the input: read from the prompt cache' },
  {
    name: 'cache_write_tokens',
    type: 'Nullable(UInt64)',
    from: 'proxy',
    description: 'of the input: written to the prompt cache, all lifetimes',
  },
  { name: 'cache_write_1h_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the cache writes: those kept for one hour' },
  { name: 'reasoning_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the output: reasoning' },
  { name: 'input_audio_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the input: audio' },
  { name: 'output_audio_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the output: audio' },
  { name: 'input_image_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: 'of the input: images' },
  { name: 'tool_use_tokens', type: 'Nullable(UInt64)', from: 'proxy', description: "of the input: the provider's own tool results" },
  { name: 'usage_source', type: 'LowCardinality(String)', from: 'proxy', description: 'one of USAGE_SOURCES' },
  {
    name: 'usage_raw',
    type: 'String',
    from: 'proxy',
    description: "the provider's usage object as JSON, so that costs can be computed anew",
  },
  {
    name: 'cost_usd',
    type: 'Nullable(Decimal(18, 9))',
    from: 'ingest',
    description: 'cost in US dollars; NULL when the price is not known',
  },
  { name: 'cost_source', type: 'LowCardinality(String)', from: 'ingest', description: 'one of COST_SOURCES' },
  { name: 'price_version', type: 'LowCardinality(String)', from: 'ingest', description: 'which price table the cost was computed with' },
  { name: 'service_tier', type: 'LowCardinality(String)', from: 'proxy', description: 'service tier that the provider says it used' },
  { name: 'duration_ms', type: 'Nullable(Float32)', from: 'proxy', description: "request's first byte to response's last" },
  { name: 'ttfb_ms', type: 'Nullable(Float32)', from: 'proxy', description: "request's first byte to the response's headers" },
  { name: 'ttft_ms', type: 'Nullable(Float32)', from: 'proxy', description: "request's first byte to the first content token of a stream" },
  { name: 'overhead_ms', type: 'Nullable(Float32)', from: 'proxy', description: "Glassway's own share of the time to first byte" },
  { name: 'max_gap_ms', type: 'Nullable(Float32)', from: 'proxy', description: 'longest silence inside a stream' },
  { name: 'request_bytes', type: 'UInt64', from: 'proxy', description: "request body's bytes on the wire" },
  { name: 'response_bytes', type: 'UInt64', from: 'proxy', description: "response body's bytes on the wire" },
  { name: 'user_id', type: 'String', from: 'proxy', description: 'end user, as the caller names them' },
  { name: 'session_id', type: 'String', from: 'proxy', description: 'session or conversation, as the caller names it' },
  { name: 'trace_id', type: 'String', from: 'proxy', description: 'OpenTelemetry trace id, 32 hex characters' },
  { name: 'span_id', type: 'String', from: 'proxy', description: "OpenTelemetry span id of this call's span, 16 hex characters" },
  { name: 'parent_span_id', type: 'String', from: 'proxy', description: "the caller's span, 16 hex characters, or empty" },
  { name: 'tags', type: 'Map(LowCardinality(String), String)', from: 'proxy', description: "the caller's `x-glassway-tag-…` headers" },
  { name: 'key_fingerprint', type: 'String', from: 'proxy', description: 'keyed hash of the credential, 8 hex characters' },
  { name: 'sdk', type: 'LowCardinality(String)', from: 'proxy', description: 'client library, from the user agent' },
  { name: 'proxy_id', type: 'LowCardinality(String)', from: 'proxy', description: 'which proxy process carried the call' },
  { name: 'seq', type: 'UInt64', from: 'proxy', description: 'its number at that proxy, from 1 without gaps: what makes loss visible' },
  { name: 'ingested_at', type: "DateTime64(3, 'UTC')", from: 'ingest', description: 'when ingest wrote the row, UTC' },
  {
    name: 'rate_limits',
    type: 'Map(LowCardinality(String), Float64)',
    from: 'proxy',
    since: 2,
    description: "the provider's rate-limit headers as numbers: `limit_…`, `remaining_…`, `reset_…_s`, `retry_after_s`",
  },
  {
    name: 'answer_ttft_ms',
    type: 'Nullable(Float32)',
    from: 'proxy',
    since: 2,
    description: "request's first byte to the first token of the answer itself: later than ttft_ms where reasoning was streamed before it",
  },
  {
    name: 'request_parameters',
    type: 'Map(LowCardinality(String), Float64)',
    from: 'proxy',
    since: 3,
    description:
      'numbers that the request sets, where it does: `temperature`, `top_p`, `top_k`, `max_tokens`, `seed`, `frequency_penalty`, `presence_penalty`, `choice_count`, `dimensions`',
  },
  {
    name: 'request_options',
    type: 'Map(LowCardinality(String), String)',
    from: 'proxy',
    since: 3,
    description: 'enumerations that the request sets, where it does: `output_type`, `service_tier`, `reasoning_level`, `encoding_formats`',
  },
  { name: 'response_id', type: 'String', from: 'proxy', since: 3, description: "the provider's id of the answer" },
  {
    name: 'system_fingerprint',
    type: 'LowCardinality(String)',
    from: 'proxy',
    since: 3,
    description: 'which build of the model answered, where the provider says it',
  },
  { name: 'server_address', type: 'LowCardinality(String)', from: 'proxy', since: 3, description: "the provider's host" },
  { name: 'server_port', type: 'UInt16', from: 'proxy', since: 3, description: "the provider's port; 0: not known" },
  { name: 'output_chunks', type: 'Nullable(UInt64)', from: 'proxy', since: 3, description: 'events of a streamed answer' },
  {
    name: 'ingest_id',
    type: 'LowCardinality(String)',
    from: 'ingest',
    description: 'which ingest process wrote the row, and exports its span',
  },
  {
    name: 'trace_flags',
    type: 'Nullable(UInt8)',
    from: 'proxy',
    since: 3,
    description: "the flags of the caller's traceparent, 1: sampled; NULL without one",
  },
  { name: 'trace_state', type: 'String', from: 'proxy', since: 4, description: "the caller's tracestate; empty without one" },
] as const satisfies readonly Column[];

/** What a column of this type says when nobody knows. */
export function unknownValue(type: string): unknown {
  if (type.startsWith('Nullable')) return null;
  if (type.startsWith('UInt')) return 0;
  if (type.startsWith('Map')) return {};
  return type === 'Bool' ? false : '';
}

export type CallColumn = (typeof CALL_COLUMNS)[number];
export type CallColumnName = CallColumn['name'];

/** How a call ended, from the client's point of view. */
export const OUTCOMES = [
  'ok',
  'client_error',
  'auth_error',
  'rate_limited',
  'provider_error',
  'timeout',
  'unreachable',
  'stream_error',
  'stream_truncated',
  'client_abort',
  'gateway_error',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Where the token counts come from. `none`: not known, so the columns are NULL. */
export const USAGE_SOURCES = ['provider', 'estimated', 'none'] as const;
export type UsageSource = (typeof USAGE_SOURCES)[number];

/** Where the cost comes from. `none`: no price is known, so the cost is NULL. */
export const COST_SOURCES = ['provider', 'override', 'catalogue', 'none'] as const;
export type CostSource = (typeof COST_SOURCES)[number];

/** How much of a call is kept. `metadata` keeps no byte of a prompt or completion. */
export const CAPTURE_MODES = ['metadata', 'redacted', 'full'] as const;
export type CaptureMode = (typeof CAPTURE_MODES)[number];
