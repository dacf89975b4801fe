/** The console in a real browser, from the first call to a ClickHouse that goes away and comes back. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import express from 'express';
import type { Browser, Locator, Page } from 'playwright-core';
import type { CallRow } from '../../contract/record.ts';
import { createConsole } from '../../ingest/console/index.ts';
import { fitsItsWidth, launchBrowser, openPage, type WatchedPage } from '../kit/browser.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../kit/clickhouse.ts';
import { freePorts } from '../kit/ports.ts';
import { insertCalls, sampleCall, sampleCalls } from '../kit/sample-calls.ts';

const PROXY_URL = 'http://127.0.0.1:4700';
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let clickhouse: TestClickHouse;
let line: Line;
let reader: ClickHouseClient;
let server: Server;
let base: string;
let browser: Browser;
const open: WatchedPage[] = [];

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  line = await openLine(Number(new URL(clickhouse.url).port));
  reader = createClient({ url: `http://127.0.0.1:${line.port}`, ...clickhouse.reader, database: TEST_DATABASE, log: { level: 127 } });
  const app = express();
  app.use(createConsole({ reader, database: TEST_DATABASE, version: '1.2.3', proxyUrl: PROXY_URL }));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  browser = await launchBrowser();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await reader.close();
  await line.cut();
  await clickhouse.stop();
});

/** A TCP line to ClickHouse that can be cut and mended. */
interface Line {
  readonly port: number;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

async function openLine(targetPort: number): Promise<Line> {
  const [port = 0] = await freePorts(1);
  const sockets = new Set<Socket>();
  let listener: TcpServer | undefined;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const mend = async (): Promise<void> => {
    listener = createServer((near) => {
      const far = connect(targetPort, '127.0.0.1');
      keep(near);
      keep(far);
      near.pipe(far).pipe(near);
    });
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  };
  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => (listener ? listener.close(resolve) : resolve(undefined)));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await mend();
  return { port, cut, mend };
}

async function visit(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const page = await openPage(browser, base + path, options);
  open.push(page);
  return page;
}

function figure(page: Page, label: string): Promise<string> {
  const tile = page.locator(`[data-figure="${label}"]`);
  return tile.evaluate((element) => element.firstChild?.textContent?.trim() ?? '');
}

async function textOf(locator: Locator): Promise<string> {
  return (await locator.allInnerTexts()).join('\n');
}

function minutesAgo(minutes: number): string {
  return `${new Date(Date.now() - minutes * 60_000).toISOString().slice(0, -1).replace('T', ' ')}000`;
}

/** Three projects whose figures can be told in one's head. */
function knownCalls(): CallRow[] {
  const calls: CallRow[] = [];
  const add = (count: number, overrides: Partial<CallRow>): void => {
    for (let index = 0; index < count; index++)
      calls.push(
        sampleCall({
          id: `${overrides.project}-${overrides.outcome ?? 'ok'}-${index}`,
          started_at: minutesAgo(5 + index / 100),
          ...overrides,
        }),
      );
  };
  add(80, { project: 'alpha', cost_usd: '0.010000000', cache_read_tokens: 250 });
  add(20, {
    project: 'alpha',
    outcome: 'rate_limited',
    status: 429,
    error_type: 'rate_limit_exceeded',
    error_message: 'Slow down.',
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    cost_source: 'none',
    usage_source: 'none',
  });
  add(150, { project: 'beta', cost_usd: '0.002000000', stream: true, ttft_ms: 420 });
  add(7, { project: 'gamma', cost_usd: null, cost_source: 'none', price_version: '' });
  return calls;
}

