/** The explorer in a real browser: from an empty database by a real call to filters, pages, one call, sessions and files; then without Glassway. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@clickhouse/client';
import type { Browser, Locator, Page } from 'playwright-core';
import type { CallRow } from '../../contract/record.ts';
import { WRITER_USERNAME } from '../../ingest/clickhouse/files.ts';
import { fitsItsWidth, launchBrowser, openPage, seriousFaults, type WatchedPage } from '../kit/browser.ts';
import { type RunningGlassway, scratchDir, startGlassway } from '../kit/glassway.ts';
import { insertCalls, sampleCall } from '../kit/sample-calls.ts';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const SESSION = 'conversation 7';

let provider: Server;
let glassway: RunningGlassway;
let browser: Browser;
const open: WatchedPage[] = [];

beforeAll(async () => {
  provider = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          model: 'gpt-5-mini-2025-08-07',
          choices: [{ message: { role: 'assistant', content: 'Paris, of course.' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 },
        }),
      );
    });
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  glassway = await startGlassway({
    settings: {
      upstreams: { openai: { baseUrl: `http://127.0.0.1:${(provider.address() as AddressInfo).port}` } },
      projects: { talk: { capture: 'full' } },
      console: { traceUrl: 'https://apm.example/t/{trace_id}' },
    },
  });
  browser = await launchBrowser();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  await glassway?.stop();
  provider?.closeAllConnections();
  provider?.close();
});

async function visit(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
  const page = await openPage(browser, glassway.consoleUrl + path, options);
  open.push(page);
  return page;
}

async function callAs(project: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-never-shown', 'x-glassway-project': project, ...headers },
    body: JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'What is the capital of France?' }] }),
  });
  await response.text();
}

/** As ingest itself writes. */
async function insert(rows: readonly CallRow[]): Promise<void> {
  const password = readFileSync(`${glassway.dataDir}/clickhouse/writer-password`, 'utf8').trim();
  const client = createClient({
    url: `http://127.0.0.1:${glassway.ports.clickhouseHttp}`,
    username: WRITER_USERNAME,
    password,
    database: 'glassway',
  });
  await insertCalls(client, rows);
  await client.close();
}

function minutesAgo(minutes: number): string {
  return `${new Date(Date.now() - minutes * 60_000).toISOString().slice(0, -1).replace('T', ' ')}000`;
}

const many = (count: number, overrides: (index: number) => Partial<CallRow>): CallRow[] =>
  Array.from({ length: count }, (_, index) =>
    sampleCall({ id: `many-${index}`, started_at: minutesAgo(1 + index / 20), seq: index, ...overrides(index) }),
  );

async function textOf(locator: Locator): Promise<string> {
  return (await locator.allInnerTexts()).join('\n');
}

const rowsOf = (page: Page): Locator => page.locator('table.calls tbody tr a');
const totals = (page: Page): Locator => page.locator('.totals');

test('connect waits for a call of the project that is typed in, turns green when it arrives, and leads to it', async () => {
  const { page, faults } = await visit('/');
  await page.getByText('Waiting for your first call').waitFor();
  await callAs('first-steps');
  await page.getByRole('navigation').getByRole('link', { name: 'Calls', exact: true }).waitFor();

  await page.getByRole('navigation').getByRole('link', { name: 'Connect' }).click();
  await page.getByRole('textbox', { name: 'Project' }).fill('shop "7"');
  await page.getByText('Waiting for your first call of shop "7"').waitFor();
  await page.getByRole('tab', { name: 'Python' }).click();
  await page.getByRole('button', { name: 'Anthropic' }).click();
  const snippet = await textOf(page.locator('#snippet pre'));
  expect(snippet).toContain(`base_url="${glassway.proxyUrl}/anthropic"`);
  expect(snippet).toContain('"x-glassway-project": "shop \\"7\\""');
  expect(snippet).not.toContain('x-glassway-key');
  expect(page.url()).toContain('client=py-anthropic');
  await callAs('another');
  await callAs('shop "7"');
  await page.getByText('A call of shop "7" is here').waitFor();
  await page.getByRole('link', { name: 'Open it' }).click();
  const panel = page.getByRole('dialog', { name: 'One call' });
  await panel.getByText('shop "7" · openai · chat').waitFor();
  expect(faults).toEqual([]);
});

