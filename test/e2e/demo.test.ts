/**
 * The demo's traffic through a whole Glassway: what the mock provider sent is what ClickHouse says, what the boards' SQL
 * gives, and what stands on the page.
 */
import type { Browser, Page } from 'playwright-core';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import type { MockCell, MockTotals, Tally } from '../../cli/demo/totals.ts';
import { runTraffic, type TrafficSummary } from '../../cli/demo/traffic.ts';
import type { Board } from '../../ingest/console/board-types.ts';
import { formatCount, formatPercent, formatWhole } from '../../ingest/console/page/format.ts';
import { VIEWS, type ViewEntry } from '../../ingest/console/page/views.ts';
import { fitsItsWidth, launchBrowser, openPage, seriousFaults, settled, type WatchedPage } from '../kit/browser.ts';
import { expandFor, panelQueries, readDashboards } from '../kit/dashboards.ts';
import { panelsWithoutData, TALL } from '../kit/drawn-board.ts';
import { glasswayPorts, type RunningGlassway, runToEnd, startGlassway, waitFor } from '../kit/glassway.ts';

let glassway: RunningGlassway;
let mock: MockProvider;
let summary: TrafficSummary;
let sent: MockTotals;
let browser: Browser;
const open: WatchedPage[] = [];

beforeAll(async () => {
  const ports = await glasswayPorts();
  glassway = await startGlassway({ ports });
  mock = await startMockProvider({ host: '127.0.0.1', port: ports.mockProvider, seed: 21, latencyScale: 0, errors: true });
  [summary, browser] = await Promise.all([runTraffic({ proxyUrl: glassway.proxyUrl, rate: 100, minutes: 0.1, seed: 21 }), launchBrowser()]);
  sent = mock.sent();
  await waitFor(`${summary.sent} rows`, async () => {
    const [row] = await glassway.query('SELECT count() AS calls FROM calls');
    return (row?.['calls'] as number) >= summary.sent ? true : undefined;
  });
  // An insert is seen in the calls before it is in the rollups.
  await waitFor('the rollups to be complete', async () => {
    const [row] =
      await glassway.query(`SELECT (SELECT sum(calls) FROM calls_by_minute) AS minutes, (SELECT sum(calls) FROM latency_by_hour) AS hours,
      (SELECT sumIf(calls, label = 'all') FROM calls_by_day) AS days`);
    return Object.values(row ?? {}).every((calls) => Number(calls) >= summary.sent) ? true : undefined;
  });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  await mock?.close();
  await glassway?.stop();
});

/** A stream with one broken event still says its usage; a broken JSON body says nothing. */
const isReadable = ({ end, stream }: MockCell): boolean => end === 'ok' || (end === 'malformed' && stream);

test('every call that the mock provider answered is one row, with the tokens that it sent, per project', async () => {
  expect(sent.calls).toBeGreaterThan(300);
  const rows = await glassway.query(
    "SELECT project, sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cache_read_tokens) AS cached, sum(reasoning_tokens) AS reasoning FROM calls WHERE outcome = 'ok' AND usage_source = 'provider' GROUP BY project ORDER BY project",
  );
  const expected = new Map<string, { input: number; output: number; cached: number; reasoning: number }>();
  for (const cell of sent.cells) {
    if (!isReadable(cell) || cell.calls_with_usage === 0) continue;
    const sum = expected.get(cell.label) ?? { input: 0, output: 0, cached: 0, reasoning: 0 };
    sum.input += cell.input_tokens;
    sum.output += cell.output_tokens;
    sum.cached += cell.cache_read_tokens;
    sum.reasoning += cell.reasoning_tokens;
    expected.set(cell.label, sum);
  }
  expect(rows.map(({ project, ...sums }) => [project, sums])).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)));

  const [counts] = await glassway.query(
    'SELECT count() AS calls, uniqExact(id) AS ids, uniqExact(proxy_id, seq) AS seqs, max(seq) AS last FROM calls',
  );
  expect(counts).toEqual({ calls: summary.sent, ids: summary.sent, seqs: summary.sent, last: summary.sent });
});

