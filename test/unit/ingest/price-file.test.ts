/** Newer list prices from a file or URL: what is taken, what is refused, and that a bad one leaves the last good in use. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProvider } from '@pydantic/genai-prices';
import { createPricer } from '../../../ingest/price.ts';
import { parsePriceFile, startPriceUpdates } from '../../../ingest/price-file.ts';
import { CATALOGUE_PROVIDERS } from '../../../ingest/price-rules.ts';
import { sampleRecord } from './sample.ts';

const list = (input: number, id = 'openai') => [
  {
    id,
    name: id,
    api_pattern: '',
    models: [
      {
        id: 'gpt-9',
        match: { starts_with: 'gpt-9' },
        prices: { input_mtok: input, output_mtok: { base: 10, tiers: [{ start: 1000, price: 20 }] } },
      },
    ],
  },
];
const record = sampleRecord({ request_model: 'gpt-9', response_model: 'gpt-9-2026-11-01', input_tokens: 1000, output_tokens: 100 });
const cheap = ((1000 * 1 + 100 * 10) / 1e6).toFixed(9);

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassway-prices-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function read(source: { file?: string; url?: string }) {
  const logged: string[] = [];
  const updates = startPriceUpdates({ source: { ...source, refresh: '1h' }, log: (level, message) => logged.push(`${level}: ${message}`) });
  await updates.firstRead;
  updates.stop();
  return { price: createPricer({ catalogue: updates.catalogue }).price, logged };
}

function file(content: unknown): { file: string } {
  const path = join(folder, 'prices.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return { file: path };
}

async function serve(status: number, body: string): Promise<{ url: string }> {
  server = createServer((_request, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prices.json` };
}

test('a file brings a new model, its version is in the row, and other providers keep their prices', async () => {
  const { price } = await read(file(list(1)));
  expect(price(record)).toEqual({
    cost_usd: cheap,
    cost_source: 'catalogue',
    price_version: expect.stringMatching(/^prices@[0-9a-f]{12}$/),
  });
  expect(price(sampleRecord({ provider: 'anthropic', response_model: 'claude-sonnet-4-5' })).price_version).toMatch(/^genai-prices@/);
});

test('a URL brings the same', async () => {
  const { price } = await read(await serve(200, JSON.stringify(list(1))));
  expect(price(record).cost_usd).toBe(cheap);
});

test("a provider of the user's own is priced by the name that its calls carry", async () => {
  const { price } = await read(file(list(1, 'acme')));
  expect(price({ ...record, provider: 'acme' }).cost_usd).toBe(cheap);
  expect(price(record).cost_usd).toBe(null);
});

test.each([
  ['no file', () => ({ file: '/nonexistent/prices.json' }), 'ENOENT'],
  ['no JSON', () => file('not JSON'), 'not JSON'],
  ['an empty list', () => file([]), 'top level'],
  ['an error page', () => file({ error: 'not found' }), 'top level'],
  ['a negative price', () => file(list(-1)), 'models.0.prices'],
  ['a price that is no number', () => file(JSON.stringify(list(1)).replace('1,', '"1",')), 'models.0.prices'],
  ['a pattern that is none', () => file(JSON.stringify(list(1)).replace('"starts_with":"gpt-9"', '"regex":"("')), 'models.0.match'],
  ['a status 500', () => serve(500, JSON.stringify(list(1))), 'status 500'],
  ['nobody at the address', () => ({ url: 'http://127.0.0.1:1/prices.json' }), '127.0.0.1:1'],
])('%s leaves the prices of this release in use, and says why', async (_what, source, reason) => {
  const { price, logged } = await read(await source());
  expect(logged).toEqual([expect.stringContaining(reason)]);
  expect(logged[0]).toMatch(/^warn: prices: .* stays in use$/);
  expect(price(sampleRecord()).price_version).toMatch(/^genai-prices@/);
});

test('what is read later is used at once, and what cannot be read then leaves the last good', async () => {
  const source = file(list(1));
  const logged: string[] = [];
  const updates = startPriceUpdates({ source: { ...source, refresh: '1h' }, log: (level, message) => logged.push(`${level}: ${message}`) });
  const { price } = createPricer({ catalogue: updates.catalogue });
  await updates.firstRead;
  expect(price(record).cost_usd).toBe(cheap);
  file('{ half a fi');
  await updates.refresh();
  expect(price(record).cost_usd).toBe(cheap);
  expect(logged.at(-1)).toMatch(/^warn: .*not JSON.*prices@[0-9a-f]{12}.* stays in use$/);
  file(list(2));
  await updates.refresh();
  updates.stop();
  expect(price(record).cost_usd).toBe(((1000 * 2 + 100 * 10) / 1e6).toFixed(9));
});

test('the lists of this release, written as a file, pass the check and give the same costs', async () => {
  const ids = new Set(Object.values(CATALOGUE_PROVIDERS).map(({ id }) => id));
  const { price } = await read(file([...ids].map((providerId) => findProvider({ providerId }))));
  const bundled = createPricer().price;
  for (const [provider, model] of [
    ['openai', 'gpt-5.6-sol'],
    ['azure.ai.openai', 'gpt-4.1'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['deepseek', 'deepseek-chat'],
  ] as const) {
    const call = sampleRecord({ provider, request_model: model, response_model: model });
    expect(price(call)).toMatchObject({ cost_usd: bundled(call).cost_usd, price_version: expect.stringMatching(/^prices@/) });
    expect(price(call).cost_usd).not.toBe(null);
  }
});

test('the same content has the same version', () => {
  const text = JSON.stringify(list(1));
  expect(parsePriceFile(text).version).toBe(parsePriceFile(text).version);
  expect(parsePriceFile(text).version).not.toBe(parsePriceFile(JSON.stringify(list(2))).version);
});