test('filters combine as chips, suggest what there is, stand in the address, and can be taken away one by one', async () => {
  await insert(
    many(250, (index) => ({
      project: 'many',
      outcome: index % 25 === 0 ? 'rate_limited' : 'ok',
      status: index % 25 === 0 ? 429 : 200,
      error_type: index % 25 === 0 ? 'slow_down' : '',
      cost_usd: (index / 1000).toFixed(9),
      tags: { env: index % 2 === 0 ? 'production' : 'staging' },
      user_id: `user-${index % 5}`,
    })),
  );
  const { page, faults } = await visit('/?view=calls&refresh=off&project=many');
  await totals(page).getByText('250 calls').waitFor();
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('group', { name: 'Filter by' }).getByRole('button', { name: 'Tag', exact: true }).click();
  await page.getByRole('dialog').getByText('env').click();
  await page.getByRole('dialog').getByText('staging').click();
  await totals(page).getByText('125 calls').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByRole('group', { name: 'Filter by' }).getByRole('button', { name: 'Cost', exact: true }).click();
  await page.getByRole('dialog').getByLabel('From').fill('0.2');
  await page.keyboard.press('Enter');
  // 200 to 249, the odd ones.
  await totals(page).getByText('25 calls').waitFor();
  await page.getByRole('button', { name: 'Errors only' }).click();
  await totals(page).getByText('1 call').waitFor();
  await page.locator('table.calls .badge:visible', { hasText: 'rate limited' }).waitFor();
  const { page: copy } = await visit(page.url().slice(glassway.consoleUrl.length));
  await totals(copy).getByText('1 call').waitFor();
  expect(await copy.locator('.chip').allInnerTexts()).toEqual(await page.locator('.chip').allInnerTexts());
  await page.getByRole('button', { name: /^Remove the filter Outcome/ }).click();
  await page.getByRole('button', { name: /^Remove the filter Tag/ }).click();
  await totals(page).getByText('50 calls').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('slow_d');
  await totals(page).getByText('2 calls').waitFor();
  await page.getByRole('button', { name: 'Clear all' }).click();
  await totals(page).getByText('253 calls').waitFor();
  expect(faults).toEqual([]);
});

