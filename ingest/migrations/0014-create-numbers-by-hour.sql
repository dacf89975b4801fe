-- The numbers that each proxy gave to the calls of each hour: what the loss meter is read from for ranges longer than
-- calls are worth scanning for. A bitmap takes two bytes a call, and merging those of a month some milliseconds.
-- The deduplication window must be as long as that of `calls`: see there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.numbers_by_hour (
  proxy_id  LowCardinality(String),
  hour      DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  calls     SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  first     SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
  last      SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  numbers   AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (proxy_id, hour)
SETTINGS
  index_granularity = 512,
  non_replicated_deduplication_window = 10000,
  merge_with_ttl_timeout = 86400,
  materialize_ttl_recalculate_only = 1
