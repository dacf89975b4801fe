-- What ingest and the proxies said of themselves (contract/events.ts), every few seconds: what board Pipeline is drawn from.
-- `label` is the value of the metric's one label; of a histogram, `le`. Counters are as the process counts them: from 0 again
-- after a restart. Kept for two weeks: it is for finding out what happened, not for reckoning.
-- Two ingests that ask the same proxy both write down what it says; whoever reads takes the largest of a few seconds.
CREATE TABLE IF NOT EXISTS {database:Identifier}.health (
  metric   LowCardinality(String),
  instance LowCardinality(String),
  label    LowCardinality(String),
  at       DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
  value    Float64 CODEC(Gorilla, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(at)
ORDER BY (metric, instance, label, at)
TTL at + toIntervalDay(14)
SETTINGS
  non_replicated_deduplication_window = 10000,
  ttl_only_drop_parts = 1
