/** Everything that ingest says over OTLP: spans of calls, the conventions' metrics of them, and its health. */
import { AggregationTemporality, DataPointType, type ScopeMetrics } from '@opentelemetry/sdk-metrics';
import { describeMetric, healthMetrics, type MetricsExport, startMetricsExport, type Times } from '../../contract/otlp/metrics-export.ts';
import { readMetricsVariables } from '../../contract/otlp/metrics-variables.ts';
import { exportResource } from '../../contract/otlp/resource.ts';
import type { IngestMetrics } from '../metrics.ts';
import type { CallMetrics } from './call-metrics.ts';
import { createTraceExport, SCHEMA_URL, type TraceExport, type TraceExportOptions } from './export.ts';

export interface Telemetry {
  readonly traces: TraceExport;
  /** Waits so long for what is on its way; others export what is left. */
  stop(limit_ms: number): Promise<void>;
}

/**
 * @throws ConfigError with the settings and variables at fault
 */
export function startTelemetry(options: Omit<TraceExportOptions, 'onSpans'> & { readonly metrics: IngestMetrics }): Telemetry {
  const { metrics, env, version, ingestId, log } = options;
  const { registry, calls } = metrics;
  const variables = readMetricsVariables(env);
  const traces = createTraceExport({ ...options, onSpans: metrics.spans });
  const read = async (times: Times): Promise<ScopeMetrics[]> => [
    callMetrics(calls, version, times),
    healthMetrics({ name: 'glassway.ingest', version }, await registry.getMetricsAsJSON(), times),
  ];
  const pushed: MetricsExport | undefined =
    variables && startMetricsExport({ ...variables, resource: exportResource(version, ingestId), read, log });
  return {
    traces,
    stop: async (limit_ms) => {
      await traces.stop(limit_ms);
      await pushed?.stop(limit_ms);
    },
  };
}

/** The conventions' own metrics. */
export function callMetrics(calls: CallMetrics, version: string, times: Times): ScopeMetrics {
  return {
    scope: { name: 'glassway.calls', version, schemaUrl: SCHEMA_URL },
    metrics: [...calls.points()].map(([{ name, help, unit, bounds }, points]) => ({
      descriptor: describeMetric(name, help, unit),
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: points.map(({ attributes, counts, sum, count }) => ({
        ...times,
        attributes,
        value: { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count },
      })),
    })),
  };
}
