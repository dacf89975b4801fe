import { CALL_COLUMNS } from '../../../contract/columns.ts';
import { createPricer } from '../../../ingest/price.ts';
import { clickhouseTime, encodeBodies, encodeCall } from '../../../ingest/row.ts';
import { sampleRecord } from './sample.ts';

const { price } = createPricer();

const NOW = '2026-10-05 12:35:00.123';
const WRITTEN = { ingested_at: NOW, ingest_id: 'ingest-1' };

test('a row has exactly the columns of the table', () => {
  const record = sampleRecord({ provider_cost_usd: 0.5, bodies: { capture: 'full', request: 'q', response: 'a' } });
  const row: Record<string, unknown> = JSON.parse(encodeCall(record, price(record), WRITTEN));
  expect(Object.keys(row).sort()).toEqual(CALL_COLUMNS.map(({ name }) => name).sort());
  expect(row).toMatchObject({ id: record.id, cost_usd: '0.500000000', cost_source: 'provider', ingested_at: NOW, tags: { team: 'pay' } });
});

test('captured bodies go to their own row, and there is none without them', () => {
  const record = sampleRecord({ bodies: { capture: 'full', request: '{"q":1}', response: '{"a":1}' } });
  expect(JSON.parse(encodeBodies(record) ?? '')).toEqual({
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
  const row: Record<string, unknown> = JSON.parse(encodeCall(record, price(record), WRITTEN));
  expect(row['error_message']).toBe('cut \ufffd');
  expect(row['tags']).toEqual({ 'k\ufffd': 'v\ufffd', '😀': '\\ud83d' });
});

test('times are written as ClickHouse reads them', () => {
  expect(clickhouseTime(new Date(Date.UTC(2026, 9, 5, 12, 35, 0, 123)))).toBe(NOW);
});
