/**
 * Sends to one OTLP destination, through OpenTelemetry's own serializers and transports, and says what became of it: taken,
 * refused for what it is, or not possible now. Knows no queue and keeps nothing. The transports' own short retries are
 * inside one sending; what they cannot mend is the caller's.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
  httpAgentFactoryFromOptions,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  convertLegacyOtlpGrpcOptions,
  createEmptyMetadata,
  createInsecureCredentials,
  createOtlpGrpcExportDelegate,
  createSslCredentials,
} from '@opentelemetry/otlp-grpc-exporter-base';
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import type { OtlpEntry, OtlpProtocol } from '../otlp-settings.ts';
import { retryDelayMs } from './retry-info.ts';

/** What tells traces from metrics on the way. */
export interface Signal<Batch> {
  readonly name: 'TRACES' | 'METRICS';
  readonly path: string;
  readonly grpcService: string;
  readonly grpcMethod: string;
  readonly json: ISerializer<Batch, PartialAnswer>;
  readonly protobuf: ISerializer<Batch, PartialAnswer>;
  readonly helper: IExporterMetricsHelper<Batch>;
}

interface PartialAnswer {
  readonly partialSuccess?:
    | { readonly rejectedSpans?: unknown; readonly rejectedDataPoints?: unknown; readonly errorMessage?: unknown }
    | undefined;
}

/** `environment`: what OpenTelemetry's variables say, headers and certificates included. Otherwise what the entry says, and nothing else. */
export type Target = { readonly environment: OtlpProtocol } | OtlpEntry;

export type SendResult =
  /** `rejected`: items that the receiver took the rest without. */
  | { readonly kind: 'sent'; readonly rejected: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfter_ms: number };

export interface Sender<Batch> {
  send(batch: Batch): Promise<SendResult>;
  close(): Promise<void>;
}