test('the boards ask for what the mock provider sent, of the calls themselves and of the rollups', async () => {
  const [rollup] = await glassway.query('SELECT sum(calls) AS calls, sum(cost_usd) AS cost FROM calls_by_minute');
  const [table] = await glassway.query('SELECT count() AS calls, sum(cost_usd) AS cost FROM calls');
  expect(rollup).toEqual(table);
  for (const hours of [12, 72]) await expectBoardsToSay(glassway, sent, hours);
  await waitFor('ingest to have written down how it and the proxy are', async () => {
    const [row] = await glassway.query(
      "SELECT maxIf(value, label = 'inserted') AS records, countIf(metric = 'glassway_proxy_batches_total') AS batches, countIf(began < now() - 3600) AS unbegun FROM health WHERE metric IN ('glassway_ingest_records_total', 'glassway_proxy_batches_total')",
    );
    expect(Number(row?.['unbegun'])).toBe(0);
    return Number(row?.['records']) >= summary.sent && Number(row?.['batches']) > 0 ? true : undefined;
  });
  for (const hours of [12, 72]) await expectEveryPanelToHaveData(glassway, summary.sent, hours);
});

async function visit(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const page = await openPage(browser, glassway.consoleUrl + path, options);
  open.push(page);
  await settled(page.page);
  return page;
}

