/** What can be measured: a table of parts. Each gives figures by contender; how they are shown is in report.ts. */
import { measureExport } from '../otlp-export.ts';
import { measureIngest } from './ingest.ts';
import { latency, memory, rivals, slowStreams, soak, streams, throughput, tls, workers } from './load.ts';
import { measureStart } from './start.ts';

export type Figures = Readonly<Record<string, number | undefined>>;

export interface PartContext {
  readonly quick: boolean;
  readonly tell: (message: string) => void;
}

export interface PartResult {
  /** By contender, in the table's order. */
  readonly rows: ReadonlyMap<string, Figures>;
  /** Whose figures the others are divided by. */
  readonly yardstick?: string;
  readonly notes?: readonly string[];
}

export type Part = (context: PartContext) => Promise<PartResult>;

export const PARTS: Readonly<Record<string, Part>> = {
  throughput,
  rivals,
  latency,
  streams,
  memory,
  'slow-streams': slowStreams,
  tls,
  workers,
  start: measureStart,
  ingest: measureIngest,
  export: measureExport,
  soak,
};

/** Those of `--quick`, each in a short form: under two minutes together. */
export const QUICK_PARTS = ['throughput', 'latency', 'streams', 'start'] as const;
