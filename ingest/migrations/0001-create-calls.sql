-- One row per call; the columns are those of contract/columns.ts.
--
-- Codecs: counts differ in their low bits (T64), times and sequence numbers from their neighbours by
-- little (Delta), everything else is text or noise (ZSTD).
-- Indexes: what a single call, trace, session or user is looked up by, without a time range.
-- Retention is by row (the TTL itself comes from the settings, see migrate.ts): partitions are months,
-- and a whole one outliving its last row by a month would break what `retention.calls` says. The day
-- between two sweeps keeps ClickHouse from rewriting the oldest month every four hours.
-- Deduplication: as long as a batch may be sent again, and on the rollup's target too, or a batch sent
-- twice counts twice there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.calls (
  id                    String CODEC(ZSTD(1)),
  project               LowCardinality(String) CODEC(ZSTD(1)),
  started_at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
  upstream              LowCardinality(String) CODEC(ZSTD(1)),
  provider              LowCardinality(String) CODEC(ZSTD(1)),
  operation             LowCardinality(String) CODEC(ZSTD(1)),
  method                String CODEC(ZSTD(1)),
  path                  String CODEC(ZSTD(3)),
  request_model         LowCardinality(String) CODEC(ZSTD(1)),
  response_model        LowCardinality(String) CODEC(ZSTD(1)),
  stream                Bool CODEC(ZSTD(1)),
  status                UInt16 CODEC(ZSTD(1)),
  outcome               LowCardinality(String) CODEC(ZSTD(1)),
  error_type            String CODEC(ZSTD(1)),
  error_message         String CODEC(ZSTD(3)),
  finish_reason         LowCardinality(String) CODEC(ZSTD(1)),
  input_tokens          Nullable(UInt64) CODEC(T64, ZSTD(1)),
  output_tokens         Nullable(UInt64) CODEC(T64, ZSTD(1)),
  cache_read_tokens     Nullable(UInt64) CODEC(T64, ZSTD(1)),
  cache_write_tokens    Nullable(UInt64) CODEC(T64, ZSTD(1)),
  cache_write_1h_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
  reasoning_tokens      Nullable(UInt64) CODEC(T64, ZSTD(1)),
  input_audio_tokens    Nullable(UInt64) CODEC(T64, ZSTD(1)),
  output_audio_tokens   Nullable(UInt64) CODEC(T64, ZSTD(1)),
  input_image_tokens    Nullable(UInt64) CODEC(T64, ZSTD(1)),
  tool_use_tokens       Nullable(UInt64) CODEC(T64, ZSTD(1)),
  usage_source          LowCardinality(String) CODEC(ZSTD(1)),
  usage_raw             String CODEC(ZSTD(3)),
  cost_usd              Nullable(Decimal(18, 9)) CODEC(ZSTD(1)),
  cost_source           LowCardinality(String) CODEC(ZSTD(1)),
  price_version         LowCardinality(String) CODEC(ZSTD(1)),
  service_tier          LowCardinality(String) CODEC(ZSTD(1)),
  duration_ms           Nullable(Float32) CODEC(ZSTD(1)),
  ttfb_ms               Nullable(Float32) CODEC(ZSTD(1)),
  ttft_ms               Nullable(Float32) CODEC(ZSTD(1)),
  overhead_ms           Nullable(Float32) CODEC(ZSTD(1)),
  max_gap_ms            Nullable(Float32) CODEC(ZSTD(1)),
  request_bytes         UInt64 CODEC(T64, ZSTD(1)),
  response_bytes        UInt64 CODEC(T64, ZSTD(1)),
  user_id               String CODEC(ZSTD(1)),
  session_id            String CODEC(ZSTD(1)),
  trace_id              String CODEC(ZSTD(1)),
  span_id               String CODEC(ZSTD(1)),
  parent_span_id        String CODEC(ZSTD(1)),
  tags                  Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  key_fingerprint       String CODEC(ZSTD(1)),
  sdk                   LowCardinality(String) CODEC(ZSTD(1)),
  proxy_id              LowCardinality(String) CODEC(ZSTD(1)),
  seq                   UInt64 CODEC(Delta(8), ZSTD(1)),
  ingested_at           DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  INDEX id_index id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX trace_index trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX session_index session_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX user_index user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), started_at, id)
SETTINGS
  non_replicated_deduplication_window = 10000,
  merge_with_ttl_timeout = 86400,
  materialize_ttl_recalculate_only = 1
