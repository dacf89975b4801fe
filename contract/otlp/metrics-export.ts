/**
 * A process's metrics over OTLP, every minute and at its end: its health as Prometheus has it, under the same names, and what
 * else it gives. Cumulative. A receiver that cannot take them gets the next ones: nothing is kept, since sums go on. To the
 * operator's destination only (OpenTelemetry's variables): projects' own get spans.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type HrTime, ValueType } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { JsonMetricsSerializer, MetricsExporterMetricsHelper, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import type { MetricValue, Registry } from 'prom-client';
import type { Log } from '../log.ts';
import type { OtlpProtocol } from '../otlp-settings.ts';
import { createSender, type Signal } from './sender.ts';

export interface MetricsExportOptions {
  readonly protocol: OtlpProtocol;
  readonly interval_ms: number;
  readonly resource: Resource;
  readonly read: (times: Times) => Promise<ScopeMetrics[]>;
  readonly log: Log;
}

export interface MetricsExport {
  /** Sends them once more, which takes at most so long, and ends. */
  stop(limit_ms: number): Promise<void>;
}

export interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** prom-client's metrics as values. */
export type PlainMetric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

const METRICS: Signal<ResourceMetrics> = {
  name: 'METRICS',
  path: 'v1/metrics',
  grpcService: 'MetricsExportService',
  grpcMethod: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  json: JsonMetricsSerializer,
  protobuf: ProtobufMetricsSerializer,
  helper: MetricsExporterMetricsHelper,
};

export function startMetricsExport({ protocol, interval_ms, resource, read, log }: MetricsExportOptions): MetricsExport {
  const startTime = now();
  const sender = createSender({ environment: protocol }, METRICS);
  let troubled = false;
  const push = async (): Promise<void> => {
    const result = await sender.send({ resource, scopeMetrics: await read({ startTime, endTime: now() }) });
    if (result.kind !== 'sent' && !troubled)
      log('warn', `the metrics receiver does not take them (${result.reason}); the next ones say it all again`);
    troubled = result.kind !== 'sent';
  };
  let pushing: Promise<void> | undefined;
  const pushOnce = (): Promise<void> => {
    pushing ??= push()
      .catch((error: unknown) => log('warn', `metrics could not be sent: ${String(error)}`))
      .finally(() => {
        pushing = undefined;
      });
    return pushing;
  };
  const timer = setInterval(pushOnce, interval_ms);
  return {
    async stop(limit_ms) {
      clearInterval(timer);
      const last = (async () => {
        await pushing;
        await pushOnce();
      })();
      await Promise.race([last, sleep(limit_ms, undefined, { ref: false })]);
      await sender.close();
    },
  };
}

const now = (): HrTime => {
  const now_ms = Date.now();
  return [Math.floor(now_ms / 1_000), (now_ms % 1_000) * 1_000_000];
};

export const describeMetric = (name: string, description: string, unit: string) => ({
  name,
  description,
  unit,
  valueType: ValueType.DOUBLE,
});

/** What Prometheus reads of a process, as a scope's metrics. */
export function healthMetrics(scope: InstrumentationScope, found: readonly PlainMetric[], times: Times): ScopeMetrics {
  return { scope, metrics: found.flatMap((metric) => healthMetric(metric, times)) };
}

type PromValue = MetricValue<string> & { readonly metricName?: string };

function healthMetric({ name, help, type, values }: PlainMetric, times: Times): MetricData[] {
  const common = { descriptor: describeMetric(name, help, ''), aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const known = (values as readonly PromValue[]).filter(({ value }) => Number.isFinite(value));
  const dataPoints = known.map(({ value, labels }) => ({ ...times, attributes: labels as Record<string, string>, value }));
  // prom-client's types name its enumeration; its values are these words.
  const kind = String(type);
  if (kind === 'counter') return [{ ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }];
  if (kind === 'gauge') return [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints }];
  return kind === 'histogram' ? [{ ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(known, times) }] : [];
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
