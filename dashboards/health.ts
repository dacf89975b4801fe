/**
 * What the running processes said of themselves, as ingest writes it down (table `health`, by the names of contract/events.ts).
 * Takes metrics, gives statements: levels as they were, counters as what was added in each bucket of time, histograms as
 * quantiles. A counter begins at 0 with its process and never falls in the life of one (`began`): the highest of each bucket
 * says what was added, whatever the bucket's length, and weeks need no sorting of samples.
 */
import { INGEST_METRICS, type MetricEntry, PROXY_METRICS } from '../contract/events.ts';
import { lines } from './sql.ts';

/** Ingest writes every 15 seconds (ingest/health/health.ts): in four times that there is a sample before the range. */
const LOOK_BACK_SECONDS = 60;
const IN_RANGE = 'c.at >= $__fromTime AND c.at <= $__toTime';

const named = ({ name }: MetricEntry) => name;
/** What a process of its kind always has: with it one is known to have been there. */
const pulseOf = (metric: string) => named(metric.startsWith('glassway_ingest') ? INGEST_METRICS.ready : PROXY_METRICS.queue_records);

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

/**
 * What each series of a counter grew by in each bucket. One that appears while its process is known began at 0; one that
 * was there before anybody looked, at what it said first. Of processes that do not say when they began (`began` is 0) a fall from bucket to bucket is taken for a new beginning.
 */
function added(metric: string): string {
  const since = `c.at >= $__fromTime - ${LOOK_BACK_SECONDS} AND c.at <= $__toTime`;
  const before = (rows: string) => `OVER (PARTITION BY instance, began, label ORDER BY time ROWS ${rows})`;
  return lines([
    '',
    '    SELECT time, label,',
    '      multiIf(s.began != 0 AND highest IS NOT NULL, greatest(value - highest, 0), last IS NOT NULL, if(value >= last, value - last, value),',
    `        s.began >= $__fromTime - ${LOOK_BACK_SECONDS} OR p.first_pulse BETWEEN 1 AND first_at - 1, value, value - first_value) AS added`,
    '    FROM (',
    '      SELECT time, instance, began, label, value, first_at, first_value,',
    `        max(toNullable(value)) ${before('BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING')} AS highest,`,
    `        lagInFrame(toNullable(value)) ${before('BETWEEN 1 PRECEDING AND CURRENT ROW')} AS last`,
    '      FROM (',
    '        SELECT if(c.at < $__fromTime, toDateTime(0), $__timeInterval(c.at)) AS time, toString(c.instance) AS instance, c.began AS began,',
    '          toString(c.label) AS label, max(c.value) AS value, min(c.at) AS first_at, argMin(c.value, c.at) AS first_value',
    '        FROM health AS c',
    `        WHERE c.metric = '${metric}' AND ${since}`,
    '        GROUP BY time, c.instance, began, c.label',
    '      )',
    '    ) AS s GLOBAL LEFT JOIN (',
    '      SELECT toString(c.instance) AS instance, c.began AS began, min(c.at) AS first_pulse',
    '      FROM health AS c',
    `      WHERE c.metric = '${pulseOf(metric)}' AND ${since}`,
    '      GROUP BY c.instance, began',
    '    ) AS p ON p.instance = s.instance AND p.began = s.began',
    '    WHERE time > toDateTime(0)',
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
