/** The API that boards are drawn with, against an embedded ClickHouse: the committed SQL, with values that never become SQL. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import request from 'supertest';
import type { Board, BoardsAnswer, Column, PanelAnswer, VariableAnswer } from '../../../ingest/console/board-types.ts';
import { loadBoards } from '../../../ingest/console/boards.ts';
import { createConsole } from '../../../ingest/console/index.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../../kit/clickhouse.ts';
import { panelQueries, readDashboards } from '../../kit/dashboards.ts';
import { insertCalls, sampleCall, sampleCalls } from '../../kit/sample-calls.ts';

const HOUR_MS = 3_600_000;
const TO = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
const FROM = new Date(TO.getTime() - 20 * HOUR_MS);
const PERIOD = `from=${FROM.toISOString()}&to=${TO.toISOString()}`;
const ROWS = sampleCalls({ count: 2000, from: FROM, to: TO, seed: 5 });
/** What would widen a filter, or end a string, if a value ever became SQL. */
const HOSTILE = [
  "' OR 1=1 --",
  "\\' OR 1=1 --",
  '$__conditionalAll(1=1, $project)',
  `\${project:singlequote}`,
  '{value_0:String}',
  'a\\',
  "o'brien",
];
const HOSTILE_ROWS = HOSTILE.map((project, at) =>
  sampleCall({ id: `hostile-${at}`, project, user_id: project, started_at: ROWS[0]?.started_at ?? '' }),
);

/** Minutes of work, were it not for the limits, and more rows than they allow: in place of the overview's first panel. */
const TOO_MANY_ROWS_SQL = 'SELECT count() AS calls FROM numbers(100000000000) WHERE NOT ignore(number)';
const HEAVY_SQL = 'SELECT count() AS calls FROM numbers(900000000) WHERE NOT ignore(SHA256(toString(number)), 42424242)';

let clickhouse: TestClickHouse;
let server: Server;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  await insertCalls(clickhouse.client, [...ROWS, ...HOSTILE_ROWS]);
  const boards = loadBoards();
  const app = express();
  const deps = { reader: clickhouse.readerClient, database: TEST_DATABASE, version: '1.2.3', proxyUrl: 'http://127.0.0.1:4700' };
  app.use('/heavy', createConsole({ ...deps, boards: new Map([['overview', withHeavyPanel(boards.get('overview'))]]) }));
  app.use(createConsole({ ...deps, boards }));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await clickhouse.stop();
});

function withHeavyPanel(board: Board | undefined): Board {
  if (!board) throw new Error('there is no overview');
  const [first, ...rest] = board.panels;
  if (!first) throw new Error('the overview has no panels');
  return {
    ...board,
    panels: [
      {
        ...first,
        targets: [
          { refId: 'A', rawSql: HEAVY_SQL },
          { refId: 'B', rawSql: TOO_MANY_ROWS_SQL },
        ],
      },
      ...rest,
    ],
  };
}

