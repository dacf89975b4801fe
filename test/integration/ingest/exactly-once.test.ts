/** Exactly once, where deduplication alone does not do it: cut-short rollups, forgotten tokens, and the meter that would show. */
import { gzipSync } from 'node:zlib';
import { loadSettings } from '../../../contract/config.ts';
import { BATCH_AGE_HEADER, BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH, type CallRecord } from '../../../contract/record.ts';
import type { LossAnswer } from '../../../ingest/console/api-types.ts';
import { type Ingest, startIngest } from '../../../ingest/main.ts';
import type { Cost } from '../../../ingest/price.ts';
import { bodiesKey, callKey, clickhouseTime, encodeBodies, encodeCall } from '../../../ingest/row.ts';
import { RowBytes } from '../../../ingest/row-bytes.ts';
import { createWriter } from '../../../ingest/write.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { freePorts } from '../../kit/ports.ts';
import { waitFor } from '../../kit/proxy.ts';
import { sampleRecord } from '../../unit/ingest/sample.ts';

let clickhouse: TestClickHouse;
let ingest: Ingest;
let tests = 0;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  const [port] = await freePorts(1);
  const env = {
    CLICKHOUSE_URL: `http://127.0.0.1:${clickhouse.httpPort}`,
    CLICKHOUSE_USER: clickhouse.writer.username,
    CLICKHOUSE_PASSWORD: clickhouse.writer.password,
    GLASSWAY_CLICKHOUSE_READ_USERNAME: clickhouse.reader.username,
    GLASSWAY_LISTEN_INGEST: String(port),
  };
  ingest = await startIngest(loadSettings({ file: '/dev/null', env }), { version: '0.0.0-test', log: () => {} });
  await waitFor('ingest to be ready', async () => (await fetch(`${ingest.url}/readyz`)).ok);
});
afterAll(async () => {
  await ingest?.stop();
  await clickhouse?.stop();
});

/** With the sum that has each call once. */
const ROLLUP_SUMS: Readonly<Record<string, string>> = {
  calls_by_minute: 'sum(calls)',
  latency_by_hour: 'sum(calls)',
  calls_by_day: "sumIf(calls, label = 'all')",
};
const ROLLUPS = Object.keys(ROLLUP_SUMS);

/** A proxy of its own for each test. */
function proxy() {
  tests += 1;
  const proxy_id = `proxy-${tests}`;
  const started_at = `${clickhouseTime(new Date(Date.now() - tests * 60_000)).slice(0, 19)}.000001`;
  const record = (seq: number, changes: Partial<CallRecord> = {}) =>
    sampleRecord({ id: `${proxy_id}-${seq}`, project: proxy_id, proxy_id, seq, started_at, ...changes });
  const count = async (table: string, what = 'count()') => {
    const answer = await clickhouse.client.query({
      query: `SELECT toFloat64(${what}) AS n FROM ${table} WHERE project = {project:String}`,
      query_params: { project: proxy_id },
      format: 'JSONEachRow',
    });
    return (await answer.json<{ n: number }>())[0]?.n;
  };
  return {
    id: proxy_id,
    record,
    calls: () => count('calls'),
    bodies: () => count('bodies'),
    rolledUp: () => count('calls_by_minute', 'sum(calls)'),
    rolledUpIn: (table: string) => count(table, ROLLUP_SUMS[table]),
  };
}

async function postRaw(id: string, records: readonly CallRecord[], age?: string): Promise<Response> {
  return await fetch(`${ingest.url}${BATCH_PATH}`, {
    method: 'POST',
    headers: {
      'content-type': BATCH_CONTENT_TYPE,
      'content-encoding': 'gzip',
      [BATCH_ID_HEADER]: id,
      ...(age !== undefined && { [BATCH_AGE_HEADER]: age }),
    },
    body: new Uint8Array(gzipSync(records.map((record) => JSON.stringify(record)).join('\n'))),
  });
}

async function post(id: string, records: readonly CallRecord[], age?: string): Promise<number> {
  const response = await postRaw(id, records, age);
  const answer = (await response.json()) as { accepted?: number };
  expect([response.status, answer.accepted]).toEqual([200, records.length]);
  return response.status;
}

const command = (query: string) => clickhouse.client.command({ query });
const setWindow = async (size: number) => {
  for (const table of ['calls', 'bodies', 'calls_by_minute'])
    await command(`ALTER TABLE ${table} MODIFY SETTING non_replicated_deduplication_window = ${size}`);
};

test.each([['1'], ['900'], ['unknown']])('a rollup that was cut short is completed when the batch comes again (age %s)', async (age) => {
  const { id, record, calls, rolledUp } = proxy();
  const batch = [record(1), record(2), record(3)];
  await command('DETACH TABLE calls_by_minute_view'); // as a kill between the two commits leaves it
  try {
    await post(id, batch);
  } finally {
    await command('ATTACH TABLE calls_by_minute_view');
  }
  expect([await calls(), await rolledUp()]).toEqual([3, 0]);
  await post(id, batch, age);
  expect([await calls(), await rolledUp()]).toEqual([3, 3]);
  await post(id, batch, age);
  expect([await calls(), await rolledUp()]).toEqual([3, 3]);
});

