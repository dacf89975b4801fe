/** What fails, how, at whom; rate limits and the room left under them; the error budget. */
import { board } from './board.ts';
import { barsPanel, linesPanel, statPanel, tablePanel } from './panels.ts';
import { ask, askTop, FAILED, lines, minutesWhere } from './sql.ts';
import { filters, objective } from './variables.ts';
import { ERROR_TYPES, LIMITED_KEYS, LIMITS_TOLD } from './whole-hours.ts';

const BUDGET = lines([
  'SELECT 1 - error_rate / (1 - toFloat64(${objective:singlequote})) AS budget_left',
  'FROM (',
  ask({ measures: ['error_rate'] }),
  ')',
]);

const BURN_RATE = lines([
  'SELECT time, project, error_rate / (1 - toFloat64(${objective:singlequote})) AS burn_rate',
  'FROM (',
  askTop('project', 'error_rate', { weight: 'calls', addRest: false }),
  ')',
  'ORDER BY time, project',
]);

/** Not every provider tells its limits; what went through just before a 429 says as much. */
const HEADROOM = lines([
  'SELECT provider, model, maxIf(calls, limited = 0) AS busiest_calls, maxIf(tokens, limited = 0) AS busiest_tokens,',
  '  sumIf(calls, minute >= toStartOfMinute($__toTime) - toIntervalMinute(6) AND minute < toStartOfMinute($__toTime) - toIntervalMinute(1)) / 5 AS now_calls,',
  '  countIf(limited > 0) AS limited_minutes, sum(limited) AS limited_calls',
  'FROM (',
  "  SELECT toString(c.provider) AS provider, if(c.model != '', toString(c.model), '(not known)') AS model, c.minute AS minute,",
  "    sum(c.calls) AS calls, sumIf(c.calls, c.outcome = 'rate_limited') AS limited,",
  '    sum(ifNull(c.input_tokens, 0) + ifNull(c.output_tokens, 0)) AS tokens',
  minutesWhere(),
  '  GROUP BY provider, model, minute',
  ')',
  'GROUP BY provider, model ORDER BY limited_calls DESC, busiest_calls DESC LIMIT 100',
]);

export const errors = board({
  name: 'errors',
  description: 'Failed calls by outcome, provider, model and the provider’s own error; rate limits and the room left; the error budget.',
  variables: [...filters(), objective()],
  sections: [
    {
      panels: [
        statPanel({
          title: 'Error rate',
          question: 'Which share of the calls failed? Calls that the caller hung up on are not failures.',
          width: 5,
          column: 'error_rate',
          sql: ask({ measures: ['error_rate'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Error budget left',
          question: 'How much of the failures that the objective allows is not used up? Below 0 the objective is missed for this range.',
          width: 5,
          column: 'budget_left',
          sql: BUDGET,
          next: 'overview',
        }),
        statPanel({
          title: 'Failed',
          question: 'How many calls failed?',
          width: 5,
          column: 'errors',
          sql: ask({ measures: ['errors'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Rate limited',
          question: 'Which share of the calls got a 429?',
          width: 5,
          column: 'limited_share',
          sql: ask({ measures: ['limited_share'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Broken streams',
          question:
            'How many streams began well (200) and then reported an error or broke off? Clients often take them for complete answers.',
          width: 4,
          column: 'broken_streams',
          sql: ask({ measures: ['broken_streams'] }),
          next: 'calls',
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        barsPanel({
          title: 'Failed and cancelled calls by outcome',
          question: 'What goes wrong: our request, the key, a limit, the provider, the network, the stream?',
          width: 12,
          values: ['calls'],
          by: 'outcome',
          sql: askTop('outcome', 'calls', { addRest: true, where: ["c.outcome != 'ok'"] }),
          next: 'calls',
        }),
        linesPanel({
          title: 'Error rate by provider',
          question: 'Is a provider in trouble? The nine with most calls.',
          width: 12,
          values: ['error_rate'],
          by: 'provider',
          sql: askTop('provider', 'error_rate', { weight: 'calls', addRest: false }),
          next: 'latency',
        }),
        linesPanel({
          title: 'Error rate by model',
          question: 'Is it the whole provider or one model? The nine with most calls.',
          width: 12,
          values: ['error_rate'],
          by: 'model',
          sql: askTop('model', 'error_rate', { weight: 'calls', addRest: false }),
          next: 'latency',
        }),
        barsPanel({
          title: 'Failed calls by project',
          question: 'Who is hit?',
          width: 12,
          values: ['errors'],
          by: 'project',
          sql: askTop('project', 'errors', { addRest: true, where: [FAILED] }),
          next: 'project',
        }),
      ],
    },
    {
      title: 'Error budget',
      panels: [
        linesPanel({
          title: 'Burn rate by project',
          question:
            'Who uses the error budget up, and how fast? At 1 exactly what the objective allows; at 10 the budget of a month is gone in three days. The nine projects with most calls.',
          width: 24,
          values: ['burn_rate'],
          by: 'project',
          sql: BURN_RATE,
          next: 'project',
        }),
      ],
    },
    {
      title: 'Rate limits',
      panels: [
        barsPanel({
          title: '429 by model',
          question: 'When and on which model do we run into limits?',
          width: 12,
          values: ['limited_calls'],
          by: 'model',
          sql: askTop('model', 'limited_calls', { addRest: true, where: ["c.outcome = 'rate_limited'"] }),
          next: 'calls',
        }),
        barsPanel({
          title: 'Broken streams by model',
          question: 'Whose streams report an error or break off after a 200?',
          width: 12,
          values: ['broken_streams'],
          by: 'model',
          sql: askTop('model', 'broken_streams', { addRest: true, where: ["c.outcome IN ('stream_error', 'stream_truncated')"] }),
          next: 'calls',
        }),
        tablePanel({
          title: 'Limits as the providers tell them',
          question:
            'How much is left of each key’s limits, and how little was there? What the rate-limit headers of the latest answer in the range said, and the least share that any of them left.',
          width: 24,
          columns: ['key', 'provider', 'model', 'unit', 'room', 'limit', 'left_share', 'left_share_min', 'last_seen'],
          sql: LIMITS_TOLD,
        }),
        tablePanel({
          title: 'Room under the rate limits',
          question:
            'How close are we to the limits, also of providers that do not tell them? The busiest minute that passed without a 429, beside the average of the last five full minutes.',
          width: 14,
          columns: ['provider', 'model', 'busiest_calls', 'busiest_tokens', 'now_calls', 'limited_minutes', 'limited_calls'],
          sortBy: 'limited_calls',
          sql: HEADROOM,
        }),
        tablePanel({
          title: '429 by API key',
          question: 'Which key runs into its limit? Keys are known by a fingerprint only.',
          width: 10,
          columns: ['key', 'project', 'provider', 'limited_calls', 'last_seen'],
          sortBy: 'limited_calls',
          sql: LIMITED_KEYS,
        }),
      ],
    },
    {
      title: 'Causes',
      panels: [
        tablePanel({
          title: 'Errors in the provider’s words',
          question: 'What exactly do they say, how often, and when last?',
          width: 24,
          height: 11,
          columns: ['outcome', 'error_type', 'status', 'provider', 'model', 'calls', 'last_seen', 'message'],
          sortBy: 'calls',
          sql: ERROR_TYPES,
        }),
      ],
    },
  ],
});
