/** What `glassway prices` says: the entry and where it is from, tiers, own prices, and help for a name that nobody has. */
import { explainPrices } from '../../cli/prices.ts';
import { createPricer } from '../../ingest/price.ts';

const at = new Date('2026-10-05T12:00:00Z');
const ask = (model: string, provider?: string, pricer = createPricer()) => explainPrices(pricer, { model, provider, at });

test('a model has its prices by token kind and context length, its tiers, and the version of the list', () => {
  const { known, text } = ask('claude-sonnet-4-5-20250929', 'anthropic');
  expect(known).toBe(true);
  expect(text).toMatch(/^anthropic: claude-sonnet-4-5 \(genai-prices@\d+\.\d+\.\d+\)/);
  expect(text).toMatch(/list +above 200,000 in/);
  expect(text).toMatch(/cache write \(1 hour\) +6 +12/);
  expect(text).toContain('batch × 0.5');
});

test('without a provider every provider that sells it is shown', () => {
  const { text } = ask('gpt-4o');
  expect(text).toMatch(/^openai: gpt-4o/m);
  expect(text).toMatch(/^azure\.ai\.openai: gpt-4o/m);
});

test('own prices that concern the model are shown first, others not', () => {
  const pricer = createPricer({
    overrides: [
      { model: 'claude-*', multiplier: 2 },
      { project: 'checkout', model: 'gpt-4o', multiplier: 0.8 },
    ],
  });
  const { text } = ask('gpt-4o', 'openai', pricer);
  expect(text).toMatch(/^Your own prices \(config@[0-9a-f]{12}\)/);
  expect(text).toContain('prices.1: {"project":"checkout"');
  expect(text).not.toContain('prices.0');
});

test('a model that only own prices know is known', () => {
  expect(ask('acme/support-7b', 'vllm', createPricer({ overrides: [{ provider: 'vllm', perMillion: { input: 1 } }] })).known).toBe(true);
});

test('a name that nobody has gets near names and what to write', () => {
  const { known, text } = ask('gpt-4o-mni');
  expect(known).toBe(false);
  expect(text).toContain('its calls cost NULL');
  expect(text).toContain('  gpt-4o-mini (openai)');
  expect(text).toContain('{ model: "gpt-4o-mni", perMillion:');
});