test('a rollup that kill -9 of ClickHouse cut short is completed when the batch comes again', async () => {
  const cut = new Set<string>();
  // Which rollup comes after the slow view is chance; each round is one more.
  for (let round = 0; round < 12 && cut.size < ROLLUPS.length; round += 1) {
    const { id, record, calls, rolledUpIn } = proxy();
    const batch = [record(1), record(2), record(3), record(4)];
    await command(`CREATE TABLE slow_${round} (waited UInt8) ENGINE = MergeTree ORDER BY ()`);
    await command(`CREATE MATERIALIZED VIEW slow_${round}_view TO slow_${round} AS SELECT sleepEachRow(0.7) AS waited FROM calls`);
    const interrupted = postRaw(id, batch).catch(() => undefined);
    await waitFor('the calls to be committed', async () => (await calls()) === batch.length);
    process.kill(clickhouse.pid() as number, 'SIGKILL');
    expect((await interrupted)?.status).not.toBe(200);
    await waitFor('ClickHouse and ingest to be back', async () => {
      await command(`DROP VIEW IF EXISTS slow_${round}_view`).catch(() => {});
      return (await fetch(`${ingest.url}/readyz`)).ok;
    });
    expect(await calls()).toBe(batch.length);
    for (const table of ROLLUPS) if ((await rolledUpIn(table)) === 0) cut.add(table);
    await post(id, batch);
    expect([await calls(), ...(await Promise.all(ROLLUPS.map(rolledUpIn)))]).toEqual([4, ...ROLLUPS.map(() => 4)]);
  }
  expect([...cut].sort()).toEqual([...ROLLUPS].sort());
}, 120_000);

describe('with the token forgotten', () => {
  const forget = async () => {
    await setWindow(0);
    await setWindow(10_000);
  };

  test('without its age a batch would be there twice: the look-up is what prevents it', async () => {
    const { id, record, calls } = proxy();
    await post(id, [record(1)]);
    await forget();
    await post(id, [record(1)]);
    expect(await calls()).toBe(2);
  });

  test('a batch of which a part is there gets the rest, and no more, however often it comes', async () => {
    const write = createWriter({ client: clickhouse.client, database: clickhouse.database, onInsert: () => {}, insertsRemembered: 0 });
    const { id, record, calls, bodies, rolledUp } = proxy();
    const texts = { bodies: { capture: 'full', request: 'q', response: 'a' } } as const;
    const batch = [record(1, texts), record(2), record(3, texts), record(4)];
    await post(`${id}-other`, [batch[0] as CallRecord, batch[3] as CallRecord]);
    const cost: Cost = { cost_usd: null, cost_source: 'none', price_version: '' };
    const kept = new RowBytes();
    const rows = {
      id,
      mayBeForgotten: true,
      calls: batch.map((each, index) => ({
        line: index + 1,
        bytes: kept.add(encodeCall(each, cost, { ingested_at: clickhouseTime(new Date()), ingest_id: 'ingest-1' })),
        key: callKey(each),
      })),
      bodies: batch.flatMap((each, index) => {
        const json = encodeBodies(each);
        return json === undefined ? [] : [{ line: index + 1, bytes: kept.add(json), key: bodiesKey(each) }];
      }),
    };
    for (let times = 0; times < 3; times += 1) {
      expect(await write(rows)).toEqual([]);
      await forget();
    }
    expect([await calls(), await bodies(), await rolledUp()]).toEqual([4, 2, 4]);
  });

  test('the same numbers of another proxy are other calls', async () => {
    const [one, other] = [proxy(), proxy()];
    await post(one.id, [one.record(1), one.record(2)]);
    await post(other.id, [other.record(1), other.record(2)], '100000');
    expect([await one.calls(), await other.calls()]).toEqual([2, 2]);
  });
});

describe('the loss meter', () => {
  const loss = async (query = '?grace_seconds=0') => (await (await fetch(`${ingest.url}/api/loss${query}`)).json()) as LossAnswer;
  const of = async (id: string) => (await loss()).proxies.find(({ proxy_id }) => proxy_id === id);

  test('counts numbers that are missing, at the beginning too, and rows that are too many', async () => {
    const { id, record } = proxy();
    await post(`${id}-a`, [record(2), record(3), record(6)]);
    expect(await of(id)).toEqual({ proxy_id: id, calls: 3, missing: 3, duplicates: 0 });
    await post(`${id}-b`, [record(1), record(3), record(4), record(5)]);
    expect(await of(id)).toEqual({ proxy_id: id, calls: 7, missing: 0, duplicates: 1 });
  });

  test('leaves alone what may be in flight: numbers above the last that began before the grace period', async () => {
    const { id, record } = proxy();
    await post(id, [record(1), record(5)]);
    expect((await loss('?grace_seconds=86400')).proxies.find(({ proxy_id }) => proxy_id === id)).toBeUndefined();
    expect((await of(id))?.missing).toBe(3);
  });

  test('does not take rows that passed their retention, or came before its window, for lost ones', async () => {
    const [old, before] = [proxy(), proxy()];
    await post(old.id, [old.record(50_001), old.record(50_002)]);
    const longAgo = `${clickhouseTime(new Date(Date.now() - 20 * 86_400_000)).slice(0, 19)}.000001`;
    await post(before.id, [before.record(1, { started_at: longAgo }), before.record(2, { started_at: longAgo }), before.record(3)]);
    expect([await of(old.id), await of(before.id)]).toEqual([undefined, undefined]);
  });

  test('is a metric', async () => {
    const text = await (await fetch(`${ingest.url}/metrics`)).text();
    expect(text).toMatch(/^glassway_ingest_calls_missing \d+$/m);
    expect(text).toMatch(/^glassway_ingest_calls_duplicated \d+$/m);
  });
});
