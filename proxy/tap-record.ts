/**
 * Makes a call's record of what its tap has seen: the moments, the sizes, the headers, how it ended, and the facts that were
 * read from its bytes. Pure but for the clock by which a limit's reset is told.
 */
import type { CaptureMode } from '../contract/columns.ts';
import { RECORD_VERSION } from '../contract/record.ts';
import { monotonicMs } from './clock.ts';
import type { TokenCounts } from './estimate/job.ts';
import { type CallFacts, cleanMessage } from './extract.ts';
import type { Identity } from './identify.ts';
import type { StartColumns } from './journal/unfinished.ts';
import type { RecordEnd } from './journal.ts';
import { keptMessage } from './kept-message.ts';
import { keptId, keptName, keptPath, keptUsage, keptWords } from './kept-name.ts';
import { withoutSecrets } from './known-secrets.ts';
import { type Ending, outcomeOf } from './outcome.ts';
import type { Usage } from './providers/provider.ts';
import { EMPTY_USAGE } from './providers/values.ts';
import { readRateLimits } from './rate-limits.ts';
import type { Route } from './route.ts';

/** What went by. Moments are of the monotonic clock; 0: it never came to that. */
export class Seen {
  readonly start_ms = monotonicMs();
  requestReady_ms = 0;
  dispatched_ms = 0;
  headers_ms = 0;
  headersSent_ms = 0;
  firstContent_ms = 0;
  firstAnswer_ms = 0;
  lastChunk_ms = 0;
  maxGap_ms = 0;
  requestBytes = 0;
  responseBytes = 0;
  status = 0;
  responseEncoding = '';
  responseHeaders: readonly string[] = [];
}

interface StartedCall {
  readonly identity: Identity;
  readonly route: Route;
  readonly method: string;
}

export interface RecordedCall {
  readonly seen: Seen;
  readonly identity: Identity;
  readonly route: Route;
  readonly operation: string;
  readonly capture: CaptureMode;
  /** The credentials that went with it: asked for where something is kept that may quote them. */
  readonly secrets: () => readonly string[];
}

export function startColumns({ identity, route, method }: StartedCall, started_at: string, operation: string): StartColumns {
  return {
    id: identity.request_id,
    project: identity.project,
    started_at,
    upstream: route.upstream.name,
    provider: route.upstream.provider,
    operation,
    method,
    path: keptPath(route.path),
    user_id: identity.user_id,
    session_id: identity.session_id,
    trace_id: identity.trace_id,
    span_id: identity.span_id,
    parent_span_id: identity.parent_span_id,
    tags: identity.tags,
    key_fingerprint: identity.key_fingerprint,
    sdk: identity.sdk,
  };
}

export function makeRecord(call: RecordedCall, ending: Ending, end_ms: number, facts: CallFacts | undefined): RecordEnd {
  const { seen, identity, route } = call;
  const reading = facts?.reading;
  const status = ending.kind === 'gateway_error' ? ending.error.status : seen.headersSent_ms === 0 ? 0 : seen.status;
  const fullyRead = facts !== undefined && facts.limited.length === 0;
  const outcome = outcomeOf({
    ending,
    status,
    streamError: reading?.error != null,
    endMarkMissing: fullyRead && facts.streamed && call.operation !== 'other' && !facts.reading.ended,
  });
  const error = keptError(call, describeError(ending, status, facts, call.secrets), ending, facts);
  const usage = (reading === undefined ? null : knownUsage(reading)) ?? EMPTY_USAGE;
  // Written out in full: an object that takes another's fields in is made five times as slowly.
  const record: RecordEnd = {
    v: RECORD_VERSION,
    request_model: keptName(facts?.request.model ?? ''),
    response_model: keptName(reading?.model ?? ''),
    stream: facts?.request.stream ?? false,
    status,
    outcome,
    error_type: error.type,
    error_message: error.message,
    finish_reason: keptName(reading?.finish_reason ?? ''),
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cache_read_tokens: usage.cache_read_tokens,
    cache_write_tokens: usage.cache_write_tokens,
    cache_write_1h_tokens: usage.cache_write_1h_tokens,
    reasoning_tokens: usage.reasoning_tokens,
    input_audio_tokens: usage.input_audio_tokens,
    output_audio_tokens: usage.output_audio_tokens,
    input_image_tokens: usage.input_image_tokens,
    tool_use_tokens: usage.tool_use_tokens,
    usage_source: usage === EMPTY_USAGE ? 'none' : 'provider',
    usage_raw: keptUsage(reading?.usage_raw, reading?.usage),
    service_tier: keptName(reading?.service_tier ?? ''),
    duration_ms: round(end_ms - seen.start_ms),
    ttfb_ms: since(seen, seen.headers_ms),
    ttft_ms: since(seen, seen.firstContent_ms),
    overhead_ms: overhead(seen),
    max_gap_ms: facts?.streamed && seen.lastChunk_ms > 0 ? round(seen.maxGap_ms) : null,
    request_bytes: seen.requestBytes,
    response_bytes: seen.responseBytes,
    rate_limits: readRateLimits(seen.responseHeaders, headersAt_ms(seen)),
    answer_ttft_ms: since(seen, seen.firstAnswer_ms),
    request_parameters: facts?.request.parameters.numbers ?? {},
    request_options: keptWords(facts?.request.parameters.words ?? {}),
    response_id: keptId(reading?.id ?? ''),
    system_fingerprint: keptName(reading?.fingerprint ?? ''),
    server_address: route.host,
    server_port: route.port,
    output_chunks: facts?.streamed ? facts.eventCount : null,
    trace_flags: identity.trace_flags,
    trace_state: identity.trace_state,
  };
  if (reading?.cost_usd != null) record.provider_cost_usd = reading.cost_usd;
  return record;
}

