/**
 * Reads Prometheus' text format as Glassway's own processes write it: takes the text and the metrics that are wanted, gives one
 * sample for each value. Metrics of another name are passed over; so is what is not a number.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import type { MetricEntry } from '../../contract/events.ts';

export interface Sample {
  readonly metric: string;
  /** The value of its one label, or ''. */
  readonly label: string;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
/** What a histogram is made of. */
const PARTS = ['_bucket', '_sum', '_count'];

/** Far more than a process has of its own; a stranger at that address must not fill the table. */
const SAMPLES_MAX = 1000;
const LABEL_CHARS_MAX = 64;

export function readExposition(text: string, wanted: readonly MetricEntry[]): Sample[] {
  const labels = new Map(
    wanted.flatMap(({ name, type, labels: [label] }): [string, string | undefined][] =>
      type === 'histogram' ? PARTS.map((part) => [name + part, part === '_bucket' ? 'le' : undefined]) : [[name, label]],
    ),
  );
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const [, metric = '', written = '', number = ''] = LINE.exec(line) ?? [];
    const value = Number(number.replace(/^([+-]?)Inf$/, '$1Infinity'));
    if (!labels.has(metric) || number === '' || !Number.isFinite(value) || samples.length >= SAMPLES_MAX) continue;
    const wantedLabel = labels.get(metric);
    const found = [...written.matchAll(LABEL)].find(([, name]) => name === wantedLabel)?.[2] ?? '';
    samples.push({ metric, label: unescaped(found).slice(0, LABEL_CHARS_MAX), value });
  }
  return samples;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
