-- The calls of each day by who made them and what for: what dashboards read users, sessions, keys, client libraries and
-- tags from for ranges longer than calls are worth scanning for.
--
-- A call is here once for each of its labels: `all` (value empty), `key`, `sdk`, `user` and `session` where it names
-- one, and `tag:<name>` for each tag; `label` stands first in the order, so that labels of many values make reading
-- the others no slower. No more than a narrow row for each call and label, however many values there are.
-- By the day, because a user's calls of an hour are few; the parts of days at the ends of a range are read from calls.
-- Sums are NULL where nothing was known; `calls_with_usage` and `calls_with_cost` say how many calls they stand on, so
-- that sums of calls without a tag (all minus those with it) can be NULL too.
-- It names users: it is kept as long as the calls, not longer (migrate.ts).
-- The deduplication window must be as long as that of `calls`: see there.
CREATE TABLE IF NOT EXISTS {database:Identifier}.calls_by_day (
  label            LowCardinality(String),
  project          LowCardinality(String),
  day              Date CODEC(Delta(2), ZSTD(1)),
  value            String CODEC(ZSTD(1)),
  provider         LowCardinality(String),
  model            LowCardinality(String),
  calls            SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_failed     SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_with_usage SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  calls_with_cost  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  input_tokens     SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  output_tokens    SimpleAggregateFunction(sum, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
  cost_usd         SimpleAggregateFunction(sum, Nullable(Decimal(38, 9))) CODEC(ZSTD(1)),
  last_seen        SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (label, project, day, value, provider, model)
SETTINGS
  non_replicated_deduplication_window = 10000,
  merge_with_ttl_timeout = 86400,
  materialize_ttl_recalculate_only = 1
