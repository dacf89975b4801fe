-- How fast a stream writes, by the rule of ingest/console/page/output-speed.ts and dashboards/sql.ts: time begins with the answer's first
-- token, so that this one and the reasoning before it do not count; an answer that came in one piece was written before and has no speed.
-- All else as in 0006. Hours before this keep what they say of the speed.
ALTER TABLE {database:Identifier}.latency_by_hour_view MODIFY QUERY
SELECT
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
    toFloat32(
      (toInt64(assumeNotNull(call.output_tokens)) - toInt64(ifNull(call.reasoning_tokens, 0)) - 1) * 1000
      / (assumeNotNull(call.duration_ms) - assumeNotNull(ifNull(call.answer_ttft_ms, call.ttft_ms)))
    ),
    ifNull(
      call.stream
      AND toInt64(call.output_tokens) - toInt64(ifNull(call.reasoning_tokens, 0)) - 1 >= 1
      AND call.duration_ms - ifNull(call.answer_ttft_ms, call.ttft_ms) >= 10,
      0
    )
  ) AS tokens_per_second
FROM {database:Identifier}.calls AS call
GROUP BY project, hour, provider, model
