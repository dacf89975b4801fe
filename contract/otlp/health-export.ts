/** A process whose health is all that it has to say over OTLP. Loaded where OpenTelemetry's variables want it, and nowhere else. */
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Log } from '../log.ts';
import { healthMetrics, type MetricsExport, type PlainMetric, startMetricsExport } from './metrics-export.ts';
import type { MetricsVariables } from './metrics-variables.ts';
import { exportResource } from './resource.ts';

export type ReadHealth = () => Promise<readonly PlainMetric[]>;

export interface HealthExportOptions extends MetricsVariables {
  readonly scope: InstrumentationScope & { readonly version: string };
  readonly instanceId: string;
  readonly read: ReadHealth;
  readonly log: Log;
}

export function startHealthExport({ scope, instanceId, read, ...options }: HealthExportOptions): MetricsExport {
  return startMetricsExport({
    ...options,
    resource: exportResource(scope.version, instanceId),
    read: async (times) => [healthMetrics(scope, await read(), times)],
  });
}
