/**
 * Rows of a realtime connection: reads the server's events as they go by and makes one record of each
 * `response.done`, with its own id, tokens and times, as a child of the connection's row. Never delays.
 * https://platform.openai.com/docs/api-reference/realtime-server-events/response/done
 */
import { randomBytes } from 'node:crypto';
import { type CallRecord, RECORD_VERSION } from '../contract/record.ts';
import { monotonicMs, wallClockText } from './clock.ts';
import { parseJson } from './framing/json.ts';
import { createWebsocketReader, type WebsocketReader } from './framing/websocket.ts';
import type { Identity } from './identify.ts';
import { keptMessage } from './kept-message.ts';
import { keptId, keptName, keptPath, keptUsage } from './kept-name.ts';
import { readOpenaiUsage } from './providers/openai-usage.ts';
import { emptyReading } from './providers/provider.ts';
import { EMPTY_USAGE, fields, readErrorBody, text } from './providers/values.ts';
import type { Route } from './route.ts';

export interface RealtimeOptions {
  readonly identity: Identity;
  readonly route: Route;
  readonly requestModel: string;
  /** `Sec-WebSocket-Extensions` of the provider's answer. */
  readonly extensions: string;
  readonly emit: (record: Omit<CallRecord, 'seq' | 'proxy_id'>, limited: readonly string[]) => void;
  readonly limited: (reason: string) => void;
  readonly fault: (error: unknown) => void;
}

export interface RealtimeTap {
  data(chunk: Uint8Array): void;
  end(): void;
}

/** A response under way. */
interface Turn {
  readonly startedAt: string;
  readonly start_ms: number;
  firstContent_ms: number;
}

/** Responses under way at once; a server that opens more without closing any is not understood. */
const TURNS_MAX = 64;
/** An event's type stands before its content; audio deltas need no more than this look. */
const TYPE_BYTES = 512;
const TYPE =
  /"type"\s*:\s*"(session\.(?:created|updated)|response\.(?:created|done)|response\.(?:output_)?(?:audio|text|audio_transcript|function_call_arguments)\.delta)"/;
const RESPONSE_ID = /"response_id"\s*:\s*"([^"]{1,128})"/;

export function createRealtimeTap(options: RealtimeOptions): RealtimeTap {
  const turns = new Map<string, Turn>();
  let model = '';
  let count = 0;

  function onText(message: Buffer): void {
    // Some events name their type last: those without audio are short enough to be looked at whole.
    const head = message.toString('latin1', 0, message.length > 16 * TYPE_BYTES ? TYPE_BYTES : message.length);
    const type = TYPE.exec(head)?.[1] ?? (message.includes('"response.done"') ? 'response.done' : '');
    if (type.endsWith('.delta')) {
      const turn = turns.get(RESPONSE_ID.exec(head)?.[1] ?? '');
      if (turn && turn.firstContent_ms === 0) turn.firstContent_ms = monotonicMs();
    } else if (type !== '') onEvent(type, fields(parseJson(message.toString('utf8'))));
  }

  function onEvent(type: string, event: Readonly<Record<string, unknown>>): void {
    if (event['type'] !== type) return; // the words of another event's text
    const response = fields(event['response']);
    const id = text(response['id']);
    if (type.startsWith('session.')) model = text(fields(event['session'])['model']) || model;
    else if (type === 'response.created') {
      if (turns.size < TURNS_MAX) turns.set(id, { startedAt: wallClockText(), start_ms: monotonicMs(), firstContent_ms: 0 });
    } else {
      count += 1;
      options.emit(turnRecord(options, { number: count, turn: turns.get(id), model, response }), []);
      turns.delete(id);
    }
  }

  const guard = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      options.fault(error);
    }
  };
  const reader: WebsocketReader = createWebsocketReader({
    extensions: options.extensions,
    onText: (message) => guard(() => onText(message)),
    onFault: (fault) => options.limited(`response_${fault}`),
  });
  return {
    data: (chunk) => guard(() => reader.push(chunk)),
    end: () => guard(() => reader.end(() => undefined)),
  };
}

interface FinishedTurn {
  readonly number: number;
  readonly turn: Turn | undefined;
  readonly model: string;
  readonly response: Readonly<Record<string, unknown>>;
}

function turnRecord(
  { identity, route, requestModel }: RealtimeOptions,
  { number, turn, model, response }: FinishedTurn,
): Omit<CallRecord, 'seq' | 'proxy_id'> {
  const reading = emptyReading();
  readOpenaiUsage(reading, response['usage']);
  const status = text(response['status']);
  const error =
    status === 'failed' ? (readErrorBody(response['status_details']) ?? { type: 'failed', message: '' }) : { type: '', message: '' };
  const now_ms = monotonicMs();
  const since = (end_ms: number): number | null =>
    turn === undefined || end_ms === 0 ? null : Math.round((end_ms - turn.start_ms) * 1_000) / 1_000;
  return {
    v: RECORD_VERSION,
    id: `${identity.request_id}-${number}`,
    project: identity.project,
    started_at: turn?.startedAt ?? wallClockText(),
    upstream: route.upstream.name,
    provider: route.upstream.provider,
    operation: 'chat',
    method: 'GET',
    path: keptPath(route.path),
    request_model: keptName(requestModel),
    response_model: keptName(model),
    stream: true,
    status: 101,
    // An answer that the user talks into is `cancelled`: that is how talking goes, and the finish reason says it.
    outcome: status === 'failed' ? 'stream_error' : 'ok',
    error_type: keptName(error.type),
    // A connection's bodies are never kept, so neither is what they may be quoted in.
    error_message: keptMessage(error.message, [requestModel, model]),
    finish_reason: keptName(status.slice(0, 256)),
    ...(reading.usage ?? EMPTY_USAGE),
    usage_source: reading.usage === null ? 'none' : 'provider',
    usage_raw: keptUsage(reading.usage_raw, reading.usage),
    service_tier: '',
    duration_ms: since(now_ms),
    ttfb_ms: null,
    ttft_ms: since(turn?.firstContent_ms ?? 0),
    overhead_ms: null,
    max_gap_ms: null,
    // The connection's row has its bytes.
    request_bytes: 0,
    response_bytes: 0,
    user_id: identity.user_id,
    session_id: identity.session_id,
    trace_id: identity.trace_id,
    span_id: randomBytes(8).toString('hex'),
    parent_span_id: identity.span_id,
    tags: identity.tags,
    key_fingerprint: identity.key_fingerprint,
    sdk: identity.sdk,
    rate_limits: {},
    // What a realtime session streams is the answer.
    answer_ttft_ms: since(turn?.firstContent_ms ?? 0),
    request_parameters: {},
    request_options: {},
    response_id: keptId(text(response['id']).slice(0, 256)),
    system_fingerprint: '',
    server_address: route.host,
    server_port: route.port,
    output_chunks: null,
    trace_flags: identity.trace_flags,
    trace_state: identity.trace_state,
  };
}
