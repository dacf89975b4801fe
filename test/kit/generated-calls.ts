/**
 * Millions of believable calls, made by ClickHouse itself (INSERT … SELECT from numbers()), so that
 * only the disk limits how many. Every value is a hash of the call's number: the same arguments give
 * the same rows. Rows arrive in the order of time, as they would from proxies. Writes to table `calls`.
 */
import type { ClickHouseClient } from '@clickhouse/client';

export interface GeneratedCalls {
  readonly count: number;
  readonly from: Date;
  readonly to: Date;
  /** The first so many are there already. */
  readonly made?: number;
  /** Called after each part with the number of calls there are so far. */
  readonly onProgress?: (calls: number) => void;
}

/**
 * Rows of one INSERT: few calls in a month are nearly each a row of the rollups too, whose sketches are some KiB in memory;
 * many fall on the same minutes, and what the rollups cost is by the minute.
 */
const PART_ROWS_MIN = 50_000;
const PART_ROWS_MAX = 500_000;
const PARTS = 200;

export async function generateCalls(client: ClickHouseClient, options: GeneratedCalls): Promise<void> {
  const { count, from, to, made = 0, onProgress } = options;
  const partRows = Math.min(PART_ROWS_MAX, Math.max(PART_ROWS_MIN, Math.ceil(count / PARTS)));
  for (let start = made; start < count; start += partRows) {
    const rows = Math.min(partRows, count - start);
    await client.command({
      query: `INSERT INTO calls (${Object.keys(COLUMNS).join(', ')}) ${SELECT}`,
      query_params: { start, rows, count, from_us: from.getTime() * 1000, span_us: (to.getTime() - from.getTime()) * 1000 },
      clickhouse_settings: {
        max_insert_threads: '1',
        max_threads: 2,
        insert_deduplicate: 0,
        max_insert_block_size: String(partRows),
        min_insert_block_size_rows: String(partRows),
      },
    });
    onProgress?.(start + rows);
  }
}

/** Name, share of the calls, models (their positions below), size of prompts and answers in tokens. */
const PROJECTS: readonly (readonly [string, number, readonly number[], number, number])[] = [
  ['support-chat', 24, [2, 3, 8], 5200, 420],
  ['checkout', 18, [0, 3], 1800, 160],
  ['search', 16, [4, 0], 900, 60],
  ['code-review', 10, [1, 2], 14_000, 900],
  ['research-agent', 8, [1, 2, 5], 26_000, 1500],
  ['invoice-extraction', 7, [4, 6], 7400, 380],
  ['translation', 6, [6, 4], 1100, 700],
  ['sales-email', 4, [0, 7], 1400, 320],
  ['moderation', 3, [8, 0], 500, 20],
  ['onboarding-bot', 2, [3], 2400, 260],
  ['nightly-evals', 1, [1, 5, 8], 3100, 700],
  ['default', 1, [0], 800, 200],
];

/** Upstream, provider, model, US dollars per million input and output tokens (0: no price is known), ms to the first token, tokens a second. */
const MODELS: readonly (readonly [string, string, string, number, number, number, number])[] = [
  ['openai', 'openai', 'gpt-5-mini', 0.25, 2, 420, 130],
  ['openai', 'openai', 'gpt-5', 1.25, 10, 1300, 75],
  ['anthropic', 'anthropic', 'claude-sonnet-4-5', 3, 15, 950, 68],
  ['anthropic', 'anthropic', 'claude-haiku-4-5', 1, 5, 480, 140],
  ['gemini', 'gcp.gemini', 'gemini-2.5-flash', 0.3, 2.5, 380, 180],
  ['bedrock', 'aws.bedrock', 'anthropic.claude-sonnet-4-5', 3, 15, 1050, 64],
  ['mistral', 'mistral_ai', 'mistral-small-latest', 0.1, 0.3, 310, 150],
  ['azure', 'azure.ai.openai', 'gpt-4.1', 2, 8, 610, 90],
  ['my-vllm', 'vllm', 'acme/support-7b', 0, 0, 160, 90],
];