test('an empty database shows how to send the first call, and becomes the dashboard by itself when it comes', async () => {
  const { page, faults } = await visit('/');
  await page.getByText('Waiting for your first call').waitFor();
  expect(await textOf(page.locator('#snippet'))).toContain(`curl ${PROXY_URL}/openai/v1/chat/completions`);
  await page.getByRole('textbox', { name: 'Project' }).fill('shop');
  for (const [language, library, expected] of [
    ['Python', 'OpenAI', `base_url="${PROXY_URL}/openai/v1"`],
    ['TypeScript', 'Anthropic', `baseURL: '${PROXY_URL}/anthropic'`],
    ['TypeScript', 'Google Gen AI', `baseUrl: '${PROXY_URL}/gemini'`],
  ] as const) {
    await page.getByRole('tab', { name: language }).click();
    await page.getByRole('group', { name: 'Library' }).getByRole('button', { name: library, exact: true }).click();
    expect(await textOf(page.locator('#snippet'))).toContain(expected);
    expect(await textOf(page.locator('#snippet'))).toMatch(/"?x-glassway-project["']?: ["']shop["']/);
  }
  await insertCalls(clickhouse.client, [sampleCall({ id: 'first', project: 'first-steps', started_at: minutesAgo(0.1) })]);
  await page.locator('[data-figure="Calls"]').waitFor();
  expect(await figure(page, 'Calls')).toBe('1');
  await page.getByRole('button', { name: 'Project: All projects' }).click();
  await page.getByRole('group', { name: 'Project', exact: true }).getByText('first-steps').waitFor();
  expect(faults).toEqual([]);
});

test('the overview shows the figures that the calls add up to, sorts by any column and leads to one project', async () => {
  await insertCalls(clickhouse.client, knownCalls());
  const { page, faults } = await visit('/?project=alpha&project=beta&project=gamma&refresh=off');
  await page.locator('[data-figure="Not priced"]').waitFor();
  expect(await figure(page, 'Calls')).toBe('257');
  expect(await figure(page, 'Spend')).toBe('$1.10');
  expect(await figure(page, 'Error rate')).toBe('7.8%');
  expect(await figure(page, 'p95 duration')).toBe('800 ms');
  expect(await figure(page, 'p95 time to first token')).toBe('420 ms');
  expect(await figure(page, 'Not priced')).toBe('7');
  await page.locator('.chart canvas').nth(1).waitFor();

  const projects = page.getByRole('article', { name: 'Projects' });
  await projects.scrollIntoViewIfNeeded();
  const names = (): Promise<string[]> => projects.locator('tbody td:first-child').allInnerTexts();
  await projects.getByRole('link', { name: 'alpha' }).waitFor();
  expect(await names()).toEqual(['alpha', 'beta', 'gamma']);
  await projects.getByRole('button', { name: 'Calls' }).click();
  expect(await names()).toEqual(['beta', 'alpha', 'gamma']);
  await projects.getByRole('button', { name: 'Calls' }).click();
  expect(await names()).toEqual(['gamma', 'alpha', 'beta']);
  expect(await textOf(projects.locator('tr', { hasText: 'gamma' }))).not.toContain('$0');
  expect(await page.getByRole('region', { name: 'Not priced' }).locator('tbody td').allInnerTexts()).toEqual([
    'openai',
    '7',
    '7,000',
    '700',
    'not priced',
  ]);

  await projects.getByRole('link', { name: 'alpha' }).click();
  await page.waitForURL(/view=project.*project=alpha/);
  await page.waitForFunction(() => document.querySelector('[data-figure="Calls"]')?.firstChild?.textContent?.trim() === '100');
  expect(await figure(page, 'Error rate')).toBe('20.0%');
  expect(faults).toEqual([]);
});

test('a call opens with Enter, tells its story, and closes with Escape back to where it was', async () => {
  const { page, faults } = await visit('/?view=calls&project=alpha&outcome=rate_limited&refresh=off');
  const first = page.locator('table.calls tbody a').first();
  await first.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'One call' });
  await panel.getByText('Slow down.').waitFor();
  expect(await textOf(panel)).toContain('HTTP 429');
  expect(await textOf(panel)).toContain('alpha-rate_limited-1');
  expect(await textOf(panel)).toContain('The provider did not say what this call used.');
  expect(page.url()).toContain('call=alpha-rate_limited-1');
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  expect(page.url()).not.toContain('call=');
  expect(await page.evaluate(() => document.activeElement?.closest('tr')?.rowIndex)).toBe(2);
  expect(faults).toEqual([]);
});

