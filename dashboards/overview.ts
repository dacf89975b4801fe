/** All projects at a glance: how much, how dear, how well, how fast, and whom to look at next. */
import { board } from './board.ts';
import { barsPanel, linesPanel, statPanel, tablePanel } from './panels.ts';
import { ask, askTop } from './sql.ts';
import { filters } from './variables.ts';

const PROJECT_COLUMNS = [
  'calls',
  'errors',
  'error_rate',
  'cost_usd',
  'cost_per_call_usd',
  'input_tokens',
  'output_tokens',
  'cache_share',
  'duration_p95_ms',
  'ttft_p95_ms',
  'unpriced_calls',
] as const;

export const overview = board({
  name: 'overview',
  description: 'Every project that calls LLMs through Glassway: volume, spend, errors and latency, and which project each comes from.',
  variables: filters(),
  sections: [
    {
      panels: [
        statPanel({
          title: 'Calls',
          question: 'How many calls were there?',
          width: 4,
          column: 'calls',
          sql: ask({ measures: ['calls'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Spend',
          question: 'What did they cost, as far as prices are known? The tile “Not priced” says how many calls are missing in it.',
          width: 4,
          column: 'cost_usd',
          sql: ask({ measures: ['cost_usd'] }),
          next: 'cost',
        }),
        statPanel({
          title: 'Error rate',
          question: 'Which share of the calls failed? Calls that the caller itself hung up on are not failures.',
          width: 4,
          column: 'error_rate',
          sql: ask({ measures: ['error_rate'] }),
          next: 'errors',
        }),
        statPanel({
          title: 'p95 duration',
          question: 'Within what time were 95 of 100 calls complete?',
          width: 4,
          column: 'duration_p95_ms',
          sql: ask({ measures: ['duration_p95_ms'] }),
          next: 'latency',
        }),
        statPanel({
          title: 'p95 time to first token',
          question: 'Within what time did 95 of 100 streamed calls begin to answer?',
          width: 4,
          column: 'ttft_p95_ms',
          sql: ask({ measures: ['ttft_p95_ms'] }),
          next: 'latency',
        }),
        statPanel({
          title: 'Not priced',
          question: 'How many calls used tokens for which no price is known? Their cost is in no sum here.',
          width: 4,
          column: 'unpriced_calls',
          sql: ask({ measures: ['unpriced_calls'] }),
          next: 'cost',
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        barsPanel({
          title: 'Calls by project',
          question: 'Who calls, and when? The largest nine projects, the rest added up.',
          width: 12,
          values: ['calls'],
          by: 'project',
          sql: askTop('project', 'calls', { addRest: true }),
          next: 'project',
        }),
        barsPanel({
          title: 'Spend by project',
          question: 'Where does the money go, and when? The dearest nine projects, the rest added up.',
          width: 12,
          values: ['cost_usd'],
          by: 'project',
          sql: askTop('project', 'cost_usd', { addRest: true }),
          next: 'cost',
        }),
        linesPanel({
          title: 'Error rate by project',
          question: 'Whose calls fail? The nine projects with most calls.',
          width: 12,
          values: ['error_rate'],
          by: 'project',
          sql: askTop('project', 'error_rate', { weight: 'calls', addRest: false }),
          next: 'errors',
        }),
        linesPanel({
          title: 'p95 duration by project',
          question: 'Whose calls are slow? The nine projects with most calls.',
          width: 12,
          values: ['duration_p95_ms'],
          by: 'project',
          sql: askTop('project', 'duration_p95_ms', { weight: 'timed_calls', addRest: false }),
          next: 'latency',
        }),
      ],
    },
    {
      title: 'Projects',
      panels: [
        tablePanel({
          title: 'Projects',
          question: 'How does each project do? A click on its name opens its own board.',
          width: 24,
          height: 11,
          columns: ['project', ...PROJECT_COLUMNS],
          sortBy: 'cost_usd',
          sql: ask({ by: ['project'], measures: PROJECT_COLUMNS, orderBy: 'calls DESC', limit: 500 }),
        }),
      ],
    },
  ],
});