/** Outcome, share of the failures, HTTP status, the provider's code. */
const FAULTS: readonly (readonly [string, number, number, string])[] = [
  ['rate_limited', 38, 429, 'rate_limit_exceeded'],
  ['provider_error', 20, 500, 'server_error'],
  ['client_abort', 14, 200, ''],
  ['stream_error', 8, 200, 'overloaded_error'],
  ['timeout', 7, 504, 'glassway_upstream_timeout'],
  ['stream_truncated', 5, 200, ''],
  ['client_error', 5, 400, 'invalid_request_error'],
  ['unreachable', 2, 502, 'glassway_upstream_unreachable'],
  ['auth_error', 1, 401, 'invalid_api_key'],
];

/** A position repeated as often as its weight says: an index into this is a weighted choice. */
function weightedPositions(weights: readonly number[]): string {
  return `[${weights.flatMap((weight, position) => Array<number>(weight).fill(position + 1)).join(',')}]`;
}

function list(values: readonly (string | number)[]): string {
  return `[${values.map((value) => (typeof value === 'string' ? `'${value}'` : value)).join(',')}]`;
}

/** Evenly from 0 to 1, another one for each salt. */
const random = (salt: number) => `(cityHash64(n, ${salt}) / 18446744073709551616)`;
/** Log-normal around 1, made from a sum of even ones: most are near, a few far above. */
const spread = (salt: number, sigma: number) =>
  `exp(${sigma} * 1.732 * (${random(salt)} + ${random(salt + 100)} + ${random(salt + 200)} + ${random(salt + 300)} - 2))`;

/** Day and night: calls come faster and slower as the sine of the hour, without ever going back in time. */
const PROGRESS = `(n / {count:UInt64})`;
const DAYS = `({span_us:Int64} / 86400000000)`;
const WAVE = `${PROGRESS} + 0.6 * sin(2 * pi() * ${PROGRESS} * ${DAYS}) / (2 * pi() * ${DAYS})`;

const COLUMNS = {
  id: "concat('019a0000-0000-7000-8000-', leftPad(hex(n), 12, '0'))",
  project: `${list(PROJECTS.map(([name]) => name))}[p]`,
  started_at: 'at',
  upstream: `${list(MODELS.map(([upstream]) => upstream))}[m]`,
  provider: `${list(MODELS.map(([, provider]) => provider))}[m]`,
  operation: "'chat'",
  method: "'POST'",
  path: "'/v1/chat/completions'",
  request_model: `${list(MODELS.map(([, , name]) => name))}[m]`,
  response_model: "if(code >= 400, '', request_model)",
  stream: 'streamed',
  status: 'code',
  outcome: `if(f = 0, 'ok', ${list(FAULTS.map(([outcome]) => outcome))}[f])`,
  error_type: `if(f = 0, '', ${list(FAULTS.map(([, , , type]) => type))}[f])`,
  error_message: "if(error_type = '', '', 'The provider did not answer this call as it should have.')",
  finish_reason: `if(f = 0, if(${random(20)} < 0.03, 'length', 'stop'), '')`,
  input_tokens: 'if(metered, input, NULL)',
  output_tokens: 'if(metered, output, NULL)',
  cache_read_tokens: 'if(metered AND p % 3 != 0, cached, NULL)',
  cache_write_tokens: 'if(metered AND m IN (3, 4), toUInt64((input - cached) * 0.3), NULL)',
  reasoning_tokens: 'if(metered AND m = 2, toUInt64(output * 0.6), NULL)',
  usage_source: "if(metered, 'provider', 'none')",
  usage_raw: `if(metered, concat('{"input_tokens":', toString(input), ',"output_tokens":', toString(output), '}'), '')`,
  cost_usd: 'if(metered AND priced, toDecimal64((input_price * (input - 0.9 * cached) + output_price * output) / 1e6, 9), NULL)',
  cost_source: "if(metered AND priced, 'catalogue', 'none')",
  price_version: "if(metered AND priced, 'genai-prices 0.1.8', '')",
  duration_ms: 'toFloat32(ttfb + if(code >= 400, 4, output / tokens_per_second * 1000))',
  ttfb_ms: 'toFloat32(ttfb)',
  ttft_ms: 'if(streamed AND code = 200, toFloat32(ttfb * 1.1), NULL)',
  overhead_ms: `toFloat32(0.25 + 0.4 * ${spread(21, 0.5)})`,
  max_gap_ms: `if(streamed AND code = 200, toFloat32(20 + 180 * ${spread(22, 0.8)}), NULL)`,
  request_bytes: 'input * 4',
  response_bytes: 'output * if(streamed, 190, 5) + 400',
  user_id: `if(${random(23)} < 0.7, concat('user-', toString(cityHash64(n, 24) % 5000)), '')`,
  session_id: "if(streamed, concat('session-', toString(intDiv(n, 6))), '')",
  trace_id: `if(${random(25)} < 0.5, lower(concat(leftPad(hex(cityHash64(n, 26)), 16, '0'), leftPad(hex(cityHash64(n, 27)), 16, '0'))), '')`,
  span_id: "lower(leftPad(hex(cityHash64(n, 28)), 16, '0'))",
  tags: `map('env', if(${random(29)} < 0.85, 'production', 'staging'), 'feature', ['answer', 'rerank', 'summary'][1 + cityHash64(n, 30) % 3])`,
  key_fingerprint: "lower(leftPad(hex(p * 2654435), 8, '0'))",
  rate_limits: "if(code = 200, map('limit_requests', 10000., 'remaining_requests', 10000. - n % 4000, 'reset_requests_s', 6.), map())",
  sdk: "['openai-python', 'openai-node', 'anthropic-python'][1 + cityHash64(n, 31) % 3]",
  proxy_id: "['proxy-a', 'proxy-b'][1 + n % 2]",
  seq: 'intDiv(n, 2) + 1',
  ingested_at: `at + toIntervalMillisecond(toUInt32(duration_ms) + 200 + toUInt32(1500 * ${random(32)}))`,
} as const satisfies Readonly<Record<string, string>>;

