-- Fills latency_by_hour with every insert into calls; `model` as in calls_by_minute_view.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.latency_by_hour_view
TO {database:Identifier}.latency_by_hour
AS SELECT
  project,
  toStartOfHour(started_at, 'UTC') AS hour,
  provider,
  if(response_model != '', response_model, request_model) AS model,
  count() AS calls,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.duration_ms), call.duration_ms IS NOT NULL) AS duration_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.ttft_ms), call.ttft_ms IS NOT NULL) AS ttft_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.overhead_ms), call.overhead_ms IS NOT NULL) AS overhead_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.max_gap_ms), call.max_gap_ms IS NOT NULL) AS max_gap_ms,
  quantilesDDState(0.01, 0.5, 0.95, 0.99)(
    toFloat32(greatest(dateDiff('millisecond', call.started_at, call.ingested_at) - ifNull(call.duration_ms, 0), 0))
  ) AS ingest_lag_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
    toFloat32(assumeNotNull(call.output_tokens) * 1000 / (assumeNotNull(call.duration_ms) - assumeNotNull(call.ttft_ms))),
    ifNull(call.output_tokens > 0 AND call.duration_ms > call.ttft_ms, 0)
  ) AS tokens_per_second
FROM {database:Identifier}.calls AS call
GROUP BY project, hour, provider, model
