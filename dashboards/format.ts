/**
 * How each column of an answer is shown, whichever panel it stands in: title, unit, from which value on it is worth a look
 * and, in tables, width and link. One table, so that a figure looks and is judged alike on every board; a column that is
 * not here is a fault.
 */
import type { Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Outcome } from '../contract/columns.ts';
import type { BoardName } from './links.ts';
import { NONE_WANTED, worseBelow, worseFrom } from './thresholds.ts';

export interface ColumnFormat {
  readonly title: string;
  readonly unit?: string;
  readonly decimals?: number;
  readonly widthPx?: number;
  /** Another board about the value that stands in a cell, or is a line's name. */
  readonly link?: { readonly title: string; readonly board: BoardName; readonly variable: string };
  /** Where else a cell leads. */
  readonly url?: { readonly title: string; readonly url: string };
  readonly thresholds?: readonly Threshold[];
}

const USD = 'currencyUSD';
const SHARE = 'percentunit';
const MIB = 1024 ** 2;

export const COLUMN_FORMATS: Readonly<Record<string, ColumnFormat>> = {
  project: { title: 'Project', link: { title: 'Open this project', board: 'project', variable: 'project' } },
  provider: { title: 'Provider', link: { title: 'Latency of this provider', board: 'latency', variable: 'provider' } },
  model: { title: 'Model', link: { title: 'Latency of this model', board: 'latency', variable: 'model' } },
  outcome: { title: 'Outcome', link: { title: 'Calls with this outcome', board: 'calls', variable: 'outcome' } },
  user: { title: 'User', link: { title: 'Calls of this user', board: 'calls', variable: 'user' } },
  session: { title: 'Session', link: { title: 'Calls of this session', board: 'calls', variable: 'session' } },
  id: { title: 'Call', widthPx: 160, link: { title: 'Everything about this call', board: 'calls', variable: 'call' } },
  trace: {
    title: 'Trace',
    widthPx: 120,
    url: {
      title: 'Open the trace in Tempo',
      url: '/explore?schemaVersion=1&panes=%7B%22trace%22:%7B%22datasource%22:%22${tempo_datasource}%22,%22queries%22:%5B%7B%22refId%22:%22A%22,%22queryType%22:%22traceql%22,%22query%22:%22${__value.raw:percentencode}%22%7D%5D%7D%7D',
    },
  },
  tag: { title: 'Tag' },
  key: { title: 'API key (fingerprint)' },
  sdk: { title: 'Client library' },
  error_type: { title: 'Error' },
  message: { title: 'Last message' },
  column_name: { title: 'What', widthPx: 220 },
  column_value: { title: 'Value' },
  started: { title: 'Started', unit: 'dateTimeAsLocal', widthPx: 180 },
  last_seen: { title: 'Last', unit: 'dateTimeAsLocal', widthPx: 180 },
  stream: { title: 'Streamed', unit: 'bool_yes_no', widthPx: 90 },
  status: { title: 'Status', unit: 'none', widthPx: 80 },
  proxy: { title: 'Proxy' },
  calls: { title: 'Calls', unit: 'short', decimals: 0 },
  timed_calls: { title: 'Calls', unit: 'short', decimals: 0 },
  calls_per_minute: { title: 'Calls per minute', unit: 'reqpm' },
  errors: { title: 'Failed', unit: 'short', decimals: 0 },
  error_rate: { title: 'Error rate', unit: SHARE, thresholds: worseFrom(0.02, 0.05) },
  share: { title: 'Share', unit: SHARE },
  cost_usd: { title: 'Spend', unit: USD },
  cost_per_call_usd: { title: 'Per call', unit: USD, decimals: 5 },
  cost_per_1k_tokens_usd: { title: 'Per 1,000 tokens', unit: USD, decimals: 5 },
  cost_failed_usd: { title: 'On calls that did not end well', unit: USD },
  forecast_usd: { title: 'Forecast', unit: USD },
  month_to_date_usd: { title: 'This month so far', unit: USD },
  input_tokens: { title: 'Input tokens', unit: 'short', decimals: 1 },
  output_tokens: { title: 'Output tokens', unit: 'short', decimals: 1 },
  cache_read_tokens: { title: 'Read from cache', unit: 'short', decimals: 1 },
  cache_write_tokens: { title: 'Written to cache', unit: 'short', decimals: 1 },
  uncached_tokens: { title: 'Not cached', unit: 'short', decimals: 1 },
  reasoning_tokens: { title: 'Reasoning tokens', unit: 'short', decimals: 1 },
  cache_share: { title: 'Input from cache', unit: SHARE },
  unpriced_calls: { title: 'Not priced', unit: 'short', decimals: 0, thresholds: worseFrom(1, 1000) },
  unpriced_tokens: { title: 'Tokens without a price', unit: 'short', decimals: 1, thresholds: worseFrom(1, 1_000_000) },
  estimated_calls: { title: 'Tokens estimated', unit: 'short', decimals: 0 },
  limited_calls: { title: 'Rate limited', unit: 'short', decimals: 0, thresholds: worseFrom(1, 1000) },
  limited_share: { title: 'Rate limited', unit: SHARE, thresholds: worseFrom(0.01, 0.05) },
  broken_streams: { title: 'Broken streams', unit: 'short', decimals: 0, thresholds: worseFrom(1, 100) },
  busiest_calls: { title: 'Busiest minute without a 429: calls', unit: 'reqpm', decimals: 0 },
  busiest_tokens: { title: 'Busiest minute without a 429: tokens', unit: 'short', decimals: 1 },
  now_calls: { title: 'Last full minutes: calls', unit: 'reqpm', decimals: 1 },
  unit: { title: 'Limited' },
  left_share: { title: 'Left', unit: SHARE, thresholds: worseBelow(0.1, 0.3) },
  left_share_min: { title: 'Least left', unit: SHARE, thresholds: worseBelow(0.02, 0.1) },
  room: { title: 'Remaining', unit: 'short', decimals: 1 },
  limit: { title: 'Limit', unit: 'short', decimals: 1 },
  limited_minutes: { title: 'Minutes with a 429', unit: 'short', decimals: 0, thresholds: worseFrom(1, 60) },
  burn_rate: { title: 'Burn rate', unit: 'none', decimals: 1, thresholds: worseFrom(1, 10) },
  budget_left: { title: 'Error budget left', unit: SHARE, thresholds: worseBelow(0, 0.25) },
  users: { title: 'Users', unit: 'short', decimals: 0 },
  sessions: { title: 'Sessions', unit: 'short', decimals: 0 },
  duration_ms: { title: 'Duration', unit: 'ms' },
  ttft_ms: { title: 'First token', unit: 'ms' },
  duration_p50_ms: { title: 'p50 duration', unit: 'ms' },
  duration_p95_ms: { title: 'p95 duration', unit: 'ms' },
  duration_p99_ms: { title: 'p99 duration', unit: 'ms' },
  ttft_p50_ms: { title: 'p50 first token', unit: 'ms' },
  ttft_p95_ms: { title: 'p95 first token', unit: 'ms', thresholds: worseFrom(3000, 8000) },
  ttft_p99_ms: { title: 'p99 first token', unit: 'ms' },
  overhead_p50_ms: { title: 'p50 overhead', unit: 'ms', decimals: 2 },
  overhead_p95_ms: { title: 'p95 overhead', unit: 'ms', decimals: 2 },
  overhead_p99_ms: { title: 'p99 overhead', unit: 'ms', decimals: 2, thresholds: worseFrom(5, 20) },
  max_gap_p95_ms: { title: 'p95 longest silence', unit: 'ms' },
  max_gap_p99_ms: { title: 'p99 longest silence', unit: 'ms' },
  tokens_per_second_p50: { title: 'Output tokens per second', unit: 'none', decimals: 0 },
  missing: { title: 'Missing', unit: 'short', decimals: 0, thresholds: NONE_WANTED },
  stored: { title: 'Stored', unit: 'short', decimals: 0 },
  ingest_lag_p50_ms: { title: 'p50 lag', unit: 'ms', thresholds: worseFrom(30_000, 300_000) },
  ingest_lag_p95_ms: { title: 'p95 lag', unit: 'ms', thresholds: worseFrom(30_000, 300_000) },
  ingest_lag_max_ms: { title: 'Longest lag', unit: 'ms' },
  queue_records: { title: 'Records waiting', unit: 'short', decimals: 0 },
  queue_bytes: { title: 'Bytes waiting', unit: 'bytes', thresholds: worseFrom(512 * MIB, 900 * MIB) },
  records: { title: 'Records', unit: 'short', decimals: 0 },
  batches: { title: 'Batches', unit: 'short', decimals: 0 },
  spans: { title: 'Spans', unit: 'short', decimals: 0 },
  faults: { title: 'Faults', unit: 'short', decimals: 0 },
  bodies: { title: 'Bodies', unit: 'short', decimals: 0 },
  in_flight: { title: 'Calls', unit: 'short', decimals: 0 },
  insert_p50_s: { title: 'p50 insert', unit: 's', thresholds: worseFrom(1, 10) },
  insert_p95_s: { title: 'p95 insert', unit: 's', thresholds: worseFrom(1, 10) },
  request_bytes: { title: 'Requests', unit: 'bytes' },
  response_bytes: { title: 'Responses', unit: 'bytes' },
};

/** Ours to mend, the provider's, nobody's: alike on every chart and in every table. */
export const OUTCOME_COLOURS: Readonly<Record<Outcome, string>> = {
  ok: 'green',
  client_abort: 'text',
  client_error: 'yellow',
  auth_error: 'dark-yellow',
  rate_limited: 'orange',
  provider_error: 'red',
  timeout: 'dark-orange',
  unreachable: 'dark-red',
  stream_error: 'purple',
  stream_truncated: 'dark-purple',
  gateway_error: 'blue',
};

/** Throws for a column that nobody has named: it would be shown raw. */
export function formatOf(column: string): ColumnFormat {
  const format = COLUMN_FORMATS[column];
  if (format === undefined) throw new Error(`column ${column} has no format: add it to dashboards/format.ts`);
  return format;
}
