-- Fills limits_by_hour with every insert into calls; `model` as in calls_by_minute_view.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.limits_by_hour_view
TO {database:Identifier}.limits_by_hour
AS SELECT
  project,
  toStartOfHour(started_at, 'UTC') AS hour,
  key_fingerprint,
  provider,
  if(response_model != '', response_model, request_model) AS model,
  toLowCardinality(told.1) AS unit,
  count() AS calls,
  min(told.2 / told.3) AS left_share_min,
  argMaxState(told.2, call.started_at) AS remaining,
  argMaxState(told.3, call.started_at) AS allowed,
  max(call.started_at) AS last_seen
FROM {database:Identifier}.calls AS call
ARRAY JOIN arrayFilter(
  each -> each.3 > 0,
  arrayMap(
    name -> (replaceRegexpOne(name, '^remaining_?', ''), call.rate_limits[name], call.rate_limits[concat('limit', substring(name, 10))]),
    arrayFilter(name -> startsWith(name, 'remaining'), mapKeys(call.rate_limits))
  )
) AS told
GROUP BY project, hour, key_fingerprint, provider, model, unit