describe.each(
  Object.entries(VIEWS).flatMap(([view, { label, board }]: [string, ViewEntry]) =>
    board === undefined ? [] : [[view, label, board] as const],
  ),
)('board %s', (view, label, name) => {
  test('draws every panel with data, and is there for everybody in both themes', async () => {
    const { page, faults } = await visit(`/?view=${view}&range=1h&refresh=off`, { ...TALL, colorScheme: 'dark' });
    await page.getByRole('heading', { level: 1, name: label }).waitFor();
    const board = readDashboards().get(name) as Board;
    const among = (panels: readonly string[]) => (title: string) => panels.includes(`${name} / ${title}`);
    expect((await panelsWithoutData(page, board)).filter((title) => !among(BY_LUCK)(title))).toEqual(
      board.panels.map(({ title }) => title).filter(among(EMPTY)),
    );
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Use the light theme' }).click();
    expect(await seriousFaults(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await fitsItsWidth(page);
    expect(faults).toEqual([]);
  });
});

test('the figures that stand on the page are what the mock provider sent and what the demo met', async () => {
  const cells = sent.cells.filter(isReadable);
  const tokens = async (key: 'input_tokens' | 'output_tokens', project?: string): Promise<number> => {
    // What the provider did not say was counted.
    const [row] = await glassway.query(
      `SELECT sum(${key}) AS n FROM calls WHERE usage_source = 'estimated' ${project === undefined ? '' : `AND project = '${project}'`}`,
    );
    const own = cells.filter(({ label }) => project === undefined || label === project);
    return own.reduce((sum, cell) => sum + cell[key], 0) + Number(row?.['n']);
  };
  const figure = async (page: Page, title: string) => page.locator(`[data-figure="${title}"]`).textContent();

  const { page: overview } = await visit('/?range=1h&refresh=off', TALL);
  expect(await figure(overview, 'Calls')).toBe(formatCount(summary.sent));
  // After the figure the page says in words what its colour means.
  expect(await figure(overview, 'Error rate')).toMatch(new RegExp(`^${formatPercent(summary.failed / summary.sent)},`));
  const rows = overview.getByRole('article', { name: 'Projects' }).locator('tbody tr');
  const [, ...drawn] = await overview.getByRole('article', { name: 'Projects' }).getByRole('columnheader').allInnerTexts();
  expect(await rows.count()).toBe(summary.projects.length);
  for (const { project, calls, failed } of summary.projects) {
    const texts = await rows.filter({ hasText: project }).locator('td').allInnerTexts();
    const cell = (heading: string) => texts[1 + drawn.findIndex((text) => text.startsWith(heading))];
    expect([project, ...['Calls', 'Failed', 'Input tokens', 'Output tokens'].map(cell)]).toEqual([
      project,
      formatCount(calls),
      formatCount(failed),
      formatCount(await tokens('input_tokens', project)),
      formatCount(await tokens('output_tokens', project)),
    ]);
  }

  const { page: errors } = await visit('/?view=errors&range=1h&refresh=off', TALL);
  expect(await figure(errors, 'Failed')).toBe(formatCount(summary.failed));
  const { page: calls } = await visit('/?view=calls&range=1h&refresh=off');
  const totals = (await calls.locator('.totals').allInnerTexts()).join().replaceAll(/\s+/g, ' ');
  expect(totals).toContain(`${formatWhole(summary.sent)} calls ${formatPercent(summary.failed / summary.sent)} errors`);
  expect(totals).toContain(
    `${formatCount(await tokens('input_tokens'))} tokens in ${formatCount(await tokens('output_tokens'))} tokens out`,
  );
});

/** The provider's list, USD per million tokens: input, input from the cache, output. Of models that cost the same whatever a prompt's length. */
const LIST_PRICES: Readonly<Record<string, readonly [input: number, cached: number, output: number]>> = {
  'gpt-4o-mini': [0.15, 0.075, 0.6],
  'gpt-4.1-mini': [0.4, 0.1, 1.6],
  'gpt-5-mini': [0.25, 0.025, 2],
  'text-embedding-3-small': [0.02, 0.02, 0],
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
const TAGS = 'Tag: ${tag_key}';

/** Each board's sums over a range that holds everything, beside what the mock provider sent and beside one another. */
async function expectBoardsToSay(glassway: RunningGlassway, sent: MockTotals, hours: number): Promise<void> {
  const to = new Date();
  const range = { from: new Date(to.getTime() - hours * 3_600_000), to };
  const panel = async (name: string, projects?: readonly string[]) => {
    const found = panelQueries().find((query) => query.name.replace(/ \d+ /, ' ') === name);
    if (found === undefined) throw new Error(`there is no panel ${name}`);
    return await glassway.query(expandFor(found.sql, projects === undefined ? range : { ...range, projects }));
  };
  const sum = (rows: readonly Record<string, unknown>[], column: string) =>
    rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
  const ofCells = (cells: readonly MockCell[], key: keyof Tally) => cells.reduce((total, cell) => total + cell[key], 0);
  const estimated = await glassway.query(
    "SELECT project, request_model AS model, sum(input_tokens) AS input, sum(output_tokens) AS output, toFloat64(sum(cost_usd)) AS cost FROM calls WHERE usage_source = 'estimated' GROUP BY project, model",
  );
  const readable = sent.cells.filter(isReadable);

  const projects = await panel('overview / Projects');
  const names = [...new Set(sent.cells.map(({ label }) => label))].sort();
  expect(projects.map(({ project }) => project).sort()).toEqual(names);
  for (const name of names) {
    const row = projects.find(({ project }) => project === name);
    const [mine, guessed] = [readable.filter(({ label }) => label === name), estimated.filter(({ project }) => project === name)];
    const figures = [name, row?.['calls'], row?.['input_tokens'], row?.['output_tokens']];
    const calls = ofCells(
      sent.cells.filter(({ label }) => label === name),
      'calls',
    );
    expect(figures).toEqual([
      name,
      calls,
      ofCells(mine, 'input_tokens') + sum(guessed, 'input'),
      ofCells(mine, 'output_tokens') + sum(guessed, 'output'),
    ]);
    expect([name, sum(await panel('project / Calls', [name]), 'calls')]).toEqual([name, calls]);
    for (const by of ['Models', TAGS, 'API keys', 'Client libraries'])
      expect([name, by, sum(await panel(`project / ${by}`, [name]), 'calls')]).toEqual([name, by, calls]);
  }

  const models = await panel('cost / Models');
  for (const [name, [input, cached, output]] of Object.entries(LIST_PRICES)) {
    const cells = readable.filter(({ model }) => model === name);
    const fromCache = ofCells(cells, 'cache_read_tokens');
    const usd =
      ((ofCells(cells, 'input_tokens') - fromCache) * input + fromCache * cached + ofCells(cells, 'output_tokens') * output) / 1e6;
    const guessed = sum(
      estimated.filter(({ model }) => model === name),
      'cost',
    );
    const shown = models.filter(({ model }) => String(model).replace(/-\d{4}-\d\d-\d\d$/, '') === name);
    expect([name, sum(shown, 'cost_usd').toFixed(6)]).toEqual([name, (usd + guessed).toFixed(6)]);
  }

  const [spend] = await panel('overview / Spend');
  for (const rows of [
    projects,
    models,
    await panel('cost / Spend'),
    await panel(`cost / ${TAGS}`),
    await panel('cost / Spend by provider'),
  ])
    expect(sum(rows, 'cost_usd')).toBeCloseTo(Number(spend?.['cost_usd']), 6);
  const failed = sum(await panel('errors / Failed'), 'errors');
  expect(failed).toBe(sum(projects, 'errors'));
  const [notOk] = await glassway.query("SELECT countIf(outcome != 'ok') AS n FROM calls");
  expect(sum(await panel('errors / Errors in the provider’s words'), 'calls')).toBe(notOk?.['n']);
}

/** What cannot be there: which call is not chosen, calls that young are not yet looked at for losses, nothing went wrong and no APM is set. */
const EMPTY = [
  'calls / One call',
  'pipeline / Proxies',
  'pipeline / Records dropped',
  'pipeline / Bodies read in part',
  'pipeline / Dead letters',
  'pipeline / Faults of the journal’s disk',
  'pipeline / Spans to the APM',
];
/** The mock provider does not wait here: whether any answer takes long enough to have a speed is luck (output-speed.test.ts asks for that). */
const BY_LUCK = ['latency / Output tokens per second'];
/** Those that have every call once, with the columns that count them. */
const ALL_CALLS: Readonly<Record<string, readonly string[]>> = {
  'calls / Calls by outcome': ['calls'],
  'latency / Providers and models': ['timed_calls'],
  'latency / Calls by duration': [],
  'overview / Calls': ['calls'],
  'pipeline / Records taken and set aside': ['records'],
};

/** On every board, over a range that holds everything. */
async function expectEveryPanelToHaveData(glassway: RunningGlassway, sent: number, hours: number): Promise<void> {
  const to = new Date();
  const counted = new Map<string, number>();
  for (const { name, sql } of panelQueries()) {
    const panel = name.replace(/ \d+ /, ' ');
    const rows = await glassway.query(expandFor(sql, { from: new Date(to.getTime() - hours * 3_600_000), to }));
    const says = rows.some((row) => Object.values(row).some((value) => value !== null && value !== ''));
    if (!BY_LUCK.includes(panel)) expect([panel, says]).toEqual([panel, !EMPTY.includes(panel)]);
    const columns = ALL_CALLS[panel];
    if (columns === undefined) continue;
    const ofRow = (row: Record<string, unknown>) => (columns.length > 0 ? columns : Object.keys(row).filter((column) => column !== 'time'));
    counted.set(
      panel,
      rows.reduce((total, row) => total + ofRow(row).reduce((sum, column) => sum + Number(row[column] ?? 0), 0), 0),
    );
  }
  expect(Object.fromEntries([...counted].map(([panel, calls]) => [panel, Math.round(calls)]))).toEqual(
    Object.fromEntries(Object.keys(ALL_CALLS).map((panel) => [panel, sent])),
  );
}

test('glassway demo without a running Glassway says what to do, with exit code 1', async () => {
  const ports = await glasswayPorts();
  const { code, output } = await runToEnd(['demo', '--minutes', '1'], {
    GLASSWAY_LISTEN_PROXY: String(ports.proxy),
    GLASSWAY_LISTEN_MOCK_PROVIDER: String(ports.mockProvider),
  });
  expect(code).toBe(1);
  expect(output).toContain('npm start');
});

test.each([
  ['--rate', '0'],
  ['--rate', 'fast'],
  ['--minutes', '100000'],
  ['--seed', '-1'],
])('glassway demo %s %s names the option and what is accepted', async (option, value) => {
  const { code, output } = await runToEnd(['demo', option, value]);
  expect(code).toBe(1);
  expect(output).toContain(option.slice(2));
  expect(output).toContain(value);
});
