/**
 * An OTLP receiver for tests: HTTP with protobuf and JSON, and gRPC, decoded with OpenTelemetry's own protobuf definitions.
 * Keeps what arrived, with the headers that it came with; answers as it is told to.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import generated from 'otlp-proto/build/src/generated/root.js';
import { endAtLast } from './leftovers.ts';

export interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly start_ns: bigint;
  readonly end_ns: bigint;
  readonly status: { readonly code: number; readonly message: string };
  readonly attributes: ReadonlyMap<string, AnyValue>;
  readonly events: readonly { readonly name: string; readonly time_ns: bigint; readonly attributes: ReadonlyMap<string, AnyValue> }[];
  readonly resource: ReadonlyMap<string, AnyValue>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly resource: ReadonlyMap<string, AnyValue>;
  readonly points: readonly {
    readonly attributes: ReadonlyMap<string, AnyValue>;
    readonly value?: number;
    readonly count?: number;
    readonly sum?: number;
    readonly bounds?: readonly number[];
    readonly bucketCounts?: readonly number[];
  }[];
}

/** How the receiver answers; missing: it takes everything. */
export interface Manners {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delay_ms?: number;
  readonly grpcCode?: number;
  /** With a gRPC code: google.rpc.RetryInfo among the details of the status. */
  readonly grpcRetry_s?: number;
}

export interface OtlpRequest {
  readonly at_ms: number;
  readonly protocol: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver {
  readonly httpUrl: string;
  readonly grpcUrl: string;
  readonly spans: ReceivedSpan[];
  readonly metrics: ReceivedMetric[];
  /** Requests of any kind, refused ones included. */
  readonly requests: OtlpRequest[];
  manners: Manners;
  stop(): Promise<void>;
}

interface Decoder {
  decode(bytes: Uint8Array): unknown;
  fromObject(value: unknown): unknown;
  toObject(message: unknown, options: object): unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the generated definitions have no types of their own worth naming
const collector = (generated as any).opentelemetry.proto.collector;
const TRACES: Decoder = collector.trace.v1.ExportTraceServiceRequest;
const METRICS: Decoder = collector.metrics.v1.ExportMetricsServiceRequest;
const AS_OBJECT = { longs: String, defaults: true, arrays: true };

type Json = Record<string, unknown>;

export async function startOtlpReceiver(options: { readonly port?: number } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics: ReceivedMetric[] = [];
  const requests: OtlpRequest[] = [];
  const receiver = { spans, metrics, requests, manners: {} as Manners };
  const take = (decoder: Decoder, message: unknown, headers: ReceivedSpan['headers']): void => {
    const request = decoder.toObject(message, AS_OBJECT) as Json;
    if (decoder === TRACES) spans.push(...spansOf(request, headers));
    else metrics.push(...metricsOf(request));
  };

  const http = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const { manners } = receiver;
    const isJson = request.headers['content-type'] === 'application/json';
    requests.push({ at_ms: Date.now(), protocol: isJson ? 'http/json' : 'http/protobuf', headers: request.headers });
    if (manners.delay_ms) await new Promise((resolve) => setTimeout(resolve, manners.delay_ms));
    if (manners.status !== undefined && manners.status !== 200) {
      response.writeHead(manners.status, manners.headers).end();
      return;
    }
    const decoder = request.url?.endsWith('/v1/traces') ? TRACES : METRICS;
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    take(
      decoder,
      isJson ? decoder.fromObject(hexToBase64(JSON.parse(bytes.toString()) as Json)) : decoder.decode(bytes),
      request.headers as Record<string, string>,
    );
    response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }).end(isJson ? '{}' : '');
  });
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve));

  const server = new grpc.Server();
  const service = (decoder: Decoder, path: string): grpc.ServiceDefinition => ({
    Export: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (bytes: Buffer) => decoder.decode(bytes),
      responseSerialize: () => Buffer.alloc(0),
      responseDeserialize: () => ({}),
    },
  });
  const handler = (decoder: Decoder) => ({
    Export: (call: grpc.ServerUnaryCall<unknown, object>, done: grpc.sendUnaryData<object>) => {
      requests.push({ at_ms: Date.now(), protocol: 'grpc', headers: call.metadata.getMap() });
      const { grpcCode, grpcRetry_s } = receiver.manners;
      if (grpcCode !== undefined) {
        const metadata = new grpc.Metadata();
        if (grpcRetry_s !== undefined) metadata.set('grpc-status-details-bin', statusWithRetryInfo(grpcCode, grpcRetry_s));
        done({ code: grpcCode, details: 'as told', metadata });
        return;
      }
      take(decoder, call.request, call.metadata.getMap() as Record<string, string>);
      done(null, {});
    },
  });
  server.addService(service(TRACES, '/opentelemetry.proto.collector.trace.v1.TraceService/Export'), handler(TRACES));
  server.addService(service(METRICS, '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'), handler(METRICS));
  const grpcPort = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  );
  return Object.assign(receiver, {
    httpUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    stop: endAtLast(async () => {
      server.forceShutdown();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    }),
  });
}

