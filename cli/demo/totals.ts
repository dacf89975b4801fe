/**
 * What the mock provider has sent, as counts that can be set beside the table `calls`: one cell for each
 * combination of label, dialect, operation, model, stream, status and end. Bounded: combinations past the
 * limit fold into one cell per end, so that sums stay right.
 */
import type { MockUsage } from './reply.ts';

/** A caller's own word for whom a call belongs to; it passes through a proxy, which strips only its own headers. */
export const LABEL_HEADER = 'x-mock-label';
const CELLS_MAX = 2_048;
const NAME_LENGTH_MAX = 64;
const FOLDED = '(other)';

/** `cut`: the mock closed the connection; `client_gone`: the other side did. */
export type CallEnd = 'ok' | 'http_error' | 'stream_error' | 'malformed' | 'cut' | 'client_gone';

export interface CallFacts {
  readonly label: string;
  readonly dialect: string;
  readonly operation: string;
  /** What the request asked for. */
  readonly model: string;
  readonly stream: boolean;
  /** 0: closed before any answer. */
  readonly status: number;
  readonly end: CallEnd;
}

export interface Tally {
  calls: number;
  /** Calls in which usage was reported; the tokens are theirs, as last reported. */
  calls_with_usage: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_1h_tokens: number;
  reasoning_tokens: number;
}

export interface MockCell extends CallFacts, Tally {}

export interface MockTotals {
  readonly calls: number;
  /** Connections turned away because there were too many. */
  readonly refused_connections: number;
  readonly cells: readonly MockCell[];
}

export interface TotalsKeeper {
  add(facts: CallFacts, usage: MockUsage | undefined): void;
  refuseConnection(): void;
  read(): MockTotals;
}

export function createTotals(): TotalsKeeper {
  const cells = new Map<string, MockCell>();
  let calls = 0;
  let refused_connections = 0;
  const cellFor = (facts: CallFacts): MockCell => {
    const short = { ...facts, label: facts.label.slice(0, NAME_LENGTH_MAX), model: facts.model.slice(0, NAME_LENGTH_MAX) };
    const key = JSON.stringify(Object.values(short));
    const known = cells.get(key);
    if (known !== undefined) return known;
    if (cells.size >= CELLS_MAX && short.model !== FOLDED) {
      return cellFor({ ...facts, label: FOLDED, dialect: FOLDED, operation: FOLDED, model: FOLDED, stream: false, status: 0 });
    }
    const cell = { ...short, ...emptyTally() };
    cells.set(key, cell);
    return cell;
  };
  return {
    add: (facts, usage) => {
      calls += 1;
      const cell = cellFor(facts);
      cell.calls += 1;
      if (usage === undefined) return;
      cell.calls_with_usage += 1;
      for (const key of Object.keys(usage) as (keyof MockUsage)[]) cell[key] += usage[key];
    },
    refuseConnection: () => {
      refused_connections += 1;
    },
    read: () => ({ calls, refused_connections, cells: Array.from(cells.values(), (cell) => ({ ...cell })) }),
  };
}

export function emptyTally(): Tally {
  return {
    calls: 0,
    calls_with_usage: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: 0,
  };
}
