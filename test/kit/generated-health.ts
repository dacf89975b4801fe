/**
 * Weeks of what two ingests write down of themselves and of three proxies, made by ClickHouse itself (INSERT … SELECT from
 * numbers()): every metric of the catalogue, counters that grow and begin anew every few days, levels that go up and down.
 * Each ingest asks every proxy, so that what proxies say is there twice, some seconds apart. Writes to table `health`.
 */
import { type ClickHouseClient, TupleParam } from '@clickhouse/client';
import { INGEST_METRICS, type MetricEntry, PROXY_METRICS } from '../../contract/events.ts';

const EVERY_S = 15;
const TICKS_A_DAY = 86_400 / EVERY_S;
/** A counter begins anew after so many: its process was replaced. */
const LIFE_TICKS = 4.5 * TICKS_A_DAY;

const INGESTS = ['ingest-0:4701', 'ingest-1:4701'];
const PROXIES = ['10.1.0.4:4704', '10.1.0.5:4704', '10.1.0.6:4704'];

/** What the one label of a metric says, and how often of ten. Of labels that are not here there is one value. */
const LABEL_VALUES: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  outcome: [
    ['ok', 9.7],
    ['rate_limited', 0.2],
    ['provider_error', 0.1],
    ['client_abort', 0.1],
    ['timeout', 0.02],
  ],
  reason: [['decoded_bytes', 0.01]],
  result: [
    ['ok', 9],
    ['sent', 9],
    ['inserted', 9],
    ['retried', 0.05],
    ['rejected', 0.01],
  ],
  status: [
    ['200', 9],
    ['503', 0.02],
  ],
  code: [['overloaded', 0.02]],
  provider: [['vllm', 0.3]],
  label: [['model', 0.01]],
};
/** Upper bounds of a histogram, and how many of ten are below. */
const BOUNDS: readonly (readonly [string, number])[] = [
  ['0.005', 0.1],
  ['0.01', 0.8],
  ['0.025', 3],
  ['0.05', 5.5],
  ['0.1', 7.6],
  ['0.25', 9],
  ['0.5', 9.6],
  ['1', 9.9],
  ['2.5', 9.97],
  ['5', 9.99],
  ['10', 10],
  ['+Inf', 10],
];

/** metric, label, instance, whether it only grows, how much in a tick, seconds after the tick. */
type Series = readonly [string, string, string, 0 | 1, number, number];

function seriesOf({ name, type, labels: [label] }: MetricEntry, instance: string, after_s: number): Series[] {
  if (type === 'gauge') return [[name, '', instance, 0, 7, after_s]];
  if (type === 'histogram') return BOUNDS.map(([bound, share]) => [`${name}_bucket`, bound, instance, 1, share * 3, after_s]);
  const values = label === undefined ? [['', 0.01] as const] : (LABEL_VALUES[label] ?? [['other', 0.1] as const]);
  return values.map(([value, share]) => [name, value, instance, 1, share * 20, after_s]);
}

export async function generateHealth(client: ClickHouseClient, { from, to }: { readonly from: Date; readonly to: Date }): Promise<void> {
  const series = INGESTS.flatMap((ingest, at) => [
    ...Object.values<MetricEntry>(INGEST_METRICS).flatMap((entry) => seriesOf(entry, ingest, at * 7)),
    ...PROXIES.flatMap((proxy) => Object.values<MetricEntry>(PROXY_METRICS).flatMap((entry) => seriesOf(entry, proxy, at * 7))),
  ]);
  const from_s = Math.floor(from.getTime() / 1000);
  const ticks = Math.floor((to.getTime() / 1000 - from_s) / EVERY_S);
  for (let start = 0; start < ticks; start += TICKS_A_DAY)
    await client.command({
      query: `INSERT INTO health (metric, label, instance, began, at, value) ${SELECT}`,
      query_params: { series: series.map((each) => new TupleParam(each)), from_s, start, ticks: Math.min(TICKS_A_DAY, ticks - start) },
      clickhouse_settings: { insert_deduplicate: 0, max_insert_threads: '1' },
    });
}

const SELECT = `
SELECT
  s.1 AS metric,
  s.2 AS label,
  s.3 AS instance,
  toDateTime({from_s:UInt32} + intDiv(number, ${LIFE_TICKS}) * ${LIFE_TICKS * EVERY_S} - 1) AS began,
  toDateTime({from_s:UInt32} + number * ${EVERY_S} + s.6) AS at,
  if(s.4,
    floor(s.5 * (number % ${LIFE_TICKS} + (cityHash64(number, metric, label) % 100) / 100)),
    round(s.5 * (1 + sin(number / 200)) + cityHash64(number, metric) % 5)) AS value
FROM numbers({start:UInt64}, {ticks:UInt64})
ARRAY JOIN {series:Array(Tuple(String, String, String, UInt8, Float64, UInt32))} AS s`;
