/**
 * Glassway's own health: what the stored rows tell (loss, lag), and what only the running processes know (queues, retries,
 * refusals), which ingest writes down.
 */
import { INGEST_METRICS, PROXY_METRICS } from '../contract/events.ts';
import { board } from './board.ts';
import { askAdded, askLevel, askQuantiles } from './health.ts';
import { barsPanel, linesPanel, statPanel, tablePanel, textPanel } from './panels.ts';
import { ask, IS_SHORT, lines, startedWithin } from './sql.ts';
import { filters } from './variables.ts';

/** A call owns its number from its start and is a row only once it ended: as long as this, none is called lost. */
export const IN_FLIGHT_MINUTES = 15;

/**
 * Numbers of a proxy are without gaps, so that what is not there between its first and its last is missing. The
 * range only says which numbers to look at; whoever holds one of them may have started outside it, a little. What arrived
 * and was erased since is not missing: its number stays in numbers_by_hour.
 */
export function lossByProxy(from: string, to: string, where: readonly string[] = []): string {
  const settled = `c.started_at >= ${from} AND c.started_at <= least(${to}, now64(3) - toIntervalMinute(${IN_FLIGHT_MINUTES}))`;
  return lines([
    'SELECT l.proxy AS proxy, last - first + 1 - bitmapCardinality(bitmapSubsetInRange(bitmapOr(l.numbers, a.ever), first, last + 1)) AS missing,',
    '  stored, last_seen',
    'FROM (',
    '  SELECT toString(c.proxy_id) AS proxy,',
    `    minIf(c.seq, ${settled}) AS first, maxIf(c.seq, ${settled}) AS last, countIf(${settled}) AS stored,`,
    '    groupBitmapState(c.seq) AS numbers, max(c.started_at) AS last_seen',
    '  FROM calls AS c',
    `  WHERE ${[startedWithin(`${from} - toIntervalHour(1)`, `${to} + toIntervalHour(1)`), ...where].join(' AND ')}`,
    '  GROUP BY proxy',
    '  HAVING stored > 0',
    ') AS l GLOBAL LEFT JOIN (',
    '  SELECT toString(n.proxy_id) AS proxy, groupBitmapMergeState(n.numbers) AS ever',
    '  FROM numbers_by_hour AS n',
    `  WHERE n.hour >= toStartOfHour(${from}, 'UTC') - toIntervalHour(1) AND n.hour <= ${to} + toIntervalHour(1)`,
    '  GROUP BY proxy',
    ') AS a ON a.proxy = l.proxy',
  ]);
}
const SETTLED_HOURS = lines([
  "c.hour >= toStartOfHour($__fromTime, 'UTC') AND c.hour <= $__toTime",
  `  AND c.hour < toStartOfHour(now() - toIntervalMinute(${IN_FLIGHT_MINUTES}), 'UTC')`,
]);
/** The same by the hour, for long ranges: of whole hours that have settled. */
const LOSS_BY_HOUR = lines([
  'SELECT proxy, last - first + 1 - bitmapCardinality(bitmapSubsetInRange(numbers, first, last + 1)) AS missing, stored, last_seen',
  'FROM (',
  '  SELECT toString(c.proxy_id) AS proxy,',
  `    minIf(c.first, ${SETTLED_HOURS}) AS first,`,
  `    maxIf(c.last, ${SETTLED_HOURS}) AS last,`,
  `    sumIf(c.calls, ${SETTLED_HOURS}) AS stored,`,
  '    groupBitmapMergeState(c.numbers) AS numbers, max(c.last_seen) AS last_seen',
  '  FROM numbers_by_hour AS c',
  "  WHERE c.hour >= toStartOfHour($__fromTime, 'UTC') - toIntervalHour(1) AND c.hour <= $__toTime + toIntervalHour(1)",
  `    AND NOT (${IS_SHORT})`,
  '  GROUP BY proxy',
  '  HAVING stored > 0',
  ')',
]);
const LOSS = lines(['SELECT * FROM (', lossByProxy('$__fromTime_ms', '$__toTime_ms', [IS_SHORT]), 'UNION ALL', LOSS_BY_HOUR, ')']);

const LAG = ['ingest_lag_p50_ms', 'ingest_lag_p95_ms', 'ingest_lag_max_ms'] as const;

