/** What is spent, by whom, on what; what a call and 1,000 tokens cost; what caches take over; what has no price. */
import { board } from './board.ts';
import { askLabel } from './labels.ts';
import { barGaugePanel, barsPanel, linesPanel, statPanel, tablePanel } from './panels.ts';
import { ask, askTop, lines, matches } from './sql.ts';
import { filters, tagKey } from './variables.ts';

/** Of whole months whatever the range: the last seven days say what a day costs now. */
const FORECAST = lines([
  'SELECT toFloat64(month_to_date) AS month_to_date_usd, month_to_date_usd + toFloat64(week) / 7 * days_left AS forecast_usd',
  'FROM (',
  '  SELECT sumIf(c.cost_usd, c.minute >= toStartOfMonth(now())) AS month_to_date,',
  '    sumIf(c.cost_usd, c.minute >= now() - toIntervalDay(7)) AS week,',
  "    dateDiff('second', now(), toStartOfMonth(now()) + toIntervalMonth(1)) / 86400 AS days_left",
  '  FROM calls_by_minute AS c',
  '  WHERE c.minute >= least(toDateTime(toStartOfMonth(now())), now() - toIntervalDay(7))',
  `    AND ${matches('c.project', 'project')}`,
  `    AND ${matches('c.provider', 'provider')}`,
  `    AND ${matches('c.model', 'model')}`,
  ')',
]);

const SPEND = ['calls', 'cost_usd', 'input_tokens', 'output_tokens'] as const;

const MODEL_COLUMNS = [
  'calls',
  'cost_usd',
  'cost_per_call_usd',
  'cost_per_1k_tokens_usd',
  'input_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cache_share',
  'unpriced_calls',
] as const;

