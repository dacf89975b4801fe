/** What OpenTelemetry's variables say of metrics; loads nothing of OpenTelemetry. */
import { ConfigError, type ConfigFault } from '../config.ts';
import type { OtlpProtocol } from '../otlp-settings.ts';
import { type Environment, environmentProtocol, notAccepted, readVariable } from './variables.ts';

const INTERVAL_MS = 60_000;
const INTERVAL_MS_MIN = 100;
const TEMPORALITIES: ReadonlySet<string> = new Set(['', 'cumulative']);

export interface MetricsVariables {
  readonly protocol: OtlpProtocol;
  readonly interval_ms: number;
}

/**
 * Undefined: they want no metrics exported.
 * @throws ConfigError with the variables at fault
 */
export function readMetricsVariables(env: Environment): MetricsVariables | undefined {
  const faults: ConfigFault[] = [];
  const protocol = environmentProtocol(env, 'METRICS', (fault) => faults.push(fault));
  const temporality = readVariable(env, 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE').toLowerCase();
  const interval = readVariable(env, 'OTEL_METRIC_EXPORT_INTERVAL');
  const interval_ms = Number(interval || INTERVAL_MS);
  if (protocol !== undefined && !TEMPORALITIES.has(temporality))
    faults.push({
      at: 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
      problem: notAccepted(temporality, "cumulative; a Collector's cumulativetodelta processor makes the other"),
    });
  if (protocol !== undefined && !(interval_ms >= INTERVAL_MS_MIN))
    faults.push({ at: 'OTEL_METRIC_EXPORT_INTERVAL', problem: notAccepted(interval, `milliseconds, ${INTERVAL_MS_MIN} or more`) });
  if (faults.length > 0) throw new ConfigError('The metrics export', faults);
  return protocol === undefined ? undefined : { protocol, interval_ms };
}
