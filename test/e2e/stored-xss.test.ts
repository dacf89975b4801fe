/**
 * Markup in everything that a caller or a provider can put into a call, looked at in Chromium: on every view that the
 * console links to, in a call's own panel, in its bodies and in the address. It must be text everywhere.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import express from 'express';
import type { Browser } from 'playwright-core';
import { CALL_COLUMNS } from '../../contract/columns.ts';
import type { CallRow } from '../../contract/record.ts';
import { createConsole } from '../../ingest/console/index.ts';
import { launchBrowser, openPage, settled, type WatchedPage } from '../kit/browser.ts';
import { startTestClickHouse, TEST_DATABASE, type TestClickHouse } from '../kit/clickhouse.ts';
import { insertCalls, sampleCall } from '../kit/sample-calls.ts';

/** Elements of three kinds, each of which would show: by its mark, by what it asks for, by what it runs. */
const payload = (field: string): string =>
  `'"><b data-xss="${field}">x</b><img src="/xss-asked" onerror="window.xssRan='${field}'"><script>window.xssRan='${field}'</script><a href="javascript:window.xssRan=1">${field}</a>`;

/** Columns whose values are the provider's or the caller's words, or could be those of a forged record. */
const TEXT_COLUMNS = CALL_COLUMNS.filter(
  ({ name, type }) => /^(?:LowCardinality\()?String/.test(type) && !['outcome', 'usage_source', 'cost_source', 'usage_raw'].includes(name),
).map(({ name }) => name);

let clickhouse: TestClickHouse;
let server: Server;
let base: string;
let browser: Browser;
let watched: WatchedPage;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  const started_at = new Date(Date.now() - 60_000).toISOString().replace('T', ' ').replace('Z', '000');
  const hostile = Object.fromEntries(TEXT_COLUMNS.map((name) => [name, payload(name)]));
  const rows = ['ok', 'provider_error', 'stream_error', 'rate_limited'].map((outcome, seq) =>
    sampleCall({
      ...hostile,
      id: `${payload('id')}${seq}`,
      started_at,
      seq,
      outcome,
      status: outcome === 'ok' ? 200 : 500,
      usage_raw: JSON.stringify({ [payload('usage_raw')]: payload('usage_raw') }),
      tags: { [payload('tag')]: payload('tag value'), ['__proto__x']: 'y' },
      ...(outcome === 'ok' ? {} : { cost_usd: null, cost_source: 'none' }),
    } as Partial<CallRow>),
  );
  await insertCalls(clickhouse.client, rows);
  const chat = JSON.stringify({
    model: payload('model'),
    messages: [
      { role: payload('role'), content: payload('content') },
      {
        role: 'assistant',
        content: [{ type: 'image_url', image_url: { url: 'javascript:window.xssRan=1' } }],
        tool_calls: [{ function: { name: payload('tool'), arguments: payload('arguments') } }],
      },
    ],
  });
  const answer = JSON.stringify({ choices: [{ message: { role: 'assistant', content: payload('answer') } }] });
  await clickhouse.client.insert({
    table: 'bodies',
    values: rows.map(({ id, project }) => ({ id, project, started_at, request: chat, response: answer, capture: 'full' })),
    format: 'JSONEachRow',
  });
  const app = express();
  app.use(
    createConsole({
      reader: clickhouse.readerClient,
      database: TEST_DATABASE,
      version: payload('version'),
      proxyUrl: 'http://127.0.0.1:4700',
      traceUrl: 'https://apm.example/{trace_id}',
    }),
  );
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  browser = await launchBrowser();
  watched = await openPage(browser, `${base}/?range=1h&refresh=off`, TALL);
});
afterAll(async () => {
  await watched?.close();
  await browser?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await clickhouse.stop();
});

const PAGES_MAX = 15;
/** Tall enough that all panels of a board are in sight, for they are drawn when they are. */
const TALL = { viewport: { width: 1440, height: 6000 } };

async function look(path: string): Promise<{ links: string[]; text: string }> {
  const { page } = watched;
  await page.goto(new URL(path, base).href);
  await settled(page);
  const found = await page.evaluate(() => ({
    made: [...document.querySelectorAll('[data-xss]')].map((element) => element.getAttribute('data-xss')),
    ran: (window as unknown as { xssRan?: string }).xssRan ?? null,
    dangerous: [...document.querySelectorAll('a[href], iframe, object, embed, form')]
      .filter((element) => !(element instanceof HTMLAnchorElement) || !/^https?:$/.test(element.protocol))
      .map((element) => element.outerHTML.slice(0, 200)),
    links: [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].map((link) => link.href),
    text:
      document.body.textContent +
      [...document.querySelectorAll('[title], [aria-label]')]
        .map((element) => `${element.getAttribute('title')} ${element.getAttribute('aria-label')}`)
        .join(' '),
  }));
  expect({ path, made: found.made, ran: found.ran, dangerous: found.dangerous }).toEqual({ path, made: [], ran: null, dangerous: [] });
  return { links: found.links.filter((link) => link.startsWith(base)), text: found.text };
}

/** One link of each kind: those that differ in their values only would be the same view again. */
function kindOf(link: string): string {
  const { pathname, searchParams } = new URL(link);
  return `${pathname}?view=${searchParams.get('view')}&${[...new Set(searchParams.keys())].sort().join('&')}`;
}

test('on every view that is linked to, and in what they link to, markup is text', async () => {
  const filters = new URLSearchParams(['project', 'model', 'user', 'session', 'tag'].map((name) => [name, payload(name)]));
  const queue = [`${base}/?range=1h&refresh=off`, `${base}/?view=calls&range=1h&refresh=off&${filters}`];
  const seen = new Set(queue.map(kindOf));
  let text = '';
  let pages = 0;
  for (let link = queue.shift(); link !== undefined && pages < PAGES_MAX; link = queue.shift()) {
    pages += 1;
    const looked = await look(link);
    text += looked.text;
    for (const next of looked.links)
      if (!seen.has(kindOf(next))) {
        seen.add(kindOf(next));
        queue.push(next);
      }
  }
  expect(pages).toBeGreaterThan(8);
  // Where a field was shown, it was shown as what it is: otherwise this test would have looked at empty pages.
  const shown = TEXT_COLUMNS.filter((name) => text.includes(`data-xss="${name}"`));
  expect(shown).toEqual(expect.arrayContaining(['project', 'request_model', 'error_message', 'user_id', 'session_id', 'error_type']));
  expect(watched.faults.filter((fault) => /xss|Content Security Policy|exception|request to/i.test(fault))).toEqual([]);
}, 120_000);

test('an address made up by somebody else is text too', async () => {
  const parts = ['view', 'range', 'from', 'call', 'at', 'by', 'columns', 'client', 'table', 'var-x', 'sort-x', 'q', 'no-such'];
  const all = new URLSearchParams(parts.map((part) => [part, payload(part)]));
  await look(`/?refresh=off&${all}`);
  await look(
    `/?refresh=off&view=calls&${new URLSearchParams([
      ['call', payload('call')],
      ['by', payload('by')],
      ['columns', payload('columns')],
    ])}`,
  );
  await look(`/#${payload('fragment')}`);
}, 60_000);
