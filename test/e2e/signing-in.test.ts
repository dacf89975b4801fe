/**
 * Keys as a person meets them: Glassway started with `auth: required`, keys made beside it, the console opened in
 * Chromium, calls sent, a key revoked, all without a restart.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Browser } from 'playwright-core';
import { runDemo } from '../../cli/demo/command.ts';
import { readKeys } from '../../contract/key-ring.ts';
import { launchBrowser, openPage } from '../kit/browser.ts';
import { filesWith } from '../kit/files.ts';
import { type RunningGlassway, runToEnd, scratchDir, startGlassway, waitFor } from '../kit/glassway.ts';
import { type HttpUpstream, startUpstream } from '../kit/upstream.ts';

let provider: HttpUpstream;
let glassway: RunningGlassway;
let browser: Browser;

beforeAll(async () => {
  provider = await startUpstream((res) => {
    res.setHeader('content-type', 'application/json');
    res.end('{"model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}');
  });
  glassway = await startGlassway({
    settings: { auth: 'required', upstreams: { openai: { baseUrl: provider.origin, apiKey: { env: 'OPENAI_KEY_FOR_ALL' } } } },
    env: { OPENAI_KEY_FOR_ALL: 'sk-held-by-glassway' },
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await glassway?.stop();
  await provider?.close();
});

async function keys(...args: string[]): Promise<string> {
  const { code, output } = await runToEnd(['keys', ...args, '--data', glassway.dataDir]);
  expect(code).toBe(0);
  return output;
}
const keyIn = (output: string) => /gw[kcm]_\S+/.exec(output)?.[0] ?? '';

const call = (key: string) =>
  fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{"model":"gpt-5-mini","messages":[]}',
  });

test('it says at start that keys are asked for and how to make one; a key made then works at once, and is nowhere to be found', async () => {
  expect(glassway.output()).toMatch(
    /Keys are asked for[\s\S]*No key for calls yet: +glassway keys create --project[\s\S]*keys create --for console/,
  );
  expect((await call('sk-anything')).status).toBe(401);
  const key = keyIn(await keys('create', '--project', 'shop'));
  await waitFor('the key to hold', async () => ((await call(key)).ok ? true : undefined));
  const [row] = await glassway.rows("SELECT project, key_fingerprint, error_message FROM calls WHERE outcome = 'ok'", 1);
  expect(row).toMatchObject({ project: 'shop', key_fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/) });
  expect(provider.requests.every(({ rawHeaders }) => rawHeaders.includes('Bearer sk-held-by-glassway'))).toBe(true);
  await keys('revoke', key);
  await waitFor('the key to be gone', async () => ((await call(key)).status === 401 ? true : undefined));
  const secret = key.slice(17);
  expect(glassway.output()).not.toContain(secret);
  expect(filesWith(glassway.dataDir, secret)).toEqual([]);
});

test('what is secret in the data folder is readable by its owner only', () => {
  for (const name of ['keys.json', 'ingest.key', 'session.key', 'fingerprint.key'])
    expect({ name, mode: statSync(join(glassway.dataDir, name)).mode & 0o077 }).toEqual({ name, mode: 0 });
});

test('neither the processes’ arguments nor their output hold a secret', () => {
  const secret = readFileSync(join(glassway.dataDir, 'ingest.key')).toString('hex');
  expect(execFileSync('ps', ['-ww', '-eo', 'args'], { encoding: 'utf8' })).not.toContain(secret);
  expect(glassway.output()).not.toContain(secret);
});

test('keys made at the same moment are all there', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `at once ${i}`);
  await Promise.all(names.map((name) => keys('create', '--for', 'metrics', '--name', name)));
  const kept = readKeys(join(glassway.dataDir, 'keys.json')).map(({ name }) => name);
  expect(kept.filter((name) => name.startsWith('at once')).sort()).toEqual(names);
});

/** The demo as a command beside the running Glassway. */
const demo = (...args: string[]) =>
  runToEnd(['demo', ...args], {
    GLASSWAY_LISTEN_PROXY: String(glassway.ports.proxy),
    GLASSWAY_LISTEN_INGEST: String(glassway.ports.ingest),
    GLASSWAY_LISTEN_MOCK_PROVIDER: String(glassway.ports.mockProvider),
  });

