/**
 * Believable rows of table `calls`: several projects, models and users, a day's rhythm, streams, caches,
 * errors of every kind and calls without a price. The same seed gives the same rows. Also one plain row
 * for tests that care about a single column. Inserts with the writer; makes no calls.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Outcome } from '../../contract/columns.ts';
import type { CallRow } from '../../contract/record.ts';

/** A call that went well, at a fixed time; `overrides` change what a test is about. */
export function sampleCall(overrides: Partial<CallRow> = {}): CallRow {
  return {
    id: '0199a000-0000-7000-8000-000000000001',
    project: 'checkout',
    started_at: '2026-01-31 12:00:00.000000',
    upstream: 'openai',
    provider: 'openai',
    operation: 'chat',
    method: 'POST',
    path: '/v1/chat/completions',
    request_model: 'gpt-5-mini',
    response_model: 'gpt-5-mini-2025-08-07',
    stream: false,
    status: 200,
    outcome: 'ok',
    error_type: '',
    error_message: '',
    finish_reason: 'stop',
    input_tokens: 1000,
    output_tokens: 100,
    cache_read_tokens: null,
    cache_write_tokens: null,
    cache_write_1h_tokens: null,
    reasoning_tokens: null,
    input_audio_tokens: null,
    output_audio_tokens: null,
    input_image_tokens: null,
    tool_use_tokens: null,
    usage_source: 'provider',
    usage_raw: '{"prompt_tokens":1000,"completion_tokens":100}',
    cost_usd: '0.001000000',
    cost_source: 'catalogue',
    price_version: 'genai-prices 0.1.8',
    service_tier: '',
    duration_ms: 800,
    ttfb_ms: 300,
    ttft_ms: null,
    overhead_ms: 0.5,
    max_gap_ms: null,
    request_bytes: 4000,
    response_bytes: 900,
    user_id: '',
    session_id: '',
    trace_id: '',
    span_id: '',
    parent_span_id: '',
    tags: {},
    rate_limits: {},
    answer_ttft_ms: null,
    key_fingerprint: '',
    sdk: '',
    proxy_id: 'proxy-a',
    seq: 1,
    ingested_at: '2026-01-31 12:00:02.000',
    request_parameters: {},
    request_options: {},
    response_id: '',
    system_fingerprint: '',
    server_address: 'api.openai.com',
    server_port: 443,
    output_chunks: null,
    trace_flags: null,
    trace_state: '',
    ingest_id: 'ingest-a',
    ...overrides,
  };
}

interface Model {
  readonly upstream: string;
  readonly provider: string;
  readonly path: string;
  readonly asked: string;
  readonly used: string;
  /** US dollars per million tokens; null where no price is known. */
  readonly price: { readonly input: number; readonly cached: number; readonly output: number } | null;
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
  readonly sdk: string;
}

