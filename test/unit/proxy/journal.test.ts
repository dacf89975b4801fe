import { BATCH_ROWS_MAX, type CallRecord } from '../../../contract/record.ts';
import { createJournal } from '../../../proxy/journal.ts';

type Unnumbered = Omit<CallRecord, 'seq' | 'proxy_id'>;
/** The journal looks at no field. */
const record = (id: string, padding = 0) => ({ id, path: 'x'.repeat(padding) }) as unknown as Unnumbered;
const open = (records = 1_000, bytes = 1_000_000) => createJournal('p', { records, bytes });
const ids = (lines: readonly string[]) => lines.map((line) => (JSON.parse(line) as CallRecord).id);

test('records come out in order, numbered from 1, with the proxy’s id', () => {
  const journal = open();
  for (const id of ['a', 'b', 'c']) expect(journal.append(record(id))).toBe(true);
  const batch = journal.take();
  expect(batch?.id).toBe('p.1-3');
  expect(batch?.lines.map((line) => JSON.parse(line))).toMatchObject([
    { id: 'a', seq: 1, proxy_id: 'p' },
    { id: 'b', seq: 2 },
    { id: 'c', seq: 3 },
  ]);
});

test('a batch stays the same until it is acknowledged, whatever is appended meanwhile', () => {
  const journal = open();
  journal.append(record('a'));
  const batch = journal.take();
  journal.append(record('b'));
  expect(journal.take()).toBe(batch);
  if (batch) journal.acknowledge(batch);
  expect(journal.take()).toMatchObject({ id: 'p.2-2' });
  expect(journal.records).toBe(1);
});

test('only the batch that was taken can be acknowledged', () => {
  const journal = open();
  journal.append(record('a'));
  expect(() => journal.acknowledge({ id: 'p.1-1', lines: [] })).toThrow('p.1-1');
});

test('an empty journal gives no batch and holds nothing', () => {
  const journal = open();
  expect(journal.take()).toBeUndefined();
  expect([journal.records, journal.bytes]).toEqual([0, 0]);
});

test('a full journal refuses, by records and by bytes, and the numbers show the gap', () => {
  const few = open(2);
  expect(['a', 'b', 'c'].map((id) => few.append(record(id)))).toEqual([true, true, false]);
  const batch = few.take();
  if (batch) few.acknowledge(batch);
  few.append(record('d'));
  expect(few.take()?.lines.map((line) => (JSON.parse(line) as CallRecord).seq)).toEqual([4]);
  const small = open(100, 300);
  expect(small.append(record('a', 200))).toBe(true);
  expect(small.append(record('b', 200))).toBe(false);
  expect(small.append(record('c'))).toBe(true);
});

test('a batch has at most as many rows as ingest takes', () => {
  const journal = open(BATCH_ROWS_MAX + 5, 100_000_000);
  for (let i = 0; i < BATCH_ROWS_MAX + 5; i++) journal.append(record(String(i)));
  const first = journal.take();
  expect(first?.lines).toHaveLength(BATCH_ROWS_MAX);
  if (first) journal.acknowledge(first);
  expect(ids(journal.take()?.lines ?? [])).toEqual(['10000', '10001', '10002', '10003', '10004']);
});

test('a batch has at most as many bytes as ingest takes', () => {
  const journal = open(100, 200_000_000);
  for (let i = 0; i < 5; i++) journal.append(record(String(i), 10_000_000));
  expect(journal.take()?.lines).toHaveLength(3);
  expect(journal.append(record('too large for any batch', 40_000_000))).toBe(false);
});

test('bytes held are given back when a batch is acknowledged', () => {
  const journal = open();
  journal.append(record('ü', 10));
  const batch = journal.take();
  expect(journal.bytes).toBe(Buffer.byteLength(batch?.lines[0] ?? '') + 1);
  if (batch) journal.acknowledge(batch);
  expect(journal.bytes).toBe(0);
});
