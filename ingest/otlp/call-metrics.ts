/**
 * OpenTelemetry's metrics of LLM calls, as histograms since this process began: for Prometheus as text, for OTLP as data
 * points. Bounded: models, hosts and error types beyond a number are counted as one, and so is everything beyond a number
 * of series; each time that happens is counted. A histogram of its own because a stream's chunks are many observations of
 * one value, which libraries take one by one.
 */
import { CALL_METRIC_LABELS, CALL_METRICS, type CallMetricEntry } from '../../contract/events.ts';
import type { CallRecord } from '../../contract/record.ts';
import { errorType, isError } from './attributes.ts';

export interface HistogramPoint {
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export interface CallMetricsOptions {
  readonly onFolded?: (label: string) => void;
}

/** OpenTelemetry's word for what is not told apart: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/ */
export const FOLDED = '_OTHER';
/** Models that some call succeeded with, and models that none did: a caller can make up any number of the latter. */
const MODELS_MAX = 200;
const UNPROVEN_MODELS_MAX = 50;
const HOSTS_MAX = 100;
const ERROR_TYPES_MAX = 100;
/** As in OpenTelemetry's SDKs, with their attribute for the rest: https://opentelemetry.io/docs/specs/otel/metrics/sdk/#cardinality-limits */
const SERIES_MAX = 2_000;
const OVERFLOW = 'otel.metric.overflow';

class Series implements HistogramPoint {
  readonly attributes: HistogramPoint['attributes'];
  readonly #bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(attributes: HistogramPoint['attributes'], bounds: readonly number[]) {
    this.attributes = attributes;
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number, times: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.sum += value * times;
    this.count += times;
  }
}

class Histogram {
  readonly entry: CallMetricEntry;
  readonly series = new Map<string, Series>();

  constructor(entry: CallMetricEntry) {
    this.entry = entry;
  }

  /** Where values with these attributes are counted; `key` stands for them. Undefined: in the overflow. */
  find(key: string, attributes: () => HistogramPoint['attributes']): Series | undefined {
    return this.series.get(key) ?? (this.series.size < SERIES_MAX ? this.#open(key, attributes()) : undefined);
  }

  get overflow(): Series {
    return this.series.get(OVERFLOW) ?? this.#open(OVERFLOW, { [OVERFLOW]: true });
  }

  #open(key: string, attributes: HistogramPoint['attributes']): Series {
    const series = new Series(attributes, this.entry.bounds);
    this.series.set(key, series);
    return series;
  }
}

/**
 * What calls would be counted as, noted before it is known whether they are: numbers in lists, so that a batch's records
 * need not be kept until its insert has ended.
 */
export class Observations {
  readonly #lines: number[] = [];
  readonly #series: Series[] = [];
  readonly #values: number[] = [];
  readonly #times: number[] = [];

  note(line: number, series: Series, value: number, times: number): void {
    this.#lines.push(line);
    this.#series.push(series);
    this.#values.push(value);
    this.#times.push(times);
  }

  /** Counts all, once, but those of the lines that were lost. */
  count(lost: ReadonlySet<number>): void {
    this.#series.forEach((series, at) => {
      if (!lost.has(this.#lines[at] as number)) series.add(this.#values[at] as number, this.#times[at] as number);
    });
  }
}

/** A label whose values are told apart up to a number of them. */
class Folding {
  readonly #seen = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  fold(value: string, onFolded: () => void, max = this.#max): string {
    if (value === '' || this.#seen.has(value)) return value;
    if (this.#seen.size >= max) {
      onFolded();
      return FOLDED;
    }
    this.#seen.add(value);
    return value;
  }
}

export class CallMetrics {
  readonly #onFolded: (label: string) => void;
  readonly #models = new Folding(MODELS_MAX);
  readonly #hosts = new Folding(HOSTS_MAX);
  readonly #errorTypes = new Folding(ERROR_TYPES_MAX);
  readonly #tokens = new Histogram(CALL_METRICS.tokens);
  readonly #duration = new Histogram(CALL_METRICS.duration);
  readonly #firstChunk = new Histogram(CALL_METRICS.first_chunk);
  readonly #outputChunk = new Histogram(CALL_METRICS.output_chunk);