export const pipeline = board({
  name: 'pipeline',
  description: 'Glassway’s own health: calls lost, the way from a call’s end to its row, queues, retries and refusals.',
  variables: filters(),
  sections: [
    {
      title: 'From the stored calls',
      panels: [
        statPanel({
          title: 'Lost calls',
          question: `Is every call that was carried also stored, of all projects together? Numbers missing in each proxy’s own count, but for the last ${IN_FLIGHT_MINUTES} minutes, whose calls may still be on their way. Anything but 0 is a fault.`,
          width: 6,
          column: 'missing',
          sql: lines(['SELECT sum(missing) AS missing FROM (', LOSS, ')']),
          next: 'calls',
        }),
        statPanel({
          title: 'p95 lag',
          question: 'How soon after its end is a call a row?',
          width: 6,
          column: 'ingest_lag_p95_ms',
          sql: ask({ measures: ['ingest_lag_p95_ms'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'p99 overhead',
          question: 'How much does Glassway add to the time to the first byte?',
          width: 6,
          column: 'overhead_p99_ms',
          sql: ask({ measures: ['overhead_p99_ms'] }),
          next: 'latency',
        }),
        statPanel({
          title: 'Tokens estimated',
          question: 'In how many calls did the provider not say what it used?',
          width: 6,
          column: 'estimated_calls',
          sql: ask({ measures: ['estimated_calls'] }),
          next: 'cost',
        }),
        linesPanel({
          title: 'Lag from the end of a call to its row',
          question: 'Does ingest keep up?',
          width: 12,
          values: LAG,
          sql: ask({ by: ['time'], measures: LAG }),
          next: 'calls',
        }),
        barsPanel({
          title: 'Bytes on the wire',
          question: 'How much is carried? Bodies of requests and responses.',
          width: 12,
          values: ['request_bytes', 'response_bytes'],
          sql: ask({ by: ['time'], measures: ['request_bytes', 'response_bytes'] }),
          next: 'overview',
        }),
        tablePanel({
          title: 'Proxies',
          question: 'Which proxy lost calls, and which have gone quiet? All projects together: a proxy numbers the calls of all alike.',
          width: 24,
          height: 7,
          columns: ['proxy', 'missing', 'stored', 'last_seen'],
          sortBy: 'missing',
          sql: lines([LOSS, 'ORDER BY missing DESC, proxy LIMIT 500']),
          next: 'calls',
        }),
      ],
    },
    {
      title: 'From the running processes (all projects)',
      panels: [
        linesPanel({
          title: 'Records waiting to be shipped',
          question: 'Does a proxy hold back records because ingest is away or slow?',
          width: 8,
          values: ['queue_records'],
          by: 'instance',
          sql: askLevel(PROXY_METRICS.queue_records, 'queue_records'),
          next: 'overview',
        }),
        linesPanel({
          title: 'Bytes waiting to be shipped',
          question: 'How near is a proxy’s journal to its limit (journal.bytesMax, 1 GiB unless set)? Beyond it the oldest records go.',
          width: 8,
          values: ['queue_bytes'],
          by: 'instance',
          sql: askLevel(PROXY_METRICS.queue_bytes, 'queue_bytes'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Records dropped',
          question: 'Were records given up, and why? They show as lost calls above.',
          width: 8,
          values: ['records'],
          by: 'reason',
          sql: askAdded([[PROXY_METRICS.records_dropped]], 'reason', 'records'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Batches shipped',
          question: 'Does shipping succeed, or is it retried?',
          width: 8,
          values: ['batches'],
          by: 'result',
          sql: askAdded([[PROXY_METRICS.batches]], 'result', 'batches'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Batches answered',
          question: 'What does ingest answer, and why does it refuse?',
          width: 8,
          values: ['batches'],
          by: 'status',
          sql: askAdded([[INGEST_METRICS.batches], [INGEST_METRICS.batches_refused, 'refused: ']], 'status', 'batches'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Records taken and set aside',
          question: 'Does ingest reject records? They are dead letters: neither stored nor retried.',
          width: 8,
          values: ['records'],
          by: 'result',
          sql: askAdded([[INGEST_METRICS.records]], 'result', 'records'),
          next: 'overview',
        }),
        linesPanel({
          title: 'ClickHouse inserts',
          question: 'How long do inserts take?',
          width: 8,
          values: ['insert_p50_s', 'insert_p95_s'],
          sql: askQuantiles(INGEST_METRICS.insert_seconds, { insert_p50_s: 0.5, insert_p95_s: 0.95 }),
          next: 'overview',
        }),
        linesPanel({
          title: 'Calls being carried',
          question: 'How much was under way at a time? The most that was seen, every 15 seconds.',
          width: 8,
          values: ['in_flight'],
          by: 'instance',
          sql: askLevel(PROXY_METRICS.calls_in_flight, 'in_flight'),
          next: 'latency',
        }),
        barsPanel({
          title: 'Bodies read in part',
          question: 'Of which bodies could the tap not read everything, and why? The calls themselves are untouched.',
          width: 8,
          values: ['bodies'],
          by: 'reason',
          sql: askAdded([[PROXY_METRICS.tap_limited]], 'reason', 'bodies'),
          next: 'cost',
        }),
        barsPanel({
          title: 'Dead letters',
          question:
            'What did ingest refuse for good? Each such record is set aside in dead-letter.ndjson of its proxy’s journal, with the reason.',
          width: 8,
          values: ['records'],
          by: 'reason',
          sql: askAdded([[PROXY_METRICS.dead_letters]], 'reason', 'records'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Faults of the journal’s disk',
          question: 'How often did a disk begin to fail, by error code? Meanwhile records wait in memory.',
          width: 8,
          values: ['faults'],
          by: 'code',
          sql: askAdded([[PROXY_METRICS.journal_faults]], 'code', 'faults'),
          next: 'overview',
        }),
        barsPanel({
          title: 'Spans to the APM',
          question: 'Do spans arrive? What is deferred is sent again later; refused and given up is not.',
          width: 8,
          values: ['spans'],
          by: 'result',
          sql: askAdded([[INGEST_METRICS.spans]], 'result', 'spans'),
          next: 'overview',
        }),
        textPanel({
          title: 'Where these come from',
          question: 'Who writes this down, and what if a panel of this part stays empty?',
          width: 24,
          height: 4,
          markdown:
            'Ingest writes down every 15 seconds how it and the proxies are, and keeps it for two weeks (table `health`). `glassway up`, `compose.yaml` and the chart tell it where the proxies are; elsewhere set `proxyAdminUrl`, or the proxies’ panels stay empty. Nothing was dropped, refused or read in part where a panel has no bars. Prometheus can read the same at `/metrics` of each proxy’s operators’ port (4704) and of each ingest (4701).',
        }),
      ],
    },
  ],
});
