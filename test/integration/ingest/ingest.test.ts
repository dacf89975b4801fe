/** The ingest service against the embedded ClickHouse, over real HTTP. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll } from '@jest/globals';
import { loadSettings, type Settings } from '../../../contract/config.ts';
import {
  BATCH_CONTENT_TYPE,
  BATCH_ID_HEADER,
  BATCH_PATH,
  BATCH_ROWS_MAX,
  type BatchAnswer,
  type CallRecord,
} from '../../../contract/record.ts';
import { type Ingest, startIngest } from '../../../ingest/main.ts';
import { clickhouseTime } from '../../../ingest/row.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { endAtLast } from '../../kit/leftovers.ts';
import { freePorts } from '../../kit/ports.ts';
import { sampleRecord } from '../../unit/ingest/sample.ts';
import { type Link, openLink } from './link.ts';

let clickhouse: TestClickHouse;
let link: Link;
let ingest: Ingest;
let batches = 0;

/** Now, since bodies beyond their retention are not even stored. */
const STARTED_AT = `${clickhouseTime(new Date()).slice(0, 19)}.789012`;

const logged: string[] = [];
const options = { version: '0.0.0-test', log: (level: string, message: string) => void logged.push(`${level} ${message}`) };

async function settingsFor(clickhousePort: number, changes: Record<string, string> = {}): Promise<Settings> {
  const [port] = await freePorts(1);
  return loadSettings({
    file: '/dev/null',
    env: {
      CLICKHOUSE_URL: `http://127.0.0.1:${clickhousePort}`,
      CLICKHOUSE_USER: clickhouse.writer.username,
      CLICKHOUSE_PASSWORD: clickhouse.writer.password,
      GLASSWAY_CLICKHOUSE_READ_USERNAME: clickhouse.reader.username,
      GLASSWAY_CLICKHOUSE_READ_PASSWORD: clickhouse.reader.password,
      GLASSWAY_LISTEN_INGEST: String(port),
      ...changes,
    },
  });
}

async function startHere(settings: Settings): Promise<Ingest> {
  const started = await startIngest(settings, options);
  endAtLast(() => started.stop()); // which may be called twice
  return started;
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    if (response.status === 200) return;
    await sleep(50);
  }
  throw new Error('ingest did not become ready');
}

interface Posted {
  readonly status: number;
  readonly headers: Headers;
  readonly body: BatchAnswer & { error?: { code: string; message: string } };
}

interface PostOptions {
  readonly to?: string;
  readonly headers?: Record<string, string>;
}

async function postRaw(
  id: string,
  payload: Uint8Array<ArrayBuffer> | string,
  { to = ingest.url, headers = {} }: PostOptions = {},
): Promise<Posted> {
  const response = await fetch(`${to}${BATCH_PATH}`, {
    method: 'POST',
    headers: { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: id, ...headers },
    body: payload,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Posted['body'] };
}

const ndjson = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const post = (id: string, records: readonly unknown[], rest: PostOptions = {}) =>
  postRaw(id, new Uint8Array(gzipSync(ndjson(records))), { ...rest, headers: { 'content-encoding': 'gzip', ...rest.headers } });

/** A project of its own for each test, so that tests see their rows only. */
function fresh(): { id: string; project: string; records(count: number, changes?: Partial<CallRecord>): CallRecord[] } {
  batches += 1;
  const project = `project-${batches}`;
  return {
    id: `batch-${batches}`,
    project,
    records: (count, changes = {}) =>
      Array.from({ length: count }, (_, index) =>
        sampleRecord({ id: `${project}-${index}`, project, seq: index + 1, started_at: STARTED_AT, ...changes }),
      ),
  };
}

async function select(query: string, project: string): Promise<Record<string, unknown>[]> {
  const result = await clickhouse.client.query({ query, query_params: { project }, format: 'JSONEachRow' });
  return result.json<Record<string, unknown>>();
}

async function countIn(table: string, project: string): Promise<number> {
  const [row] = await select(`SELECT toUInt32(count()) AS n FROM ${table} WHERE project = {project:String}`, project);
  return Number(row?.['n']);
}

const command = (query: string) => clickhouse.client.command({ query });

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  link = await openLink(clickhouse.httpPort);
  ingest = await startHere(await settingsFor(link.port));
  await untilReady(ingest.url);
});

