-- Fills failures_by_hour with every insert into calls; `model` as in calls_by_minute_view.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.failures_by_hour_view
TO {database:Identifier}.failures_by_hour
AS SELECT
  project,
  toStartOfHour(started_at, 'UTC') AS hour,
  outcome,
  provider,
  if(response_model != '', response_model, request_model) AS model,
  error_type,
  status,
  key_fingerprint,
  count() AS calls,
  max(call.started_at) AS last_seen,
  argMaxState(call.error_message, call.started_at) AS message
FROM {database:Identifier}.calls AS call
WHERE outcome != 'ok'
GROUP BY project, hour, outcome, provider, model, error_type, status, key_fingerprint