test('an address restores what it was copied from: view, range, filters, sort order and the open call', async () => {
  const { page } = await visit('/');
  await page.getByRole('button', { name: '24h' }).click();
  await page.getByRole('navigation').getByRole('link', { name: 'Calls', exact: true }).click();
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByRole('group', { name: 'Filter by' }).getByRole('button', { name: 'Model', exact: true }).click();
  await page.getByRole('dialog', { name: 'Filter by model' }).getByText('gpt-5-mini-2025-08-07').click();
  await page.keyboard.press('Escape');
  await page.getByRole('combobox', { name: 'Refresh' }).selectOption('off');
  await page.locator('table.calls tbody tr').nth(3).click();
  const panel = page.getByRole('dialog', { name: 'One call' });
  await panel.getByText('Identifiers').waitFor();
  const story = await textOf(panel);

  const { page: copy, faults } = await visit(page.url().slice(base.length));
  const copiedPanel = copy.getByRole('dialog', { name: 'One call' });
  await copiedPanel.getByText('Identifiers').waitFor();
  expect(await textOf(copiedPanel)).toBe(story);
  expect(await copy.getByRole('button', { name: '24h' }).getAttribute('aria-pressed')).toBe('true');
  expect(await textOf(copy.locator('.chip-text'))).toContain('gpt-5-mini-2025-08-07');
  expect(await copy.getByRole('combobox', { name: 'Refresh' }).inputValue()).toBe('off');
  await copy.keyboard.press('Escape');
  await copy.goBack();
  await copiedPanel.waitFor();
  expect(faults).toEqual([]);
});

/** The newest calls are at the right end of a chart: goes leftwards from there until the tooltip names a value. */
async function hoverLastBar(page: Page, index: number): Promise<void> {
  const canvas = page.locator('.chart canvas').nth(index);
  await canvas.waitFor();
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the chart has no place on the page');
  for (let left = box.x + box.width - 12; left > box.x; left -= 3) {
    await page.mouse.move(left, box.y + box.height / 2);
    if ((await page.locator('.chart-tip b:visible').count()) > 0) return;
  }
  throw new Error('no bar has a tooltip');
}

test('markup in any text of a call is shown as text', async () => {
  const attack = (column: string): string => `<img src=x onerror="window.attacked='${column}'"><b>${column}</b>`;
  const columns = [
    'id',
    'project',
    'upstream',
    'provider',
    'operation',
    'method',
    'path',
    'request_model',
    'response_model',
    'error_type',
    'error_message',
    'finish_reason',
    'usage_raw',
    'price_version',
    'service_tier',
    'user_id',
    'session_id',
    'trace_id',
    'span_id',
    'parent_span_id',
    'key_fingerprint',
    'sdk',
    'proxy_id',
    'outcome',
    'cost_source',
    'usage_source',
  ] as const;
  const texts = Object.fromEntries(columns.map((column) => [column, attack(column)])) as Partial<CallRow>;
  const call = sampleCall({ ...texts, started_at: minutesAgo(1), tags: { [attack('tag')]: attack('tag value') } });
  await insertCalls(clickhouse.client, [call]);
  const body = {
    id: call.id,
    project: call.project,
    started_at: call.started_at,
    request: attack('request'),
    response: attack('response'),
    capture: 'full',
  };
  await clickhouse.client.insert({ table: 'bodies', values: [body], format: 'JSONEachRow' });

  const { page, faults } = await visit('/?refresh=off&range=1h');
  await page
    .locator('.legend', { hasText: attack('project') })
    .first()
    .waitFor();
  await hoverLastBar(page, 0);
  const projects = page.getByRole('article', { name: 'Projects' });
  await projects.scrollIntoViewIfNeeded();
  await projects.getByRole('link', { name: attack('project') }).waitFor();
  await page.getByRole('button', { name: /^Project:/ }).click();
  await page.getByRole('group', { name: 'Project' }).getByText(attack('project')).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('navigation').getByRole('link', { name: 'Calls', exact: true }).click();
  await page.locator('table.calls tr', { hasText: attack('project') }).click();
  const panel = page.getByRole('dialog', { name: 'One call' });
  await panel.getByText('Prompt and completion').waitFor();
  await panel.locator('details').evaluateAll((all) => {
    for (const details of all) details.setAttribute('open', '');
  });
  const story = await textOf(panel);
  for (const column of columns) expect(story).toContain(attack(column));
  for (const name of ['tag', 'tag value', 'request', 'response']) expect(story).toContain(attack(name));
  expect(await page.evaluate(() => Reflect.get(window, 'attacked'))).toBeUndefined();
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(faults).toEqual([]);
});

