/** What the span of a call says, attribute by attribute. */
import { SpanStatusCode } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import * as semantic from '@opentelemetry/semantic-conventions/incubating';
import { CALL_COLUMNS } from '../../../contract/columns.ts';
import { CONVENTIONS, type Conventions } from '../../../contract/otlp-settings.ts';
import type { CallRecord } from '../../../contract/record.ts';
import { attributesOf, CONTENT_ATTRIBUTES, OTHER_COLUMNS, SPAN_ATTRIBUTES } from '../../../ingest/otlp/attributes.ts';
import { type CallSpan, createMakeSpan, hasSpan } from '../../../ingest/otlp/span.ts';
import type { SpanCall } from '../../../ingest/otlp/span-call.ts';
import { sampleRecord } from '../ingest/sample.ts';

const IDS = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };

function callOf(changes: Partial<CallRecord> = {}): SpanCall {
  return { ...sampleRecord({ ...IDS, ...changes }), cost_usd: '0.003500000', cost_source: 'catalogue', price_version: 'v1' };
}

function spanOf(call: SpanCall, conventions: Conventions = '1.41.1', messages = true) {
  return createMakeSpan({ resource: emptyResource(), scope: { name: 'glassway' }, conventions, messages })(call);
}

test('every column of a call is in its span, or it is said why not', () => {
  const said = new Set<string>([...SPAN_ATTRIBUTES.flatMap(({ columns }) => columns), ...Object.keys(OTHER_COLUMNS)]);
  expect(CALL_COLUMNS.map(({ name }) => name).filter((name) => !said.has(name))).toEqual([]);
});

test('names that claim to be of the conventions 1.41.1 are in its official list', () => {
  const official = new Set<unknown>(Object.values(semantic));
  const ours = [
    ...SPAN_ATTRIBUTES.filter(({ requirement }) => requirement !== 'own').map(({ name }) => name),
    ...Object.values(CONTENT_ATTRIBUTES),
  ];
  expect(ours.filter((name) => name !== undefined && !official.has(name))).toEqual([]);
});

test.each(CONVENTIONS)('no name of %s stands twice', (conventions) => {
  const names = attributesOf(conventions).map(([name]) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('the next conventions’ names replace the old ones', () => {
  const call = callOf({ cache_write_tokens: 7, input_audio_tokens: 3, request_options: { reasoning_level: 'low' } });
  expect(spanOf(call).attributes).toMatchObject({ 'gen_ai.usage.cache_creation.input_tokens': 7 });
  expect(spanOf(call).attributes).not.toHaveProperty(['gen_ai.usage.audio.input_tokens']);
  const next = spanOf(call, 'next').attributes;
  expect(next).toMatchObject({
    'gen_ai.usage.cache_write.input_tokens': 7,
    'gen_ai.usage.audio.input_tokens': 3,
    'gen_ai.request.reasoning.level': 'low',
  });
  expect(next).not.toHaveProperty(['gen_ai.usage.cache_creation.input_tokens']);
});

test('what is not known is left out, and zero is said', () => {
  const { attributes } = spanOf(
    callOf({ input_tokens: null, output_tokens: 0, finish_reason: '', request_parameters: { temperature: 0 } }),
  );
  expect(attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 0, 'gen_ai.request.temperature': 0 });
  for (const name of ['gen_ai.usage.input_tokens', 'gen_ai.response.finish_reasons', 'user.id', 'gen_ai.request.seed', 'error.type'])
    expect(attributes).not.toHaveProperty([name]);
});

test('values have the types that the table says', () => {
  const call = callOf({
    ...Object.fromEntries(
      CALL_COLUMNS.filter(({ type, from }) => from === 'proxy' && type === 'Nullable(UInt64)').map(({ name }) => [name, 5]),
    ),
    outcome: 'provider_error',
    error_type: 'overloaded',
    status: 529,
    stream: true,
    session_id: 's',
    user_id: 'u',
    response_id: 'r',
    service_tier: 'flex',
    system_fingerprint: 'fp',
    server_address: 'api.openai.com',
    server_port: 443,
    key_fingerprint: 'abcd',
    sdk: 'OpenAI/JS 7',
    ttft_ms: 1.5,
    answer_ttft_ms: 1.5,
    max_gap_ms: 1.5,
    request_parameters: Object.fromEntries(
      ['temperature', 'top_p', 'top_k', 'max_tokens', 'seed', 'frequency_penalty', 'presence_penalty', 'choice_count', 'dimensions'].map(
        (name) => [name, 2],
      ),
    ),
    request_options: { output_type: 'json', service_tier: 'flex', reasoning_level: 'low', encoding_formats: 'float,base64' },
  });
  const check: Record<string, (value: unknown) => boolean> = {
    string: (value) => typeof value === 'string',
    int: (value) => Number.isInteger(value),
    double: (value) => typeof value === 'number',
    boolean: (value) => typeof value === 'boolean',
    'string[]': (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  };
  const wrong = SPAN_ATTRIBUTES.filter(({ type, value }) => !check[type]?.(value(call))).map(({ name, next }) => name ?? next);
  expect(wrong).toEqual([]);
});

test('an error has a status, its type and its words; a caller that goes away is none', () => {
  const failed = spanOf(callOf({ outcome: 'rate_limited', error_type: 'rate_limit_exceeded', error_message: 'Slow down.', status: 429 }));
  expect(failed.status).toEqual({ code: SpanStatusCode.ERROR, message: 'Slow down.' });
  expect(failed.attributes['error.type']).toBe('rate_limit_exceeded');
  expect(failed.events).toEqual([]);
  const nameless = spanOf(callOf({ outcome: 'timeout' }));
  expect(nameless).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'timeout' }, attributes: { 'error.type': 'timeout' } });
  expect(spanOf(callOf({ outcome: 'client_abort' }))).toMatchObject({ status: { code: SpanStatusCode.UNSET } });
});

