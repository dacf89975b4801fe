/** What is exported from the table, and what is given up: the paths that only time or a fault in an unlucky moment opens. */
import { jest } from '@jest/globals';
import type { Settings } from '../../../contract/config.ts';
import type { CallRecord } from '../../../contract/record.ts';
import { createTraceExport, type TraceExport } from '../../../ingest/otlp/export.ts';
import { clickhouseTime } from '../../../ingest/row.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { ingestSettings, startTestIngest, until } from '../../kit/ingest.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { otlpEntry, postRecords, slotStates, spanIdsOf, tracedRecord } from '../../kit/trace-export.ts';

const COST = { cost_usd: '0.003500000', cost_source: 'catalogue', price_version: 'v1' } as const;
const HOUR_MS = 3_600_000;

let clickhouse: TestClickHouse;
let receiver: OtlpReceiver;
let settings: Settings;
let trace: TraceExport | undefined;
const results = new Map<string, number>();

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  const base = await ingestSettings(clickhouse);
  await (await startTestIngest(base)).stop(); // for the tables
});
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  const base = await ingestSettings(clickhouse);
  settings = {
    ...base,
    otlp: [otlpEntry(['checkout'], receiver.httpUrl, { timeoutMs: 500 })],
    traces: { ...base.traces, takeOverAfterSeconds: 2, resendWithin: '1h' },
  };
  results.clear();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await trace?.stop(1_000);
  trace = undefined;
  await receiver.stop();
  await clickhouse.client.command({ query: 'TRUNCATE TABLE glassway.trace_exports' });
});
afterAll(() => clickhouse.stop());

/** As if so much time had gone by. */
function later(by_ms: number): void {
  jest.restoreAllMocks();
  const real = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => real() + by_ms);
}

function startExport(ingestId: string): TraceExport {
  trace = createTraceExport({
    settings,
    env: {},
    version: 'test',
    ingestId,
    client: clickhouse.client,
    onSpans: (result, count) => results.set(result, (results.get(result) ?? 0) + count),
    isReady: () => true,
    log: () => undefined,
  });
  return trace;
}

/** As ingest does it, up to the insert, after which it does not hear what became of it. */
async function beginBatch(ingestId: string, records: readonly CallRecord[], inserted: boolean): Promise<void> {
  const ingestedAt = new Date();
  const spans = (trace as TraceExport).begin(ingestedAt.getTime());
  for (const [line, record] of records.entries()) spans.add(line, record, COST);
  await spans.open();
  const written = { ingested_at: clickhouseTime(ingestedAt), ingest_id: ingestId };
  if (inserted)
    await clickhouse.client.insert({
      table: 'glassway.calls',
      values: records.map((record) => ({ ...record, ...COST, ...written, v: undefined })),
      format: 'JSONEachRow',
    });
  spans.end();
}

test('an insert without an answer: if the rows are there after all, their spans are exported, once it is certain', async () => {
  startExport('doubtful-1');
  const [there, not] = [tracedRecord(), tracedRecord()];
  await beginBatch('doubtful-1', [there], true);
  await beginBatch('doubtful-1', [not], false);
  later(15_000); // the slot is over, but the server may still be at it
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(receiver.spans).toEqual([]);
  // One, or two where the next ten seconds began in between.
  expect(Object.keys(await slotStates(clickhouse.client))).toEqual(['open']);
  later(120_000);
  await until('the span arrives', () => receiver.spans.length > 0);
  await until('no slot is open', async () => (await slotStates(clickhouse.client))['open'] === undefined);
  expect(spanIdsOf(receiver)).toEqual([there.span_id]);
  expect(Object.fromEntries(results)).toEqual({ resent: 1 });
});

test('an ingest that ends in doubt: another exports what it left', async () => {
  startExport('doubtful-2');
  const call = tracedRecord();
  await beginBatch('doubtful-2', [call], true);
  await trace?.stop(0);
  startExport('successor');
  await until('the span arrives', () => receiver.spans.length > 0);
  expect(spanIdsOf(receiver)).toEqual([call.span_id]);
});

test('what a receiver did not take within traces.resendWithin is given up and counted, and newer calls arrive', async () => {
  const said: string[] = [];
  receiver.manners = { status: 503 };
  const ingest = await startTestIngest(settings, (_level, message) => said.push(message));
  try {
    await postRecords(ingest.url, [tracedRecord(), tracedRecord(), tracedRecord()]);
    await until('the receiver was asked', () => receiver.requests.length > 0);
    later(2 * HOUR_MS);
    await until('they are given up', async () => ((await slotStates(clickhouse.client))['given_up'] ?? 0) > 0);
    receiver.manners = {};
    const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
    expect(metrics).toContain('glassway_ingest_spans_total{result="given_up"} 3');
    expect(said.some((message) => message.startsWith('3 spans were kept back for longer than traces.resendWithin'))).toBe(true);
    later(2 * HOUR_MS + 120_000); // the receiver's rest is over
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(receiver.spans).toEqual([]);
    const next = tracedRecord();
    await postRecords(ingest.url, [next]);
    later(120_000);
    await until('the next one arrives', () => spanIdsOf(receiver).includes(next.span_id));
  } finally {
    await ingest.stop();
  }
});