const SELECT = `
WITH
  toUInt64(number) AS n,
  fromUnixTimestamp64Micro(toInt64({from_us:Int64} + {span_us:Int64} * (${WAVE})), 'UTC') AS at,
  ${weightedPositions(PROJECTS.map(([, weight]) => weight))}[1 + cityHash64(n, 1) % ${PROJECTS.reduce((sum, [, weight]) => sum + weight, 0)}] AS p,
  [${PROJECTS.map(([, , models]) => list(models)).join(',')}][p] AS models,
  1 + models[1 + cityHash64(n, 2) % length(models)] AS m,
  if(${random(3)} < 0.01 + 0.002 * (p % 5), ${weightedPositions(FAULTS.map(([, weight]) => weight))}[1 + cityHash64(n, 4) % ${FAULTS.reduce((sum, [, weight]) => sum + weight, 0)}], 0) AS f,
  toUInt16(if(f = 0, 200, ${list(FAULTS.map(([, , status]) => status))}[f])) AS code,
  (f = 0 OR outcome = 'stream_error') AS metered,
  ${random(5)} < [0.95, 0.1, 0.2][1 + p % 3] AS streamed,
  toUInt64(${list(PROJECTS.map(([, , , input]) => input))}[p] * ${spread(6, 0.6)}) AS input,
  toUInt64(1 + ${list(PROJECTS.map(([, , , , output]) => output))}[p] * ${spread(7, 0.7)}) AS output,
  toUInt64(input * 0.6 * ${random(8)}) AS cached,
  ${list(MODELS.map(([, , , price]) => price))}[m] AS input_price,
  ${list(MODELS.map(([, , , , price]) => price))}[m] AS output_price,
  input_price > 0 AS priced,
  ${list(MODELS.map(([, , , , , , speed]) => speed))}[m] AS tokens_per_second,
  ${list(MODELS.map(([, , , , , firstMs]) => firstMs))}[m] * ${spread(9, 0.35)} * if(code >= 400, 0.3, 1) AS ttfb
SELECT ${Object.entries(COLUMNS)
  .map(([name, expression]) => `${expression} AS ${name}`)
  .join(',\n  ')}
FROM numbers({start:UInt64}, {rows:UInt64})`;
