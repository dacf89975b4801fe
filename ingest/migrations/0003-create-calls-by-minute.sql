-- The calls of each minute, added up: what dashboards read for ranges longer than calls are worth
-- scanning for, and after the calls themselves are gone.
--
-- Sums are NULL where nothing was known, so that unknown never reads as 0; how many calls they stand on
-- is beside them.
-- Quantiles are DDSketches: each value is within 1 % of the true one whatever the distribution, and
-- merging them in any order gives the same; t-digests promise neither, and take three to five times the
-- space on disk (10 to 600 calls a minute, log-normal). Any level may be read, whatever the type names:
-- ifNotFinite(quantileDDMerge(0.01, 0.9)(duration_ms), NULL), NaN being "no such call". That holds
-- for states of Float32 only; those of Nullable(Float32) can be read at the levels they were made for.
-- The deduplication window must be as long as that of `calls`: see there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.calls_by_minute (
  project                 LowCardinality(String),
  minute                  DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  provider                LowCardinality(String),
  model                   LowCardinality(String),
  outcome                 LowCardinality(String),
  calls                   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_with_usage        SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_usage_estimated   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_with_cost         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  input_tokens            SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  output_tokens           SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  cache_read_tokens       SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  cache_write_tokens      SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  cache_write_1h_tokens   SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  reasoning_tokens        SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  input_audio_tokens      SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  output_audio_tokens     SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  input_image_tokens      SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  tool_use_tokens         SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  cost_usd                SimpleAggregateFunction(sum, Nullable(Decimal(38, 9))) CODEC(ZSTD(1)),
  request_bytes           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  response_bytes          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  duration_ms             AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  ttft_ms                 AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  overhead_ms             AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (project, minute, provider, model, outcome)
SETTINGS
  non_replicated_deduplication_window = 10000,
  ttl_only_drop_parts = 1,
  materialize_ttl_recalculate_only = 1
