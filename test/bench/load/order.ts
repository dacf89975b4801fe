/** What the load generator is told to do, and what it says of it. */
import type { Percentiles } from '../stats.ts';
import type { ProviderOptions } from './provider.ts';

export interface LoadOrder {
  /** Where the contender listens. */
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly connections: number;
  /** Calls a second, come what may; undefined: as fast as answers come. */
  readonly rate: number | undefined;
  /** Pause between the openings of streams, so that their events do not all fall into the same instant. */
  readonly spread_ms: number;
  readonly warmup_s: number;
  readonly duration_s: number;
  /** Missing: somebody else has it. */
  readonly provider: ProviderOptions | undefined;
}

export interface LoadResult {
  readonly seconds: number;
  readonly calls: number;
  readonly events: number;
  readonly failed: number;
  readonly faults: readonly string[];
  readonly latency_ms: Percentiles;
  /** To the first byte of the body. */
  readonly first_ms: Percentiles;
}