/** Prices and speeds are of a likely size, not anybody's price list. */
const MODELS: readonly Model[] = [
  model('openai', 'openai', '/v1/chat/completions', 'gpt-5-mini', 'gpt-5-mini-2025-08-07', [0.25, 0.025, 2], 420, 130, 'openai-python'),
  model('openai', 'openai', '/v1/responses', 'gpt-5', 'gpt-5-2025-08-07', [1.25, 0.125, 10], 1300, 75, 'openai-node'),
  model(
    'anthropic',
    'anthropic',
    '/v1/messages',
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
    [3, 0.3, 15],
    950,
    68,
    'anthropic-python',
  ),
  model('anthropic', 'anthropic', '/v1/messages', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001', [1, 0.1, 5], 480, 140, 'anthropic-node'),
  model(
    'gemini',
    'gcp.gemini',
    '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
    'gemini-2.5-flash',
    'gemini-2.5-flash',
    [0.3, 0.03, 2.5],
    380,
    180,
    'google-genai',
  ),
  model('my-vllm', 'vllm', '/v1/chat/completions', 'acme/support-7b', 'acme/support-7b', null, 160, 90, 'openai-python'),
];

interface Project {
  readonly name: string;
  readonly weight: number;
  readonly models: readonly number[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedShare: number;
  readonly streamShare: number;
  readonly errorShare: number;
}

const PROJECTS: readonly Project[] = [
  {
    name: 'checkout',
    weight: 30,
    models: [0, 0, 3],
    inputTokens: 1800,
    outputTokens: 160,
    cachedShare: 0.55,
    streamShare: 0.1,
    errorShare: 0.012,
  },
  {
    name: 'support-chat',
    weight: 26,
    models: [2, 2, 5],
    inputTokens: 5200,
    outputTokens: 420,
    cachedShare: 0.75,
    streamShare: 0.95,
    errorShare: 0.03,
  },
  { name: 'search', weight: 24, models: [4, 0], inputTokens: 900, outputTokens: 60, cachedShare: 0.1, streamShare: 0.2, errorShare: 0.004 },
  {
    name: 'research-agent',
    weight: 9,
    models: [1, 2],
    inputTokens: 26_000,
    outputTokens: 1500,
    cachedShare: 0.82,
    streamShare: 1,
    errorShare: 0.07,
  },
  {
    name: 'invoice-extraction',
    weight: 8,
    models: [4, 3],
    inputTokens: 7400,
    outputTokens: 380,
    cachedShare: 0,
    streamShare: 0,
    errorShare: 0.02,
  },
  {
    name: 'nightly-evals',
    weight: 3,
    models: [5, 1],
    inputTokens: 3100,
    outputTokens: 700,
    cachedShare: 0.2,
    streamShare: 0,
    errorShare: 0.11,
  },
];

interface Fault {
  readonly outcome: Outcome;
  readonly weight: number;
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

const FAULTS: readonly Fault[] = [
  {
    outcome: 'rate_limited',
    weight: 40,
    status: 429,
    type: 'rate_limit_exceeded',
    message: 'Rate limit reached for requests per minute. Try again in 1.2 s.',
  },
  {
    outcome: 'provider_error',
    weight: 20,
    status: 500,
    type: 'server_error',
    message: 'The server had an error while processing your request.',
  },
  { outcome: 'timeout', weight: 8, status: 504, type: 'glassway_upstream_timeout', message: 'The provider did not answer in time.' },
  { outcome: 'stream_error', weight: 8, status: 200, type: 'overloaded_error', message: 'Overloaded' },
  { outcome: 'stream_truncated', weight: 5, status: 200, type: '', message: '' },
  { outcome: 'client_abort', weight: 14, status: 200, type: '', message: '' },
  {
    outcome: 'client_error',
    weight: 8,
    status: 400,
    type: 'invalid_request_error',
    message: "Unsupported value: 'temperature' does not support 0.2 with this model.",
  },
  { outcome: 'auth_error', weight: 2, status: 401, type: 'invalid_api_key', message: 'Incorrect API key provided.' },
  { outcome: 'unreachable', weight: 2, status: 502, type: 'glassway_upstream_unreachable', message: 'The provider cannot be reached.' },
];

export interface SampleOptions {
  readonly count: number;
  readonly from: Date;
  readonly to: Date;
  readonly seed?: number;
}

export function sampleCalls({ count, from, to, seed = 1 }: SampleOptions): CallRow[] {
  const random = seeded(seed);
  const times = Array.from({ length: count }, () => timeBetween(from.getTime(), to.getTime(), random)).sort((a, b) => a - b);
  return times.map((timeMs, index) => oneCall(timeMs, index + 1, seed, random));
}

export async function insertCalls(client: ClickHouseClient, rows: readonly CallRow[]): Promise<void> {
  const SLICE_ROWS = 20_000;
  for (let start = 0; start < rows.length; start += SLICE_ROWS)
    await client.insert({ table: 'calls', values: rows.slice(start, start + SLICE_ROWS), format: 'JSONEachRow' });
}

function oneCall(timeMs: number, seq: number, seed: number, random: () => number): CallRow {
  const project = weighted(PROJECTS, random);
  const model = MODELS[project.models[Math.floor(random() * project.models.length)] ?? 0] ?? (MODELS[0] as Model);
  const failing = random() < project.errorShare ? weighted(FAULTS, random) : undefined;
  const stream = random() < project.streamShare || failing?.outcome.startsWith('stream') === true;
  const input = Math.round(project.inputTokens * spread(random, 0.6));
  const output = Math.max(1, Math.round(project.outputTokens * spread(random, 0.7) * (failing ? 0.4 : 1)));
  const cached = random() < 0.8 ? Math.round(input * project.cachedShare * (0.7 + 0.3 * random())) : 0;
  const metered = failing === undefined || failing.outcome === 'stream_error';
  const reasoning = model.asked === 'gpt-5' ? Math.round(output * 0.6) : null;
  const ttfbMs = model.firstTokenMs * spread(random, 0.35) * (failing && failing.status >= 400 ? 0.3 : 1);
  const ttftMs = stream && (failing === undefined || failing.status === 200) ? ttfbMs * (1.02 + 0.3 * random()) : null;
  const writingMs = failing && failing.status >= 400 ? 4 : (output / model.tokensPerSecond) * 1000;
  const cost =
    metered && model.price
      ? (model.price.input * (input - cached) + model.price.cached * cached + model.price.output * output) / 1e6
      : null;
  return sampleCall({
    id: `0199a${hex(seed, 3)}-${hex(Math.floor(seq / 65_536), 4)}-7${hex(seq % 4096, 3)}-8000-${hex(seq, 12)}`,
    project: project.name,
    started_at: `${new Date(timeMs).toISOString().slice(0, -1).replace('T', ' ')}${String(Math.floor(random() * 1000)).padStart(3, '0')}`,
    upstream: model.upstream,
    provider: model.provider,
    path: model.path,
    request_model: model.asked,
    response_model: failing && failing.status >= 400 ? '' : model.used,
    stream,
    status: failing?.status ?? 200,
    rate_limits: failing ? {} : { limit_requests: 10_000, remaining_requests: 10_000 - (seq % 4_000), reset_requests_s: 6 },
    outcome: failing?.outcome ?? 'ok',
    error_type: failing?.type ?? '',
    error_message: failing?.message ?? '',
    finish_reason: failing ? '' : random() < 0.03 ? 'length' : 'stop',
    input_tokens: metered ? input : null,
    output_tokens: metered ? output : null,
    cache_read_tokens: metered && project.cachedShare > 0 ? cached : null,
    cache_write_tokens: metered && model.provider === 'anthropic' ? Math.round((input - cached) * 0.3) : null,
    reasoning_tokens: metered ? reasoning : null,
    usage_source: metered ? 'provider' : 'none',
    usage_raw: metered ? JSON.stringify({ input_tokens: input, output_tokens: output, cache_read_input_tokens: cached }) : '',
    cost_usd: cost === null ? null : cost.toFixed(9),
    cost_source: cost === null ? 'none' : 'catalogue',
    price_version: cost === null ? '' : 'genai-prices 0.1.8',
    duration_ms: round3((ttftMs ?? ttfbMs) + writingMs),
    ttfb_ms: round3(ttfbMs),
    ttft_ms: ttftMs === null ? null : round3(ttftMs),
    overhead_ms: round3(0.3 + random() * 0.6),
    max_gap_ms: ttftMs === null ? null : round3(20 + 180 * spread(random, 0.8)),
    request_bytes: input * 4,
    response_bytes: output * (stream ? 190 : 5) + 400,
    user_id: random() < 0.7 ? `user-${Math.floor(random() * 400)}` : '',
    session_id: stream ? `session-${Math.floor(random() * 900)}` : '',
    trace_id: random() < 0.5 ? `${hex(Math.floor(random() * 2 ** 48), 16)}${hex(Math.floor(random() * 2 ** 48), 16)}` : '',
    span_id: hex(Math.floor(random() * 2 ** 48), 16),
    tags: { env: random() < 0.85 ? 'production' : 'staging', feature: project.name === 'search' ? 'rerank' : 'answer' },
    key_fingerprint: hex(0x5eed0000 + PROJECTS.indexOf(project), 8),
    sdk: model.sdk,
    seq,
    ingested_at: `${new Date(timeMs + 1500).toISOString().slice(0, -1).replace('T', ' ')}`,
  });
}

function model(
  upstream: string,
  provider: string,
  path: string,
  asked: string,
  used: string,
  price: readonly [number, number, number] | null,
  firstTokenMs: number,
  tokensPerSecond: number,
  sdk: string,
): Model {
  const [input = 0, cached = 0, output = 0] = price ?? [];
  return { upstream, provider, path, asked, used, price: price && { input, cached, output }, firstTokenMs, tokensPerSecond, sdk };
}

/** Busier by day than by night. */
function timeBetween(fromMs: number, toMs: number, random: () => number): number {
  for (;;) {
    const timeMs = fromMs + random() * (toMs - fromMs);
    const hour = (timeMs / 3_600_000) % 24;
    if (random() < 0.55 + 0.45 * Math.sin(((hour - 8) / 24) * 2 * Math.PI)) return Math.floor(timeMs);
  }
}

function weighted<T extends { readonly weight: number }>(choices: readonly T[], random: () => number): T {
  let left = random() * choices.reduce((sum, choice) => sum + choice.weight, 0);
  for (const choice of choices) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return choices[0] as T;
}

/** Log-normal around 1: most are near, a few far above. */
function spread(random: () => number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.exp(sigma * normal);
}

/** mulberry32: small, and good enough for samples. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0').slice(-width);
}

function round3(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
