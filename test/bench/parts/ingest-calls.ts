/**
 * Calls for the bench of ingest: many models, projects, users and sizes, each call with ids, time and number of its own.
 * Made by filling gaps in prepared lines, since who makes them shares the processors with those that are measured.
 */
import type { CallRecord } from '../../../contract/record.ts';
import { createPricer } from '../../../ingest/price.ts';
import { sampleRecord } from '../../unit/ingest/sample.ts';

const KINDS = 512;
const MODELS = ['gpt-4o-2024-08-06', 'gpt-4o-mini-2024-07-18', 'gpt-4.1-2025-04-14', 'gpt-4.1-mini-2025-04-14', 'o3-mini-2025-01-31'];
/** Calls a second: what their times say. */
const RATE = 5_000;
const DAY = '2026-11-01';
/** Stand where calls differ. Digits, so that they may be numbers too. */
const MARKS = { id: '987654321987', trace: '987654321986', seq: 987_654_321_985, time: '10:00:00.987654' } as const;
const MARK = /(987654321987|987654321986|987654321985|10:00:00\.987654)/;

/** Repeatable, and different from its neighbours'. */
function spread(number: number, upTo: number): number {
  return (Math.imul(number + 1, 2_654_435_761) >>> 0) % upTo;
}

function kind(number: number): CallRecord {
  const [input, output, cached] = [spread(number, 6_000), 1 + spread(number * 3, 1_200), spread(number * 5, 400)];
  const total_ms = 300 + spread(number * 7, 20_000) + spread(number, 1_000) / 1_000;
  const model = MODELS[number % MODELS.length] ?? '';
  return sampleRecord({
    id: `0198c0de-7000-8000-${MARKS.id}`,
    started_at: `${DAY} ${MARKS.time}`,
    proxy_id: 'bench',
    seq: MARKS.seq,
    project: `bench-${number % 12}`,
    request_model: model.slice(0, -11),
    response_model: model,
    stream: number % 2 === 0,
    input_tokens: input + cached,
    output_tokens: output,
    cache_read_tokens: cached,
    usage_raw: JSON.stringify({
      prompt_tokens: input + cached,
      completion_tokens: output,
      total_tokens: input + cached + output,
      prompt_tokens_details: { cached_tokens: cached },
    }),
    duration_ms: total_ms,
    ttfb_ms: total_ms / 3,
    ttft_ms: number % 2 === 0 ? total_ms / 2 : null,
    overhead_ms: spread(number * 11, 3_000) / 1_000,
    request_bytes: 4 * (input + cached),
    response_bytes: 5 * output,
    user_id: `user-${spread(number, 300)}`,
    session_id: `session-${spread(number, 500)}`,
    trace_id: `0af7651916cd43dd8448${MARKS.trace}`,
    span_id: 'b7ad6b7169203331',
    key_fingerprint: '5f3a9c1e',
    sdk: 'openai-python',
    rate_limits: { limit_requests: 10_000, remaining_requests: 9_999 - spread(number, 900), reset_requests_s: 0.006 },
  });
}

type Fill = (number: number) => string;
const digits = (number: number, count: number): string => String(number).padStart(count, '0');
const FILLS: Readonly<Record<string, Fill>> = {
  [MARKS.id]: (number) => digits(number, 12),
  [MARKS.trace]: (number) => digits(spread(number, 1e9), 9) + digits(number % 1_000, 3),
  [String(MARKS.seq)]: (number) => String(number + 1),
  [MARKS.time]: timeOf,
};

function timeOf(number: number): string {
  const second = Math.floor(number / RATE) % 86_400;
  const clock = [Math.floor(second / 3_600), Math.floor(second / 60) % 60, second % 60].map((part) => digits(part, 2)).join(':');
  return `${clock}.${digits((number % RATE) * (1e6 / RATE), 6)}`;
}

/** A line as its fixed pieces and, at every odd place, what fills the gap. */
type Template = readonly (string | Fill)[];

function templates(line: (record: CallRecord) => string): Template[] {
  return Array.from({ length: KINDS }, (_, number) =>
    line(kind(number))
      .split(MARK)
      .map((piece) => FILLS[piece] ?? piece),
  );
}

function fill(all: readonly Template[], from: number, to: number): string {
  const lines: string[] = [];
  for (let number = from; number < to; number += 1) {
    let line = '';
    for (const piece of all[number % KINDS] ?? []) line += typeof piece === 'string' ? piece : piece(number);
    lines.push(line);
  }
  return lines.join('\n');
}

/** Gives calls by their numbers, as a proxy ships them. */
export function createRecords(): (from: number, to: number) => string {
  const all = templates((record) => JSON.stringify(record));
  return (from, to) => fill(all, from, to);
}

/** The same as rows of table `calls`, priced, as JSONEachRow. */
export function createRows(): (from: number, to: number) => string {
  const { price } = createPricer();
  const written = { ingested_at: `${DAY} 12:00:00.000`, ingest_id: 'bench' };
  const all = templates(({ v: _, ...record }) => JSON.stringify({ ...record, ...price({ ...record }), ...written }));
  return (from, to) => fill(all, from, to);
}