test('values are left out by pointer and keyboard, in files and sessions too, and boards say that they cannot', async () => {
  const { page, faults } = await visit('/?view=calls&refresh=off&project=many');
  const left = page.getByRole('search').getByRole('button', { name: /is not/, expanded: false });
  await page.locator('table.calls tbody .badge', { hasText: 'rate limited' }).locator('visible=true').first().hover();
  await page.locator('table.calls').getByRole('button', { name: 'Without outcome rate limited' }).click();
  await totals(page).getByText('240 calls').waitFor();
  await page.getByRole('button', { name: '+ Filter' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('group', { name: 'Filter by' }).getByRole('button', { name: 'User', exact: true }).press('Enter');
  await page.getByRole('dialog', { name: 'Filter by user' }).getByRole('button', { name: 'is not' }).press('Enter');
  await page
    .getByRole('dialog', { name: 'Filter by user' })
    .getByRole('checkbox', { name: /user-1/ })
    .press('Space');
  await totals(page).getByText('190 calls').waitFor();
  await page.keyboard.press('Escape');
  expect(await left.allInnerTexts()).toEqual([
    expect.stringMatching(/Outcome is not\s*rate limited/),
    expect.stringMatching(/User is not\s*user-1/),
  ]);
  expect(new URL(page.url()).search).toBe('?view=calls&refresh=off&project=many&not-outcome=rate_limited&not-user=user-1');

  await left.last().click();
  await page.getByRole('dialog', { name: 'Filter by user' }).getByRole('button', { name: 'is', exact: true }).click();
  await totals(page).getByText('50 calls').waitFor();
  await page.getByRole('dialog', { name: 'Filter by user' }).getByRole('button', { name: 'is not' }).click();
  await totals(page).getByText('190 calls').waitFor();
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Export' }).click();
  const file = await fetch(new URL((await page.getByRole('link', { name: /JSON/ }).getAttribute('href')) ?? '', page.url()));
  expect(((await file.json()) as CallRow[]).filter(({ outcome, user_id }) => outcome === 'ok' && user_id !== 'user-1')).toHaveLength(190);
  expect(file.headers.get('x-glassway-export-rows')).toBe('190');
  await page.keyboard.press('Escape');
  await page.getByRole('navigation').getByRole('link', { name: 'Sessions' }).click();
  expect(await left.count()).toBe(2);

  await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
  const note = page.getByRole('note', { name: 'Filters that this board cannot apply' });
  await note.getByText('Outcome is not rate limited').waitFor();
  await note.getByRole('link', { name: 'Calls with all filters' }).click();
  await totals(page).getByText('190 calls').waitFor();
  await page.goBack();
  await note.getByRole('button', { name: 'Drop them' }).click();
  await note.waitFor({ state: 'detached' });
  expect(new URL(page.url()).search).toBe('?refresh=off&project=many');
  expect(faults).toEqual([]);
});

test('on a phone the open call and the legend leave values out, or ask for them alone', async () => {
  const { page, faults } = await visit('/?view=calls&refresh=off&project=many&user=user-3', PHONE);
  await totals(page).getByText('50 calls').waitFor();
  await rowsOf(page).first().tap();
  await page.getByRole('dialog', { name: 'One call' }).getByRole('button', { name: 'Without user user-3' }).tap();
  await totals(page).getByText('200 calls').waitFor();
  expect(await page.getByRole('dialog').count()).toBe(0);
  const outcomes = page.getByRole('list', { name: 'Outcomes' });
  await outcomes.getByRole('button', { name: 'Only outcome rate limited' }).tap();
  await totals(page).getByText('10 calls').waitFor();
  await outcomes.getByRole('button', { name: 'Without outcome rate limited' }).tap();
  await totals(page).getByText('190 calls').waitFor();
  await fitsItsWidth(page);
  expect(faults).toEqual([]);
});

test('pages go on by cost as by time, columns can be chosen, and dragging over the bars zooms in', async () => {
  const { page, faults } = await visit('/?view=calls&refresh=off&project=many&range=1h');
  await page.locator('.more').getByText('100 calls shown').waitFor();
  await page.getByRole('columnheader', { name: 'Cost' }).getByRole('button').click();
  await page.locator('table.calls tbody tr', { hasText: '$0.249' }).first().waitFor();
  await page.getByRole('button', { name: 'Load more' }).click();
  await page.locator('.more').getByText('200 calls shown').waitFor();
  await page.getByRole('button', { name: 'Load more' }).click();
  await page.locator('.more').getByText('250 calls').waitFor();
  expect(await rowsOf(page).count()).toBe(250);
  expect(new Set(await rowsOf(page).evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).href))).size).toBe(250);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'Tags' }).check();
  await page.getByRole('columnheader', { name: 'Tags' }).waitFor();
  await page.getByRole('checkbox', { name: 'Model' }).uncheck();
  await page.getByRole('columnheader', { name: 'Model' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  expect(page.url()).toMatch(/by=cost/);
  expect(page.url()).toMatch(/columns=[^&]*tags/);
  const box = await page.locator('.histogram-plot').boundingBox();
  if (!box) throw new Error('the bars have no place on the page');
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 3, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  await page.waitForFunction(() => !/^250 /.test(document.querySelector('.totals')?.textContent ?? '250 '));
  expect(faults).toEqual([]);
});

test('one call tells its timing, the lines of its cost, what was said and where it stands in its session', async () => {
  for (const turn of [1, 2, 3])
    await callAs('talk', { 'x-glassway-session': SESSION, 'x-glassway-user': 'ada', 'x-glassway-tag-turn': String(turn) });
  // Bodies are written after their calls.
  await glassway.rows("SELECT id FROM bodies WHERE project = 'talk'", 3);
  const { page, faults } = await visit('/?view=calls&refresh=off&project=talk');
  await rowsOf(page).nth(1).focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'One call' });
  await panel.getByText('Call 2 of 3 in its session').waitFor();
  const story = await textOf(panel);
  expect(story).toContain('Upload and waiting');
  expect(story).toContain('openai: gpt-5-mini');
  expect(story).toMatch(/input\s+12\s+\$0\.25 \/ M\s+0\.000003/);
  expect(story).toContain('What is the capital of France?');
  expect(story).toContain('Paris, of course.');
  expect(await panel.getByRole('link', { name: /Open the trace/ }).getAttribute('href')).toMatch(
    /^https:\/\/apm\.example\/t\/[0-9a-f]{32}$/,
  );
  await panel.getByRole('button', { name: 'As stored' }).last().click();
  await panel.getByText('"finish_reason": "stop"').waitFor();

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await panel.getByRole('button', { name: 'Copy as curl' }).click();
  await panel.getByText('Copied').waitFor();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  expect(curl).toContain(`curl '${glassway.proxyUrl}/openai/v1/chat/completions'`);
  expect(curl).toContain("-H 'x-glassway-project: talk'");
  expect(curl).toContain('Bearer $API_KEY');
  expect(curl).not.toContain('sk-never');
  expect(curl).toContain('What is the capital of France?');

  await panel.getByRole('link', { name: 'Next ›' }).click();
  await panel.getByText('Call 3 of 3 in its session').waitFor();
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  expect(page.url()).not.toContain('call=');
  expect(faults).toEqual([]);
});

