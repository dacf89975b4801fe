/** The console's query API against an embedded ClickHouse, with rows whose sums are computed here, apart from SQL. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import express from 'express';
import request from 'supertest';
import type { CallRow } from '../../../contract/record.ts';
import type { CallAnswer, CallsAnswer, UnpricedAnswer } from '../../../ingest/console/api-types.ts';
import { createConsole } from '../../../ingest/console/index.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../../kit/clickhouse.ts';
import { insertCalls, sampleCall, sampleCalls } from '../../kit/sample-calls.ts';

/** Recent, since retention drops what is old; whole days, so that nothing depends on the hour. */
const day = (daysAgo: number): string => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
const DAY = day(2);
const DAY_BEFORE = day(3);
const FROM = `${DAY}T00:00:00Z`;
const TO = `${DAY}T12:00:00Z`;
const PERIOD = `from=${FROM}&to=${TO}`;
const ROWS = sampleCalls({ count: 3000, from: new Date(FROM), to: new Date(TO), seed: 7 });
const ROWS_BEFORE = sampleCalls({ count: 500, from: new Date(`${DAY_BEFORE}T12:00:00Z`), to: new Date(FROM), seed: 8 });
/** Values that would do harm if a value ever became SQL or markup. */
const HOSTILE = [
  "' OR 1=1 --",
  "\\' OR 1=1 --",
  '"); DROP TABLE calls; --',
  'a\tb\nc\\N',
  '{database:Identifier}',
  '%00',
  'ümläut 🙂',
  "['a','b']",
];
const HOSTILE_ROWS = HOSTILE.map((value, index) =>
  sampleCall({
    id: `hostile-${index}`,
    project: value,
    user_id: value,
    session_id: value,
    started_at: `${day(14)} 00:00:0${index}.000000`,
  }),
);
const HOSTILE_PERIOD = `from=${day(14)}T00:00:00Z&to=${day(13)}T00:00:00Z`;

let clickhouse: TestClickHouse;
let server: Server;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  await insertCalls(clickhouse.client, [...ROWS_BEFORE, ...ROWS, ...HOSTILE_ROWS]);
  const app = express();
  app.use(
    createConsole({ reader: clickhouse.readerClient, database: TEST_DATABASE, version: '1.2.3', proxyUrl: 'http://gateway.example:4700/' }),
  );
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await clickhouse.stop();
});

