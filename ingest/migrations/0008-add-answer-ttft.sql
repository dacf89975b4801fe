-- Time to the first token of the answer itself, apart from reasoning that was streamed before it.
ALTER TABLE {database:Identifier}.calls
  ADD COLUMN IF NOT EXISTS answer_ttft_ms Nullable(Float32) CODEC(ZSTD(1))
