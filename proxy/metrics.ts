/**
 * The proxy's own metrics, made from the catalogue: counters that the hot path adds to, and gauges
 * that are read when Prometheus asks.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { PROXY_METRICS } from '../contract/events.ts';
import type { Journal } from './journal.ts';

export interface ProxyMetrics {
  readonly registry: Registry;
  /** What each call does. Plain numbers, made metrics when Prometheus asks: the library takes a microsecond for each `inc`. */
  readonly callBegan: () => void;
  readonly callClosed: () => void;
  readonly callEnded: (outcome: string) => void;
  readonly connectionsDropped: Counter;
  readonly tapLimited: Counter<'reason'>;
  readonly estimates: Counter<'result'>;
  readonly redactions: Counter<'result'>;
  readonly recordsDropped: Counter<'reason'>;
  readonly batches: Counter<'result'>;
  readonly deadLetters: Counter<'reason'>;
  readonly journalFaults: Counter<'code'>;
  readonly journalsAdopted: Counter;
  readonly callsCutOff: Counter;
}

export function createProxyMetrics(journal: Journal): ProxyMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  /** `aggregator`: what several workers' values come to. */
  const gauge = (entry: { name: string; help: string }, read: () => number, aggregator: 'sum' | 'min' = 'sum') =>
    new Gauge({
      name: entry.name,
      help: entry.help,
      registers,
      aggregator,
      collect() {
        this.set(read());
      },
    });
  let inFlight = 0;
  const ended = new Map<string, number>();
  gauge(PROXY_METRICS.calls_in_flight, () => inFlight);
  new Counter({
    ...named(PROXY_METRICS.calls),
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of ended) this.inc({ outcome }, count);
    },
  });
  gauge(PROXY_METRICS.queue_records, () => journal.records);
  gauge(PROXY_METRICS.queue_bytes, () => journal.bytes);
  gauge(PROXY_METRICS.journal_ok, () => (journal.state.fault === undefined ? 1 : 0), 'min');
  return {
    registry,
    callBegan() {
      inFlight += 1;
    },
    callClosed() {
      inFlight -= 1;
    },
    callEnded(outcome) {
      ended.set(outcome, (ended.get(outcome) ?? 0) + 1);
    },
    connectionsDropped: new Counter({ ...named(PROXY_METRICS.connections_dropped), registers }),
    tapLimited: new Counter({ ...named(PROXY_METRICS.tap_limited), labelNames: ['reason'], registers }),
    estimates: new Counter({ ...named(PROXY_METRICS.estimates), labelNames: ['result'], registers }),
    redactions: new Counter({ ...named(PROXY_METRICS.redactions), labelNames: ['result'], registers }),
    recordsDropped: new Counter({ ...named(PROXY_METRICS.records_dropped), labelNames: ['reason'], registers }),
    batches: new Counter({ ...named(PROXY_METRICS.batches), labelNames: ['result'], registers }),
    deadLetters: new Counter({ ...named(PROXY_METRICS.dead_letters), labelNames: ['reason'], registers }),
    journalFaults: new Counter({ ...named(PROXY_METRICS.journal_faults), labelNames: ['code'], registers }),
    journalsAdopted: new Counter({ ...named(PROXY_METRICS.journals_adopted), registers }),
    callsCutOff: new Counter({ ...named(PROXY_METRICS.calls_cut_off), registers }),
  };
}

const named = (entry: { name: string; help: string }) => ({ name: entry.name, help: entry.help });
