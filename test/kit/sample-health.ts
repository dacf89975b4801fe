/**
 * What ingest writes down of itself and of one proxy (table `health`): every metric of the catalogue over some time, counters
 * that grow, a few labels each. Inserts with the writer.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { INGEST_METRICS, type MetricEntry, PROXY_METRICS } from '../../contract/events.ts';

export interface HealthRow {
  readonly metric: string;
  readonly instance: string;
  readonly label: string;
  /** When its process began; missing: it does not say. */
  readonly began?: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly value: number;
}

const EVERY_S = 15;
const LABELS = ['ok', 'retried'];
/** Bounds, and how many of each ten stay below. */
const BUCKETS: readonly (readonly [string, number])[] = [
  ['0.01', 2],
  ['0.1', 9],
  ['+Inf', 10],
];

export function sampleHealth(from: Date, to: Date): HealthRow[] {
  const rows: HealthRow[] = [];
  const begin_s = Math.floor(from.getTime() / 1000);
  for (let at = begin_s; at < to.getTime() / 1000; at += EVERY_S) {
    const tick = (at - begin_s) / EVERY_S;
    for (const entry of Object.values<MetricEntry>(INGEST_METRICS)) rows.push(...samplesOf(entry, 'ingest:4701', at, tick));
    for (const entry of Object.values<MetricEntry>(PROXY_METRICS)) rows.push(...samplesOf(entry, '127.0.0.1:4704', at, tick));
  }
  return rows;
}

function samplesOf({ name, type, labels }: MetricEntry, instance: string, at: number, tick: number): HealthRow[] {
  if (type === 'histogram')
    return BUCKETS.map(([label, share]) => ({ metric: `${name}_bucket`, instance, label, at, value: tick * share }));
  const value = type === 'gauge' ? tick % 7 : tick * 2;
  return (labels.length === 0 ? [''] : LABELS).map((label) => ({ metric: name, instance, label, at, value }));
}

export async function insertHealth(client: ClickHouseClient, rows: readonly HealthRow[]): Promise<void> {
  await client.insert({ table: 'health', values: rows, format: 'JSONEachRow' });
}