test('without ClickHouse the page says so, keeps what it has, and recovers by itself', async () => {
  const { page } = await visit('/?project=alpha&refresh=5s');
  await page.locator('[data-figure="Calls"]').waitFor();
  const { page: calls } = await visit('/?view=calls&project=alpha&refresh=5s');
  await calls.locator('table.calls tbody a').first().waitFor();
  await line.cut();
  const { page: late } = await visit('/');
  await late.getByRole('heading', { name: 'ClickHouse is not available' }).waitFor();
  await late.getByText('Check that ClickHouse runs').waitFor();
  await page.getByRole('heading', { name: 'ClickHouse is not available' }).waitFor();
  expect(await figure(page, 'Calls')).toBe('100');
  await page.getByText('Offline').waitFor();
  await calls.getByRole('heading', { name: 'ClickHouse is not available' }).waitFor();
  expect(await calls.locator('table.calls tbody a').count()).toBe(100);
  await line.mend();
  await calls.getByRole('alert').waitFor({ state: 'detached' });
  await late.locator('[data-figure="Calls"]').waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByText('Live').waitFor();
});

test('a range without calls and an impossible link are told apart, each with a way out', async () => {
  const { page } = await visit('/?project=nobody');
  await page.getByRole('heading', { name: 'No calls of nobody in this time range' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters', exact: true }).click();
  await page.locator('[data-figure="Calls"]:not(.none)').waitFor();
  const { page: impossible } = await visit('/?from=yesterday');
  await impossible.getByText('ISO 8601').waitFor();
  await impossible.getByRole('link', { name: 'Go to the overview' }).click();
  await impossible.locator('[data-figure="Calls"]').waitFor();
});

test.each(['/', '/?view=calls', '/?view=connect', '/?view=calls&call=first'])(
  '%s fits a phone without scrolling sideways',
  async (path) => {
    await insertCalls(clickhouse.client, sampleCalls({ count: 50, from: new Date(Date.now() - 1_800_000), to: new Date(), seed: 3 }));
    const { page, faults } = await visit(path, PHONE);
    await page.locator('.card').first().waitFor();
    await fitsItsWidth(page);
    expect(faults).toEqual([]);
  },
);

test('the loss meter is in sight of every view, and leads to the board that tells more', async () => {
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 23).replace('T', ' ').concat('000');
  const call = (seq: number, hours: number) =>
    sampleCall({ id: `numbered-${seq}`, proxy_id: 'proxy-numbered', seq, started_at: hoursAgo(hours) });
  await clickhouse.client.command({ query: 'TRUNCATE TABLE calls' });
  await insertCalls(clickhouse.client, [call(1, 5), call(2, 4), call(4, 3)]);
  const { page } = await visit('/?view=calls');
  const note = page.locator('.loss');
  await note.getByText('Calls: 1 lost').waitFor();
  await note.getByText('3 calls checked').waitFor();
  await insertCalls(clickhouse.client, [call(3, 3)]);
  await page.reload();
  await note.getByText('Nothing lost').waitFor();
  await note.click();
  await page.waitForURL(/view=pipeline/);
});

test('the theme follows the system until one is chosen, and the choice stays', async () => {
  const { page } = await visit('/', { colorScheme: 'light' });
  const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: 'Use the dark theme' }).click();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await background()).toBe(dark);
});
