/** Spans as OTLP carries them. https://opentelemetry.io/docs/specs/otlp/ */
import { JsonTraceSerializer, ProtobufTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import type { Signal } from '../../contract/otlp/sender.ts';
import type { CallSpan, SpanMaker } from './span.ts';
import { createJsonSerializer } from './span-json.ts';
import { createProtobufSerializer } from './span-protobuf.ts';

/** The spans that this maker makes. */
export function tracesOf(maker: SpanMaker): Signal<CallSpan[]> {
  return {
    name: 'TRACES',
    path: 'v1/traces',
    grpcService: 'TraceExportService',
    grpcMethod: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    json: { ...JsonTraceSerializer, serializeRequest: createJsonSerializer(maker) },
    protobuf: { ...ProtobufTraceSerializer, serializeRequest: createProtobufSerializer(maker) },
    helper: TraceExporterMetricsHelper,
  };
}
