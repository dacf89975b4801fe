/** One project, everything: what it does, what it costs, how it fails, and down to its users, sessions, tags and keys. */
import { board } from './board.ts';
import { askLabel, HEADS } from './labels.ts';
import { barsPanel, linesPanel, statPanel, tablePanel } from './panels.ts';
import { ask, askTop, callsWhere, FAILED, lines } from './sql.ts';
import { datasource, model, oneProject, provider, tagKey } from './variables.ts';

const DONE = ['calls', 'error_rate', 'cost_usd', 'input_tokens', 'output_tokens', 'last_seen'] as const;
/** When a call was last without a tag is in no rollup. */
const DONE_BY_TAG = ['calls', 'error_rate', 'cost_usd', 'input_tokens', 'output_tokens'] as const;

const MODEL_COLUMNS = [
  'calls',
  'error_rate',
  'cost_usd',
  'cost_per_call_usd',
  'input_tokens',
  'output_tokens',
  'cache_share',
  'duration_p95_ms',
  'ttft_p95_ms',
] as const;

export const project = board({
  name: 'project',
  description: 'One project: volume, spend, errors and latency by model, and its users, sessions, tags, keys and client libraries.',
  variables: [datasource(), oneProject(), provider(), model(), tagKey()],
  sections: [
    {
      panels: [
        statPanel({
          title: 'Calls',
          question: 'How many calls did the project make?',
          width: 4,
          column: 'calls',
          sql: ask({ measures: ['calls'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Spend',
          question: 'What did they cost, as far as prices are known?',
          width: 4,
          column: 'cost_usd',
          sql: ask({ measures: ['cost_usd'] }),
          next: 'cost',
        }),
        statPanel({
          title: 'Error rate',
          question: 'Which share of them failed?',
          width: 4,
          column: 'error_rate',
          sql: ask({ measures: ['error_rate'] }),
          next: 'errors',
        }),
        statPanel({
          title: 'p95 duration',
          question: 'Within what time are 95 of 100 of its calls complete?',
          width: 4,
          column: 'duration_p95_ms',
          sql: ask({ measures: ['duration_p95_ms'] }),
          next: 'latency',
        }),
        statPanel({
          title: 'Users',
          question: 'How many end users were behind the calls, as far as the project names them? An estimate within 2 %.',
          width: 4,
          column: 'users',
          sql: HEADS,
          next: 'calls',
        }),
        statPanel({
          title: 'Sessions',
          question: 'How many sessions or conversations were there? An estimate within 2 %.',
          width: 4,
          column: 'sessions',
          sql: HEADS,
          next: 'calls',
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        barsPanel({
          title: 'Calls by outcome',
          question: 'How many calls, and how did they end?',
          width: 12,
          values: ['calls'],
          by: 'outcome',
          sql: askTop('outcome', 'calls', { addRest: true }),
          next: 'errors',
        }),
        barsPanel({
          title: 'Spend by model',
          question: 'Which model does the project spend on?',
          width: 12,
          values: ['cost_usd'],
          by: 'model',
          sql: askTop('model', 'cost_usd', { addRest: true }),
          next: 'cost',
        }),
        linesPanel({
          title: 'Duration',
          question: 'Is it getting slower? Over a day by the hour, within 1 %.',
          width: 12,
          values: ['duration_p50_ms', 'duration_p95_ms', 'duration_p99_ms'],
          sql: ask({ by: ['time'], measures: ['duration_p50_ms', 'duration_p95_ms', 'duration_p99_ms'] }),
          next: 'latency',
        }),
        barsPanel({
          title: 'Tokens',
          question: 'How much text goes in and comes out?',
          width: 12,
          values: ['input_tokens', 'output_tokens'],
          sql: ask({ by: ['time'], measures: ['input_tokens', 'output_tokens'] }),
          next: 'cost',
        }),
      ],
    },
    {
      title: 'Drill down',
      panels: [
        tablePanel({
          title: 'Models',
          question: 'Which models does the project use, and how does each do?',
          width: 24,
          height: 7,
          columns: ['provider', 'model', ...MODEL_COLUMNS],
          sortBy: 'cost_usd',
          sql: ask({ by: ['provider', 'model'], measures: MODEL_COLUMNS, orderBy: 'calls DESC', limit: 100 }),
        }),
        tablePanel({
          title: 'Users',
          question: 'Which end users cost most? A click lists a user’s calls.',
          width: 12,
          columns: ['user', ...DONE],
          sortBy: 'cost_usd',
          sql: askLabel('user', DONE),
        }),
        tablePanel({
          title: 'Sessions',
          question: 'Which sessions cost most? A click lists a session’s calls.',
          width: 12,
          columns: ['session', ...DONE],
          sortBy: 'cost_usd',
          sql: askLabel('session', DONE),
        }),
        tablePanel({
          title: 'Tag: ${tag_key}',
          question: 'How do calls, spend and errors divide by the chosen tag (x-glassway-tag-…)?',
          width: 12,
          columns: ['tag', ...DONE_BY_TAG],
          sortBy: 'cost_usd',
          sql: askLabel('tag', DONE_BY_TAG),
          next: 'calls',
        }),
        tablePanel({
          title: 'API keys',
          question: 'Which keys are in use, and what is each good for? By fingerprint: keys themselves are stored nowhere.',
          width: 12,
          columns: ['key', ...DONE],
          sortBy: 'cost_usd',
          sql: askLabel('key', DONE),
          next: 'calls',
        }),
        tablePanel({
          title: 'Client libraries',
          question: 'Which SDKs call, and does one of them fail more?',
          width: 12,
          columns: ['sdk', ...DONE],
          sortBy: 'calls',
          sql: askLabel('sdk', DONE),
          next: 'calls',
        }),
        tablePanel({
          title: 'Latest failures',
          question: 'What failed last? A click on the id shows everything about the call.',
          width: 12,
          columns: ['started', 'id', 'outcome', 'model', 'message'],
          sql: lines([
            "SELECT c.started_at AS started, c.id AS id, toString(c.outcome) AS outcome, toString(c.request_model) AS model, if(c.error_message != '', c.error_message, c.error_type) AS message",
            callsWhere(FAILED),
            'ORDER BY c.started_at DESC LIMIT 100',
          ]),
        }),
      ],
    },
  ],
});
