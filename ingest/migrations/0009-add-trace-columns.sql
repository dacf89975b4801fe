-- What a span says of a call beyond what the row had; and who wrote the row and when, by which calls whose span
-- was not exported are found again.
ALTER TABLE {database:Identifier}.calls
  ADD COLUMN IF NOT EXISTS request_parameters Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS request_options Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS response_id String CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS system_fingerprint LowCardinality(String) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS server_address LowCardinality(String) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS server_port UInt16 CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS output_chunks Nullable(UInt64) CODEC(T64, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS ingest_id LowCardinality(String) CODEC(ZSTD(1)),
  ADD INDEX IF NOT EXISTS ingested_index ingested_at TYPE minmax GRANULARITY 1
