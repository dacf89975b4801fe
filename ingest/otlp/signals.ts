/** Traces and metrics as OTLP carries them. https://opentelemetry.io/docs/specs/otlp/ */
import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  MetricsExporterMetricsHelper,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Signal } from './sender.ts';
import type { CallSpan, SpanMaker } from './span.ts';
import { createSpanSerializer } from './span-protobuf.ts';

/** The spans that this maker makes. */
export function tracesOf(maker: SpanMaker): Signal<CallSpan[]> {
  return {
    name: 'TRACES',
    path: 'v1/traces',
    grpcService: 'TraceExportService',
    grpcMethod: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    json: JsonTraceSerializer,
    protobuf: { ...ProtobufTraceSerializer, serializeRequest: createSpanSerializer(maker) },
    helper: TraceExporterMetricsHelper,
  };
}

export const METRICS: Signal<ResourceMetrics> = {
  name: 'METRICS',
  path: 'v1/metrics',
  grpcService: 'MetricsExportService',
  grpcMethod: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  json: JsonMetricsSerializer,
  protobuf: ProtobufMetricsSerializer,
  helper: MetricsExporterMetricsHelper,
};