async function get<T>(path: string): Promise<T> {
  const response = await request(server).get(path);
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.text}`);
  return response.body as T;
}

async function refusal(path: string): Promise<string> {
  const response = await request(server).get(path);
  expect(response.status).toBe(400);
  expect(response.body.error.code).toBe('bad_parameter');
  return response.body.error.message as string;
}

function known<K extends keyof CallRow>(rows: readonly CallRow[], column: K): number[] {
  return rows.map((row) => row[column]).flatMap((value) => (value === null ? [] : [Number(value)]));
}

function total<K extends keyof CallRow>(rows: readonly CallRow[], column: K): number | null {
  const values = known(rows, column);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

describe('what is not priced', () => {
  const unpricedRows = ROWS.filter((row) => row.cost_usd === null && (row.input_tokens !== null || row.output_tokens !== null));

  test('is listed by model with calls and tokens, so that it is never taken for free', async () => {
    const { models, more_models } = await get<UnpricedAnswer>(`/api/unpriced?${PERIOD}`);
    const names = new Set(unpricedRows.map((row) => `${row.provider} ${row.response_model || row.request_model}`));
    expect(names.size).toBeGreaterThan(0);
    expect(new Set(models.map((model) => `${model.provider} ${model.model}`))).toEqual(names);
    for (const { provider, model, calls, input_tokens, output_tokens } of models) {
      const own = unpricedRows.filter((row) => row.provider === provider && (row.response_model || row.request_model) === model);
      expect({ calls, input_tokens, output_tokens }).toEqual({
        calls: own.length,
        input_tokens: total(own, 'input_tokens'),
        output_tokens: total(own, 'output_tokens'),
      });
    }
    expect(more_models).toBe(false);
  });

  test('is counted of the projects that were asked for only', async () => {
    const { models } = await get<UnpricedAnswer>(`/api/unpriced?${PERIOD}&project=support-chat`);
    const own = unpricedRows.filter((row) => row.project === 'support-chat');
    expect(models.reduce((sum, { calls }) => sum + calls, 0)).toBe(own.length);
  });
});

describe('the list of calls', () => {
  test('goes through a period page by page, newest first, with no call left out or shown twice', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const page = await get<CallsAnswer>(`/api/calls?${PERIOD}&limit=433${cursor}`);
      seen.push(...page.calls.map((call) => `${call.started_at} ${call.id}`));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    const expected = ROWS.map((row) => `${row.started_at.replace(' ', 'T')}Z ${row.id}`)
      .sort()
      .reverse();
    expect(seen).toEqual(expected);
  });

  test('pages through calls of the very same microsecond', async () => {
    const rows = Array.from({ length: 25 }, (_, index) =>
      sampleCall({ id: `same-${String(index).padStart(2, '0')}`, project: 'same', started_at: `${day(10)} 10:00:00.123456` }),
    );
    await insertCalls(clickhouse.client, rows);
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const page: CallsAnswer = await get(
        `/api/calls?from=${day(10)}T00:00:00Z&to=${day(9)}T00:00:00Z&limit=10${next === '' ? '' : `&cursor=${next}`}`,
      );
      seen.push(...page.calls.map((call) => call.id));
      next = page.next;
    }
    expect(seen).toEqual(rows.map((row) => row.id).reverse());
  });

  test.each([
    ['project', (row: CallRow) => row.project, 'search'],
    ['provider', (row: CallRow) => row.provider, 'anthropic'],
    ['model', (row: CallRow) => row.response_model || row.request_model, 'gpt-5-2025-08-07'],
    ['outcome', (row: CallRow) => row.outcome, 'rate_limited'],
    ['user', (row: CallRow) => row.user_id, ROWS.find((row) => row.user_id !== '')?.user_id ?? ''],
    ['session', (row: CallRow) => row.session_id, ROWS.find((row) => row.session_id !== '')?.session_id ?? ''],
  ] as const)('filtered by %s shows those calls and no others', async (name, field, value) => {
    const { calls } = await get<CallsAnswer>(`/api/calls?${PERIOD}&limit=500&${name}=${encodeURIComponent(value)}`);
    const expected = ROWS.filter((row) => field(row) === value).map((row) => row.id);
    expect(calls.length).toBe(Math.min(500, expected.length));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.every((call) => expected.includes(call.id))).toBe(true);
  });
});

describe('one call', () => {
  test('has every column as it was stored, and no bodies when none were captured', async () => {
    const row = ROWS.find((candidate) => candidate.cost_usd !== null && candidate.reasoning_tokens !== null) as CallRow;
    const { call, bodies } = await get<CallAnswer>(`/api/calls/${row.id}`);
    expect(bodies).toBeNull();
    expect(Object.keys(call).sort()).toEqual(Object.keys(row).sort());
    expect(Number(call.cost_usd)).toBe(Number(row.cost_usd));
    for (const column of [
      'started_at',
      'project',
      'status',
      'stream',
      'input_tokens',
      'reasoning_tokens',
      'cache_write_tokens',
      'usage_raw',
      'tags',
      'seq',
    ] as const)
      expect(call[column]).toEqual(row[column]);
  });

  test('has its bodies when they were captured', async () => {
    const row = ROWS[10] as CallRow;
    const body = {
      id: row.id,
      project: row.project,
      started_at: row.started_at,
      request: '{"a":1}',
      response: '<b>text</b>',
      capture: 'full',
    };
    await clickhouse.client.insert({ table: 'bodies', values: [body], format: 'JSONEachRow' });
    const { bodies } = await get<CallAnswer>(`/api/calls/${row.id}`);
    expect(bodies).toEqual({ capture: 'full', request: '{"a":1}', response: '<b>text</b>' });
  });

  test('whose id was used twice is told apart by its time', async () => {
    const times = [`${day(12)} 10:00:00.000001`, `${day(12)} 11:00:00.000002`];
    await insertCalls(
      clickhouse.client,
      times.map((started_at, index) => sampleCall({ id: 'used twice/?', started_at, seq: index })),
    );
    const path = `/api/calls/${encodeURIComponent('used twice/?')}`;
    expect((await get<CallAnswer>(path)).call.seq).toBe(1);
    expect((await get<CallAnswer>(`${path}?at=${day(12)}T10:00:00.000001Z`)).call.seq).toBe(0);
  });

  test('that does not exist is a 404 that says why it may be so', async () => {
    const response = await request(server).get('/api/calls/nobody');
    expect(response.status).toBe(404);
    expect(response.body.error).toMatchObject({ code: 'not_found', message: expect.stringContaining('retention') });
  });
});

describe('parameters', () => {
  test.each([
    ['range=1y', 'range', '15m, 6h, 30d'],
    ['range=0h', 'range', '15m, 6h, 30d'],
    ['range=999999d', 'range', 'at most 400d'],
    ['from=yesterday&to=2026-01-01T00:00:00Z', 'from', 'ISO 8601'],
    ['from=2026-13-01T00:00:00Z', 'from', 'ISO 8601'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to', 'after from'],
    ['from=2000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from', '400 days'],
    ['to=2026-01-01T00:00:00Z', 'from', 'ISO 8601'],
    ['range=1h&from=2026-01-01T00:00:00Z', 'range', 'not both'],
    ['range=1h&range=2h', 'range', 'one value'],
    ['outcome=fine', 'outcome', 'rate_limited'],
    ['limit=0', 'limit', 'from 1 to 500'],
    ['limit=501', 'limit', 'from 1 to 500'],
    ['limit=ten', 'limit', 'from 1 to 500'],
    ['cursor=x', 'cursor', 'next'],
    [`cursor=${Buffer.from('["time","desc",null,"2026-01-01","a"]').toString('base64url')}`, 'cursor', 'next'],
    [
      `sort=cost&cursor=${Buffer.from('["cost","desc","1); DROP","2026-01-01 00:00:00.000000","a"]').toString('base64url')}`,
      'cursor',
      'next',
    ],
    [
      `sort=cost&cursor=${Buffer.from('["time","desc",null,"2026-01-01 00:00:00.000000","a"]').toString('base64url')}`,
      'cursor',
      'same sort',
    ],
    ['sort=price', 'sort', 'duration'],
    ['order=down', 'order', 'asc'],
    ['cost_min=-1', 'cost_min', 'US dollars'],
    ['cost_min=2&cost_max=1', 'cost_max', 'at least cost_min'],
    ['duration_max=1e9', 'duration_max', 'milliseconds'],
    ['stream=yes', 'stream', 'true or false'],
    ['tag==x', 'tag', 'env=production'],
    [`q=${'x'.repeat(513)}`, 'q', '512'],
    [`user=${'x'.repeat(513)}`, 'user', '512'],
    [Array.from({ length: 51 }, (_, index) => `model=m${index}`).join('&'), 'model', 'at most 50'],
    ['projet=a', 'projet', 'project'],
  ])('that are wrong are refused by name with what is accepted: %#', async (query, name, accepted) => {
    const message = await refusal(`/api/calls?${query}`);
    expect(message.startsWith(`${name}: `)).toBe(true);
    expect(message).toContain(accepted);
  });

  test.each(HOSTILE.map((value, index) => [value, index] as const))('are only ever values: %j', async (value, index) => {
    for (const name of ['project', 'user', 'session']) {
      const { calls } = await get<CallsAnswer>(`/api/calls?${HOSTILE_PERIOD}&${name}=${encodeURIComponent(value)}`);
      expect(calls.map((call) => call.id)).toEqual([`hostile-${index}`]);
    }
    expect((await request(server).get(`/api/calls/${encodeURIComponent(value)}`)).status).toBe(404);
  });
});

describe('answers', () => {
  test('say whether there is any call yet, and where the proxy is', async () => {
    expect(await get('/api/status')).toEqual({
      version: '1.2.3',
      proxy_url: 'http://gateway.example:4700',
      needs_key: false,
      has_calls: true,
      default_range: '24h',
    });
  });

  test('for anything but reading are refused', async () => {
    const response = await request(server).post('/api/calls').send({});
    expect(response.status).toBe(405);
    expect(response.body.error.message).toContain('GET');
    expect((await request(server).get('/api/nothing')).status).toBe(404);
  });
});