/** google.rpc.Status with one detail, a RetryInfo. https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto */
export function statusWithRetryInfo(code: number, seconds: number): Buffer {
  const message = (field: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
  const delay = Buffer.from([0x08, seconds]);
  const any = Buffer.concat([message(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), message(2, message(1, delay))]);
  return Buffer.concat([Buffer.from([0x08, code]), message(2, Buffer.from('slow down')), message(3, any)]);
}

/** The spans of a request's body, by the same definitions. */
export function decodeSpans(bytes: Uint8Array, protocol: 'protobuf' | 'json'): ReceivedSpan[] {
  const message =
    protocol === 'json' ? TRACES.fromObject(hexToBase64(JSON.parse(Buffer.from(bytes).toString()) as Json)) : TRACES.decode(bytes);
  return spansOf(TRACES.toObject(message, AS_OBJECT) as Json, {});
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** OTLP's JSON writes ids in hexadecimal, protobuf's own JSON in base64: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
function hexToBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hexToBase64);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      /^(?:traceId|spanId|parentSpanId)$/.test(key) && typeof inner === 'string'
        ? Buffer.from(inner, 'hex').toString('base64')
        : hexToBase64(inner),
    ]),
  );
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const hex = (value: unknown): string => Buffer.from(value as Uint8Array).toString('hex');

function attributesOf(value: unknown): Map<string, AnyValue> {
  return new Map(list(value).map((entry) => [String(entry['key']), anyValue(entry['value'])]));
}

/** Only the field that is set: the others are defaults. */
function anyValue(value: unknown): AnyValue {
  const set = Object.entries(value as Json).filter(([key, inner]) => key !== 'value' && inner !== null && inner !== undefined);
  const entries = set.map(([key, inner]) => {
    if (key === 'intValue') return [key, Number(inner)];
    if (key === 'arrayValue') return [key, { values: list((inner as Json)['values']).map(anyValue) }];
    return [key, inner];
  });
  return Object.fromEntries(entries) as AnyValue;
}

function spansOf(request: Json, headers: ReceivedSpan['headers']): ReceivedSpan[] {
  return list(request['resourceSpans']).flatMap((resourceSpans) =>
    list(resourceSpans['scopeSpans']).flatMap((scopeSpans) =>
      list(scopeSpans['spans']).map((span) => ({
        traceId: hex(span['traceId']),
        spanId: hex(span['spanId']),
        parentSpanId: hex(span['parentSpanId']),
        traceState: String(span['traceState']),
        flags: Number(span['flags']),
        name: String(span['name']),
        kind: Number(span['kind']),
        start_ns: BigInt(String(span['startTimeUnixNano'])),
        end_ns: BigInt(String(span['endTimeUnixNano'])),
        status: { code: Number((span['status'] as Json)['code']), message: String((span['status'] as Json)['message']) },
        attributes: attributesOf(span['attributes']),
        events: list(span['events']).map((event) => ({
          name: String(event['name']),
          time_ns: BigInt(String(event['timeUnixNano'])),
          attributes: attributesOf(event['attributes']),
        })),
        resource: attributesOf((resourceSpans['resource'] as Json)['attributes']),
        scope: scopeSpans['scope'] as ReceivedSpan['scope'],
        headers,
      })),
    ),
  );
}

function metricsOf(request: Json): ReceivedMetric[] {
  return list(request['resourceMetrics']).flatMap((resourceMetrics) =>
    list(resourceMetrics['scopeMetrics']).flatMap((scopeMetrics) =>
      list(scopeMetrics['metrics']).map((metric) => {
        const data = (metric['histogram'] ?? metric['sum'] ?? metric['gauge']) as Json;
        return {
          name: String(metric['name']),
          unit: String(metric['unit']),
          resource: attributesOf((resourceMetrics['resource'] as Json)['attributes']),
          points: list(data['dataPoints']).map((point) => ({
            attributes: attributesOf(point['attributes']),
            ...(metric['histogram']
              ? {
                  count: Number(point['count']),
                  sum: Number(point['sum']),
                  bounds: list(point['explicitBounds']) as unknown as number[],
                  bucketCounts: list(point['bucketCounts']).map(Number),
                }
              : { value: Number(point['asDouble'] ?? point['asInt']) }),
          })),
        };
      }),
    ),
  );
}