  constructor({ onFolded = () => undefined }: CallMetricsOptions = {}) {
    this.#onFolded = onFolded;
  }

  /** Notes what the call on this line is to be counted as. */
  observe(call: CallRecord, line: number, noted: Observations): void {
    const proven = call.status < 400 && call.status > 0;
    const model = (name: string, label: string): string =>
      this.#models.fold(name, () => this.#onFolded(label), proven ? MODELS_MAX : UNPROVEN_MODELS_MAX);
    const values = [
      call.operation,
      call.provider,
      model(call.request_model, 'gen_ai.request.model'),
      model(call.response_model, 'gen_ai.response.model'),
      this.#hosts.fold(call.server_address, () => this.#onFolded('server.address')),
      call.server_port,
    ];
    const key = values.join('\u0000');
    const put = (histogram: Histogram, value: number, label = '', times = 1): void => {
      const attributes = () => attributesOf(values, histogram.entry.labels[0], label);
      const series = histogram.find(`${key}\u0000${label}`, attributes);
      if (series === undefined) this.#onFolded(OVERFLOW);
      noted.note(line, series ?? histogram.overflow, value, times);
    };
    if (call.input_tokens !== null) put(this.#tokens, call.input_tokens, 'input');
    if (call.output_tokens !== null) put(this.#tokens, call.output_tokens, 'output');
    if (call.duration_ms === null) return;
    const failed = isError(call);
    const error = failed ? this.#errorTypes.fold(errorType(call), () => this.#onFolded('error.type')) : '';
    put(this.#duration, call.duration_ms / 1_000, error);
    if (!call.stream || call.ttft_ms === null) return;
    put(this.#firstChunk, call.ttft_ms / 1_000);
    const gaps = (call.output_chunks ?? 0) - 1;
    if (gaps > 0) put(this.#outputChunk, Math.max(0, call.duration_ms - call.ttft_ms) / gaps / 1_000, '', gaps);
  }

  *points(): Generator<readonly [entry: CallMetricEntry, points: readonly HistogramPoint[]]> {
    for (const { entry, series } of this.#histograms()) yield [entry, [...series.values()]];
  }

  /** https://prometheus.io/docs/instrumenting/exposition_formats/ */
  prometheusText(): string {
    const lines: string[] = [];
    for (const [{ prometheus, help, bounds }, points] of this.points()) {
      lines.push(`# HELP ${prometheus} ${help}`, `# TYPE ${prometheus} histogram`);
      for (const { attributes, counts, sum, count } of points) {
        const labels = Object.entries(attributes).map(([name, value]) => `${name.replaceAll('.', '_')}="${escaped(String(value))}"`);
        const named = (more: readonly string[] = []) => `{${[...labels, ...more].join(',')}}`;
        let below = 0;
        counts.forEach((each, bucket) => {
          below += each;
          lines.push(`${prometheus}_bucket${named([`le="${bounds[bucket] ?? '+Inf'}"`])} ${below}`);
        });
        lines.push(`${prometheus}_sum${named()} ${sum}`, `${prometheus}_count${named()} ${count}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }

  #histograms(): readonly Histogram[] {
    return [this.#tokens, this.#duration, this.#firstChunk, this.#outputChunk];
  }
}

function attributesOf(values: readonly (string | number)[], label: string | undefined, value: string): HistogramPoint['attributes'] {
  const attributes: Record<string, string | number> = {};
  CALL_METRIC_LABELS.forEach((name, index) => {
    const each = values[index];
    if (each !== undefined && each !== '' && each !== 0) attributes[name] = each;
  });
  if (label !== undefined && value !== '') attributes[label] = value;
  return attributes;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
