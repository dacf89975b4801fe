-- What tracing systems before the caller noted of the trace (W3C Trace Context): its span carries it on.
ALTER TABLE {database:Identifier}.calls
  ADD COLUMN IF NOT EXISTS trace_state String CODEC(ZSTD(1))
