import { countTokens } from 'gpt-tokenizer/encoding/cl100k_base';
import { encodingOf } from '../../../proxy/estimate/encoding.ts';
import { createEstimator, type EstimateResult } from '../../../proxy/estimate/estimator.ts';
import { HeldBytes, Share } from '../../../proxy/estimate/held-bytes.ts';
import { type CountJob, countJob } from '../../../proxy/estimate/job.ts';
import { answerTexts, requestTexts } from '../../../proxy/estimate/texts.ts';
import { JsonReader } from '../../../proxy/framing/json.ts';

test.each([
  ['gpt-4o-mini', 'o200k_base'],
  ['gpt-5.1', 'o200k_base'],
  ['o3', 'o200k_base'],
  ['gpt-4.1-nano', 'o200k_base'],
  ['gpt-4-turbo', 'cl100k_base'],
  ['openai/gpt-4', 'cl100k_base'],
  ['ft:gpt-3.5-turbo:acme::1', 'cl100k_base'],
  ['gpt-35-turbo', 'cl100k_base'],
  ['text-embedding-3-small', 'cl100k_base'],
  ['claude-sonnet-4-5', 'o200k_base'],
  ['meta-llama/Llama-3.3-70B', 'cl100k_base'],
] as const)('%s is counted with %s', (model, encoding) => expect(encodingOf(model)).toBe(encoding));

test('pieces of a long text make the tokens of the whole, to within one a piece', () => {
  const whole = 'Der schnelle braune Fuchs, 1234 mal: {"key": [1, 2]}\n'.repeat(400);
  const job = { model: 'gpt-4', input: { texts: [whole], tokens: 0, scale: 1 }, output: null, bytes: whole.length };
  const { input_tokens } = countJob(job, (piece) => countTokens(piece));
  expect(Math.abs((input_tokens ?? 0) - countTokens(whole))).toBeLessThan(whole.length / 1_024);
});

test('ids, kinds and signatures are no text; tool arguments are; token ids count one each', () => {
  const content = [
    { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: 1 } },
    { type: 'text', text: 'so', cache_control: { type: 'ephemeral' } },
  ];
  expect(answerTexts({ content, stop_reason: 'tool_use' }, ['content'])).toEqual({
    texts: ['add', '{"a":1}', 'so'],
    tokens: 12,
    unseen: false,
  });
  expect(requestTexts({ input: [[1, 2, 3], [4]] }, { request: ['input'], response: [], event: [] })).toEqual({
    texts: [],
    tokens: 4,
    unseen: false,
  });
});

const tokensOf = (tools: unknown) => requestTexts({ tools }, { request: [], tools: ['tools'], response: [], event: [] });

test('tools of every dialect are read as a declaration, hosted ones make the input unknown', () => {
  const schema = { type: 'object', properties: { unit: { type: 'string', description: 'Which.', enum: ['c', 'f'] } } };
  const declared = { texts: ['t:Does it', 'c', 'f', 'unit:string:Which'], tokens: 7 + 3 + 3 - 3 + 3 + 3 + 12, unseen: false };
  const tool = { name: 't', description: 'Does it.' };
  expect(tokensOf([{ type: 'function', function: { ...tool, parameters: schema } }])).toEqual(declared);
  expect(tokensOf([{ type: 'function', ...tool, parameters: schema }])).toEqual(declared);
  expect(tokensOf([{ ...tool, input_schema: schema }])).toEqual(declared);
  expect(tokensOf([{ functionDeclarations: [{ ...tool, parameters: schema }] }])).toEqual(declared);
  expect(tokensOf({ tools: [{ toolSpec: { ...tool, inputSchema: { json: schema } } }, { cachePoint: { type: 'default' } }] })).toEqual(
    declared,
  );
  for (const hosted of [{ type: 'web_search' }, { type: 'code_execution_20250825', name: 'code_execution' }, { googleSearch: {} }])
    expect(tokensOf([hosted]).unseen).toBe(true);
});

test('a text in place of the list of messages is one message, and so is an instruction beside it', () => {
  const spec = { request: ['instructions', 'input'], messages: 'input', response: [], event: [] };
  expect(requestTexts({ instructions: 'Be kind.', input: 'Hello' }, spec).tokens).toBe(2 * 4 + 3);
  expect(requestTexts({ input: [{ role: 'user', content: 'Hello' }] }, spec).tokens).toBe(4 + 3);
});

test('a large body keeps its texts within the room there is, measures what it drops, and passes over base64', () => {
  const all = new HeldBytes();
  const share = new Share(all, 64 * 1024);
  const reader = new JsonReader(share);
  const content = 'Zeile "eins"\n'.repeat(20_000);
  const image = 'QUJD'.repeat(50_000);
  reader.push(Buffer.from(JSON.stringify({ content, image })));
  const kept = (reader.end() as { content: string }).content;
  expect(content.startsWith(kept)).toBe(true);
  expect(kept.length).toBeGreaterThan(30_000);
  const escaped = JSON.stringify(content).length - 2;
  expect(Math.abs(JSON.stringify(kept).length - 2 + reader.dropped.textBytes - escaped)).toBeLessThan(16);
  expect(all.bytes).toBeLessThanOrEqual(64 * 1024);
  share.releaseAll();
  expect(all.bytes).toBe(0);
});

describe('the counting thread', () => {
  const job = (text: string): CountJob => ({
    model: 'gpt-4',
    input: { texts: [text], tokens: 0, scale: 1 },
    output: null,
    bytes: text.length,
  });
  const run = async (jobs: readonly CountJob[], limits: { jobsMax?: number; bytesMax?: number; jobMs?: number } = {}) => {
    const results: EstimateResult[] = [];
    const estimator = createEstimator({ ...limits, onResult: (result) => results.push(result) });
    try {
      const counts = await Promise.all(jobs.map((each) => new Promise((resolve) => estimator.count(each, resolve))));
      return { counts, results };
    } finally {
      await estimator.close();
    }
  };

  test('counts each job once, in order', async () => {
    const { counts, results } = await run([job('one two'), job('three')]);
    expect(counts).toEqual([
      { input_tokens: 2, output_tokens: null },
      { input_tokens: 1, output_tokens: null },
    ]);
    expect(results).toEqual(['counted', 'counted']);
  });

  test('refuses what finds no room, by jobs and by bytes, and says so', async () => {
    expect((await run([job('a'), job('b'), job('c')], { jobsMax: 1 })).results.sort()).toEqual(['counted', 'counted', 'queue_full']);
    expect((await run([job('a'.repeat(20)), job('b')], { bytesMax: 10 })).results.sort()).toEqual(['counted', 'queue_full']);
  });

  test('a job that takes too long goes without, and the next one has its turn', async () => {
    const { counts, results } = await run([job('a b '.repeat(1_000_000))], { jobMs: 1 });
    expect(counts).toEqual([undefined]);
    expect(results).toEqual(['timeout']);
  });

  test('takes no more once it is closed', async () => {
    const results: EstimateResult[] = [];
    const estimator = createEstimator({ onResult: (result) => results.push(result) });
    await estimator.close();
    expect(await new Promise((resolve) => estimator.count(job('a'), resolve))).toBeUndefined();
    expect(results).toEqual(['stopped']);
  });
});
