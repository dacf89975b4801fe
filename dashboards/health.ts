/**
 * What the running processes said of themselves, as ingest writes it down (table `health`, by the names of contract/events.ts).
 * Takes metrics, gives statements: levels as they were, counters as what was added in each bucket of time, histograms as
 * quantiles. A counter begins anew when its process does; one that appears while its process is known began at 0.
 */
import { INGEST_METRICS, type MetricEntry, PROXY_METRICS } from '../contract/events.ts';
import { lines } from './sql.ts';

/** How often ingest writes (ingest/health/health.ts): of what several ingests wrote in this time the largest counts. */
const SLOT_SECONDS = 15;
const IN_RANGE = 'c.at >= $__fromTime AND c.at <= $__toTime';

const named = ({ name }: MetricEntry) => name;
/** What its process always has: with it a process is known to have been there. */
const PULSES = `'${named(PROXY_METRICS.queue_records)}', '${named(INGEST_METRICS.ready)}'`;

/** A level by process: the highest of each bucket. */
export function askLevel(entry: MetricEntry, column: string): string {
  return lines([
    `SELECT $__timeInterval(c.at) AS time, toString(c.instance) AS instance, max(c.value) AS ${column}`,
    'FROM health AS c',
    `WHERE c.metric = '${named(entry)}' AND ${IN_RANGE}`,
    'GROUP BY time, instance ORDER BY time, instance',
  ]);
}

/** What was added to counters in each bucket, over all processes, by their label; several are told apart by a word before it. */
export function askAdded(entries: readonly (readonly [MetricEntry, string?])[], by: string, column: string): string {
  const parts = entries.map(([entry, word = '']) =>
    lines([
      `  SELECT time, concat('${word}', label) AS ${by}, sum(added) AS ${column}`,
      `  FROM (${added(named(entry))})`,
      `  GROUP BY time, ${by} HAVING ${column} > 0`,
    ]),
  );
  return lines(['SELECT * FROM (', parts.join('\n  UNION ALL\n'), ')', `ORDER BY time, ${by}`]);
}

/** Each step of each counter. */
function added(metric: string): string {
  return lines([
    '',
    '    SELECT $__timeInterval(slot) AS time, toString(label) AS label,',
    '      multiIf(before IS NOT NULL AND value >= before, value - before, before IS NOT NULL OR known, value, 0) AS added',
    '    FROM (',
    '      SELECT slot, metric, label, value, slot > min(slot) OVER (PARTITION BY instance) AS known,',
    '        lagInFrame(toNullable(value)) OVER (PARTITION BY instance, metric, label ORDER BY slot ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before',
    '      FROM (',
    `        SELECT toStartOfInterval(c.at, toIntervalSecond(${SLOT_SECONDS})) AS slot, c.instance AS instance, c.metric AS metric, c.label AS label, max(c.value) AS value`,
    '        FROM health AS c',
    `        WHERE c.metric IN ('${metric}', ${PULSES}) AND c.at >= $__fromTime - ${4 * SLOT_SECONDS} AND c.at <= $__toTime`,
    '        GROUP BY slot, instance, metric, label',
    '      )',
    '    )',
    `    WHERE metric = '${metric}' AND slot >= $__fromTime`,
  ]);
}

/** Quantiles of a histogram, between two of its bounds evenly, as Prometheus reckons them. */
export function askQuantiles(entry: MetricEntry, levels: Readonly<Record<string, number>>): string {
  const quantile = (level: number) =>
    [
      `arrayFirstIndex(bound -> bound.2 >= ${level} * total, bounds) AS at_${level * 100}`,
      `if(at_${level * 100} > 1, bounds[at_${level * 100} - 1], (0., 0.)) AS below_${level * 100}`,
    ].join(', ');
  const value = (level: number) => {
    const [at, below] = [`bounds[at_${level * 100}]`, `below_${level * 100}`];
    return `if(isInfinite(${at}.1), ${below}.1, ${below}.1 + (${at}.1 - ${below}.1) * (${level} * total - ${below}.2) / (${at}.2 - ${below}.2))`;
  };
  return lines([
    `SELECT time, ${Object.entries(levels)
      .map(([column, level]) => `${value(level)} AS ${column}`)
      .join(', ')}`,
    'FROM (',
    `  SELECT time, bounds, bounds[length(bounds)].2 AS total, ${Object.values(levels).map(quantile).join(', ')}`,
    '  FROM (',
    '    SELECT time, arraySort(groupArray((bound, reached))) AS bounds',
    '    FROM (',
    `      SELECT time, if(label = '+Inf', inf, toFloat64OrZero(label)) AS bound, sum(added) AS reached`,
    `      FROM (${added(`${named(entry)}_bucket`)})`,
    '      GROUP BY time, bound',
    '    )',
    '    GROUP BY time',
    '  )',
    ')',
    'WHERE total > 0',
    'ORDER BY time',
  ]);
}