test('sessions are summed, and one shows its calls in order and what they cost until then', async () => {
  const { page, faults } = await visit('/?view=sessions&refresh=off');
  const row = page.locator('table.sessions tbody tr', { hasText: SESSION });
  await row.waitFor();
  expect(await textOf(row)).toMatch(/talk[\s\S]*\b3\b[\s\S]*ada/);
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: SESSION }).waitFor();
  await page.locator('table.timeline tbody tr').nth(2).waitFor();
  expect(page.url()).toContain('view=session');
  const costs = await page.locator('table.timeline tbody tr td:last-child').allInnerTexts();
  expect(costs).toEqual(['$0.0000130', '$0.0000260', '$0.0000390']);
  await page.locator('table.timeline tbody tr').first().click();
  await page.getByRole('dialog', { name: 'One call' }).getByText('Call 1 of 3 in its session').waitFor();
  expect(faults).toEqual([]);
});

test('what is shown can be taken away as a file, which says how much of it there is', async () => {
  const { page } = await visit('/?view=calls&refresh=off&project=many&outcome=rate_limited&by=cost.asc');
  await totals(page).getByText('10 calls').waitFor();
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByText('All 10 calls that fit the filters').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /CSV/ }).click()]);
  expect(download.suggestedFilename()).toMatch(/^glassway-calls-.*-10-rows\.csv$/);
  const file = `${scratchDir()}/calls.csv`;
  await download.saveAs(file);
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\r\n');
  expect(head?.startsWith('id,project,started_at,')).toBe(true);
  const { page: board, faults } = await visit('/?view=latest&refresh=off&project=many');
  const table = board.getByRole('article', { name: 'Calls', exact: true });
  await table.scrollIntoViewIfNeeded();
  await table.getByText('Save 250 rows as').waitFor();
  const [saved] = await Promise.all([board.waitForEvent('download'), table.getByRole('button', { name: 'JSON' }).click()]);
  expect(saved.suggestedFilename()).toBe('glassway-calls-250-rows.json');
  await saved.saveAs(`${file}.json`);
  expect(JSON.parse(readFileSync(`${file}.json`, 'utf8'))).toHaveLength(250);
  expect(faults).toEqual([]);
  expect(lines.map((line) => line.split(',')[0])).toEqual([0, 25, 50, 75, 100, 125, 150, 175, 200, 225].map((index) => `many-${index}`));
});

test.each([
  '/?view=calls',
  '/?view=calls&project=talk',
  '/?view=sessions',
  `/?view=session&project=talk&session=${encodeURIComponent(SESSION)}`,
  '/?view=connect&client=go-gemini',
])('%s fits a phone, and everybody can use it, dark and light', async (path) => {
  for (const [options, colorScheme] of [
    [PHONE, 'dark'],
    [{}, 'light'],
  ] as const) {
    const { page, faults } = await visit(`${path}&refresh=off`, { ...options, colorScheme });
    await page.locator('.card tbody a, .snippet-card').first().waitFor();
    await fitsItsWidth(page);
    expect(await seriousFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
  }
});

test('the panel of one call has no serious fault either', async () => {
  const { page } = await visit('/?view=calls&refresh=off&project=talk');
  await rowsOf(page).first().click();
  await page.getByRole('dialog', { name: 'One call' }).getByText('Identifiers').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('nothing that fits, an impossible filter and a Glassway that has stopped are told apart, and what was read stays', async () => {
  const { page } = await visit('/?view=calls&refresh=5s&q=01234567-nobody');
  await page.getByRole('heading', { name: 'No calls here' }).waitFor();
  await page.getByRole('button', { name: 'Open the call with exactly this id' }).click();
  await page.getByText('No call has this id').waitFor();
  const { page: impossible } = await visit('/?view=calls&refresh=off&cost_min=much');
  await impossible.getByText('US dollars as a plain number').waitFor();
  const { page: kept } = await visit('/?view=calls&refresh=5s&project=talk');
  await rowsOf(kept).first().waitFor();
  await glassway.stop();
  await kept.getByRole('heading', { name: 'Glassway is not answering' }).waitFor();
  expect(await rowsOf(kept).count()).toBe(3);
});
