/** What the calls explorer asks: filters, orders, pages, sums over time, suggestions, sessions and exports, against sums made here. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { CALL_COLUMNS } from '../../../contract/columns.ts';
import type { CallRow } from '../../../contract/record.ts';
import type {
  CallAnswer,
  CallsAnswer,
  HistogramAnswer,
  SessionAnswer,
  SessionsAnswer,
  ValuesAnswer,
} from '../../../ingest/console/api-types.ts';
import { createConsole } from '../../../ingest/console/index.ts';
import { createRead, createReadLines } from '../../../ingest/console/read.ts';
import { createPricer } from '../../../ingest/price.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../../kit/clickhouse.ts';
import { insertCalls, sampleCall, sampleCalls } from '../../kit/sample-calls.ts';

const DAY = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
const FROM = `${DAY}T00:00:00Z`;
const TO = `${DAY}T12:00:00Z`;
const PERIOD = `from=${FROM}&to=${TO}`;
const ROWS = sampleCalls({ count: 2000, from: new Date(FROM), to: new Date(TO), seed: 21 });
const MODEL = ROWS[0]?.response_model || ROWS[0]?.request_model || '';
const OTHER_DAY = new Date(Date.now() - 5 * 86_400_000).toISOString().slice(0, 10);
const OTHER_PERIOD = `from=${OTHER_DAY}T00:00:00Z&to=${OTHER_DAY}T23:59:59Z`;

let clickhouse: TestClickHouse;
let server: Server;
let base: string;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  await insertCalls(clickhouse.client, ROWS);
  const app = express();
  const pricer = createPricer({ overrides: [{ model: 'acme/*', perMillion: { input: 2, output: 8 } }] });
  app.use(
    createConsole({
      reader: clickhouse.readerClient,
      database: TEST_DATABASE,
      version: '1.2.3',
      proxyUrl: 'http://127.0.0.1:4700',
      pricer,
      traceUrl: 'https://apm.example/trace/{trace_id}?span={span_id}',
    }),
  );
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await clickhouse.stop();
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${base}${path}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

const usd = (row: CallRow): number | null => (row.cost_usd === null ? null : Number(row.cost_usd));
const sum = (values: readonly (number | null)[]): number | null =>
  values.reduce((total, value) => (value === null ? total : (total ?? 0) + value), null);
const isError = (row: CallRow): boolean => row.outcome !== 'ok' && row.outcome !== 'client_abort';

async function allPages(query: string, limit = 300): Promise<CallsAnswer['calls']> {
  const calls: CallsAnswer['calls'][number][] = [];
  let next: string | null = null;
  do {
    const page: CallsAnswer = await get(`/api/calls?${query}&limit=${limit}${next === null ? '' : `&cursor=${next}`}`);
    calls.push(...page.calls);
    next = page.next;
  } while (next !== null);
  return calls;
}

describe('filters', () => {
  const someTrace = ROWS.find((row) => row.trace_id !== '')?.trace_id ?? '';
  test.each<[string, (row: CallRow) => boolean]>([
    ['cost_min=0.01', (row) => (usd(row) ?? -1) >= 0.01],
    ['cost_max=0.001', (row) => (usd(row) ?? 1) <= 0.001],
    ['cost_min=0.001&cost_max=0.01', (row) => (usd(row) ?? -1) >= 0.001 && (usd(row) ?? 1) <= 0.01],
    ['duration_min=2000&duration_max=8000.5', (row) => (row.duration_ms ?? 0) >= 2000 && (row.duration_ms ?? 0) <= 8000.5],
    ['ttft_min=1500', (row) => (row.ttft_ms ?? 0) >= 1500],
    ['stream=true', (row) => row.stream],
    ['stream=false', (row) => !row.stream],
    ['tag=env%3Dstaging', (row) => row.tags['env'] === 'staging'],
    ['tag=env%3Dstaging&tag=feature%3Drerank', (row) => row.tags['env'] === 'staging' && row.tags['feature'] === 'rerank'],
    ['tag=env%3Dstaging&tag=env%3Dproduction&tag=feature%3Drerank', (row) => row.tags['feature'] === 'rerank'],
    ['tag=feature', () => true],
    ['tag=nothing', () => false],
    ['not-outcome=ok', (row) => row.outcome !== 'ok'],
    ['not-project=checkout&not-project=search', (row) => row.project !== 'checkout' && row.project !== 'search'],
    ['project=checkout&not-outcome=ok', (row) => row.project === 'checkout' && row.outcome !== 'ok'],
    ['project=checkout&not-project=checkout', () => false],
    // Who has none is not the one that is left out.
    [
      `not-user=${ROWS.find((row) => row.user_id !== '')?.user_id}`,
      (row) => row.user_id !== ROWS.find((other) => other.user_id !== '')?.user_id,
    ],
    [`not-model=${MODEL}`, (row) => (row.response_model || row.request_model) !== MODEL],
    ['not-status=200&not-status=429', (row) => row.status !== 200 && row.status !== 429],
    // A value that begins with the sign is a value like any other.
    ['project=not-checkout', () => false],
    ['not-project=not-checkout&not-project=-x&not-project=!x', () => true],
    ["not-project=') OR 1=1 --", () => true],
    ['not-tag=env%3Dstaging', (row) => row.tags['env'] !== 'staging'],
    ['not-tag=feature', () => false],
    ['not-tag=nothing', () => true],
    ['not-tag=nothing%3Dx', () => true],
    ['tag=feature%3Drerank&not-tag=env%3Dstaging', (row) => row.tags['feature'] === 'rerank' && row.tags['env'] !== 'staging'],
    ['not-tag=env%3Dstaging&not-tag=feature%3Drerank', (row) => row.tags['env'] !== 'staging' && row.tags['feature'] !== 'rerank'],
    ['error_type=rate_limit_exceeded', (row) => row.error_type === 'rate_limit_exceeded'],
    ['status=429&status=500', (row) => row.status === 429 || row.status === 500],
    ['sdk=openai-python', (row) => row.sdk === 'openai-python'],
    ['cost_source=none&project=search', (row) => row.cost_source === 'none' && row.project === 'search'],
    ['q=RATE%20limit', (row) => /rate.limit/i.test(row.error_message)],
    [`q=${someTrace.slice(4, 24)}`, (row) => row.trace_id.includes(someTrace.slice(4, 24))],
    ['q=streamGenerate', (row) => row.path.includes('streamGenerate')],
    [`q=${ROWS[17]?.id}`, (row) => row.id === ROWS[17]?.id],
    ['q=%25', () => false],
    [
      'project=checkout&outcome=ok&stream=false&cost_min=0.0001&tag=env%3Dproduction&q=chat',
      (row) =>
        row.project === 'checkout' &&
        row.outcome === 'ok' &&
        !row.stream &&
        (usd(row) ?? -1) >= 0.0001 &&
        row.tags['env'] === 'production' &&
        row.path.includes('chat'),
    ],
  ])('%s: those calls and no others, in the list and in the sums', async (query, fits) => {
    const rows = ROWS.filter(fits);
    const calls = await allPages(`${PERIOD}&${query}`, 500);
    expect(calls.map((call) => call.id).sort()).toEqual(rows.map((row) => row.id).sort());
    const { total, outcomes } = await get<HistogramAnswer>(`/api/histogram?${PERIOD}&${query}`);
    expect(total.calls).toBe(rows.length);
    expect(total.errors).toBe(rows.filter(isError).length);
    expect(total.input_tokens).toBe(sum(rows.map((row) => row.input_tokens)));
    expect(total.cost_usd ?? 0).toBeCloseTo(sum(rows.map(usd)) ?? 0, 9);
    expect(
      Object.values(outcomes)
        .flat()
        .reduce((a, b) => a + b, 0),
    ).toBe(rows.length);
  });

  test('the histogram puts each call into its bucket', async () => {
    const { times, bucket_seconds, outcomes } = await get<HistogramAnswer>(`/api/histogram?${PERIOD}`);
    for (const [index, time] of times.entries()) {
      const inside = ROWS.filter((row) => {
        const second = Date.parse(`${row.started_at.replace(' ', 'T')}Z`) / 1000;
        return second >= time && second < time + bucket_seconds;
      });
      expect(Object.values(outcomes).reduce((total, counts) => total + (counts[index] ?? 0), 0)).toBe(inside.length);
      expect(outcomes.rate_limited?.[index] ?? 0).toBe(inside.filter((row) => row.outcome === 'rate_limited').length);
    }
  });
});

describe('pages', () => {
  const tokens = (row: CallRow): number | null => sum([row.input_tokens, row.output_tokens]);
  test.each<[string, (row: CallRow) => number | null]>([
    ['cost', usd],
    ['duration', (row) => row.duration_ms],
    ['ttft', (row) => row.ttft_ms],
    ['input', (row) => row.input_tokens],
    ['output', (row) => row.output_tokens],
    ['tokens', tokens],
  ])('sorted by %s, either way, hold each call once, and what is not known last', async (sort, value) => {
    for (const order of ['desc', 'asc'] as const) {
      const key = (row: CallRow): number => value(row) ?? (order === 'desc' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
      const newest = (a: CallRow, b: CallRow): number => (`${a.started_at} ${a.id}` < `${b.started_at} ${b.id}` ? 1 : -1);
      const expected = [...ROWS].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        return x === y ? newest(a, b) : order === 'desc' ? y - x : x - y;
      });
      const calls = await allPages(`${PERIOD}&sort=${sort}&order=${order}`, 433);
      expect(calls.map((call) => call.id)).toEqual(expected.map((row) => row.id));
    }
  });

  test('neither repeat nor skip a call while others arrive, whatever the order', async () => {
    const at = (second: number): string => `${OTHER_DAY} 10:00:${String(second).padStart(2, '0')}.000000`;
    const rows = Array.from({ length: 30 }, (_, index) =>
      sampleCall({ id: `page-${index}`, project: 'paging', started_at: at(index * 2), cost_usd: `0.${100 + (index % 7)}`, seq: index }),
    );
    await insertCalls(clickhouse.client, rows);
    for (const sort of ['time', 'cost']) {
      const seen: string[] = [];
      let next: string | null = null;
      let late = 0;
      do {
        const page: CallsAnswer = await get(
          `/api/calls?${OTHER_PERIOD}&project=paging&sort=${sort}&limit=7${next === null ? '' : `&cursor=${next}`}`,
        );
        seen.push(...page.calls.map((call) => call.id));
        next = page.next;
        // One newer and dearer than all, one in the middle of the list.
        late += 1;
        await insertCalls(clickhouse.client, [
          sampleCall({ id: `late-${sort}-${late}-a`, project: 'paging', started_at: at(59), cost_usd: '9.5' }),
          sampleCall({ id: `late-${sort}-${late}-b`, project: 'paging', started_at: at(31), cost_usd: '0.103' }),
        ]);
      } while (next !== null);
      expect(seen.filter((id) => id.startsWith('page-')).sort()).toEqual(rows.map((row) => row.id).sort());
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test('of calls far apart hold the newest first, though the last hour and day are looked at before the rest', async () => {
    const hoursBefore = (hours: number): string =>
      `${new Date(Date.parse(`${OTHER_DAY}T23:00:00Z`) - hours * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')}.000000`;
    const rows = [0.1, 0.5, 3, 20, 30, 70].map((hours) =>
      sampleCall({ id: `apart-${hours}`, project: 'apart', started_at: hoursBefore(hours) }),
    );
    await insertCalls(clickhouse.client, rows);
    for (const limit of [1, 2, 4, 100]) {
      const calls = await allPages(
        `from=2020-01-01T00:00:00Z&to=${OTHER_DAY}T23:00:00Z`
          .replace('2020-01-01', new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10))
          .concat('&project=apart'),
        limit,
      );
      expect(calls.map((call) => call.id)).toEqual(rows.map((row) => row.id));
    }
  });
});

describe('suggestions', () => {
  const counted = (values: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const value of values) if (value !== '') counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };

  test.each<[string, (row: CallRow) => string]>([
    ['of=user', (row) => row.user_id],
    ['of=model', (row) => row.response_model || row.request_model],
    ['of=status', (row) => String(row.status)],
    ['of=error_type', (row) => row.error_type],
    ['of=tag&tag_name=env', (row) => row.tags['env'] ?? ''],
  ])('%s are the values there are, with their calls', async (query, value) => {
    const { values, more } = await get<ValuesAnswer>(`/api/values?${PERIOD}&${query}&limit=200`);
    const counts = counted(ROWS.map(value));
    for (const found of values) expect(counts.get(found.value)).toBe(found.calls);
    expect(values.length).toBe(Math.min(200, counts.size));
    expect(more).toBe(counts.size > 200);
    expect(values.map(({ calls }) => calls)).toEqual(values.map(({ calls }) => calls).sort((a, b) => b - a));
  });

  test("follow the other filters but not their own, and a text's part", async () => {
    const { values } = await get<ValuesAnswer>(`/api/values?${PERIOD}&of=project&project=search&outcome=rate_limited&containing=CH`);
    const rows = ROWS.filter((row) => row.outcome === 'rate_limited' && row.project.includes('ch'));
    expect(new Map(values.map(({ value, calls }) => [value, calls]))).toEqual(counted(rows.map((row) => row.project)));
    const names = await get<ValuesAnswer>(`/api/values?${PERIOD}&of=tag`);
    expect(names.values.map(({ value }) => value).sort()).toEqual(['env', 'feature']);
  });
});

describe('one call', () => {
  test('comes with the lines of its cost, which add up to it', async () => {
    const row = sampleCall({
      id: 'priced',
      started_at: `${OTHER_DAY} 09:00:00.000000`,
      input_tokens: 10_000,
      output_tokens: 1_000,
      cache_read_tokens: 4_000,
      request_model: 'gpt-5-mini',
      response_model: 'gpt-5-mini-2025-08-07',
      cost_usd: '0.003600000',
      trace_id: 'ab'.repeat(16),
      span_id: 'cd'.repeat(8),
    });
    const own = sampleCall({
      ...row,
      id: 'own',
      request_model: 'acme/x',
      response_model: 'acme/x',
      cost_usd: '0.028',
      cost_source: 'override',
    });
    const named = sampleCall({ ...row, id: 'named', cost_source: 'provider', cost_usd: '0.5' });
    const unknown = sampleCall({ ...row, id: 'unknown', response_model: 'nobody-has-this', cost_usd: null, cost_source: 'none' });
    await insertCalls(clickhouse.client, [row, own, named, unknown]);
    const story = async (id: string) => (await get<CallAnswer>(`/api/calls/${id}`)).price;
    const listed = await story('priced');
    expect(listed).toMatchObject({ source: 'catalogue', agrees: true, override: null });
    expect(listed?.parts).toHaveLength(1);
    expect(listed?.parts[0]?.entry).toBe('openai: gpt-5-mini');
    expect(listed?.parts[0]?.charges.map(({ label, count, price_usd, per }) => [label, count, price_usd, per])).toEqual([
      ['input', 6000, 0.25, 1e6],
      ['cache read', 4000, 0.025, 1e6],
      ['output', 1000, 2, 1e6],
    ]);
    expect(sum((listed?.parts[0]?.charges ?? []).map((charge) => charge.usd))).toBeCloseTo(0.0036, 12);
    expect(await story('own')).toMatchObject({ source: 'override', override: 'prices.0', agrees: true });
    expect(await story('named')).toMatchObject({ source: 'provider', parts: [], agrees: true });
    expect(await story('unknown')).toMatchObject({ source: 'none', agrees: true, reason: expect.stringContaining('nobody-has-this') });
    expect((await get<CallAnswer>('/api/calls/priced')).trace_url).toBe(
      `https://apm.example/trace/${'ab'.repeat(16)}?span=${'cd'.repeat(8)}`,
    );
  });

  test('knows its place in its session, and the calls around it', async () => {
    const row = ROWS.find(
      (each) =>
        each.session_id !== '' && ROWS.filter((other) => other.session_id === each.session_id && other.project === each.project).length > 2,
    );
    const session = ROWS.filter((other) => other.session_id === row?.session_id && other.project === row.project);
    for (const [index, call] of session.entries()) {
      const answer = await get<CallAnswer>(`/api/calls/${call.id}`);
      expect(answer.session).toMatchObject({ place: index + 1, calls: session.length });
      expect(answer.session?.previous?.id ?? null).toBe(session[index - 1]?.id ?? null);
      expect(answer.session?.next?.id ?? null).toBe(session[index + 1]?.id ?? null);
    }
    expect((await get<CallAnswer>(`/api/calls/${ROWS.find((each) => each.session_id === '')?.id}`)).session).toBeNull();
  });
});

describe('sessions', () => {
  const groups = new Map<string, CallRow[]>();
  for (const row of ROWS)
    if (row.session_id !== '')
      groups.set(`${row.project} ${row.session_id}`, [...(groups.get(`${row.project} ${row.session_id}`) ?? []), row]);

  test.each(['time', 'calls', 'cost', 'errors', 'duration', 'output'])(
    'sorted by %s are each shown once, with the sums of their calls',
    async (sort) => {
      const seen: SessionsAnswer['sessions'][number][] = [];
      let next: string | null = null;
      do {
        const page: SessionsAnswer = await get(`/api/sessions?${PERIOD}&sort=${sort}&limit=211${next === null ? '' : `&cursor=${next}`}`);
        seen.push(...page.sessions);
        next = page.next;
      } while (next !== null);
      expect(seen.map((session) => `${session.project} ${session.session_id}`).sort()).toEqual([...groups.keys()].sort());
      for (const session of seen) {
        const rows = groups.get(`${session.project} ${session.session_id}`) ?? [];
        expect(session).toMatchObject({
          calls: rows.length,
          errors: rows.filter(isError).length,
          input_tokens: sum(rows.map((row) => row.input_tokens)),
          first_at: `${rows[0]?.started_at.replace(' ', 'T')}Z`,
          last_at: `${rows.at(-1)?.started_at.replace(' ', 'T')}Z`,
          user_count: new Set(rows.map((row) => row.user_id).filter(Boolean)).size,
        });
        expect(session.cost_usd ?? -1).toBeCloseTo(sum(rows.map(usd)) ?? -1, 9);
      }
      const value = { time: 'last_at', calls: 'calls', cost: 'cost_usd', errors: 'errors', duration: 'span_ms', output: 'output_tokens' }[
        sort
      ] as keyof (typeof seen)[0];
      const values = seen.map((session) => session[value]).filter((each) => each !== null);
      expect(values).toEqual([...values].sort((a, b) => (a === b ? 0 : (a as number) < (b as number) ? 1 : -1)));
    },
  );

  test('one has its calls in order, whatever its name', async () => {
    const name = `we're "here"/?&=\\ ${'ü'}`;
    const rows = Array.from({ length: 4 }, (_, index) =>
      sampleCall({
        id: `in-order-${index}`,
        project: 'p/q',
        session_id: name,
        started_at: `${OTHER_DAY} 08:00:0${index}.500000`,
        duration_ms: 250,
      }),
    );
    await insertCalls(clickhouse.client, [...rows].reverse());
    const { session, calls, more } = await get<SessionAnswer>(`/api/session?${new URLSearchParams({ project: 'p/q', session: name })}`);
    expect(calls.map((call) => call.id)).toEqual(rows.map((row) => row.id));
    expect(session).toMatchObject({ calls: 4, span_ms: 3250, users: [], models: ['gpt-5-mini-2025-08-07'] });
    expect(more).toBe(false);
    expect((await fetch(`${base}/api/session?project=p&session=${encodeURIComponent(name)}`)).status).toBe(404);
  });
});

/** RFC 4180, as strictly as a spreadsheet reads it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      for (at += 1; ; at += 1) {
        if (text[at] === '"' && text[at + 1] === '"') at += 1;
        else if (text[at] === '"') break;
        cell += text[at];
      }
      at += 1;
    } else for (; at < text.length && text[at] !== ',' && text[at] !== '\r'; at += 1) cell += text[at];
    row.push(cell);
    if (text[at] === '\r') {
      expect(text[at + 1]).toBe('\n');
      rows.push(row);
      row = [];
      at += 2;
    } else at += 1;
  }
  return rows;
}

describe('exports', () => {
  test('of calls have the table’s columns and every call that the filters leave, in the page’s order', async () => {
    const response = await fetch(`${base}/api/export/calls?${PERIOD}&project=checkout&sort=cost&format=csv`);
    const rows = ROWS.filter((row) => row.project === 'checkout');
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="glassway-calls-${DAY}T0000Z-${DAY}T1200Z-${rows.length}-rows.csv"`,
    );
    expect(response.headers.get('content-type')).toContain('text/csv');
    expect(response.headers.get('x-glassway-export-rows-max')).toBe('50000');
    const [head, ...lines] = parseCsv(await response.text());
    expect(head).toEqual(CALL_COLUMNS.map(({ name }) => name));
    expect(lines).toHaveLength(rows.length);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const line of lines) {
      const cells = Object.fromEntries(line.map((cell, index) => [head?.[index] ?? '', cell]));
      const row = byId.get(cells['id'] ?? '') as CallRow;
      expect(cells['cost_usd'] === '' ? null : Number(cells['cost_usd'])).toBe(usd(row));
      expect(cells['input_tokens']).toBe(row.input_tokens === null ? '' : String(row.input_tokens));
      expect(cells['started_at']).toBe(`${row.started_at.replace(' ', 'T')}Z`);
      expect(JSON.parse(cells['tags'] ?? '')).toEqual(row.tags);
    }
    const costs = lines.map((line) => Number(line[head?.indexOf('cost_usd') ?? 0]));
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
  });

  test('as JSON are one array of the same rows, numbers as numbers', async () => {
    const rows = await get<Record<string, unknown>[]>(`/api/export/calls?${PERIOD}&project=search&format=json`);
    expect(rows).toHaveLength(ROWS.filter((row) => row.project === 'search').length);
    expect(Object.keys(rows[0] ?? {})).toEqual(CALL_COLUMNS.map(({ name }) => name));
    const row = ROWS.find((each) => each.id === rows[0]?.['id']) as CallRow;
    expect(rows[0]?.['cost_usd']).toBe(usd(row));
    expect(rows[0]?.['tags']).toEqual(row.tags);
    expect(await get(`/api/export/calls?${PERIOD}&project=nobody&format=json`)).toEqual([]);
  });

  test('are no formulas to a spreadsheet, whatever a caller sent, and keep quotes, commas and line ends', async () => {
    const hostile = [
      '=1+1',
      '+SUM(A1)',
      '-2+3',
      '@cmd',
      '\t=1',
      '=HYPERLINK("http://x","y")',
      'a,b',
      'say "hi"',
      'two\r\nlines',
      ' = 1',
      'plain',
      '-5',
    ];
    await insertCalls(
      clickhouse.client,
      hostile.map((user_id, index) =>
        sampleCall({
          id: `formula-${index}`,
          project: 'formulas',
          user_id,
          started_at: `${OTHER_DAY} 07:00:${String(index).padStart(2, '0')}.000000`,
        }),
      ),
    );
    const response = await fetch(`${base}/api/export/calls?${OTHER_PERIOD}&project=formulas&order=asc`);
    const [head, ...lines] = parseCsv(await response.text());
    const users = lines.map((line) => line[head?.indexOf('user_id') ?? 0] ?? '');
    expect(users.map((user) => user.replace(/^'/, ''))).toEqual(hostile);
    for (const user of users) expect(user).not.toMatch(/^\s*[=+@]|^\s*-(?!5$)|^\t/);
  });

  test('of sessions have the sums', async () => {
    const sessions = await get<Record<string, unknown>[]>(`/api/export/sessions?${PERIOD}&format=json&sort=calls`);
    const { sessions: shown } = await get<SessionsAnswer>(`/api/sessions?${PERIOD}&sort=calls`);
    expect(sessions[0]).toMatchObject({
      project: shown[0]?.project,
      session_id: shown[0]?.session_id,
      calls: shown[0]?.calls,
      duration_ms: shown[0]?.span_ms,
    });
    expect(sessions.length).toBeGreaterThan(shown.length);
  });

  test('stop at their limit and say so in name and headers', async () => {
    await clickhouse.client.command({
      query: `INSERT INTO calls (id, project, started_at, method, path, outcome, usage_source, cost_source, proxy_id, ingested_at)
              SELECT toString(number), 'many', toDateTime64('${OTHER_DAY} 01:00:00', 6, 'UTC') + number / 1000, 'POST', '/x', 'ok', 'none', 'none', 'p', now64(3)
              FROM numbers(50010)`,
    });
    const response = await fetch(`${base}/api/export/calls?${OTHER_PERIOD}&project=many&format=csv`);
    expect(response.headers.get('content-disposition')).toContain('first-50000-of-50010.csv');
    expect(response.headers.get('x-glassway-export-rows-found')).toBe('50010');
    const text = await response.text();
    expect(text.split('\r\n')).toHaveLength(50_002);
    expect(text.split('\r\n')[1]?.startsWith('50009,')).toBe(true);
  });

  test('with a parameter that is wrong are refused before anything is sent', async () => {
    const response = await fetch(`${base}/api/export/calls?${PERIOD}&format=xlsx`);
    expect([response.status, response.headers.get('content-disposition')]).toEqual([400, null]);
    expect(await response.json()).toMatchObject({ error: { code: 'bad_parameter', message: expect.stringContaining('csv, json') } });
  });
});

describe('questions that nobody waits for any more', () => {
  const ENDLESS = 'SELECT sleepEachRow(0.5) FROM numbers(10000) SETTINGS max_block_size = 1';
  const secondsRunning = async (): Promise<number | undefined> => {
    const result = await clickhouse.client.query({
      query: "SELECT elapsed FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'",
      format: 'JSONEachRow',
    });
    return (await result.json<{ elapsed: number }>())[0]?.elapsed;
  };

  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ['an answer', (signal) => createRead(clickhouse.readerClient, TEST_DATABASE)(ENDLESS, {}, signal)],
    [
      'an export',
      (signal) =>
        createReadLines(clickhouse.readerClient, TEST_DATABASE)(ENDLESS, {}, signal, 'JSONEachRow')[Symbol.asyncIterator]().next(),
    ],
  ])('end in ClickHouse: %s', async (_what, ask) => {
    const gone = new AbortController();
    const asked = ask(gone.signal).catch((error: unknown) => error);
    const nap = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20));
    while ((await secondsRunning()) === undefined) await nap();
    gone.abort();
    expect(await asked).toMatchObject({ name: 'AbortError' });
    let lastSeconds = 0;
    for (let seconds = await secondsRunning(); seconds !== undefined; seconds = await secondsRunning()) {
      lastSeconds = seconds;
      await nap();
    }
    // Left alone it would have run until its time limit.
    expect(lastSeconds).toBeLessThan(14);
  });

  test('neither do exports go on whose browser has left', async () => {
    const gone = new AbortController();
    const response = await fetch(`${base}/api/export/calls?${OTHER_PERIOD}&project=many`, { signal: gone.signal });
    await response.body?.getReader().read();
    gone.abort();
    expect((await get<CallsAnswer>(`/api/calls?${PERIOD}&limit=1`)).calls).toHaveLength(1);
  });
});
