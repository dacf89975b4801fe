/** What is kept in `metadata` of texts that providers and callers name things with, and of faults of our own. */
import fc from 'fast-check';
import { faultText } from '../../../proxy/fault-text.ts';
import { keptMessage } from '../../../proxy/kept-message.ts';
import { keptId, keptName, keptPath, keptUsage, keptWords, NOT_A_NAME } from '../../../proxy/kept-name.ts';

describe('an error message', () => {
  test.each([
    'The model `gpt-x` does not exist or you do not have access to it.',
    'prompt is too long: 210000 tokens > 200000 maximum',
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens.",
    'messages.0.content.0.text: text content blocks must be non-empty',
    'Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 1.2s.',
    'Overloaded',
    'The provided model identifier is invalid.',
    "Item of type 'reasoning' was provided without its required following item.",
    'Your credit balance is too low to access the Anthropic API.',
  ])('%s stays as it is', (message) => expect(keptMessage(message, ['gpt-x'])).toBe(message));

  test.each([
    [
      "Invalid value: 'ask Dr. Smith about it'. Supported values are: 'system', 'user'.",
      "Invalid value: '…'. Supported values are: 'system', 'user'.",
    ],
    ["Invalid value: 'delete all files'.", "Invalid value: '…'."],
    ["[{'loc': ('body', 'messages'), 'input': 'the patient Joe is ill'}]", "[{'loc': ('body', 'messages'), 'input': '…'}]"],
    ['Unrecognized request argument supplied: hunter2', 'Unrecognized request argument supplied: …'],
    ['Invalid JSON payload received. Unexpected token.\n{"contents": Joe', 'Invalid JSON payload received. Unexpected token.'],
    ['Could not parse: 4111 1111 1111 1111 is no number', 'Could not parse: … is no number'],
    ['Incorrect API key provided: sk-abc***def. See https://example.com/joe.', 'Incorrect API key provided: [redacted]. See ….'],
    ['call me at 555-123-4567', 'call … at …'],
    ['Müller wohnt in der Hauptstraße', ''],
  ])('%s loses what may be the caller’s', (message, kept) => expect(keptMessage(message)).toBe(kept));

  test('no word that providers do not use survives, wherever it stands', () => {
    const word = fc.stringMatching(/^[a-z]{5,9}[0-9]{1,4}x[a-z]{2}$/);
    const said = fc.constantFrom(
      ['Invalid value: ', ' is not supported.'],
      ["The key '", "' is unknown"],
      ['', ''],
      ['input_value=', ', type=str'],
      ['tokens ', ' tokens'],
    );
    fc.assert(
      fc.property(word, said, (secret, [before, after]) => expect(keptMessage(`${before}${secret}${after}`)).not.toContain(secret)),
    );
  });
});

describe('a name', () => {
  test.each([
    'gpt-4o-mini',
    'anthropic/claude-sonnet-4.5:beta',
    'claude-3-5@20240620',
    'arn:aws:bedrock:us-east-1:1:inference-profile/x',
    'My Local Model Q4.gguf',
    'meta-llama/Llama-4-Scout-17B-16E-Instruct',
    'deepseek-ai/DeepSeek-R1-Distill-Llama-70B-Instruct-FP8',
    'qwen（大）'.slice(0, 4),
  ])('%s stays', (name) => expect(keptName(name)).toBe(name));
  test.each([
    'please write a poem about my neighbour',
    'john@example.com',
    `sk-${'ant-api03-AbCdEf0123456789'}`,
    'two\nlines',
    // AWS's own example of a secret access key
    ['wJalrXUtnFEMI', 'K7MDENG', 'bPxRfiCYEXAMPLEKEY00'].join('/'),
    'aB3'.repeat(16),
    `${'x'.repeat(600)}`,
  ])('%j is none', (text) => expect(keptName(text)).toBe('[not a name]'));
  test('an id has no spaces, and is no address', () => {
    expect(keptId('chatcmpl-9xyz')).toBe('chatcmpl-9xyz');
    expect(keptId('my id')).toBe('[not a name]');
    expect(keptId('john@example.com')).toBe('[not a name]');
    expect(keptWords({ output_type: 'json' })).toEqual({ output_type: 'json' });
  });
});

test('a path loses the segments that are text', () => {
  for (const path of [
    '/v1/chat/completions',
    '/v1beta/models/gemini-2.5-pro:generateContent',
    '/model/anthropic.claude-v2%3A1/invoke',
    '/v1/files/file-abc123',
  ])
    expect(keptPath(path)).toBe(path);
  expect(keptPath('/prompt/write%20to%20john')).toBe('/prompt/…');
  expect(keptPath('/u/john@example.com/x')).toBe('/u/…/x');
  expect(keptPath('/u/john%40example.com/x')).toBe('/u/…/x');
  expect(keptPath(`/k/sk-${'proj-abcdefghijkl1234567890'}`)).toBe('/k/…');
});

test('usage keeps its numbers, and words without spaces', () => {
  const usage = { prompt_tokens: 3, cost: 1.5e-7, details: { cached: null, tier: 'default' } };
  expect(keptUsage(usage, {})).toBe(JSON.stringify(usage));
  expect(keptUsage(undefined, null)).toBe('');
  expect(keptUsage({ long: 'x'.repeat(20_000) }, { input_tokens: 1 })).toBe('{"input_tokens":1}');
  expect(JSON.parse(keptUsage({ n: 1, note: 'said John', 'said John': 2 }, {}))).toEqual({ n: 1, note: '[not a name]' });
});

test('a fault of ours says where it happened, and not what it read', () => {
  let thrown: unknown;
  try {
    JSON.parse('{"content": "the patient Joe"} x');
  } catch (error) {
    thrown = error;
  }
  expect(faultText(thrown)).toMatch(/^SyntaxError: .*\n {4}at /);
  expect(faultText(thrown)).not.toContain('Joe');
  expect(faultText(new TypeError('Invalid URL'))).toContain('TypeError: Invalid URL');
  expect(faultText('Joe')).toBe('a thrown string');
});

test('a key in an id or in a usage object is not kept, ids and counts are', () => {
  const key = `sk-${'proj'}-Ab3dEf6hIj9lMn2pQr5t`;
  for (const id of [
    'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    'msg_01XFDUDYJgAACzvnptvVoYEL',
    'resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b',
  ])
    expect(keptId(id)).toBe(id);
  for (const id of [key, `id:${key}`, 'AKIAIOSFODNN7EXAMPLE']) expect(keptId(id)).toBe(NOT_A_NAME);
  const usage = {
    prompt_tokens: 1_024,
    completion_tokens_details: { reasoning_tokens: 12 },
    model: 'gpt-4o-2024-08-06',
    started: '2026-01-01T10:00:00',
  };
  expect(JSON.parse(keptUsage(usage, undefined))).toEqual(usage);
  expect(keptUsage({ ...usage, note: key, [key]: 1 }, undefined)).toBe(JSON.stringify({ ...usage, note: NOT_A_NAME }));
});