export const cost = board({
  name: 'cost',
  description: 'Spend by project, provider, model, user and tag, what a call costs, what caches take over, and what has no price.',
  variables: [...filters(), tagKey()],
  from: 'now-7d',
  sections: [
    {
      panels: [
        statPanel({
          title: 'Spend',
          question: 'What did the calls cost, as far as prices are known?',
          width: 4,
          column: 'cost_usd',
          sql: ask({ measures: ['cost_usd'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Forecast for this month',
          question:
            'What will this calendar month cost? Spent so far, plus the average day of the last seven for the days that are left; whatever the time range.',
          width: 4,
          column: 'forecast_usd',
          sql: FORECAST,
          next: 'overview',
        }),
        statPanel({
          title: 'This month so far',
          question: 'What has this calendar month (UTC) cost until now? Whatever the time range.',
          width: 4,
          column: 'month_to_date_usd',
          sql: FORECAST,
          next: 'overview',
        }),
        statPanel({
          title: 'Per call',
          question: 'What does a call cost on average? Of the calls with a known cost.',
          width: 4,
          column: 'cost_per_call_usd',
          sql: ask({ measures: ['cost_per_call_usd'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Per 1,000 tokens',
          question: 'What do 1,000 tokens cost on average, in and out together? Of the calls with a known cost.',
          width: 4,
          column: 'cost_per_1k_tokens_usd',
          sql: ask({ measures: ['cost_per_1k_tokens_usd'] }),
          next: 'latency',
        }),
        statPanel({
          title: 'On calls that did not end well',
          question: 'How much went into calls that were cancelled or failed, and that the provider charged for all the same?',
          width: 4,
          column: 'cost_failed_usd',
          sql: ask({ measures: ['cost_failed_usd'] }),
          next: 'errors',
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        barsPanel({
          title: 'Spend by project',
          question: 'Which project spends, and when?',
          width: 12,
          values: ['cost_usd'],
          by: 'project',
          keep: ['tag_key'],
          sql: askTop('project', 'cost_usd', { addRest: true }),
          next: 'project',
        }),
        barsPanel({
          title: 'Spend by model',
          question: 'Which model is the money for?',
          width: 12,
          values: ['cost_usd'],
          by: 'model',
          sql: askTop('model', 'cost_usd', { addRest: true }),
          next: 'calls',
        }),
        barsPanel({
          title: 'Spend by provider',
          question: 'Which provider will send the bill?',
          width: 12,
          values: ['cost_usd'],
          by: 'provider',
          sql: askTop('provider', 'cost_usd', { addRest: true }),
          next: 'calls',
        }),
        linesPanel({
          title: 'Cost per call by model',
          question: 'Do calls get dearer (longer prompts, longer answers, another model)?',
          width: 12,
          values: ['cost_per_call_usd'],
          by: 'model',
          sql: askTop('model', 'cost_per_call_usd', { weight: 'calls', addRest: false }),
          next: 'latency',
        }),
      ],
    },
    {
      title: 'Tokens and caches',
      panels: [
        barsPanel({
          title: 'Input tokens: cached and not',
          question:
            'How much of the input did providers read from their prompt caches, at a fraction of its price? Calls whose provider does not say count as not cached.',
          width: 12,
          values: ['cache_read_tokens', 'cache_write_tokens', 'uncached_tokens'],
          sql: lines([
            'SELECT t.time AS time, ifNull(t.cache_read_tokens, 0) AS cache_read_tokens, ifNull(t.cache_write_tokens, 0) AS cache_write_tokens,',
            '  greatest(toInt64(ifNull(t.input_tokens, 0)) - toInt64(cache_read_tokens) - toInt64(cache_write_tokens), 0) AS uncached_tokens',
            'FROM (',
            ask({ by: ['time'], measures: ['input_tokens', 'cache_read_tokens', 'cache_write_tokens'] }),
            ') AS t',
            'ORDER BY time',
          ]),
          next: 'latency',
        }),
        linesPanel({
          title: 'Input from cache by project',
          question: 'Whose prompts are cached well, and whose could be? The share of input tokens that came from the provider’s cache.',
          width: 12,
          values: ['cache_share'],
          by: 'project',
          keep: ['tag_key'],
          sql: askTop('project', 'cache_share', { weight: 'calls', addRest: false }),
          next: 'project',
        }),
      ],
    },
    {
      title: 'Who and what',
      panels: [
        tablePanel({
          title: 'Models',
          question: 'What does each model cost, in sum and by the call?',
          width: 24,
          columns: ['provider', 'model', ...MODEL_COLUMNS],
          sortBy: 'cost_usd',
          sql: ask({ by: ['provider', 'model'], measures: MODEL_COLUMNS, orderBy: 'cost_usd DESC NULLS LAST', limit: 200 }),
        }),
        tablePanel({
          title: 'Users',
          question: 'Which end users cost most? Calls that name a user (x-glassway-user).',
          width: 12,
          columns: ['user', ...SPEND],
          sortBy: 'cost_usd',
          sql: askLabel('user', SPEND),
        }),
        tablePanel({
          title: 'Tag: ${tag_key}',
          question: 'How is the spend divided by the chosen tag (x-glassway-tag-…)?',
          width: 12,
          columns: ['tag', ...SPEND],
          sortBy: 'cost_usd',
          sql: askLabel('tag', SPEND),
          next: 'calls',
        }),
      ],
    },
    {
      title: 'What the sums leave out',
      panels: [
        statPanel({
          title: 'Not priced',
          question: 'How many calls used tokens for which no price is known?',
          width: 4,
          column: 'unpriced_calls',
          sql: ask({ measures: ['unpriced_calls'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Tokens without a price',
          question: 'How many tokens are in no sum of money?',
          width: 4,
          column: 'unpriced_tokens',
          sql: ask({ measures: ['unpriced_tokens'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Tokens estimated',
          question: 'In how many calls did Glassway count the tokens itself, because the provider did not say?',
          width: 4,
          column: 'estimated_calls',
          sql: ask({ measures: ['estimated_calls'] }),
          next: 'pipeline',
        }),
        barGaugePanel({
          title: 'Not priced by model',
          question: 'Which models need a price (prices: in glassway.yaml)?',
          width: 12,
          height: 6,
          column: 'unpriced_calls',
          sql: lines([
            'SELECT model, unpriced_calls FROM (',
            ask({ by: ['model'], measures: ['unpriced_calls'] }),
            ')',
            'WHERE unpriced_calls > 0 ORDER BY unpriced_calls DESC LIMIT 12',
          ]),
          next: 'calls',
        }),
      ],
    },
  ],
});
