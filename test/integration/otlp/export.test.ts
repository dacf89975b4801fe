/** Spans from ingest to receivers that speak OTLP's three protocols, in good days and bad ones. */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { OtlpEntry, OtlpProtocol, TraceSettings } from '../../../contract/otlp-settings.ts';
import type { CallRecord } from '../../../contract/record.ts';
import type { Ingest } from '../../../ingest/main.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { ingestSettings, startTestIngest, until } from '../../kit/ingest.ts';
import { type Manners, type OtlpReceiver, startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { otlpEntry, postRecords, slotStates, spanIdsOf, tracedRecord } from '../../kit/trace-export.ts';

let clickhouse: TestClickHouse;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
});
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
  await clickhouse.client.command({ query: 'TRUNCATE TABLE glassway.trace_exports' });
});
afterAll(() => clickhouse.stop());

async function receiverOf(): Promise<OtlpReceiver> {
  const receiver = await startOtlpReceiver();
  running.push(receiver);
  return receiver;
}

async function ingestWith(otlp: OtlpEntry[], traces: Partial<TraceSettings> = {}): Promise<Ingest> {
  const settings = await ingestSettings(clickhouse);
  const ingest = await startTestIngest({ ...settings, otlp, traces: { ...settings.traces, takeOverAfterSeconds: 2, ...traces } });
  running.push(ingest);
  return ingest;
}

const post = (ingest: Ingest, records: readonly CallRecord[]): Promise<void> => postRecords(ingest.url, records);

test.each<[OtlpProtocol, OtlpEntry['compression']]>([
  ['http/protobuf', 'none'],
  ['http/protobuf', 'gzip'],
  ['http/json', 'none'],
  ['grpc', 'none'],
  ['grpc', 'gzip'],
])('a call becomes one span over %s (%s)', async (protocol, compression) => {
  const receiver = await receiverOf();
  const endpoint = protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl;
  const ingest = await ingestWith([otlpEntry(['checkout'], endpoint, { protocol, compression, headers: { 'x-key': 'k-1' } })]);
  const call = tracedRecord({ parent_span_id: 'b7ad6b7169203331', user_id: 'u-1', stream: true, ttft_ms: 250.5, tags: { team: 'pay' } });
  await post(ingest, [call]);
  await until('the span arrives', () => receiver.spans.length > 0);
  const [span] = receiver.spans;
  expect(span).toMatchObject({
    traceId: call.trace_id,
    spanId: call.span_id,
    parentSpanId: 'b7ad6b7169203331',
    name: 'chat gpt-4o',
    kind: 3,
    status: { code: 0 },
    scope: { name: 'glassway', version: '0.0.0-test' },
    headers: { 'x-key': 'k-1' },
  });
  const start_ns = BigInt(Date.parse(`${call.started_at.slice(0, 19).replace(' ', 'T')}Z`)) * 1_000_000n + 1_000n;
  expect(span?.start_ns).toBe(start_ns);
  expect(span?.end_ns).toBe(start_ns + 812_500_000n);
  expect(span?.events).toEqual([{ name: 'glassway.first_token', time_ns: start_ns + 250_500_000n, attributes: new Map() }]);
  expect(Object.fromEntries(span?.attributes ?? [])).toMatchObject({
    'gen_ai.operation.name': { stringValue: 'chat' },
    'gen_ai.usage.input_tokens': { intValue: 1000 },
    'gen_ai.response.finish_reasons': { arrayValue: { values: [{ stringValue: 'stop' }] } },
    'gen_ai.usage.cost': { doubleValue: 0.0035 },
    'gen_ai.request.stream': { boolValue: true },
    'user.id': { stringValue: 'u-1' },
    'glassway.tag.team': { stringValue: 'pay' },
  });
  expect(span?.resource.get('service.name')).toEqual({ stringValue: 'glassway' });
});

test('one project’s spans reach its own receiver only, with its own headers, and a project without one reaches none', async () => {
  const [one, two] = [await receiverOf(), await receiverOf()];
  const ingest = await ingestWith([
    otlpEntry(['checkout'], one.httpUrl, { headers: { 'x-key': 'one' } }),
    otlpEntry(['search'], two.httpUrl, { headers: { 'x-key': 'two' } }),
  ]);
  const records = Array.from({ length: 300 }, (_, index) =>
    tracedRecord({ project: ['checkout', 'search', 'nobody'][index % 3] as string }),
  );
  await post(ingest, records);
  await until('all arrive', () => one.spans.length >= 100 && two.spans.length >= 100);
  const spansOf = (project: string) => records.filter((each) => each.project === project).map(({ span_id }) => span_id);
  expect(spanIdsOf(one).sort()).toEqual(spansOf('checkout').sort());
  expect(spanIdsOf(two).sort()).toEqual(spansOf('search').sort());
  for (const [receiver, key] of [
    [one, 'one'],
    [two, 'two'],
  ] as const)
    expect(new Set(receiver.spans.map(({ headers }) => headers['x-key']))).toEqual(new Set([key]));
});

