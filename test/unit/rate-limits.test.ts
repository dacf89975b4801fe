import { parseRecord } from '../../contract/record.ts';
import { readRateLimits } from '../../proxy/rate-limits.ts';
import { sampleRecord } from './ingest/sample.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const read = (headers: Readonly<Record<string, string>>) => readRateLimits(Object.entries(headers).flat(), NOW_MS);

test.each([
  [
    'OpenAI',
    {
      'x-ratelimit-limit-requests': '10000',
      'X-RateLimit-Remaining-Tokens': '149984',
      'x-ratelimit-reset-requests': '8.64s',
      'x-ratelimit-reset-tokens': '6m0s',
    },
    { limit_requests: 10_000, remaining_tokens: 149_984, reset_requests_s: 8.64, reset_tokens_s: 360 },
  ],
  [
    'OpenAI, milliseconds',
    { 'x-ratelimit-reset-tokens': '6ms', 'retry-after': '1', 'retry-after-ms': '350' },
    { reset_tokens_s: 0.006, retry_after_s: 0.35 },
  ],
  [
    'Anthropic',
    {
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-input-tokens-remaining': '1990000',
      'anthropic-ratelimit-input-tokens-reset': '2026-03-01T12:00:30Z',
      'anthropic-priority-output-tokens-limit': '5',
    },
    { limit_requests: 4_000, remaining_input_tokens: 1_990_000, reset_input_tokens_s: 30, limit_priority_output_tokens: 5 },
  ],
  [
    'Cerebras',
    { 'x-ratelimit-limit-tokens-minute': '60000', 'x-ratelimit-reset-requests-day': '33011.382867' },
    { limit_tokens_minute: 60_000, reset_requests_day_s: 33_011.382867 },
  ],
  ['OpenRouter', { 'x-ratelimit-limit': '20', 'x-ratelimit-reset': String(NOW_MS + 2_000) }, { limit: 20, reset_s: 2 }],
  ['the IETF draft', { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-reset': '50' }, { limit: 100, reset_s: 50 }],
  ['Together', { 'x-tokenlimit-limit': '9', 'x-ratelimit-reset': String(NOW_MS / 1_000 + 3) }, { limit_tokens: 9, reset_s: 3 }],
  ['a date to come back at', { 'retry-after': 'Sun, 01 Mar 2026 12:01:00 GMT' }, { retry_after_s: 60 }],
  ['a moment that is past', { 'anthropic-ratelimit-tokens-reset': '2026-03-01T11:00:00Z' }, { reset_tokens_s: 0 }],
  [
    'what is no number',
    { 'x-ratelimit-limit-requests': 'unlimited', 'x-ratelimit-reset-tokens': 'soon', 'retry-after': '', 'anthropic-version': '2023-06-01' },
    {},
  ],
])('%s', (_name, headers, expected) => expect(read(headers as Record<string, string>)).toEqual(expected));

test('at most 32 limits of one answer are read', () => {
  const headers = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [
      `x-ratelimit-limit-${'abcdefghij'[index % 10]}${'klmnopqrst'[Math.floor(index / 10)]}`,
      '1',
    ]),
  );
  expect(Object.keys(read(headers))).toHaveLength(32);
});

test('a record of the version before has no rate limits, and is read as if it had none', () => {
  const { rate_limits: _absent, answer_ttft_ms: _unknown, ...older } = { ...sampleRecord(), v: 1 };
  expect(parseRecord(older)).toMatchObject({ record: { rate_limits: {}, answer_ttft_ms: null } });
  expect(parseRecord({ ...older, v: 2 })).toEqual({ reason: expect.stringContaining('rate_limits: missing') });
  expect(parseRecord({ ...older, rate_limits: { limit: 'many' } })).toEqual({ reason: expect.stringContaining('an object of numbers') });
});
