-- How long the calls of each hour took: what dashboards read quantiles from for ranges longer than a day.
--
-- Apart from calls_by_minute because sketches are slow to merge where sums are not: the p95 of 10 million
-- calls over 30 days is 1.1 million sketches by the minute (1.4 to 3 s on two cores), 80 thousand by the hour,
-- and 19 thousand without the outcome, which no question about latency asks for. No sum of money or tokens is
-- kept here, so that repricing never touches it. `calls` is here to weigh the quantiles by.
-- ingest_lag_ms: from the end of a call to its row.
-- tokens_per_second: output tokens over the time from the first one to the last, of streamed calls.
-- index_granularity: a row holds kilobytes of sketches; the default would read 8192 of them to find one.
-- For the sketches, and for why the deduplication window is what it is: see calls_by_minute.
CREATE TABLE IF NOT EXISTS {database:Identifier}.latency_by_hour (
  project           LowCardinality(String),
  hour              DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  provider          LowCardinality(String),
  model             LowCardinality(String),
  calls             SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  duration_ms       AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  ttft_ms           AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  overhead_ms       AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  max_gap_ms        AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  ingest_lag_ms     AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
  tokens_per_second AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project, hour, provider, model)
SETTINGS
  index_granularity = 512,
  non_replicated_deduplication_window = 10000,
  ttl_only_drop_parts = 1,
  materialize_ttl_recalculate_only = 1