test('an error inside a stream is an event at its end', () => {
  const span = spanOf(
    callOf({ outcome: 'stream_error', error_type: 'overloaded_error', error_message: 'Overloaded', stream: true, ttft_ms: 100 }),
  );
  expect(span.events.map(({ name }) => name)).toEqual(['glassway.first_token', 'exception']);
  expect(span.events[1]).toMatchObject({
    time: span.endTime,
    attributes: { 'exception.type': 'overloaded_error', 'exception.message': 'Overloaded' },
  });
});

test.each([
  ['openai', '/v1/chat/completions', 'chat_completions'],
  ['openai', '/v1/responses', 'responses'],
  ['azure.ai.openai', '/openai/deployments/a/chat/completions', 'chat_completions'],
  ['openai', '/v1/embeddings', undefined],
  ['groq', '/openai/v1/chat/completions', undefined],
])('openai.api.type of %s%s: %s', (provider, path, api) => {
  expect(spanOf(callOf({ provider, path })).attributes['openai.api.type']).toBe(api);
});

test('OpenAI’s own attributes are for OpenAI only', () => {
  const changes = { service_tier: 'default', request_options: { service_tier: 'auto' } };
  expect(spanOf(callOf(changes)).attributes).toMatchObject({ 'openai.response.service_tier': 'default' });
  expect(spanOf(callOf(changes)).attributes).not.toHaveProperty(['openai.request.service_tier']);
  expect(spanOf(callOf({ ...changes, provider: 'groq' })).attributes).not.toHaveProperty(['openai.response.service_tier']);
});

test('a row read again makes the same span as the record did', () => {
  const call = callOf({ duration_ms: 1234.567, ttft_ms: 0.1 });
  const stored = {
    ...call,
    cost_usd: 0.0035,
    duration_ms: Number(Math.fround(1234.567).toPrecision(8)),
    ttft_ms: Number(Math.fround(0.1).toPrecision(8)),
  };
  const said = ({ name, startTime, endTime, duration, status, attributes, events }: CallSpan) => [
    ...[name, startTime, endTime, duration, status, attributes, events],
  ];
  const [one, two] = [spanOf(call), spanOf(stored)];
  expect([two.spanContext(), ...said(two)]).toEqual([one.spanContext(), ...said(one)]);
});

test.each([
  [IDS, true],
  [{ ...IDS, trace_id: '' }, false],
  [{ ...IDS, trace_id: '0'.repeat(32) }, false],
  [{ ...IDS, span_id: 'xyz' }, false],
])('ids %j: a span can be made: %s', (ids, can) => {
  expect(hasSpan(ids)).toBe(can);
});

test('text goes with a span only where it was captured and is wanted', () => {
  const bodies = { capture: 'full', request: '{"messages":[{"role":"user","content":"hi"}]}', response: '' } as const;
  const call = { ...callOf(), bodies };
  expect(spanOf(call).attributes).toHaveProperty(['gen_ai.input.messages']);
  expect(spanOf(call, '1.41.1', false).attributes).not.toHaveProperty(['gen_ai.input.messages']);
  expect(spanOf(callOf()).attributes).not.toHaveProperty(['gen_ai.input.messages']);
});
