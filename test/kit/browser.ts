/**
 * Headless Chromium for tests: one browser per test file, a fresh page with its console watched.
 * Gives pages that record what went wrong in them; never goes beyond this machine.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { endAtLast } from './leftovers.ts';

const EXECUTABLE = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export interface WatchedPage {
  readonly page: Page;
  /** Errors of the page's console, uncaught exceptions, and requests to other hosts. */
  readonly faults: string[];
  close(): Promise<void>;
}

export async function launchBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS });
  endAtLast(() => browser.close()); // which may be called twice
  return browser;
}

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  const { host } = new URL(url);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.protocol.startsWith('http') && asked.host !== host) faults.push(`request to ${asked.host}`);
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

/** Waits until something is drawn and nothing in sight is still asked for. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const waits = document.querySelector('[aria-busy="true"], .bone') !== null;
    const says = [...document.querySelectorAll('[role="status"]')].some((element) => element.textContent?.includes('Loading…'));
    return document.querySelector('#app > *') !== null && !waits && !says;
  });
}

/** Waits until nothing is wider than the window: charts take a new width a frame after it has changed. */
export async function fitsItsWidth(page: Page): Promise<void> {
  await page.waitForFunction(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds that keeps somebody from using the page. One row of a table is like the next. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // As a test's own script, which the page's content security policy would not allow.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(async () => {
    const axe = Reflect.get(window, 'axe') as { run: (context: object, options: object) => Promise<AxeResults> };
    return axe.run({ exclude: [['tbody tr:nth-child(n+4)']] }, { resultTypes: ['violations'] });
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`));
}
