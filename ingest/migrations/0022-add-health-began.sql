-- When the process began that said it: a counter never falls in the life of one, so that the highest of any time is enough
-- to know what was added, however many wrote it down and in whatever order. 0: not known.
ALTER TABLE {database:Identifier}.health
  ADD COLUMN IF NOT EXISTS began DateTime('UTC') CODEC(Delta(4), ZSTD(1))