test('the demo shows keys of its own, which are gone when it ends; one that cannot make any says where it should run', async () => {
  const file = join(glassway.dataDir, 'keys.json');
  const before = readFileSync(file, 'utf8');
  const stopping = new AbortController();
  const out = new PassThrough();
  const { proxyUrl, consoleUrl, ports } = glassway;
  const mock = { mockHost: '127.0.0.1', mockPort: ports.mockProvider };
  const running = runDemo({ proxyUrl, consoleUrl, ...mock, keysFile: file, rate: 20, minutes: 60, seed: 1, out, signal: stopping.signal });
  await glassway.rows("SELECT id FROM calls WHERE project = 'support-bot' AND outcome = 'ok'", 1);
  expect(readFileSync(file, 'utf8')).toContain('glassway demo');
  stopping.abort();
  expect(await running).toBe(0);
  expect(String(out.read())).toContain(`are in ${file} until the demo ends`);
  expect(readFileSync(file, 'utf8')).toBe(before);
  const elsewhere = await demo('--data', join(scratchDir(), 'other'));
  expect(elsewhere).toMatchObject({
    code: 1,
    output: expect.stringMatching(/does not read those in .*other\/keys\.json\. Start the demo on/),
  });
  const unwritable = await demo('--data', file);
  expect(unwritable).toMatchObject({ code: 1, output: expect.stringContaining(`${file}/keys.json cannot be written (E`) });
});

test('the console asks for a key, refuses a wrong one, and shows the figures after a right one; sign-out and revocation end it', async () => {
  const key = keyIn(await keys('create', '--for', 'console', '--name', 'Ada'));
  const { page, faults, close } = await openPage(browser, `${glassway.consoleUrl}/?range=7d`);
  try {
    expect(new URL(page.url()).pathname).toBe('/login');
    await page.getByLabel('Console key').fill('gwc_000000000000_nothing');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('does not open the console');
    await page.getByLabel('Console key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#app > *').first().waitFor();
    expect(page.url()).toContain('range=7d');
    await page.getByText('shop').first().waitFor();
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ name: 'glassway_session', httpOnly: true, sameSite: 'Strict' });
    await page.goto(`${glassway.consoleUrl}/login`);
    expect(await page.locator('strong').textContent()).toBe('Ada');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Console key').waitFor();
    expect((await page.goto(`${glassway.consoleUrl}/`))?.url()).toContain('/login');
    expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
    await page.getByLabel('Console key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#app > *').first().waitFor();
    await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Console key').fill(key);
    expect(await page.context().cookies()).toEqual([]);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#app > *').first().waitFor();
    if (process.env['SCREENSHOT'] !== undefined) await page.screenshot({ path: process.env['SCREENSHOT'] });
    await keys('revoke', key);
    // The page asks on by itself, and is sent back to the door.
    await page.waitForURL(/\/login/, { timeout: 30_000 });
  } finally {
    await close();
  }
});

test('a metrics key reads both metrics, and nothing of the console', async () => {
  const key = keyIn(await keys('create', '--for', 'metrics'));
  const headers = { authorization: `Bearer ${key}` };
  for (const url of [`http://127.0.0.1:${glassway.ports.proxyAdmin}/metrics`, `${glassway.consoleUrl}/metrics`]) {
    expect((await fetch(url)).status).toBe(401);
    await waitFor('the key to hold', async () => ((await fetch(url, { headers })).ok ? true : undefined));
  }
  expect((await fetch(`${glassway.consoleUrl}/api/status`, { headers })).status).toBe(401);
});