interface Delegate<Batch> {
  export(batch: Batch, done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

/** Statuses that are about what was sent; every other failure may pass: a full receiver, or a key that somebody will mend. */
const REFUSING_STATUSES: ReadonlySet<unknown> = new Set([400, 413, 415, 422]);
/** INVALID_ARGUMENT. https://opentelemetry.io/docs/specs/otlp/#failures */
const REFUSING_GRPC_CODE = 3;
const TOO_LARGE = /larger than max|message (?:size|length) exceeds/i;
const CONTENT_TYPES = { 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf' } as const;
const CONCURRENCY_MAX = 30;
const REASON_CHARS_MAX = 300;

export function createSender<Batch>(target: Target, signal: Signal<Batch>): Sender<Batch> {
  const protocol = 'environment' in target ? target.environment : target.protocol;
  let rejected = 0;
  const serializer = counting(protocol === 'http/json' ? signal.json : signal.protobuf, (count) => {
    rejected = count;
  });
  const agents = new Set<Agent>();
  let retryAfter_ms = 0;
  // The transport keeps a Retry-After that is longer than its own patience to itself.
  const onResponse = (message: unknown): void => {
    const { request, response } = message as {
      readonly request: ClientRequest & { readonly agent?: Agent };
      readonly response: IncomingMessage;
    };
    if (request.agent && agents.has(request.agent)) retryAfter_ms = retryAfter(response.headers['retry-after']);
  };
  subscribe('http.client.response.finish', onResponse);
  const delegate: Delegate<Batch> =
    protocol === 'grpc'
      ? grpcDelegate(target, signal, serializer)
      : httpDelegate(target, protocol, signal, serializer, (agent) => agents.add(agent));
  return {
    send: (batch) =>
      new Promise((resolve) => {
        rejected = 0;
        retryAfter_ms = 0;
        delegate.export(batch, (result) => resolve(resultOf(result, rejected, retryAfter_ms)));
      }),
    async close() {
      unsubscribe('http.client.response.finish', onResponse);
      await delegate.shutdown();
      for (const agent of agents) agent.destroy();
    },
  };
}

function resultOf(result: ExportResult, rejected: number, retryAfter_ms: number): SendResult {
  if (result.code === ExportResultCode.SUCCESS) return { kind: 'sent', rejected };
  const error = result.error as (Error & { readonly code?: unknown; readonly data?: unknown; readonly details?: unknown }) | undefined;
  const words = [error?.message, error?.details ?? error?.data].filter((part) => typeof part === 'string' && part !== '').join(': ');
  const reason = `${error?.code === undefined ? '' : `${String(error.code)} `}${words || 'no reason given'}`.slice(0, REASON_CHARS_MAX);
  const refuses = REFUSING_STATUSES.has(error?.code) || error?.code === REFUSING_GRPC_CODE || TOO_LARGE.test(words);
  return refuses ? { kind: 'refused', reason } : { kind: 'failed', reason, retryAfter_ms: Math.max(retryAfter_ms, retryDelayMs(error)) };
}

function httpDelegate<Batch>(
  target: Target,
  protocol: keyof typeof CONTENT_TYPES,
  signal: Signal<Batch>,
  serializer: ISerializer<Batch, PartialAnswer>,
  onAgent: (agent: Agent) => void,
): Delegate<Batch> {
  const contentType = { 'Content-Type': CONTENT_TYPES[protocol] };
  const options =
    'environment' in target
      ? convertLegacyHttpOptions({}, signal.name, signal.path, contentType)
      : {
          url: `${target.endpoint.replace(/\/+$/, '')}/${signal.path}`,
          headers: async () => ({ ...target.headers, ...contentType }),
          timeoutMillis: target.timeoutMs,
          compression: target.compression,
          concurrencyLimit: CONCURRENCY_MAX,
          agentFactory: httpAgentFactoryFromOptions({ keepAlive: true }),
        };
  const agentFactory = async (scheme: string): Promise<Agent> => {
    const agent = await options.agentFactory(scheme);
    onAgent(agent);
    return agent;
  };
  return createOtlpHttpExportDelegate({ ...options, agentFactory }, serializer, 'otlp_http_exporter', signal.helper, undefined);
}

function grpcDelegate<Batch>(target: Target, signal: Signal<Batch>, serializer: ISerializer<Batch, PartialAnswer>): Delegate<Batch> {
  const options = 'environment' in target ? convertLegacyOtlpGrpcOptions({}, signal.name) : grpcOptions(target);
  const { helper, grpcService, grpcMethod } = signal;
  return createOtlpGrpcExportDelegate(options, serializer, 'otlp_grpc_exporter', helper, undefined, grpcService, grpcMethod);
}

function grpcOptions({ endpoint, headers, timeoutMs, compression }: OtlpEntry) {
  const metadata = createEmptyMetadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return {
    url: new URL(endpoint).host,
    metadata: () => metadata,
    credentials: () => (endpoint.startsWith('https:') ? createSslCredentials() : createInsecureCredentials()),
    timeoutMillis: timeoutMs,
    compression: compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    concurrencyLimit: CONCURRENCY_MAX,
  };
}

/** The serializer, and how many items a partial success says were rejected. */
function counting<Batch>(
  serializer: ISerializer<Batch, PartialAnswer>,
  onRejected: (count: number) => void,
): ISerializer<Batch, PartialAnswer> {
  return {
    serializeRequest: (batch) => serializer.serializeRequest(batch),
    deserializeResponse: (bytes) => {
      // An empty body is a whole success in protobuf, and no JSON.
      const answer = bytes.length === 0 ? {} : serializer.deserializeResponse(bytes);
      const count = Number(answer.partialSuccess?.rejectedSpans ?? answer.partialSuccess?.rejectedDataPoints ?? 0);
      if (count > 0) onRejected(count);
      return answer;
    },
  };
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfter(value: string | undefined): number {
  if (value === undefined) return 0;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}
