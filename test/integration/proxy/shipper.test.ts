/**
 * Records reach ingest once it can take them, in the same batches on every try; whatever ingest does, calls go on,
 * and what is lost is counted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BatchSource } from '../../../proxy/journal/batch.ts';
import { startShipper } from '../../../proxy/ship.ts';
import { metricValue, startTestProxy, type TestProxy, waitFor } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

let upstream: HttpUpstream;
let proxy: TestProxy;

beforeAll(async () => {
  upstream = await startUpstream((res) => void res.end('{}'));
});
afterAll(() => upstream.close());

async function start(limits: Record<string, number> = {}, options: { withoutDisk?: boolean } = {}): Promise<void> {
  proxy = await startTestProxy({ openai: upstream.origin }, { limits }, options);
}
afterEach(() => proxy.close());

async function calls(count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect((await fetch(`${proxy.origin}/openai/v1/x`)).status).toBe(200);
}

const setAside = (reason: string) => metricValue(proxy.metrics, 'glassway_proxy_dead_letters_total', { reason });
const deadLetters = () =>
  readFileSync(join(proxy.journalDir, 'dead-letter.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
const dropped = (reason: string) => metricValue(proxy.metrics, 'glassway_proxy_records_dropped_total', { reason });

test('with ingest away calls work, and their records arrive when it is back, as the same batch', async () => {
  await start();
  proxy.ingest.answer = () => ({ status: 0 });
  await calls(5);
  await waitFor('two attempts failed', () => proxy.ingest.batches.length >= 2);
  await calls(5);
  proxy.ingest.answer = () => ({ status: 200 });
  const records = await proxy.records(10);
  expect(records.map((record) => record.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const first = proxy.ingest.batches[0];
  const retries = proxy.ingest.batches.filter((batch) => batch.id === first?.id);
  expect(retries.length).toBeGreaterThanOrEqual(3);
  expect(new Set(retries.map((batch) => batch.text)).size).toBe(1);
  expect(new Set(proxy.ingest.batches.map((batch) => batch.id)).size).toBeGreaterThan(1);
  await waitFor('nothing is kept', () => proxy.journal.records === 0);
});

test('to an ingest on another machine batches go compressed, to one on this machine as they are', async () => {
  await start();
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const batch = { id: host, rows: 1, body: Buffer.from('{"seq":1}'), sentAt_ms: undefined };
    const waiting = [batch];
    const source: BatchSource = {
      get records() {
        return waiting.length;
      },
      take: async () => waiting[0],
      acknowledge: () => void waiting.pop(),
      setAside: () => 0,
      onAppend: () => {},
    };
    const ingestUrl = proxy.ingest.url.replace('127.0.0.1', host);
    const shipper = startShipper({ ingestUrl, source, metrics: proxy.metrics, log: () => {} });
    await shipper.drained();
    await shipper.stop();
  }
  expect(proxy.ingest.batches.map(({ id, text, headers }) => [id, text, headers['content-encoding']])).toEqual([
    ['127.0.0.1', '{"seq":1}', undefined],
    ['0.0.0.0', '{"seq":1}', 'gzip'], // this machine too, but under no name that says so
  ]);
});

test('a 503 with Retry-After is tried again, not sooner than it says', async () => {
  await start();
  proxy.ingest.answer = (attempt) => (attempt === 1 ? { status: 503, headers: { 'retry-after': '1' } } : { status: 200 });
  await calls(1);
  await proxy.records(1);
  const [first, second] = proxy.ingest.batches;
  expect(second?.id).toBe(first?.id);
  expect((second?.at_ms ?? 0) - (first?.at_ms ?? 0)).toBeGreaterThanOrEqual(950);
});

test.each([429, 500, 502, 401, 404, 408])('status %s is no refusal: the batch is tried again', async (status) => {
  await start();
  proxy.ingest.answer = (attempt) => ({ status: attempt === 1 ? status : 200 });
  await calls(1);
  await proxy.records(1);
  expect(await dropped('refused')).toBe(0);
});

test('of a batch that ingest refuses whole, the record at fault is found and set aside; the others arrive', async () => {
  await start();
  proxy.ingest.answer = (_attempt, records) =>
    records.some(({ seq }) => seq === 4) ? { status: 413, body: { error: { code: 'batch_too_large', message: 'no' } } } : { status: 200 };
  await calls(7);
  const records = await proxy.records(6);
  expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 5, 6, 7]);
  await waitFor('nothing is kept', () => proxy.journal.records === 0);
  expect(await setAside('refused')).toBe(1);
  expect(deadLetters()).toMatchObject([{ reason: expect.stringContaining('batch_too_large'), record: { seq: 4 } }]);
});

test('records that ingest rejects are set aside with its reason', async () => {
  await start();
  proxy.ingest.answer = (_attempt, records, id) => ({
    status: 200,
    body: { batch_id: id, accepted: records.length - 1, rejected: [{ line: records.length, reason: 'id: missing' }] },
  });
  await calls(1);
  await waitFor('the rejection', async () => (await setAside('rejected')) === 1);
  expect(deadLetters()).toMatchObject([{ reason: 'id: missing', record: { seq: 1 } }]);
  await waitFor('nothing is kept', () => proxy.journal.records === 0);
});

test.each([
  ['a page with status 200', 200, '<html>welcome</html>'],
  ['an acknowledgement of another batch', 200, { batch_id: 'another', accepted: 1, rejected: [] }],
  ['a refusal that is not in the words of ingest', 400, '<html>bad request</html>'],
])('whoever answers in the place of ingest makes no record disappear: %s', async (_what, status, body) => {
  await start();
  proxy.ingest.answer = (attempt) => (attempt === 1 ? { status, body } : { status: 200 });
  await calls(1);
  await waitFor('the same batch again', () => proxy.ingest.batches.length >= 2);
  expect(proxy.ingest.batches[1]?.id).toBe(proxy.ingest.batches[0]?.id);
  await waitFor('nothing is kept', () => proxy.journal.records === 0);
  expect([await setAside('refused'), await dropped('refused')]).toEqual([0, 0]);
});

test('a batch that is sent again says how old it is', async () => {
  await start();
  proxy.ingest.answer = (attempt) => ({ status: attempt === 1 ? 500 : 200 });
  await calls(1);
  await proxy.records(1);
  const ages = proxy.ingest.batches.map(({ headers }) => headers['x-glassway-batch-age']);
  expect(ages[0]).toBeUndefined();
  expect(Number(ages[1])).toBeGreaterThanOrEqual(1);
});

test('without a disk and with memory full, calls work, and what is dropped is counted and leaves a gap in the numbers', async () => {
  await start({ queueRecords: 5 }, { withoutDisk: true });
  proxy.ingest.answer = () => ({ status: 0 });
  await calls(8);
  expect(await dropped('queue_full')).toBe(3);
  expect(await metricValue(proxy.metrics, 'glassway_proxy_queue_records')).toBe(5);
  proxy.ingest.answer = () => ({ status: 200 });
  await proxy.records(5);
  await waitFor('there is room again', () => proxy.journal.records === 0);
  await calls(1);
  expect((await proxy.records(6)).map((record) => record.seq)).toEqual([1, 2, 3, 4, 5, 9]);
});

test('a batch is one JSON object a line, with its id in a header', async () => {
  await start();
  await calls(1);
  await proxy.records(1);
  const [batch] = proxy.ingest.batches;
  expect(batch?.headers).toMatchObject({ 'content-type': 'application/x-ndjson' });
  expect(batch?.id).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
});