/** From the call's beginning; null: it never came to that. */
function since(seen: Seen, moment_ms: number): number | null {
  return moment_ms === 0 ? null : round(moment_ms - seen.start_ms);
}

/** The wall clock when the answer's headers came. */
function headersAt_ms(seen: Seen): number {
  return Date.now() - (monotonicMs() - seen.headers_ms);
}

/** In `full` as the provider said it; else in words that are surely its own, until redaction has read the rest. */
function keptError(call: RecordedCall, error: ErrorColumns, ending: Ending, facts: CallFacts | undefined): ErrorColumns {
  const ours = ending.kind === 'gateway_error' || (ending.kind === 'truncated' && error.type.startsWith('glassway_'));
  if (error.type === '' || ours || call.capture === 'full') return error;
  return { type: keptName(error.type), message: keptMessage(error.message, [facts?.request.model ?? '', facts?.reading.model ?? '']) };
}

/** Our share of the time to first byte: before the request left, and between the headers' arrival and their sending. */
function overhead(seen: Seen): number | null {
  if (seen.dispatched_ms === 0 || seen.headersSent_ms === 0) return null;
  const ready_ms = seen.requestReady_ms === 0 ? seen.start_ms : seen.requestReady_ms;
  return round(Math.max(0, seen.dispatched_ms - ready_ms) + (seen.headersSent_ms - seen.headers_ms));
}

interface ErrorColumns {
  readonly type: string;
  readonly message: string;
}

export function describeError(
  ending: Ending,
  status: number,
  facts: CallFacts | undefined,
  secrets: () => readonly string[],
): ErrorColumns {
  if (ending.kind === 'gateway_error') return { type: ending.error.type, message: cleanMessage(ending.error.message) };
  const error = facts?.error ?? facts?.reading.error;
  if (error) return { type: withoutSecrets(error.type, secrets()), message: cleanMessage(withoutSecrets(error.message, secrets())) };
  if (ending.kind === 'truncated')
    return { type: ending.timeout ? 'glassway_upstream_timeout' : 'glassway_upstream_reset', message: cleanMessage(ending.reason) };
  return status >= 400 ? { type: `http_${status}`, message: '' } : { type: '', message: '' };
}

/** A running count that had no last word is not the call's. */
function knownUsage({ usage, usage_pending }: CallFacts['reading']): Usage | null {
  if (usage === null || usage_pending !== 'output') return usage;
  return { ...usage, output_tokens: null, reasoning_tokens: null, output_audio_tokens: null };
}

/**
 * Whether the provider worked on the call, and how much of it went by: after a success's headers, but for an
 * error that came in place of any content. A call that was given up before its headers may have cost
 * something too; nothing that passed says how much.
 */
export function spentTokens(ending: Ending, status: number, { error, contentSeen }: CallFacts): boolean {
  return ending.kind !== 'gateway_error' && status >= 200 && status < 300 && (error === null || contentSeen);
}

/** The provider's own figures stay; only what it has not said is filled in. */
export function withCounts(record: RecordEnd, counts: TokenCounts | undefined): RecordEnd {
  const input_tokens = record.input_tokens ?? counts?.input_tokens ?? null;
  const output_tokens = record.output_tokens ?? counts?.output_tokens ?? null;
  if (input_tokens === record.input_tokens && output_tokens === record.output_tokens) return record;
  return { ...record, input_tokens, output_tokens, usage_source: 'estimated' };
}

/** Microseconds are enough for a column in milliseconds. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
