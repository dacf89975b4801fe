/** The call that `own-work.ts` measures: what `load/` sends and its provider answers, as it reaches the tap. */

const chatBody = (stream: boolean): string =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
    temperature: 0.2,
    messages: [
      { role: 'system', content: 'You answer briefly and name your sources.' },
      { role: 'user', content: 'What did the quarterly report say about this? '.repeat(16) },
    ],
  });

const callOf = (body: string) => ({
  url: '/openai/v1/chat/completions',
  body,
  rawHeaders: [
    ...['host', '127.0.0.1:4700', 'accept', 'application/json', 'content-type', 'application/json', 'user-agent', 'OpenAI/JS 6.1.0'],
    ...[
      'authorization',
      'Bearer sk-bench-0123456789abcdef',
      'x-stainless-lang',
      'js',
      'x-stainless-runtime',
      'node',
      'accept-language',
      '*',
    ],
    ...['x-glassway-project', 'bench', 'content-length', String(Buffer.byteLength(body))],
  ],
});
export const CALL = callOf(chatBody(false));
export const STREAM_CALL = callOf(chatBody(true));

const HEADERS = [
  ...[
    'date',
    'Mon, 02 Nov 2026 10:00:00 GMT',
    'openai-organization',
    'bench',
    'openai-processing-ms',
    '412',
    'openai-version',
    '2020-10-01',
  ],
  ...['x-ratelimit-limit-requests', '10000', 'x-ratelimit-limit-tokens', '2000000', 'x-ratelimit-remaining-requests', '9999'],
  ...['x-ratelimit-remaining-tokens', '1999632', 'x-ratelimit-reset-requests', '6ms', 'x-ratelimit-reset-tokens', '11ms'],
  ...['x-request-id', 'req_0123456789abcdef0123456789abcdef', 'strict-transport-security', 'max-age=31536000', 'server', 'bench'],
];
const USAGE = {
  prompt_tokens: 212,
  completion_tokens: 187,
  total_tokens: 399,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
};
const COMMON = { id: 'chatcmpl-bench', created: 1_790_000_000, model: 'gpt-4o-mini-2024-07-18', system_fingerprint: 'fp_bench' };
const MESSAGE = { role: 'assistant', content: 'Lorem ipsum. '.repeat(69), refusal: null, annotations: [] };
const CHOICE = { index: 0, message: MESSAGE, logprobs: null, finish_reason: 'stop' };

export const WHOLE = JSON.stringify({ ...COMMON, object: 'chat.completion', choices: [CHOICE], usage: USAGE, service_tier: 'default' });
export const RESPONSE_HEADERS = ['content-type', 'application/json', 'content-length', String(WHOLE.length), ...HEADERS];
export const STREAM_HEADERS = ['content-type', 'text/event-stream; charset=utf-8', ...HEADERS];

const event = (fields: object): string => `data: ${JSON.stringify({ ...COMMON, object: 'chat.completion.chunk', ...fields })}\n\n`;
const delta = (content: object, finish_reason: string | null): string =>
  event({ choices: [{ index: 0, delta: content, logprobs: null, finish_reason }], usage: null });

export const EVENTS: readonly string[] = [
  ...Array.from({ length: 99 }, () => delta({ content: ' token' }, null)),
  `${delta({}, 'stop')}${event({ choices: [], usage: USAGE })}data: [DONE]\n\n`,
];
