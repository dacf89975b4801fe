-- What providers said of their limits in each hour, by key: what was left at last and at least. `unit` is what is limited
-- (requests, tokens, …): a name in `rate_limits` that begins with `remaining` has its limit beside it (proxy/rate-limits.ts).
-- As many rows as keys, models and units in an hour, however many calls.
-- The deduplication window must be as long as that of `calls`: see there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.limits_by_hour (
  project         LowCardinality(String),
  hour            DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  key_fingerprint String CODEC(ZSTD(1)),
  provider        LowCardinality(String),
  model           LowCardinality(String),
  unit            LowCardinality(String),
  calls           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  left_share_min  SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)),
  remaining       AggregateFunction(argMax, Float64, DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
  allowed         AggregateFunction(argMax, Float64, DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
  last_seen       SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project, hour, key_fingerprint, provider, model, unit)
SETTINGS
  non_replicated_deduplication_window = 10000,
  merge_with_ttl_timeout = 86400,
  materialize_ttl_recalculate_only = 1
