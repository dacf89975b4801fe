-- Whether the caller's trace is sampled, which decides with the common samplers whether its span is exported.
ALTER TABLE {database:Identifier}.calls
  ADD COLUMN IF NOT EXISTS trace_flags Nullable(UInt8) CODEC(ZSTD(1))
