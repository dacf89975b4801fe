-- Fills numbers_by_hour with every insert into calls.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.numbers_by_hour_view
TO {database:Identifier}.numbers_by_hour
AS SELECT
  proxy_id,
  toStartOfHour(started_at, 'UTC') AS hour,
  count() AS calls,
  min(call.seq) AS first,
  max(call.seq) AS last,
  groupBitmapState(call.seq) AS numbers,
  max(call.started_at) AS last_seen
FROM {database:Identifier}.calls AS call
GROUP BY proxy_id, hour
