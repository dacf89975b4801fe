-- Which spans still have to be exported, ten seconds of one ingest's rows at a time, and which ingests live.
--
-- A row `open` is there before the first call of its ten seconds is; `done` replaces it once all of their spans have
-- arrived. What is open of an ingest that lives is its own to export, of another anybody's (ingest/otlp/ledger.ts).
-- A few rows a minute, whatever the traffic. The newest version of a row counts, merged or not.
CREATE TABLE IF NOT EXISTS {database:Identifier}.trace_exports (
  slot       DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  ingest_id  String CODEC(ZSTD(1)),
  route      String CODEC(ZSTD(1)),
  state      LowCardinality(String) CODEC(ZSTD(1)),
  owner      String CODEC(ZSTD(1)),
  updated_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (slot, ingest_id, route)
TTL toDateTime(updated_at) + INTERVAL 8 DAY
SETTINGS non_replicated_deduplication_window = 0
