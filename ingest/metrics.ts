/**
 * Ingest's metrics for Prometheus: the entries of INGEST_METRICS, made once, with Node's own beside them.
 * Gives one function or gauge per entry; never a label value that a caller can make up without limit.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { INGEST_METRICS, type MetricEntry } from '../contract/events.ts';
import type { Sample } from './health/exposition.ts';
import type { LossMeter } from './loss.ts';
import { CallMetrics } from './otlp/call-metrics.ts';

const INSERT_SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Providers come from the proxies' configuration; beyond so many they are counted together. */
const PROVIDERS_MAX = 100;
const OTHER_PROVIDER = 'other';

export interface IngestMetrics {
  /** What OTLP carries of them too. */
  readonly registry: Registry;
  readonly calls: CallMetrics;
  readonly contentType: string;
  /** The exposition text. */
  expose(): Promise<string>;
  /** The same of ingest itself as values; without what a question to ClickHouse would be needed for. */
  samples(): Promise<Sample[]>;
  batchAnswered(status: number): void;
  batchRefused(code: string): void;
  records(inserted: number, rejected: number): void;
  inserted(seconds: number): void;
  unpriced(provider: string): void;
  pricesRead(ok: boolean): void;
  spans(result: string, count: number): void;
}

export interface IngestGauges {
  readonly spansQueued: () => number;
  readonly traceSlotsOpen: () => number;
  readonly workBytes: () => number;
  readonly isReady: () => boolean;
  readonly loss: LossMeter;
}

export function createMetrics(gauges: IngestGauges): IngestMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = (entry: MetricEntry) =>
    new Counter({ name: entry.name, help: entry.help, labelNames: [...entry.labels], registers: [registry] });
  const gauge = (entry: MetricEntry, read: () => number) =>
    new Gauge({
      name: entry.name,
      help: entry.help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });

  const batches = counter(INGEST_METRICS.batches);
  const refused = counter(INGEST_METRICS.batches_refused);
  const records = counter(INGEST_METRICS.records);
  const unpriced = counter(INGEST_METRICS.calls_unpriced);
  const priceReads = counter(INGEST_METRICS.price_reads);
  const spans = counter(INGEST_METRICS.spans);
  const insertSeconds = new Histogram({
    name: INGEST_METRICS.insert_seconds.name,
    help: INGEST_METRICS.insert_seconds.help,
    buckets: INSERT_SECONDS_BUCKETS,
    registers: [registry],
  });
  const folded = counter(INGEST_METRICS.labels_folded);
  const calls = new CallMetrics({ onFolded: (label) => folded.inc({ label }) });
  gauge(INGEST_METRICS.work_bytes, gauges.workBytes);
  gauge(INGEST_METRICS.spans_queued, gauges.spansQueued);
  gauge(INGEST_METRICS.trace_slots_open, gauges.traceSlotsOpen);
  gauge(INGEST_METRICS.ready, () => (gauges.isReady() ? 1 : 0));
  for (const [entry, column] of [
    [INGEST_METRICS.calls_missing, 'missing'],
    [INGEST_METRICS.calls_duplicated, 'duplicates'],
  ] as const)
    new Gauge({
      name: entry.name,
      help: entry.help,
      registers: [registry],
      async collect() {
        // Not known is not 0.
        this.set((await gauges.loss())?.[column] ?? Number.NaN);
      },
    });
  const providers = new Set<string>();

  return {
    contentType: registry.contentType,
    expose: async () => `${await registry.metrics()}${calls.prometheusText()}`,
    samples: () => readSamples(registry),
    registry,
    calls,
    batchAnswered: (status) => batches.inc({ status: String(status) }),
    batchRefused: (code) => refused.inc({ code }),
    records: (inserted, rejected) => {
      records.inc({ result: 'inserted' }, inserted);
      records.inc({ result: 'rejected' }, rejected);
    },
    inserted: (seconds) => insertSeconds.observe(seconds),
    spans: (result, count) => spans.inc({ result }, count),
    pricesRead: (ok) => priceReads.inc({ result: ok ? 'ok' : 'failed' }),
    unpriced: (provider) => {
      if (providers.size < PROVIDERS_MAX) providers.add(provider);
      unpriced.inc({ provider: providers.has(provider) ? provider : OTHER_PROVIDER });
    },
  };
}

const ASKED_OF_CLICKHOUSE: readonly MetricEntry[] = [INGEST_METRICS.calls_missing, INGEST_METRICS.calls_duplicated];

async function readSamples(registry: Registry): Promise<Sample[]> {
  const entries: MetricEntry[] = Object.values(INGEST_METRICS);
  const metrics = await Promise.all(
    entries.filter((entry) => !ASKED_OF_CLICKHOUSE.includes(entry)).map(({ name }) => registry.getSingleMetric(name)?.get()),
  );
  return metrics.flatMap((metric) =>
    (metric?.values ?? []).map(({ value, labels, ...named }) => ({
      // Those of a histogram bear the names of its parts.
      metric: ('metricName' in named && typeof named.metricName === 'string' && named.metricName) || (metric?.name ?? ''),
      label: String(Object.values(labels)[0] ?? ''),
      value,
    })),
  );
}
