/**
 * Ingest's metrics over OTLP, every minute: the conventions' own of calls, and Glassway's health as Prometheus has it, under
 * the same names. Cumulative. A receiver that cannot take them gets the next ones: nothing is kept, since sums go on.
 * The operator's destination only (OpenTelemetry's variables): projects' own get spans.
 */
import { type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';
import { ConfigError, type ConfigFault } from '../../contract/config.ts';
import type { Log } from '../../contract/log.ts';
import type { CallMetrics } from './call-metrics.ts';
import { type Environment, environmentProtocol } from './environment.ts';
import { createSender } from './sender.ts';
import { METRICS } from './signals.ts';

export interface MetricsExportOptions {
  readonly env: Environment;
  readonly resource: Resource;
  readonly version: string;
  readonly registry: Registry;
  readonly calls: CallMetrics;
  readonly log: Log;
}

const INTERVAL_MS = 60_000;
const TEMPORALITIES: ReadonlySet<string> = new Set(['', 'cumulative']);

/** @throws ConfigError with the variables at fault */
export function startMetricsExport(options: MetricsExportOptions): { stop(): Promise<void> } {
  const { env, log } = options;
  const faults: ConfigFault[] = [];
  const protocol = environmentProtocol(env, 'METRICS', (fault) => faults.push(fault));
  const temporality = env['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE']?.trim().toLowerCase() ?? '';
  const interval_ms = Number(env['OTEL_METRIC_EXPORT_INTERVAL']?.trim() || INTERVAL_MS);
  if (protocol !== undefined && !TEMPORALITIES.has(temporality))
    faults.push({
      at: 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
      problem: `${JSON.stringify(temporality)} is not accepted: cumulative; a Collector's cumulativetodelta processor makes the other`,
    });
  if (!(interval_ms >= 100)) faults.push({ at: 'OTEL_METRIC_EXPORT_INTERVAL', problem: 'want milliseconds, 100 or more' });
  if (faults.length > 0) throw new ConfigError('The metrics export', faults);
  if (protocol === undefined) return { stop: async () => undefined };

  const sender = createSender({ environment: protocol }, METRICS);
  let troubled = false;
  const push = async (): Promise<void> => {
    const result = await sender.send(await collect(options));
    if (result.kind !== 'sent' && !troubled)
      log('warn', `the metrics receiver does not take them (${result.reason}); the next ones say it all again`);
    troubled = result.kind !== 'sent';
  };
  let pushing = Promise.resolve();
  const timer = setInterval(() => {
    pushing = push().catch((error: unknown) => log('warn', `metrics could not be sent: ${String(error)}`));
  }, interval_ms);
  return {
    async stop() {
      clearInterval(timer);
      await pushing;
      await sender.close();
    },
  };
}

export async function collect({ resource, version, registry, calls }: Omit<MetricsExportOptions, 'env' | 'log'>): Promise<ResourceMetrics> {
  const times = { startTime: calls.startTime, endTime: now() };
  return {
    resource,
    scopeMetrics: [
      {
        scope: { name: 'glassway.calls', version, schemaUrl: 'https://opentelemetry.io/schemas/1.41.1' },
        metrics: callMetrics(calls, times),
      },
      { scope: { name: 'glassway.ingest', version }, metrics: await healthMetrics(registry, times) },
    ],
  };
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

const now = (): HrTime => {
  const now_ms = Date.now();
  return [Math.floor(now_ms / 1_000), (now_ms % 1_000) * 1_000_000];
};
const describe = (name: string, description: string, unit: string) => ({ name, description, unit, valueType: ValueType.DOUBLE });

function callMetrics(calls: CallMetrics, times: Times): MetricData[] {
  return [...calls.points()].map(([{ name, help, unit, bounds }, points]) => ({
    descriptor: describe(name, help, unit),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: points.map(({ attributes, counts, sum, count }) => ({
      ...times,
      attributes,
      value: { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count },
    })),
  }));
}

interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

async function healthMetrics(registry: Registry, times: Times): Promise<MetricData[]> {
  const found = await registry.getMetricsAsJSON();
  return found.flatMap(({ name, help, type, values }): MetricData[] => {
    const common = { descriptor: describe(name, help, ''), aggregationTemporality: AggregationTemporality.CUMULATIVE };
    const known = (values as readonly PromValue[]).filter(({ value }) => Number.isFinite(value));
    const dataPoints = known.map(({ value, labels }) => ({ ...times, attributes: labels, value }));
    // prom-client's types name its enumeration; its values are these words.
    const kind = String(type);
    if (kind === 'counter') return [{ ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }];
    if (kind === 'gauge') return [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints }];
    return kind === 'histogram' ? [{ ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(known, times) }] : [];
  });
}

/** prom-client gives buckets that add up, with sum and count as values of other names. */
function histogramPoints(values: readonly PromValue[], times: Times) {
  const series = Map.groupBy(values, ({ labels: { le: _bound, ...labels } }) => JSON.stringify(labels));
  return [...series].map(([key, parts]) => {
    const buckets = parts
      .filter(({ labels }) => labels['le'] !== undefined)
      .map(({ labels, value }) => ({ bound: Number(labels['le']), value }));
    const ofName = (end: string): number => parts.find(({ metricName }) => metricName?.endsWith(end))?.value ?? 0;
    const finite = buckets.filter(({ bound }) => Number.isFinite(bound));
    const totals = [...finite.map(({ value }) => value), ofName('_count')];
    const counts = totals.map((total, index) => total - (totals[index - 1] ?? 0));
    return {
      ...times,
      attributes: JSON.parse(key) as Record<string, string>,
      value: { buckets: { boundaries: finite.map(({ bound }) => bound), counts }, sum: ofName('_sum'), count: ofName('_count') },
    };
  });
}
