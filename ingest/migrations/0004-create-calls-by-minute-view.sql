-- Fills calls_by_minute with every insert into calls.
--
-- `model` is what the provider says it used, else what was asked for: a call that failed has no answer
-- to say it, and its errors belong to the model all the same.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database:Identifier}.calls_by_minute_view
TO {database:Identifier}.calls_by_minute
AS SELECT
  project,
  toStartOfMinute(started_at, 'UTC') AS minute,
  provider,
  if(response_model != '', response_model, request_model) AS model,
  outcome,
  count() AS calls,
  countIf(call.input_tokens IS NOT NULL OR call.output_tokens IS NOT NULL) AS calls_with_usage,
  countIf(usage_source = 'estimated') AS calls_usage_estimated,
  countIf(call.cost_usd IS NOT NULL) AS calls_with_cost,
  sum(call.input_tokens) AS input_tokens,
  sum(call.output_tokens) AS output_tokens,
  sum(call.cache_read_tokens) AS cache_read_tokens,
  sum(call.cache_write_tokens) AS cache_write_tokens,
  sum(call.cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(call.reasoning_tokens) AS reasoning_tokens,
  sum(call.input_audio_tokens) AS input_audio_tokens,
  sum(call.output_audio_tokens) AS output_audio_tokens,
  sum(call.input_image_tokens) AS input_image_tokens,
  sum(call.tool_use_tokens) AS tool_use_tokens,
  sum(call.cost_usd) AS cost_usd,
  sum(call.request_bytes) AS request_bytes,
  sum(call.response_bytes) AS response_bytes,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.duration_ms), call.duration_ms IS NOT NULL) AS duration_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.ttft_ms), call.ttft_ms IS NOT NULL) AS ttft_ms,
  quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(assumeNotNull(call.overhead_ms), call.overhead_ms IS NOT NULL) AS overhead_ms
FROM {database:Identifier}.calls AS call
GROUP BY project, minute, provider, model, outcome
