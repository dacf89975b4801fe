-- What the provider's headers said of its rate limits (proxy/rate-limits.ts), so that headroom can be charted.
ALTER TABLE {database:Identifier}.calls
  ADD COLUMN IF NOT EXISTS rate_limits Map(LowCardinality(String), Float64) CODEC(ZSTD(1))