const BAD_DAYS: Readonly<Record<string, Manners>> = {
  failing: { status: 500 },
  locked: { status: 401 },
  busy: { status: 429, headers: { 'retry-after': '3' } },
  slow: { delay_ms: 2_500 },
};

test('receivers that fail, refuse the key, are busy, slow or gone: ingest goes on, and every span arrives later, once', async () => {
  const gone = await startOtlpReceiver();
  await gone.stop();
  const receivers = new Map<string, OtlpReceiver>();
  for (const name of Object.keys(BAD_DAYS)) receivers.set(name, await receiverOf());
  const entries = [...receivers].map(([name, { httpUrl }]) => otlpEntry([name], httpUrl, { timeoutMs: 500 }));
  const ingest = await ingestWith([...entries, otlpEntry(['gone'], gone.httpUrl, { timeoutMs: 500 })]);
  for (const [name, receiver] of receivers) receiver.manners = BAD_DAYS[name] ?? {};
  const names = [...receivers.keys(), 'gone'];
  const first = names.map((project) => tracedRecord({ project }));
  await post(ingest, first);
  await until('each was asked', () => [...receivers.values()].every(({ requests }) => requests.length > 0));
  const more = names.flatMap((project) => [tracedRecord({ project }), tracedRecord({ project })]);
  await post(ingest, more);
  for (const receiver of receivers.values()) receiver.manners = {};
  const back = await startOtlpReceiver({ port: Number(new URL(gone.httpUrl).port) });
  running.push(back);
  receivers.set('gone', back);
  for (const [name, receiver] of receivers) {
    const wanted = [...first, ...more].filter(({ project }) => project === name).map(({ span_id }) => span_id);
    await until(`all of ${name} arrive`, () => wanted.every((id) => spanIdsOf(receiver).includes(id)));
    expect(spanIdsOf(receiver).every((id) => wanted.includes(id))).toBe(true);
  }
  const [refused, next] = receivers.get('busy')?.requests ?? [];
  expect((next?.at_ms ?? 0) - (refused?.at_ms ?? 0)).toBeGreaterThanOrEqual(2_900);
  await until('every slot is done', async () => (await slotStates(clickhouse.client))['open'] === undefined);
});

test('a gRPC receiver that says when it takes spans again is left alone until then', async () => {
  const receiver = await receiverOf();
  const ingest = await ingestWith([otlpEntry(['checkout'], receiver.grpcUrl, { protocol: 'grpc' })]);
  // RESOURCE_EXHAUSTED
  receiver.manners = { grpcCode: 8, grpcRetry_s: 3 };
  const call = tracedRecord();
  await post(ingest, [call]);
  await until('it was asked', () => receiver.requests.length > 0);
  receiver.manners = {};
  await until('the span arrives', () => spanIdsOf(receiver).includes(call.span_id));
  const [refused, next] = receiver.requests;
  expect((next?.at_ms ?? 0) - (refused?.at_ms ?? 0)).toBeGreaterThanOrEqual(2_900);
});

test('a span that the receiver refuses does not keep the others out', async () => {
  const receiver = await receiverOf();
  const ingest = await ingestWith([otlpEntry(['checkout'], receiver.grpcUrl, { protocol: 'grpc' })]);
  receiver.manners = { grpcCode: 3 };
  await post(ingest, [tracedRecord(), tracedRecord(), tracedRecord()]);
  await until('each was tried alone', () => receiver.requests.length >= 5);
  receiver.manners = {};
  const good = tracedRecord();
  await post(ingest, [good]);
  await until('the next one arrives', () => spanIdsOf(receiver).includes(good.span_id));
  expect(spanIdsOf(receiver)).toEqual([good.span_id]);
  const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
  expect(metrics).toContain('glassway_ingest_spans_total{result="refused"} 3');
});

test('more than the queue holds is not lost: it is exported from the table', async () => {
  const receiver = await receiverOf();
  const ingest = await ingestWith([otlpEntry(['checkout'], receiver.httpUrl)], { queueSpans: 10 });
  const records = Array.from({ length: 200 }, () => tracedRecord());
  await post(ingest, records);
  await until('all arrive', () => new Set(spanIdsOf(receiver)).size === 200);
  const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
  expect(metrics).toMatch(/glassway_ingest_spans_total\{result="deferred"\} 1\d\d/);
});

test('what an ingest left when it stopped is exported by the next one, with the same ids', async () => {
  const receiver = await receiverOf();
  receiver.manners = { status: 503 };
  const otlp = [otlpEntry(['checkout'], receiver.httpUrl, { timeoutMs: 500 })];
  const first = await ingestWith(otlp);
  const records = Array.from({ length: 5 }, () => tracedRecord());
  await post(first, records);
  await first.stop();
  receiver.manners = {};
  expect(receiver.spans).toEqual([]);
  // Two that see it at the same time: one of them takes it.
  await Promise.all([ingestWith(otlp), ingestWith(otlp)]);
  await until('all arrive', () => new Set(spanIdsOf(receiver)).size === 5);
  await until('it is done', async () => (await slotStates(clickhouse.client))['open'] === undefined);
  expect(spanIdsOf(receiver).sort()).toEqual(records.map(({ span_id }) => span_id).sort());
});
