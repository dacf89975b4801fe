/** How long calls take, from which provider and model, and how much of it is Glassway's own. */
import { board } from './board.ts';
import type { BoardName } from './links.ts';
import { heatmapPanel, linesPanel, statPanel, tablePanel } from './panels.ts';
import { ask, askDurations, askTop, type Measure } from './sql.ts';
import { filters } from './variables.ts';

const DURATION_BOUNDS_MS = [100, 250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000, 60_000, 120_000];
const MODEL_COLUMNS = [
  'timed_calls',
  'duration_p50_ms',
  'duration_p95_ms',
  'duration_p99_ms',
  'ttft_p50_ms',
  'ttft_p95_ms',
  'tokens_per_second_p50',
  'max_gap_p95_ms',
] as const satisfies readonly Measure[];
const BY_THE_HOUR = 'Ranges over a day are by the hour, within 1 %.';

const byModel = (title: string, question: string, measure: Measure) =>
  linesPanel({
    title,
    question: `${question} The nine models with most calls. ${BY_THE_HOUR}`,
    width: 12,
    values: [measure],
    by: 'model',
    sql: askTop('model', measure, { weight: 'timed_calls', addRest: false }),
    next: 'calls',
  });
const levels = (title: string, question: string, measures: readonly Measure[], next: BoardName = 'calls') =>
  linesPanel({ title, question: `${question} ${BY_THE_HOUR}`, width: 12, values: measures, sql: ask({ by: ['time'], measures }), next });

export const latency = board({
  name: 'latency',
  description: 'Duration, time to first token, speed of the stream, longest silence and Glassway’s own overhead, by provider and model.',
  variables: filters(),
  sections: [
    {
      panels: [
        statPanel({
          title: 'p50 duration',
          question: 'How long does a usual call take?',
          width: 4,
          column: 'duration_p50_ms',
          sql: ask({ measures: ['duration_p50_ms'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'p95 duration',
          question: 'Within what time are 95 of 100 calls complete?',
          width: 4,
          column: 'duration_p95_ms',
          sql: ask({ measures: ['duration_p95_ms'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'p95 time to first token',
          question: 'Within what time do 95 of 100 streamed calls begin to answer?',
          width: 4,
          column: 'ttft_p95_ms',
          sql: ask({ measures: ['ttft_p95_ms'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'Output tokens per second',
          question:
            'How fast does a usual stream write its answer, once it has begun? Reasoning does not count, nor does what came in one piece.',
          width: 4,
          column: 'tokens_per_second_p50',
          sql: ask({ measures: ['tokens_per_second_p50'] }),
          next: 'calls',
        }),
        statPanel({
          title: 'p99 longest silence',
          question: 'How long do streams fall silent at worst? Timeouts of clients must be longer.',
          width: 4,
          column: 'max_gap_p99_ms',
          sql: ask({ measures: ['max_gap_p99_ms'] }),
          next: 'errors',
        }),
        statPanel({
          title: 'p99 overhead of Glassway',
          question: 'How much does Glassway itself add to the time to the first byte?',
          width: 4,
          column: 'overhead_p99_ms',
          sql: ask({ measures: ['overhead_p99_ms'] }),
          next: 'pipeline',
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        levels('Duration', 'Is it getting slower: all calls, or only the slowest?', [
          'duration_p50_ms',
          'duration_p95_ms',
          'duration_p99_ms',
        ]),
        levels('Time to first token', 'How long do users wait until something moves?', ['ttft_p50_ms', 'ttft_p95_ms', 'ttft_p99_ms']),
        heatmapPanel({
          title: 'Calls by duration',
          question:
            'Are there several kinds of calls, fast ones and slow ones, and do they drift? Over a day each cell is within 2.5 % of its hour’s calls.',
          width: 24,
          sql: askDurations(DURATION_BOUNDS_MS),
          next: 'calls',
        }),
      ],
    },
    {
      title: 'By model',
      panels: [
        byModel('p95 duration', 'Which model is slow?', 'duration_p95_ms'),
        byModel('p95 time to first token', 'Which model keeps users waiting?', 'ttft_p95_ms'),
        byModel('Output tokens per second', 'Which model writes fast? The median.', 'tokens_per_second_p50'),
        byModel('p95 longest silence', 'Whose streams stall?', 'max_gap_p95_ms'),
        tablePanel({
          title: 'Providers and models',
          question: `How do they compare? ${BY_THE_HOUR}`,
          width: 24,
          columns: ['provider', 'model', ...MODEL_COLUMNS],
          sortBy: 'timed_calls',
          sql: ask({ by: ['provider', 'model'], measures: MODEL_COLUMNS, orderBy: 'timed_calls DESC', limit: 200 }),
        }),
      ],
    },
    {
      title: 'Glassway itself',
      panels: [
        levels(
          'Overhead',
          'How much of the time to the first byte is Glassway’s own?',
          ['overhead_p50_ms', 'overhead_p95_ms', 'overhead_p99_ms'],
          'pipeline',
        ),
      ],
    },
  ],
});
