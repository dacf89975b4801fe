/** The boards in a real browser, over a week of calls: what one can do with them. That each panel is drawn: demo.test.ts. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import type { Board } from '../../ingest/console/board-types.ts';
import { loadBoards } from '../../ingest/console/boards.ts';
import { createConsole } from '../../ingest/console/index.ts';
import { formatCost, formatCount } from '../../ingest/console/page/format.ts';
import { launchBrowser, openPage, settled, type WatchedPage } from '../kit/browser.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../kit/clickhouse.ts';
import { readDashboards } from '../kit/dashboards.ts';
import { TALL } from '../kit/drawn-board.ts';
import { generateCalls } from '../kit/generated-calls.ts';
import { waitFor } from '../kit/proxy.ts';
import { insertCalls, sampleCall } from '../kit/sample-calls.ts';

const DAY_MS = 86_400_000;
const CALLS = 40_000;
const boards = readDashboards();
const boardOf = (view: string) => boards.get(view === 'latest' ? 'calls' : view);

let clickhouse: TestClickHouse;
let server: Server;
let base: string;
let browser: Browser;
const open: WatchedPage[] = [];

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  await generateCalls(clickhouse.client, { count: CALLS, from: new Date(Date.now() - 7 * DAY_MS), to: new Date(Date.now() - 1000) });
  const app = express();
  app.use(createConsole({ reader: clickhouse.readerClient, database: TEST_DATABASE, version: '1.2.3', proxyUrl: 'http://127.0.0.1:4700' }));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await clickhouse.stop();
});

async function visit(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const page = await openPage(browser, base + path, options);
  open.push(page);
  return page;
}

async function sum(expression: string, where = '1'): Promise<number> {
  const result = await clickhouse.client.query({ query: `SELECT ${expression} AS n FROM calls WHERE ${where}`, format: 'JSONEachRow' });
  return Number((await result.json<{ n: string }>())[0]?.n);
}

const figureOf = (page: Page, title: string) => page.locator(`[data-figure="${title}"]`);
test('figures are those of the calls themselves, of the chosen projects only', async () => {
  const { page } = await visit('/?range=30d&refresh=off&project=checkout&project=search');
  const chosen = "project IN ('checkout', 'search')";
  await figureOf(page, 'Spend').waitFor();
  expect(await figureOf(page, 'Calls').textContent()).toBe(formatCount(await sum('count()', chosen)));
  expect(await figureOf(page, 'Spend').textContent()).toBe(formatCost(await sum('sum(cost_usd)', chosen)));
  await page.getByRole('button', { name: '24h' }).click();
  await page.getByRole('article', { name: 'Calls', exact: true }).getByText('against the period before').waitFor();
});

test('variables are chosen with the keyboard, stand in the address, and go along to other boards', async () => {
  // A time that stands still: figures of two pages are compared.
  const range = String(new URLSearchParams({ from: new Date(Date.now() - DAY_MS).toISOString(), to: new Date().toISOString() }));
  const { page, faults } = await visit(`/?view=cost&${range}&refresh=off`);
  const project = page.getByRole('button', { name: 'Project: All projects' });
  await project.focus();
  await page.keyboard.press('Enter');
  // The list comes from ClickHouse; once it is there the field to search it has the focus.
  await page.locator('input[aria-label="Search project"]:focus').waitFor();
  await page.keyboard.type('check');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Project: checkout' }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Project: checkout');
  await page.getByRole('button', { name: 'Tag: env', exact: true }).click();
  await page.getByRole('group', { name: 'Tag' }).getByText('feature').click();
  await page.getByRole('article', { name: 'Tag: feature' }).waitFor();
  expect(new URL(page.url()).search).toBe(`?view=cost&${range}&refresh=off&project=checkout&var-tag_key=feature`);

  await page.getByRole('navigation').getByRole('link', { name: 'Errors' }).click();
  await page.getByRole('button', { name: 'Project: checkout' }).waitFor();
  await page.getByRole('button', { name: 'Objective: 0.995' }).click();
  await page.getByRole('group', { name: 'Objective' }).getByText('0.9999').click();
  await page.waitForURL(/var-objective=0\.9999/);
  const { page: copy } = await visit(page.url().slice(base.length));
  await copy.getByRole('button', { name: 'Objective: 0.9999' }).waitFor();
  await figureOf(copy, 'Error budget left').waitFor();
  expect(await figureOf(copy, 'Error budget left').textContent()).toBe(await figureOf(page, 'Error budget left').textContent());
  expect(faults).toEqual([]);
});

test('dragging over a chart zooms into its time, and Back and Zoom out lead out again', async () => {
  const { page, faults } = await visit('/?range=24h&refresh=off');
  const canvas = page.locator('.timeseries canvas').first();
  await canvas.waitFor();
  await settled(page);
  const calls = await figureOf(page, 'Calls').textContent();
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the chart has no place on the page');
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const { searchParams } = new URL(page.url());
  const hours = (Date.parse(searchParams.get('to') ?? '') - Date.parse(searchParams.get('from') ?? '')) / 3_600_000;
  expect(hours).toBeGreaterThan(5);
  expect(hours).toBeLessThan(10);
  await settled(page);
  expect(await figureOf(page, 'Calls').textContent()).not.toBe(calls);
  await page.getByRole('button', { name: 'Zoom out' }).click();
  await page.waitForURL((url) => Date.parse(url.searchParams.get('from') ?? '') < Date.parse(searchParams.get('from') ?? ''));
  await page.goBack();
  await page.goBack();
  await page.waitForURL(/range=24h/);
  await page.waitForFunction((text) => document.querySelector('[data-figure="Calls"]')?.textContent === text, calls);
  expect(faults).toEqual([]);
});

test('figures lead further: to another board, to the list of calls, to one call', async () => {
  const { page, faults } = await visit('/?view=errors&range=7d&refresh=off&project=search', TALL);
  await settled(page);
  await page.getByRole('article', { name: 'Errors in the provider’s words' }).getByTitle('Latency of this provider').first().click();
  await page.waitForURL(/view=latency.*project=search.*provider=/);
  await page.goBack();
  await page.getByRole('article', { name: 'Failed', exact: true }).getByRole('link').click();
  await page.waitForURL(/view=calls.*range=7d.*project=search/);
  await page.goto(`${base}/?view=latest&range=7d&refresh=off`);
  await settled(page);
  const id = page.getByRole('article', { name: 'Calls', exact: true }).locator('tbody tr').first().locator('td').nth(1);
  const text = (await id.textContent()) ?? '';
  await id.getByRole('link').click();
  await page.getByRole('dialog', { name: 'One call' }).waitFor();
  await page.getByRole('article', { name: 'One call' }).getByText(text, { exact: true }).waitFor();
  expect(faults).toEqual([]);
});

test('a chart can be read as a table, and the address keeps that', async () => {
  const { page } = await visit('/?view=latency&range=24h&refresh=off', TALL);
  await page.getByRole('button', { name: 'Calls by duration as a table' }).click();
  const table = page.getByRole('region', { name: 'Calls by duration, table' });
  await table.waitFor();
  expect(await table.locator('tbody tr').count()).toBeGreaterThan(20);
  await page.reload();
  await table.waitFor();
  expect(await page.getByRole('img', { name: /^Duration, mean: p\d\d duration/ }).count()).toBe(1);
});

test('only panels in sight are asked for, new figures come by themselves and at a press', async () => {
  const asked = new Set<string>();
  const { page, faults } = await visit('/?view=project&project=fresh&range=1h&refresh=off');
  page.on('request', (request) => asked.add(/panels\/(\d+)/.exec(request.url())?.[1] ?? ''));
  await page.reload();
  await figureOf(page, 'Calls').waitFor();
  await page.getByRole('article', { name: 'Calls by outcome' }).getByText('Nothing in this time range').waitFor();
  const [last] = (boardOf('project')?.panels ?? []).slice(-1);
  expect([asked.has('1'), asked.has(String(last?.id))]).toEqual([true, false]);
  const askedLast = page.waitForRequest(new RegExp(`panels/${last?.id}\\?`));
  await page.locator(`[data-panel="${last?.id}"]`).scrollIntoViewIfNeeded();
  await askedLast;
  await page.evaluate(() => scrollTo(0, 0));

  const add = (at: number) =>
    insertCalls(clickhouse.client, [
      sampleCall({
        id: `fresh-${at}`,
        project: 'fresh',
        started_at: `${new Date(Date.now() - 5000).toISOString().slice(0, 23).replace('T', ' ')}000`,
      }),
    ]);
  const shows = (text: string) =>
    page.waitForFunction((wanted) => document.querySelector('[data-figure="Calls"]')?.textContent === wanted, text);
  await add(1);
  await page.getByRole('button', { name: 'Refresh now' }).click();
  await shows('1');
  await page.getByRole('combobox', { name: 'Refresh' }).selectOption('5s');
  await add(2);
  await shows('2');
  expect(faults).toEqual([]);
});

test('a chart is read and zoomed with the keyboard', async () => {
  const { page, faults } = await visit('/?range=24h&refresh=off');
  await settled(page);
  const chart = page.locator('.timeseries .chart-frame').first();
  await chart.focus();
  // It draws a frame after it has its size, and has nothing to read before.
  await waitFor('the chart to be read', async () => {
    await page.keyboard.press('ArrowLeft');
    return (await page.locator('.chart-tip-time:visible').count()) > 0;
  });
  const read = await page.locator('.chart-tip-time:visible').textContent();
  for (let presses = 0; presses < 4; presses += 1) await page.keyboard.press('Shift+ArrowLeft');
  expect(await page.locator('.chart-tip-time:visible').textContent()).not.toBe(read);
  await page.keyboard.press('Enter');
  await page.waitForURL(/from=.*to=/);
  const { searchParams } = new URL(page.url());
  const minutes = (Date.parse(searchParams.get('to') ?? '') - Date.parse(searchParams.get('from') ?? '')) / 60_000;
  expect(minutes).toBeGreaterThan(10);
  expect(minutes).toBeLessThan(24 * 60);
  expect(faults).toEqual([]);
});

test('what a legend has turned off stands in the address', async () => {
  const { page } = await visit('/?view=latency&range=24h&refresh=off', TALL);
  await settled(page);
  const legend = page.locator('.timeseries .legend').first();
  const entries = legend.getByRole('button');
  await entries.first().click();
  await page.waitForURL(/hide-\d+=/);
  const pressed = () => entries.evaluateAll((all) => all.map((entry) => entry.getAttribute('aria-pressed')));
  const shown = await pressed();
  expect(shown.filter((each) => each === 'true')).toHaveLength(1);
  const { page: copy } = await visit(page.url().slice(base.length), TALL);
  await settled(copy);
  const copied = copy.locator('.timeseries .legend').first().getByRole('button');
  expect(await copied.evaluateAll((all) => all.map((entry) => entry.getAttribute('aria-pressed')))).toEqual(shown);
  await entries.first().click();
  await page.waitForURL((url) => !url.search.includes('hide-'));
  expect(await pressed()).not.toContain('false');
});

test('a heavy question ends in ClickHouse when its page goes away', async () => {
  // Reads no table, and would go on to the limit on rows.
  const rawSql = 'SELECT count() AS calls FROM numbers(900000000) WHERE cityHash64(toString(number)) = 1 AND $__fromTime < $__toTime';
  const latency = loadBoards().get('latency');
  const heavy = { ...latency, panels: [{ ...latency?.panels.find(({ targets }) => targets), targets: [{ refId: 'A', rawSql }] }] } as Board;
  const app = express();
  const boards = new Map([...loadBoards(), ['latency', heavy]]);
  app.use(
    createConsole({ reader: clickhouse.readerClient, database: TEST_DATABASE, version: '1', proxyUrl: 'http://127.0.0.1:4700', boards }),
  );
  const heavyServer = app.listen(0, '127.0.0.1');
  await once(heavyServer, 'listening');
  const running = async () => {
    const answer = await clickhouse.client.query({
      query: "SELECT count() AS n FROM system.processes WHERE position(query, 'numbers(900000000)') > 0 AND user = 'default'",
      format: 'JSONEachRow',
    });
    return Number((await answer.json<{ n: string }>())[0]?.n);
  };
  const cancelled = async () => {
    const answer = await clickhouse.client.query({
      query: "SELECT sum(value) AS n FROM system.errors WHERE startsWith(name, 'QUERY_WAS_CANCELLED')",
      format: 'JSONEachRow',
    });
    return Number((await answer.json<{ n: string }>())[0]?.n);
  };
  try {
    const before = await cancelled();
    const page = await openPage(browser, `http://127.0.0.1:${(heavyServer.address() as AddressInfo).port}/?view=latency&refresh=off`);
    await waitFor('the question to run', async () => (await running()) > 0);
    await page.close();
    await waitFor('the question to end', async () => (await running()) === 0);
    expect(await cancelled()).toBeGreaterThan(before);
  } finally {
    heavyServer.closeAllConnections();
    await new Promise((resolve) => heavyServer.close(resolve));
  }
});

test('leaving a board gives up what it has asked for', async () => {
  const { page } = await visit('/?view=connect');
  await page.route(/panels/, () => {});
  const asked = page.waitForRequest(/boards\/latency\/panels/);
  await page.getByRole('navigation').getByRole('link', { name: 'Latency' }).click();
  await asked;
  const givenUp = page.waitForEvent('requestfailed', (request) => /boards\/latency\/panels/.test(request.url()));
  await page.getByRole('navigation').getByRole('link', { name: 'Connect' }).click();
  expect((await givenUp).failure()?.errorText).toBe('net::ERR_ABORTED');
});

test('a board may be left while a chart is still being drawn', async () => {
  const { page, faults } = await visit('/?view=connect', TALL);
  // The library draws for 15 ms of this clock and goes on in the next frame: like this it needs hundreds of frames.
  await page.evaluate(() => {
    const now = Date.now;
    let late_ms = 0;
    Date.now = () => {
      late_ms += 20;
      return now() + late_ms;
    };
  });
  await page.getByRole('navigation').getByRole('link', { name: 'Latency' }).click();
  await page.getByRole('article', { name: 'Calls by duration' }).locator('canvas').first().waitFor();
  await page.getByRole('navigation').getByRole('link', { name: 'Connect' }).click();
  await page.locator('.board').waitFor({ state: 'detached' });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  expect(faults).toEqual([]);
});