afterAll(async () => {
  await ingest?.stop();
  await link?.close();
  await clickhouse?.stop();
});

test('a batch becomes rows with their prices, and 200 means that they are there', async () => {
  const { id, project, records } = fresh();
  const [first, second] = records(2);
  const posted = await post(id, [
    { ...first, input_tokens: 2006, cache_read_tokens: 1920, output_tokens: 300 },
    { ...second, response_model: 'gpt-99-imaginary', input_tokens: 5, output_tokens: null, tags: { a: 'b', ü: '😀' } },
  ]);
  expect(posted).toMatchObject({ status: 200, body: { batch_id: id, accepted: 2, rejected: [] } });
  const rows = await select('SELECT *, toString(cost_usd) AS cost FROM calls WHERE project = {project:String} ORDER BY seq', project);
  // 86 × 2.50 + 1,920 × 1.25 + 300 × 10 dollars a million
  expect(rows[0]).toMatchObject({
    id: `${project}-0`,
    started_at: STARTED_AT,
    cost: '0.005615',
    cost_source: 'catalogue',
    duration_ms: 812.5,
  });
  expect(rows[0]?.['price_version']).toMatch(/^genai-prices@/);
  expect(rows[1]).toMatchObject({ cost: null, cost_source: 'none', output_tokens: null, tags: { a: 'b', ü: '😀' }, stream: false });
  expect(String(rows[0]?.['ingested_at'])).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
});

test('the same batch again changes nothing, neither in the table nor in the rollup', async () => {
  const { id, project, records } = fresh();
  const batch = records(100);
  for (let times = 0; times < 3; times += 1) expect(await post(id, batch)).toMatchObject({ status: 200, body: { accepted: 100 } });
  expect(await countIn('calls', project)).toBe(100);
  expect(await rolledUp(project)).toBe(100);
});

test('the same records under another id are other rows: only the id says that a batch came before', async () => {
  const { id, project, records } = fresh();
  const batch = records(3);
  await post(`${id}-a`, batch);
  await post(`${id}-b`, batch);
  expect(await countIn('calls', project)).toBe(6);
  expect(await rolledUp(project)).toBe(6);
});

