/** How fast streams write: boards say of a day and of a week what the explorer says of each call. */
import type { CallRow } from '../../../contract/record.ts';
import { outputSpeed } from '../../../ingest/console/page/output-speed.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { expandFor, panelQueries } from '../../kit/dashboards.ts';
import { insertCalls, sampleCall } from '../../kit/sample-calls.ts';

const HOUR_MS = 3_600_000;
const now = new Date();
const before = (hours: number) => new Date(now.getTime() - hours * HOUR_MS);

const streamed = { stream: true, output_tokens: 101, ttft_ms: 200, duration_ms: 1200 } as const;
const CALLS: Readonly<Record<string, Partial<CallRow>>> = {
  usual: streamed,
  'in one piece': { ...streamed, ttft_ms: 1199.99 },
  'in a moment': { ...streamed, ttft_ms: 1191 },
  'in barely enough time': { ...streamed, ttft_ms: 1190 },
  'of one token': { ...streamed, output_tokens: 1 },
  'of two tokens': { ...streamed, output_tokens: 2 },
  'hidden reasoning': { ...streamed, reasoning_tokens: 50 },
  'shown reasoning': { ...streamed, reasoning_tokens: 50, answer_ttft_ms: 700 },
  'nothing but reasoning': { ...streamed, reasoning_tokens: 101 },
  'more reasoning than output': { ...streamed, reasoning_tokens: 500 },
  'not streamed': { ...streamed, stream: false },
  'not metered': { ...streamed, output_tokens: null },
  'not timed': { ...streamed, ttft_ms: null },
  'without an end': { ...streamed, duration_ms: null },
};
const models = Object.keys(CALLS);
const started_at = before(1).toISOString().slice(0, 23).replace('T', ' ').concat('000');
const rows = models.map((model, at) => sampleCall({ ...CALLS[model], id: `speed-${at}`, seq: at + 1, started_at, response_model: model }));

let server: TestClickHouse;

beforeAll(async () => {
  server = await startTestClickHouse();
  await insertCalls(server.client, rows);
});
afterAll(() => server?.stop());

test.each([
  ['a day, from the calls', 24],
  ['a week, from the hours', 168],
])('over %s', async (_, hours) => {
  const found = panelQueries().find(({ name }) => name.endsWith('Providers and models'));
  const query = expandFor(found?.sql ?? '', { from: before(hours), to: now });
  const answer = await server.readerClient.query({ query, format: 'JSONEachRow' });
  const said = await answer.json<{ model: string; tokens_per_second_p50: number | null }>();
  const speeds = new Map(said.map(({ model, tokens_per_second_p50 }) => [model, tokens_per_second_p50]));
  const wanted = Object.fromEntries(rows.map((row) => [row.response_model, outputSpeed(row) ?? null]));
  // Sketches are within 1 %.
  const rounded = Object.entries(wanted).map(([model, speed]) => [model, isNear(speeds.get(model), speed) ? speed : speeds.get(model)]);
  expect(Object.fromEntries(rounded)).toEqual(wanted);
});

function isNear(said: number | null | undefined, wanted: number | null): boolean {
  return typeof said === 'number' && wanted !== null && Math.abs(said / wanted - 1) < 0.011;
}
