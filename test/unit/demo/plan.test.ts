import { parseDemoOptions } from '../../../cli/demo/options.ts';
import { planCalls } from '../../../cli/demo/plan.ts';
import { DEMO_PROJECTS, UNPRICED_MODEL } from '../../../cli/demo/projects.ts';
import { cutIntoTokens, proseTokens, valueOfSchema } from '../../../cli/demo/prose.ts';
import { createRandom } from '../../../cli/demo/random.ts';
import { SCENARIOS } from '../../../cli/demo/scenarios.ts';
import { createTotals } from '../../../cli/demo/totals.ts';

describe('the plan of calls', () => {
  const tenMinutes = [...planCalls({ rate: 10, minutes: 10, seed: 7 })];

  test('the same seed plans the same calls, another seed others', () => {
    const again = [...planCalls({ rate: 10, minutes: 10, seed: 7 })];
    const other = [...planCalls({ rate: 10, minutes: 10, seed: 8 })];
    expect(again).toEqual(tenMinutes);
    expect(other.slice(0, 50)).not.toEqual(tenMinutes.slice(0, 50));
  });

  test('the number of calls is the rate times the length, give or take the spread of a Poisson process', () => {
    const expected = 10 * 600;
    expect(Math.abs(tenMinutes.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });

  test('moments rise and stay within the length', () => {
    const moments = tenMinutes.map((call) => call.at_s);
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(moments.at(-1)).toBeLessThan(600);
  });

  test('every project, every kind of call and the model without a price come up', () => {
    expect(new Set(tenMinutes.map((call) => call.project))).toEqual(new Set(DEMO_PROJECTS.map((project) => project.name)));
    const upstreams = new Set(tenMinutes.map((call) => call.path.split('/')[1]));
    expect(upstreams).toEqual(new Set(['demo-openai', 'demo-anthropic', 'demo-gemini']));
    expect(tenMinutes.some((call) => call.body.includes(`"${UNPRICED_MODEL}"`))).toBe(true);
    expect(tenMinutes.some((call) => call.abortAfterBytes !== undefined)).toBe(true);
  });

  test('every call is tagged and carries a credential that is plainly not a real one', () => {
    for (const call of tenMinutes.slice(0, 500)) {
      expect(call.headers['x-glassway-project']).toBe(call.project);
      expect(call.headers['x-glassway-user']).toMatch(/^user-\d+$/);
      expect(call.headers['x-glassway-session']).toMatch(/^session-/);
      expect(call.headers['x-glassway-tag-env']).toMatch(/^(production|staging)$/);
      const credential = call.headers['authorization'] ?? call.headers['x-api-key'] ?? call.headers['x-goog-api-key'];
      expect(['Bearer demo', 'demo']).toContain(credential);
    }
  });
});

describe('the command line numbers', () => {
  test('good numbers are read, as text too', () => {
    expect(parseDemoOptions({ rate: '2.5', minutes: 10, seed: '0' })).toEqual({ rate: 2.5, minutes: 10, seed: 0 });
  });

  test('all faults are named at once, each with its value and what is accepted', () => {
    const faults = () => parseDemoOptions({ rate: 501, minutes: 'soon', seed: -1 });
    expect(faults).toThrow(/--rate 501: want .* at most 500/);
    expect(faults).toThrow(/--minutes soon: want .* at most 1440/);
    expect(faults).toThrow(/--seed -1: want a whole number from 0/);
  });

  test.each([
    ['', 1, 1],
    [0, 1, 1],
    [1, 0, 1],
    [1, 1441, 1],
    [1, 1, 1.5],
    [1, 1, ''],
    [Number.NaN, 1, 1],
  ])('rate %p, minutes %p, seed %p are refused', (rate, minutes, seed) => {
    expect(() => parseDemoOptions({ rate, minutes, seed })).toThrow('want');
  });
});

describe('made-up text', () => {
  test('prose has as many tokens as asked for, of about four characters', () => {
    const tokens = proseTokens(createRandom(1), 2_000);
    expect(tokens).toHaveLength(2_000);
    expect(tokens.join('').length / 2_000).toBeGreaterThan(3);
    expect(tokens.join('').length / 2_000).toBeLessThan(8);
  });

  test('cutting text into tokens loses nothing and splits no surrogate pair', () => {
    const text = 'ab😀😀😀cd😀';
    expect(cutIntoTokens(text).join('')).toBe(text);
    for (const token of cutIntoTokens(text)) expect(token.isWellFormed()).toBe(true);
  });

  test('a value fits its schema, and a schema that refers to itself ends', () => {
    const schema: Record<string, unknown> = {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { enum: ['c'] },
        days: { type: 'integer' },
        list: { type: 'ARRAY', items: { type: 'number' } },
      },
    };
    expect(valueOfSchema(schema, createRandom(2))).toEqual({
      city: expect.any(String),
      unit: 'c',
      days: expect.any(Number),
      list: [expect.any(Number)],
    });
    schema['properties'] = { again: schema };
    expect(() => JSON.stringify(valueOfSchema(schema, createRandom(2)))).not.toThrow();
  });
});

test('scenario names are unique and their chances leave most calls alone', () => {
  expect(new Set(SCENARIOS.map((entry) => entry.name)).size).toBe(SCENARIOS.length);
  expect(SCENARIOS.reduce((sum, entry) => sum + entry.rate, 0)).toBeLessThan(0.1);
});

test('totals stay bounded and their sums right, however many models callers name', () => {
  const totals = createTotals();
  const usage = {
    input_tokens: 3,
    output_tokens: 2,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: 0,
  };
  for (let index = 0; index < 5_000; index++) {
    totals.add({ label: '', dialect: 'openai', operation: 'chat', model: `m${index}`, stream: false, status: 200, end: 'ok' }, usage);
  }
  const { calls, cells } = totals.read();
  expect(calls).toBe(5_000);
  expect(cells.length).toBeLessThanOrEqual(2_100);
  expect(cells.reduce((sum, cell) => sum + cell.input_tokens, 0)).toBe(15_000);
});
