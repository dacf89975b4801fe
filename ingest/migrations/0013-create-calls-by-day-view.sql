-- Fills calls_by_day with every insert into calls; `model` as in calls_by_minute_view, failed as dashboards count it.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.calls_by_day_view
TO {database:Identifier}.calls_by_day
AS SELECT
  toLowCardinality(entry.1) AS label,
  project,
  toDate(started_at, 'UTC') AS day,
  entry.2 AS value,
  provider,
  if(response_model != '', response_model, request_model) AS model,
  count() AS calls,
  countIf(call.outcome NOT IN ('ok', 'client_abort')) AS calls_failed,
  countIf(call.input_tokens IS NOT NULL OR call.output_tokens IS NOT NULL) AS calls_with_usage,
  countIf(call.cost_usd IS NOT NULL) AS calls_with_cost,
  sum(call.input_tokens) AS input_tokens,
  sum(call.output_tokens) AS output_tokens,
  sum(call.cost_usd) AS cost_usd,
  max(call.started_at) AS last_seen
FROM {database:Identifier}.calls AS call
ARRAY JOIN arrayConcat(
  [('all', ''), ('key', call.key_fingerprint), ('sdk', toString(call.sdk))],
  arrayFilter(each -> each.2 != '', [('user', call.user_id), ('session', call.session_id)]),
  arrayFilter(each -> each.2 != '', arrayMap((name, text) -> (concat('tag:', name), text), mapKeys(call.tags), mapValues(call.tags)))
) AS entry
GROUP BY label, project, day, value, provider, model