test('the same batch several times at once is in once', async () => {
  const { id, project, records } = fresh();
  const batch = records(2000);
  const posted = await Promise.all(Array.from({ length: 6 }, () => post(id, batch)));
  expect(posted.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  expect(await countIn('calls', project)).toBe(2000);
  expect(await rolledUp(project)).toBe(2000);
});

test('many batches at once are all in', async () => {
  const { id, project, records } = fresh();
  const posted = await Promise.all(Array.from({ length: 20 }, (_, index) => post(`${id}-${index}`, records(200))));
  expect(posted.every(({ status, body }) => status === 200 && body.accepted === 200)).toBe(true);
  expect(await countIn('calls', project)).toBe(4000);
});

test('a batch of the greatest size is one insert', async () => {
  const { id, project, records } = fresh();
  const batch = records(BATCH_ROWS_MAX, { error_message: 'x'.repeat(500) });
  expect(await post(id, batch)).toMatchObject({ status: 200, body: { accepted: BATCH_ROWS_MAX } });
  expect(await post(id, batch)).toMatchObject({ status: 200 });
  expect(await countIn('calls', project)).toBe(BATCH_ROWS_MAX);
  const [parts] = await select('SELECT toUInt32(uniqExact(_part)) AS n FROM calls WHERE project = {project:String}', project);
  expect(parts).toEqual({ n: 1 });
}, 30_000);

test('records that are not valid are set aside by line; the rest is in, also when the batch comes again', async () => {
  const { id, project, records } = fresh();
  const [first, second] = records(2);
  const payload = `${ndjson([first])}{"v":1}\nnot json\n${ndjson([{ ...second, status: 70_000 }, second])}`;
  for (let times = 0; times < 2; times += 1) {
    const { status, body } = await postRaw(id, payload);
    expect(status).toBe(200);
    expect(body.accepted).toBe(2);
    expect(body.rejected.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(body.rejected[2]?.reason).toBe('status: 70000, want an integer from 0 to 65535');
  }
  expect(await countIn('calls', project)).toBe(2);
});

test('a batch without one valid record is answered 200 with nothing accepted', async () => {
  const { id } = fresh();
  expect(await postRaw(id, '{}\n[]\n')).toMatchObject({ status: 200, body: { accepted: 0, rejected: [{ line: 1 }, { line: 2 }] } });
  expect(await postRaw(id, '')).toMatchObject({ status: 200, body: { accepted: 0, rejected: [] } });
});

test('captured bodies are stored beside their calls, once', async () => {
  const { id, project, records } = fresh();
  const [first, second] = records(2);
  const bodies = { capture: 'full' as const, request: '{"q":"ä\\u0000 \ud83d"}', response: 'data: {}\n\n' };
  for (let times = 0; times < 2; times += 1)
    expect(await post(id, [{ ...first, bodies }, second])).toMatchObject({ status: 200, body: { accepted: 2 } });
  expect(await countIn('calls', project)).toBe(2);
  expect(
    await select('SELECT id, toString(started_at) AS at, request, response, capture FROM bodies WHERE project = {project:String}', project),
  ).toEqual([{ id: `${project}-0`, at: STARTED_AT, request: '{"q":"ä\\u0000 \ufffd"}', response: 'data: {}\n\n', capture: 'full' }]);
});

test('ClickHouse away: 503 with Retry-After, and the batch is in once it is back', async () => {
  const { id, project, records } = fresh();
  link.cut();
  const refused = await post(id, records(10));
  expect(refused).toMatchObject({ status: 503, body: { error: { code: 'insert_failed' } } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const ready = await fetch(`${ingest.url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reason: expect.stringMatching(/^ClickHouse: /) }]);
  expect((await fetch(`${ingest.url}/healthz`)).status).toBe(200);
  link.mend();
  expect(await post(id, records(10))).toMatchObject({ status: 200, body: { accepted: 10 } });
  expect(await countIn('calls', project)).toBe(10);
  await untilReady(ingest.url);
});

test('an insert whose answer was lost is not made twice', async () => {
  const { id, project, records } = fresh();
  link.swallowAnswers();
  expect(await post(id, records(10))).toMatchObject({ status: 503 });
  link.mend();
  expect(await post(id, records(10))).toMatchObject({ status: 200, body: { accepted: 10 } });
  expect(await countIn('calls', project)).toBe(10);
  expect(await rolledUp(project)).toBe(10);
});

test('a failure between the inserts of calls and bodies is repaired by the next try', async () => {
  const { id, project, records } = fresh();
  const batch = records(5, { bodies: { capture: 'full', request: 'q', response: 'a' } });
  await command('RENAME TABLE bodies TO bodies_away');
  expect(await post(id, batch)).toMatchObject({ status: 503 });
  expect(await countIn('calls', project)).toBe(5);
  await command('RENAME TABLE bodies_away TO bodies');
  expect(await post(id, batch)).toMatchObject({ status: 200, body: { accepted: 5 } });
  expect([await countIn('calls', project), await countIn('bodies', project), await rolledUp(project)]).toEqual([5, 5, 5]);
});

test('a row that ClickHouse itself refuses is set aside alone, and the same batch again changes nothing', async () => {
  const { id, project, records } = fresh();
  const batch = records(100).map((record, index) => (index === 41 || index === 42 ? { ...record, path: '/poison' } : record));
  await command("ALTER TABLE calls ADD CONSTRAINT no_poison CHECK path != '/poison'");
  try {
    for (let times = 0; times < 2; times += 1) {
      const { status, body } = await post(id, batch);
      expect([status, body.accepted, body.rejected.map(({ line }) => line)]).toEqual([200, 98, [42, 43]]);
      expect(body.rejected[0]?.reason).toMatch(/ClickHouse refuses it/);
    }
  } finally {
    await command('ALTER TABLE calls DROP CONSTRAINT no_poison');
  }
  expect([await countIn('calls', project), await rolledUp(project)]).toEqual([98, 98]);
});

test('a table that does not fit is no fault of the records: the batch is to come again, and then is in', async () => {
  const { id, project, records } = fresh();
  await command('ALTER TABLE calls RENAME COLUMN sdk TO sdk_away');
  try {
    expect(await post(id, records(400))).toMatchObject({ status: 503, body: { error: { code: 'schema_mismatch' } } });
  } finally {
    await command('ALTER TABLE calls RENAME COLUMN sdk_away TO sdk');
  }
  expect(await post(id, records(400))).toMatchObject({ status: 200, body: { accepted: 400 } });
  expect([await countIn('calls', project), await rolledUp(project)]).toEqual([400, 400]);
});

describe('what is no batch is refused for good, and says what would be right', () => {
  test.each([
    ['a wrong content type', { 'content-type': 'application/json' }, '{}', 415, /want application\/x-ndjson/],
    ['another compression', { 'content-encoding': 'zstd' }, '{}', 415, /want gzip or none/],
    ['no valid batch id', { [BATCH_ID_HEADER]: 'a b' }, '{}', 400, /1 to 128 characters/],
    ['gzip that is none', { 'content-encoding': 'gzip' }, '{}', 400, /gzip/],
    ['HTML', {}, '<html>', 400, /Not one line is JSON/],
    ['too many records', {}, '{}\n'.repeat(BATCH_ROWS_MAX + 1), 413, /More than 10000 lines/],
  ])('%s', async (_what, headers, payload, status, message) => {
    const posted = await postRaw('some-batch', payload, { headers });
    expect(posted.status).toBe(status);
    expect(posted.body.error?.message).toMatch(message);
    expect(posted.headers.get('retry-after')).toBeNull();
  });

  test('a gzip bomb', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(128 * 1024 * 1024)));
    expect(await postRaw('bomb', bomb, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      status: 413,
      body: { error: { code: 'batch_too_large' } },
    });
  });
});

test('beyond its share of memory it refuses for now, and takes the same batches afterwards', async () => {
  const { id, project, records } = fresh();
  const big = records(6, { bodies: { capture: 'full', request: 'x'.repeat(5_000_000), response: '' } });
  const payload = new Uint8Array(gzipSync(ndjson(big)));
  const send = (index: number) => postRaw(`${id}-${index}`, payload, { headers: { 'content-encoding': 'gzip' } });
  const first = await Promise.all(Array.from({ length: 8 }, (_, index) => send(index)));
  const shed = first.flatMap(({ status }, index) => (status === 503 ? [index] : []));
  expect(shed.length).toBeGreaterThan(0);
  expect(first.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  expect(first[shed[0] ?? 0]?.body.error?.code).toBe('overloaded');
  for (const index of shed) expect((await send(index)).status).toBe(200);
  expect([await countIn('calls', project), await countIn('bodies', project)]).toEqual([48, 48]);
}, 60_000);

test('unknown paths of the API are JSON, other methods are told which is right, and nothing names the framework', async () => {
  for (const path of ['/v1/nothing', '/api/nothing']) {
    const response = await fetch(`${ingest.url}${path}`);
    expect([response.status, response.headers.get('x-powered-by')]).toEqual([404, null]);
    expect(await response.json()).toHaveProperty('error');
  }
  const wrong = await fetch(`${ingest.url}${BATCH_PATH}`);
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
});

test('metrics count batches, records, refusals and calls without a price', async () => {
  const { id, records } = fresh();
  const count = async (line: string) => {
    const text = await (await fetch(`${ingest.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((candidate) => candidate.startsWith(`${line} `))
        ?.slice(line.length) ?? 0,
    );
  };
  const names = [
    'glassway_ingest_batches_total{status="200"}',
    'glassway_ingest_records_total{result="inserted"}',
    'glassway_ingest_records_total{result="rejected"}',
    'glassway_ingest_calls_unpriced_total{provider="openai"}',
    'glassway_ingest_batches_refused_total{code="not_ndjson"}',
    'glassway_ingest_insert_seconds_count',
  ];
  const before = await Promise.all(names.map(count));
  await post(id, [...records(3, { response_model: 'gpt-99-imaginary' }), {}]);
  await postRaw(id, '<html>');
  const after = await Promise.all(names.map(count));
  expect(after.map((value, index) => value - (before[index] ?? 0))).toEqual([1, 3, 1, 3, 1, 1]);
  expect(await count('glassway_ingest_work_bytes')).toBe(0);
  expect(await count('glassway_ingest_ready')).toBe(1);
  expect(await count('process_cpu_seconds_total')).toBeGreaterThan(0);
});

test('started before ClickHouse it says why it is not ready, refuses for now, and becomes ready by itself', async () => {
  const { id, project, records } = fresh();
  const late = await openLink(clickhouse.httpPort);
  late.cut();
  const early = await startHere(await settingsFor(late.port));
  try {
    const ready = await fetch(`${early.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reason: expect.stringMatching(/^migrations: /) }]);
    expect((await fetch(`${early.url}/healthz`)).status).toBe(200);
    expect(await post(id, records(1), { to: early.url })).toMatchObject({ status: 503, body: { error: { code: 'not_ready' } } });
    late.mend();
    await untilReady(early.url);
    expect(await post(id, records(1), { to: early.url })).toMatchObject({ status: 200 });
    expect(await countIn('calls', project)).toBe(1);
  } finally {
    await early.stop();
    await late.close();
  }
});

test('it stops while ClickHouse is away, and twice is the same as once', async () => {
  const away = await openLink(clickhouse.httpPort);
  away.cut();
  const waiting = await startHere(await settingsFor(away.port));
  await Promise.all([waiting.stop(), waiting.stop()]);
  await expect(fetch(`${waiting.url}/healthz`)).rejects.toThrow();
  await away.close();
});

test('a batch in work is finished before it stops', async () => {
  const { id, project, records } = fresh();
  const short = await startHere(await settingsFor(link.port));
  await untilReady(short.url);
  const posting = post(id, records(5000), { to: short.url });
  await sleep(100);
  await short.stop();
  expect(await posting).toMatchObject({ status: 200, body: { accepted: 5000 } });
  expect(await countIn('calls', project)).toBe(5000);
});

test('a port in use is an error that names it and the setting', async () => {
  const settings = await settingsFor(link.port, { GLASSWAY_LISTEN_INGEST: new URL(ingest.url).port });
  await expect(startIngest(settings, options)).rejects.toThrow(/^Port \d+ on 127\.0\.0\.1 \(listen\.ingest\) is in use/);
});

// Last, since every ALTER after it has as many more parts to rewrite.
test('a batch spread over many months is in, once', async () => {
  const { id, project, records } = fresh();
  const batch = records(120).map((record, index) => ({
    ...record,
    started_at: `${2016 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}-15 00:00:00.000000`,
  }));
  for (let times = 0; times < 2; times += 1) expect(await post(id, batch)).toMatchObject({ status: 200, body: { accepted: 120 } });
  // Rows beyond their retention may be gone already, but none may be there twice.
  expect(await countIn('calls', project)).toBeLessThanOrEqual(120);
});

/** How many calls the rollup says there are. */
async function rolledUp(project: string): Promise<number> {
  const [row] = await select('SELECT toUInt32(sum(calls)) AS n FROM calls_by_minute WHERE project = {project:String}', project);
  return Number(row?.['n']);
}
