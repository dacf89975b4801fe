/** `prices` and `priceCatalogue` in the settings: what is accepted, and what each mistake is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings, type Settings } from '../../contract/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'glassway-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(yaml: string, env: Record<string, string> = {}): Settings {
  const file = join(folder, 'glassway.yaml');
  writeFileSync(file, yaml);
  return loadSettings({ file, env });
}

test('prices are read as they are written, dates without quotes too', () => {
  const { prices, priceCatalogue } = load(`
prices:
  - { project: checkout, model: "gpt-4o*", serviceTier: batch, from: 2026-01-01, until: 2026-07-01, multiplier: 0.85 }
  - { provider: vllm, perMillion: { input: 0.1, output: 0.4, cache_write_1h: 1 }, perRequest: 0.001 }
priceCatalogue: { url: "https://example.com/prices.json", refresh: 12h }
`);
  expect(prices).toEqual([
    { project: 'checkout', model: 'gpt-4o*', serviceTier: 'batch', from: '2026-01-01', until: '2026-07-01', multiplier: 0.85 },
    { provider: 'vllm', perMillion: { input: 0.1, output: 0.4, cache_write_1h: 1 }, perRequest: 0.001 },
  ]);
  expect(priceCatalogue).toEqual({ url: 'https://example.com/prices.json', refresh: '12h' });
});

test('without them there are none, and the catalogue may come from the environment', () => {
  expect(load('').prices).toEqual([]);
  expect(load('', { GLASSWAY_PRICE_CATALOGUE_FILE: '/prices.json' }).priceCatalogue).toEqual({ file: '/prices.json', refresh: '24h' });
});

test.each([
  ['prices: [{ model: x }]', 'prices.0', 'either prices (perMillion, perRequest) or a multiplier'],
  ['prices: [{ multiplier: 1, perRequest: 1 }]', 'prices.0', 'either prices'],
  ['prices: [{ multiplier: -1 }]', 'prices.0.multiplier', '-1 is not accepted: a factor, 0 to 100'],
  ['prices: [{ multiplier: cheap }]', 'prices.0.multiplier', '"cheap" is not accepted: a factor, 0 to 100'],
  ['prices: [{ perMillion: { input: 2000000 } }]', 'prices.0.perMillion.input', '2000000 is not accepted: US dollars, 0 to 1000000'],
  ['prices: [{ perMillion: { output: 1 } }]', 'prices.0.perMillion.input', 'missing is not accepted: US dollars'],
  ['prices: [{ perMillion: { input: 1, inputs: 1 } }]', 'prices.0.perMillion.inputs', 'unknown key; accepted here: input, output'],
  ['prices: [{ models: x, multiplier: 1 }]', 'prices.0.models', 'unknown key; accepted here: project, upstream'],
  ['prices: [{ from: 2026-02-30, multiplier: 1 }]', 'prices.0.from', '"2026-02-30" is not accepted: a date, YYYY-MM-DD'],
  ['prices: [{ from: 2026-02-02, until: 2026-02-02, multiplier: 1 }]', 'prices.0', 'from before until'],
  ['prices: [{ model: "", multiplier: 1 }]', 'prices.0.model', 'a name of 1 to 256 characters'],
  ['priceCatalogue: { file: a, url: "https://b" }', 'priceCatalogue', 'either file or url'],
  ['priceCatalogue: { url: "ftp://b" }', 'priceCatalogue.url', 'an http:// or https:// URL'],
  ['priceCatalogue: { file: a, refresh: 5m }', 'priceCatalogue.refresh', 'a whole number of hours or days'],
])('%s is refused by name, value and accepted range', (yaml, at, problem) => {
  expect(() => load(yaml)).toThrow(new RegExp(`^  ${at.replaceAll('.', '\\.')}: .*${problem.replace(/[()]/g, '\\$&')}`, 'm'));
});
