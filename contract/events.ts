/**
 * The catalogue of Glassway's own metrics. Each name here is a contract with the users' dashboards
 * and alerts: it is used in exactly one place, documented by its help text, and never renamed.
 * Names follow Prometheus: base units, `_total` for counters.
 */
export interface MetricEntry {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

export const PROXY_METRICS = {
  calls: { name: 'glassway_proxy_calls_total', type: 'counter', help: 'Calls that ended, by outcome.', labels: ['outcome'] },
  calls_in_flight: { name: 'glassway_proxy_calls_in_flight', type: 'gauge', help: 'Calls being carried now.', labels: [] },
  connections_dropped: {
    name: 'glassway_proxy_connections_dropped_total',
    type: 'counter',
    help: 'Connections closed as they came, because limits.connectionsMax were open.',
    labels: [],
  },
  tap_limited: {
    name: 'glassway_proxy_tap_limited_total',
    type: 'counter',
    help: 'Bodies that passed through untouched but of which the tap could not keep or read everything, by reason.',
    labels: ['reason'],
  },
  estimates: {
    name: 'glassway_proxy_estimates_total',
    type: 'counter',
    help: 'Calls whose tokens were to be counted here because the provider did not, by result: counted, or why not.',
    labels: ['result'],
  },
  redactions: {
    name: 'glassway_proxy_redactions_total',
    type: 'counter',
    help: 'Calls of projects with capture redacted, by result: redacted, or why their bodies are not stored.',
    labels: ['result'],
  },
  queue_records: { name: 'glassway_proxy_queue_records', type: 'gauge', help: 'Records that wait to be shipped to ingest.', labels: [] },
  queue_bytes: { name: 'glassway_proxy_queue_bytes', type: 'gauge', help: 'Bytes of the records that wait to be shipped.', labels: [] },
  records_dropped: {
    name: 'glassway_proxy_records_dropped_total',
    type: 'counter',
    help: 'Records lost, by reason: the journal was full, the disk failed and memory was full, the disk damaged them, ingest refused them and they could not be set aside, or the proxy stopped while its disk failed.',
    labels: ['reason'],
  },
  dead_letters: {
    name: 'glassway_proxy_dead_letters_total',
    type: 'counter',
    help: "Records that ingest refused for good and that were set aside in the journal's dead-letter.ndjson, by reason.",
    labels: ['reason'],
  },
  journal_ok: {
    name: 'glassway_proxy_journal_ok',
    type: 'gauge',
    help: "1 while the journal's disk takes what is written, else 0: records wait in memory.",
    labels: [],
  },
  journal_faults: {
    name: 'glassway_proxy_journal_faults_total',
    type: 'counter',
    help: "Times that the journal's disk began to fail, by error code.",
    labels: ['code'],
  },
  journals_adopted: {
    name: 'glassway_proxy_journals_adopted_total',
    type: 'counter',
    help: 'Journals of dead proxies that this one took over.',
    labels: [],
  },
  calls_cut_off: {
    name: 'glassway_proxy_calls_cut_off_total',
    type: 'counter',
    help: 'Calls in adopted journals that the death of their proxy cut off; each becomes a row with error_type proxy_died.',
    labels: [],
  },
  batches: { name: 'glassway_proxy_batches_total', type: 'counter', help: 'Attempts to ship a batch, by result.', labels: ['result'] },
} as const satisfies Record<string, MetricEntry>;

export const INGEST_METRICS = {
  batches: { name: 'glassway_ingest_batches_total', type: 'counter', help: 'Batches answered, by HTTP status.', labels: ['status'] },
  records: { name: 'glassway_ingest_records_total', type: 'counter', help: 'Records by result: inserted or rejected.', labels: ['result'] },
  insert_seconds: {
    name: 'glassway_ingest_insert_seconds',
    type: 'histogram',
    help: "Time of ClickHouse's inserts in seconds.",
    labels: [],
  },
  calls_unpriced: {
    name: 'glassway_ingest_calls_unpriced_total',
    type: 'counter',
    help: 'Calls with known usage for which no price is known.',
    labels: ['provider'],
  },
  price_reads: {
    name: 'glassway_ingest_price_reads_total',
    type: 'counter',
    help: 'Readings of priceCatalogue; after a failed one the last good prices stay in use.',
    labels: ['result'],
  },
  spans: {
    name: 'glassway_ingest_spans_total',
    type: 'counter',
    help: 'Spans by result: sent, resent from the table, deferred because the receiver or the queue had no room (they are resent later), refused for good by the receiver, or given_up after traces.resendWithin.',
    labels: ['result'],
  },
  spans_queued: { name: 'glassway_ingest_spans_queued', type: 'gauge', help: 'Spans that wait in memory for their receivers.', labels: [] },
  trace_slots_open: {
    name: 'glassway_ingest_trace_slots_open',
    type: 'gauge',
    help: "Tens of seconds of this ingest's calls whose spans have not all arrived, one for each route.",
    labels: [],
  },
  labels_folded: {
    name: 'glassway_ingest_metric_labels_folded_total',
    type: 'counter',
    help: "Times that a call's model, host or error type was counted as _OTHER because there were too many, or the whole call in the overflow series, by label.",
    labels: ['label'],
  },
  batches_refused: {
    name: 'glassway_ingest_batches_refused_total',
    type: 'counter',
    help: 'Batches refused, by the code in the answer: `overloaded` is the limit on batches and bytes in work.',
    labels: ['code'],
  },
  work_bytes: { name: 'glassway_ingest_work_bytes', type: 'gauge', help: 'Decoded bytes of the batches in work now.', labels: [] },
  calls_missing: {
    name: 'glassway_ingest_calls_missing',
    type: 'gauge',
    help: "Calls of the last 7 days without a row, by the gaps in their proxies' numbers; those that began within the last hour are not looked at. NaN: not known.",
    labels: [],
  },
  calls_duplicated: {
    name: 'glassway_ingest_calls_duplicated',
    type: 'gauge',
    help: 'Rows of the last 7 days beyond the first of their call. NaN: not known.',
    labels: [],
  },
  ready: { name: 'glassway_ingest_ready', type: 'gauge', help: '1 once the tables are there, else 0.', labels: [] },
} as const satisfies Record<string, MetricEntry>;

/** OpenTelemetry's own metrics of calls, kept by ingest: over OTLP under `name`, for Prometheus under `prometheus`. */
export interface CallMetricEntry {
  readonly name: string;
  readonly prometheus: string;
  readonly unit: string;
  readonly help: string;
  /** Attributes besides those that all have. */
  readonly labels: readonly ('gen_ai.token.type' | 'error.type')[];
  readonly bounds: readonly number[];
}

/** Bounds as the conventions say: https://github.com/open-telemetry/semantic-conventions/blob/v1.41.1/docs/gen-ai/gen-ai-metrics.md */
const SECONDS_BOUNDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKEN_BOUNDS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

export const CALL_METRICS = {
  tokens: {
    name: 'gen_ai.client.token.usage',
    prometheus: 'gen_ai_client_token_usage',
    unit: '{token}',
    help: 'Number of input and output tokens used.',
    labels: ['gen_ai.token.type'],
    bounds: TOKEN_BOUNDS,
  },
  duration: {
    name: 'gen_ai.client.operation.duration',
    prometheus: 'gen_ai_client_operation_duration_seconds',
    unit: 's',
    help: 'Duration of calls.',
    labels: ['error.type'],
    bounds: SECONDS_BOUNDS,
  },
  first_chunk: {
    name: 'gen_ai.client.operation.time_to_first_chunk',
    prometheus: 'gen_ai_client_operation_time_to_first_chunk_seconds',
    unit: 's',
    help: 'Time to the first token of a streamed answer.',
    labels: [],
    bounds: SECONDS_BOUNDS,
  },
  output_chunk: {
    name: 'gen_ai.client.operation.time_per_output_chunk',
    prometheus: 'gen_ai_client_operation_time_per_output_chunk_seconds',
    unit: 's',
    help: "Time between chunks of a streamed answer: each call's mean, as often as it had chunks after the first.",
    labels: [],
    bounds: SECONDS_BOUNDS,
  },
} as const satisfies Record<string, CallMetricEntry>;

/** What all of them are told apart by: nothing that a caller can make up without limit, and nobody's id. */
export const CALL_METRIC_LABELS = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.response.model',
  'server.address',
  'server.port',
] as const;
