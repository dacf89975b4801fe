/** Everything that ingest says over OTLP: spans of calls and metrics, started and stopped together. */
import type { IngestMetrics } from '../metrics.ts';
import { exportResource } from './environment.ts';
import { createTraceExport, type TraceExport, type TraceExportOptions } from './export.ts';
import { startMetricsExport } from './metrics-export.ts';

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
  const pushed = startMetricsExport({ env, resource: exportResource(version, ingestId), version, registry, calls, log });
  try {
    const traces = createTraceExport({ ...options, onSpans: metrics.spans });
    return {
      traces,
      stop: async (limit_ms) => {
        await Promise.all([pushed.stop(), traces.stop(limit_ms)]);
      },
    };
  } catch (error) {
    void pushed.stop();
    throw error;
  }
}
