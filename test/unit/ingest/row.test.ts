import { CALL_COLUMNS } from '../../../contract/columns.ts';
import { createPricer } from '../../../ingest/price.ts';
import { clickhouseTime, encodeBodies, encodeCall, INSERT_COLUMNS } from '../../../ingest/row.ts';
import { inPieces, RowBytes } from '../../../ingest/row-bytes.ts';
import { sampleRecord } from './sample.ts';

const { price } = createPricer();

const NOW = '2026-10-05 12:35:00.123';
const WRITTEN = { ingested_at: NOW, ingest_id: 'ingest-1' };

/** A row's values under the names that the statement gives them. */
function named(table: keyof typeof INSERT_COLUMNS, json: string | undefined): Record<string, unknown> {
  const values: unknown[] = JSON.parse(json ?? '');
  expect(values).toHaveLength(INSERT_COLUMNS[table].length);
  return Object.fromEntries(INSERT_COLUMNS[table].map((name, at) => [name, values[at]]));
}

test('a row has exactly the columns of the table, each with its own value', () => {
  const record = sampleRecord({ provider_cost_usd: 0.5, bodies: { capture: 'full', request: 'q', response: 'a' } });
  const cost = price(record);
  expect(cost).toMatchObject({ cost_usd: '0.500000000', cost_source: 'provider' });
  const all: Record<string, unknown> = { ...record, ...cost, ...WRITTEN };
  expect(named('calls', encodeCall(record, cost, WRITTEN))).toEqual(Object.fromEntries(CALL_COLUMNS.map(({ name }) => [name, all[name]])));
});

test('captured bodies go to their own row, and there is none without them', () => {
  const record = sampleRecord({ bodies: { capture: 'full', request: '{"q":1}', response: '{"a":1}' } });
  expect(named('bodies', encodeBodies(record))).toEqual({
    id: record.id,
    project: 'checkout',
    started_at: record.started_at,
    request: '{"q":1}',
    response: '{"a":1}',
    capture: 'full',
  });
  expect(encodeBodies(sampleRecord())).toBeUndefined();
});

test('half a surrogate pair is replaced wherever it stands, whole pairs and backslashes stay', () => {
  const record = sampleRecord({ error_message: 'cut \ud83d', tags: { 'k\udc00': 'v\ud800', '😀': '\\ud83d' } });
  const row = named('calls', encodeCall(record, price(record), WRITTEN));
  expect(row['error_message']).toBe('cut \ufffd');
  expect(row['tags']).toEqual({ 'k\ufffd': 'v\ufffd', '😀': '\\ud83d' });
});

test('times are written as ClickHouse reads them', () => {
  expect(clickhouseTime(new Date(Date.UTC(2026, 9, 5, 12, 35, 0, 123)))).toBe(NOW);
});

test('rows as bytes are their lines, whatever their length and alphabet, and any choice of them keeps its order', () => {
  const lines = ['[1]', '["ä😀"]', `["${'x'.repeat(60_000)}"]`, `["${'€'.repeat(60_000)}"]`, '[2]', '', '[3]'];
  const kept = new RowBytes();
  const rows = lines.map((line) => ({ bytes: kept.add(line) }));
  const text = (some: typeof rows) => Buffer.concat([...inPieces(some)]).toString();
  expect(text(rows)).toBe(lines.map((line) => `${line}\n`).join(''));
  expect(text([])).toBe('');
  expect(text(rows.filter((_, at) => at % 2 === 0))).toBe(`[1]\n${lines[2]}\n[2]\n[3]\n`);
  expect([...inPieces(rows.slice(4))]).toHaveLength(1);
});
