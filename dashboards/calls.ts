/** Single calls: the latest that fit the filters, and one of them whole. */
import { CALL_COLUMNS } from '../contract/columns.ts';
import { board } from './board.ts';
import { barsPanel, tablePanel } from './panels.ts';
import { askTop, callsWhere, lines, matches, minutesWhere } from './sql.ts';
import { filters, outcome, tempoDatasource, textBox } from './variables.ts';

const CALLS_MAX = 500;

/** An empty box filters nothing. */
const whenFilled = (variable: string, condition: string) => `$__conditionalAll(${condition}, $${variable})`;

const CHOSEN = [
  matches('c.outcome', 'outcome'),
  whenFilled('user', 'c.user_id = ${user:singlequote}'),
  whenFilled('session', 'c.session_id = ${session:singlequote}'),
  whenFilled('cost_min', 'c.cost_usd >= toDecimal64OrZero(${cost_min:singlequote}, 9)'),
  whenFilled('duration_min', 'c.duration_ms >= toFloat32OrZero(${duration_min:singlequote})'),
];

/** What calls_by_minute does not know. */
const UNCOUNTED = ['user', 'session', 'cost_min', 'duration_min'].map((variable) => `$\{${variable}:singlequote} = ''`).join(' AND ');

/**
 * The minute since which there were as many calls as are shown, by the sums of calls_by_minute: without it every call of the
 * range is looked at to find the newest. Where a box is filled in that the sums know nothing of, the range's own begin.
 */
const ENOUGH = lines([
  'SELECT max(minute) FROM (',
  '  SELECT minute, sum(calls) OVER (ORDER BY minute DESC) AS since FROM (',
  '    SELECT c.minute AS minute, sum(c.calls) AS calls',
  // The last minute of the range may go on beyond it.
  minutesWhere('c.minute < toStartOfMinute($__toTime)', matches('c.outcome', 'outcome'), UNCOUNTED),
  '    GROUP BY minute',
  '  )',
  ')',
  `WHERE since >= ${CALLS_MAX}`,
]);
const ENOUGH_SINCE = `greatest($__fromTime, (${ENOUGH}))`;

/** Finds the time of the last one shown first: reading every column of every call, only to leave most out, takes seconds. */
const NEWEST = lines([
  'SELECT c.started_at AS at',
  callsWhere(...CHOSEN, `c.started_at >= ${ENOUGH_SINCE}`, `toStartOfHour(c.started_at) >= toStartOfHour(${ENOUGH_SINCE}, 'UTC')`),
  `ORDER BY at DESC LIMIT ${CALLS_MAX}`,
]);

const SINCE = `(SELECT min(at) FROM (${NEWEST}))`;

const CALLS = lines([
  'SELECT c.started_at AS started, c.id AS id, toString(c.project) AS project, toString(c.provider) AS provider,',
  "  toString(if(c.response_model != '', c.response_model, c.request_model)) AS model, toString(c.outcome) AS outcome,",
  '  toUInt8(c.stream) AS stream, c.status AS status, c.input_tokens AS input_tokens, c.output_tokens AS output_tokens,',
  '  toFloat64(c.cost_usd) AS cost_usd, c.ttft_ms AS ttft_ms, c.duration_ms AS duration_ms,',
  '  c.user_id AS user, c.session_id AS session, c.trace_id AS trace',
  callsWhere(...CHOSEN, `c.started_at >= ${SINCE}`, `toStartOfHour(c.started_at) >= toStartOfHour(${SINCE}, 'UTC')`),
  `ORDER BY c.started_at DESC LIMIT ${CALLS_MAX}`,
]);

/** The id alone finds it by its index, whatever the range and the filters. */
const ONE_CALL = lines([
  'SELECT field.1 AS column_name, field.2 AS column_value',
  'FROM (',
  `  SELECT arrayJoin([${CALL_COLUMNS.map(({ name }) => `('${name}', ifNull(toString(c.${name}), 'not known'))`).join(', ')}]) AS field`,
  '  FROM calls AS c',
  "  WHERE ${call:singlequote} != '' AND c.id = ${call:singlequote}",
  `  LIMIT ${CALL_COLUMNS.length}`,
  ')',
]);

/** A click on a value narrows what is shown, and leaves the other filters as they are. */
const KEPT = ['outcome', 'user', 'session', 'cost_min', 'duration_min', 'tempo_datasource'];

export const calls = board({
  name: 'calls',
  description:
    'Single calls: filtered by project, model, outcome, user, session, cost and duration, each with everything that is known about it.',
  variables: [
    ...filters(),
    outcome(),
    textBox('user', 'User', 'Only calls of this end user (x-glassway-user).'),
    textBox('session', 'Session', 'Only calls of this session (x-glassway-session).'),
    textBox('cost_min', 'Cost from (USD)', 'Only calls that cost at least this much.'),
    textBox('duration_min', 'Duration from (ms)', 'Only calls that took at least this long.'),
    textBox('call', 'Call', 'The id of one call, to see everything about it.'),
    tempoDatasource(),
  ],
  from: 'now-6h',
  sections: [
    {
      panels: [
        barsPanel({
          title: 'Calls by outcome',
          question:
            'When were the calls? For the project, provider and model chosen; drag to zoom in. Outcome, user, session, cost and duration do not change this chart.',
          width: 24,
          height: 6,
          values: ['calls'],
          by: 'outcome',
          keep: KEPT,
          sql: askTop('outcome', 'calls', { addRest: true }),
          next: 'errors',
        }),
        tablePanel({
          title: 'Calls',
          question: `Which calls were these? The latest ${CALLS_MAX} that fit all filters; a click on the id shows everything about one.`,
          width: 24,
          height: 14,
          columns: [
            'started',
            'id',
            'project',
            'provider',
            'model',
            'outcome',
            'stream',
            'status',
            'input_tokens',
            'output_tokens',
            'cost_usd',
            'ttft_ms',
            'duration_ms',
            'user',
            'session',
            'trace',
          ],
          keep: KEPT,
          sql: CALLS,
        }),
        tablePanel({
          title: 'One call',
          question: 'What is known about the call whose id stands in “Call”? Captured bodies are in the console.',
          width: 24,
          height: 14,
          columns: ['column_name', 'column_value'],
          sql: ONE_CALL,
        }),
      ],
    },
  ],
});
