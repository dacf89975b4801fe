-- Captured prompts and completions, apart from the calls so that they can go sooner.
--
-- Partitions are days and only whole parts are dropped: text that should be gone is gone within a day,
-- and nothing is rewritten for it.
CREATE TABLE IF NOT EXISTS {database:Identifier}.bodies (
  id         String CODEC(ZSTD(1)),
  project    LowCardinality(String) CODEC(ZSTD(1)),
  started_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
  request    String CODEC(ZSTD(3)),
  response   String CODEC(ZSTD(3)),
  capture    LowCardinality(String) CODEC(ZSTD(1)),
  INDEX id_index id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(started_at)
ORDER BY (project, toStartOfHour(started_at), started_at, id)
SETTINGS
  non_replicated_deduplication_window = 10000,
  ttl_only_drop_parts = 1,
  materialize_ttl_recalculate_only = 1