async function get<T>(path: string): Promise<T> {
  const response = await request(server).get(path);
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.text}`);
  return response.body as T;
}

async function column(path: string, name: string): Promise<Column['values']> {
  const { columns } = await get<PanelAnswer>(path);
  return columns.find((each) => each.name === name)?.values ?? [];
}

const panel = (board: string, id: number, query = ''): string => `/api/boards/${board}/panels/${id}?${PERIOD}${query}`;

test('gives the committed dashboards, and nothing else', async () => {
  const committed = readDashboards();
  const { boards } = await get<BoardsAnswer>('/api/boards');
  expect(boards.map(({ name, title }) => [name, title])).toEqual([...committed].map(([name, { title }]) => [name, title]));
  for (const [name, board] of committed) expect(await get(`/api/boards/${name}`)).toEqual(board);
  const response = await request(server).get('/api/boards/..%2Foverview');
  expect([response.status, response.body.error.message]).toEqual([404, expect.stringContaining('there are calls, cost')]);
});

test.each(panelQueries().map(({ name, board, panel: { id }, target }) => [name, board, id, target.refId] as const))(
  '%s answers with columns of one length, times as numbers',
  async (_, board, id, target) => {
    const { columns, interval_ms } = await get<PanelAnswer>(panel(board, id, `&target=${target}`));
    expect(interval_ms).toBeGreaterThan(0);
    expect(columns.length).toBeGreaterThan(0);
    expect(new Set(columns.map(({ values }) => values.length)).size).toBe(1);
    for (const { kind, values } of columns)
      for (const value of values) expect(value === null || typeof value === (kind === 'text' ? 'string' : 'number')).toBe(true);
    for (const time of columns.find(({ name }) => name === 'time')?.values ?? []) {
      expect(Number(time)).toBeGreaterThanOrEqual(FROM.getTime() - interval_ms);
      expect(Number(time)).toBeLessThanOrEqual(TO.getTime());
    }
  },
);

test('counts what the chosen values choose, whatever is in them', async () => {
  const projects = [...new Set(ROWS.map(({ project }) => project))];
  for (const project of [...projects, ...HOSTILE]) {
    const calls = [...ROWS, ...HOSTILE_ROWS].filter((row) => row.project === project).length;
    expect(await column(panel('overview', 1, `&var-project=${encodeURIComponent(project)}`), 'calls')).toEqual([calls]);
  }
  expect(
    await column(panel('overview', 1, HOSTILE.map((project) => `&var-project=${encodeURIComponent(project)}`).join('')), 'calls'),
  ).toEqual([HOSTILE.length]);
  expect(await column(panel('overview', 1), 'calls')).toEqual([ROWS.length + HOSTILE.length]);
  for (const user of HOSTILE) expect(await column(panel('calls', 2, `&var-user=${encodeURIComponent(user)}`), 'user')).toEqual([user]);
});

test('gives the period before on request, of the same length', async () => {
  const middle = new Date((FROM.getTime() + TO.getTime()) / 2);
  const second = `/api/boards/overview/panels/1?from=${middle.toISOString()}&to=${TO.toISOString()}`;
  const calls = (rows: typeof ROWS) =>
    rows.filter(({ started_at }) => Date.parse(`${started_at.replace(' ', 'T')}Z`) < middle.getTime()).length;
  const all = [...ROWS, ...HOSTILE_ROWS];
  expect(await column(second, 'calls')).toEqual([all.length - calls(all)]);
  expect(await column(`${second}&periods_back=1`, 'calls')).toEqual([calls(all)]);
});

test('lists the values that a variable can have, of those chosen before it', async () => {
  const { values } = await get<VariableAnswer>(`/api/boards/overview/variables/model?${PERIOD}&var-project=search`);
  const models = ROWS.filter(({ project }) => project === 'search').map((row) => row.response_model || row.request_model);
  expect(values).toEqual([...new Set(models)].sort());
});

test('refuses what is not one of the listed values, not a variable, or not a panel', async () => {
  const refused = async (path: string): Promise<unknown[]> => {
    const { status, body } = await request(server).get(path);
    return [status, body.error.message];
  };
  expect(await refused(panel('errors', 3, '&var-objective=1)'))).toEqual([400, expect.stringContaining('0.99, 0.995')]);
  expect(await refused(panel('overview', 1, '&var-projekt=a'))).toEqual([400, expect.stringContaining('var-project')]);
  expect(await refused(panel('overview', 1, '&rawSql=SELECT%201'))).toEqual([400, expect.stringContaining('rawSql')]);
  expect(await refused(panel('project', 1, '&var-project=a&var-project=b'))).toEqual([400, expect.stringContaining('one value')]);
  expect(await refused(panel('overview', 1, '&points=9'))).toEqual([400, expect.stringContaining('from 10 to 2000')]);
  expect(await refused(panel('overview', 999))).toEqual([404, expect.stringContaining('no panel 999')]);
  // A text has no query.
  const text = readDashboards()
    .get('pipeline')
    ?.panels.find(({ type }) => type === 'text');
  expect(await refused(`/api/boards/pipeline/panels/${text?.id}?${PERIOD}`)).toEqual([404, expect.stringContaining('SQL query')]);
});

test('a heavy question is stopped in ClickHouse when whoever asked goes away', async () => {
  const count = async (query: string): Promise<number> => {
    const result = await clickhouse.client.query({ query, format: 'JSONEachRow' });
    return Number((await result.json<{ n: string }>())[0]?.n);
  };
  const running = () =>
    count("SELECT count() AS n FROM system.processes WHERE query LIKE '%42424242%' AND query NOT LIKE '%system.processes%'");
  const outOfTime = () => count("SELECT sum(value) AS n FROM system.errors WHERE name = 'TIMEOUT_EXCEEDED'");
  const outOfTimeBefore = await outOfTime();
  const until = async (wanted: number): Promise<void> => {
    while ((await running()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const gone = new AbortController();
  let answered = false;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/heavy${panel('overview', 1)}`;
  const asked = fetch(url, { signal: gone.signal }).then(
    () => {
      answered = true;
    },
    () => {},
  );
  await until(1);
  gone.abort();
  await asked;
  await until(0);
  expect([answered, await outOfTime()]).toEqual([false, outOfTimeBefore]);
});

test('a question beyond the limits is refused in words', async () => {
  const { status, body } = await request(server).get(`/heavy${panel('overview', 1, '&target=B')}`);
  expect([status, body.error.code]).toEqual([503, 'query_too_heavy']);
  expect(body.error.message).toContain('Choose a shorter time range');
});
