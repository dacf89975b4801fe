-- The calls of each hour that did not end well, by what went wrong, where and with which key: what dashboards read errors
-- in the provider's words and 429s by key from. Calls are read for them only at the two ends of a range, where an hour is
-- not in it as a whole.
--
-- `message` is the latest. Messages may quote what was asked: they are kept as long as the calls, not longer (migrate.ts).
-- As many rows as there are kinds of failures in an hour, however many calls failed; nothing for calls that went well.
-- The deduplication window must be as long as that of `calls`: see there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.failures_by_hour (
  project         LowCardinality(String),
  hour            DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  outcome         LowCardinality(String),
  provider        LowCardinality(String),
  model           LowCardinality(String),
  error_type      String CODEC(ZSTD(1)),
  status          UInt16 CODEC(ZSTD(1)),
  key_fingerprint String CODEC(ZSTD(1)),
  calls           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  last_seen       SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
  message         AggregateFunction(argMax, String, DateTime64(6, 'UTC')) CODEC(ZSTD(3))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project, hour, outcome, provider, model, error_type, status, key_fingerprint)
SETTINGS
  non_replicated_deduplication_window = 10000,
  merge_with_ttl_timeout = 86400,
  materialize_ttl_recalculate_only = 1
