/** Spans as protobuf and as JSON, against what OpenTelemetry's own serializer makes of them. */
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { CallRecord, CapturedBodies } from '../../../contract/record.ts';
import { createMakeSpan } from '../../../ingest/otlp/span.ts';
import type { SpanCall } from '../../../ingest/otlp/span-call.ts';
import { createJsonSerializer } from '../../../ingest/otlp/span-json.ts';
import { createProtobufSerializer } from '../../../ingest/otlp/span-protobuf.ts';
import { utf8Size, varintSize, Wire } from '../../../ingest/otlp/wire.ts';
import { decodeSpans } from '../../kit/otlp-receiver.ts';
import { sampleRecord } from '../ingest/sample.ts';

const MAKER = {
  resource: resourceFromAttributes({ 'service.name': 'glassway', 'host.cpus': 2, 'host.sure': true, 'host.names': ['a', 'ü'] }),
  scope: { name: 'glassway', version: '1.2.3', schemaUrl: 'https://opentelemetry.io/schemas/1.41.1' },
  conventions: '1.41.1',
  messages: true,
} as const;
const makeSpan = createMakeSpan(MAKER);
const serialize = createProtobufSerializer(MAKER);
const serializeJson = createJsonSerializer(MAKER);

function callOf(changes: Partial<CallRecord> = {}, bodies?: CapturedBodies): SpanCall {
  const ids = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
  const cost = { cost_usd: '0.003500000', cost_source: 'catalogue', price_version: 'v1' } as const;
  return { ...sampleRecord({ ...ids, ...changes }), ...cost, bodies };
}

const CALLS: Readonly<Record<string, SpanCall>> = {
  plain: callOf(),
  'a child with the caller’s trace state': callOf({ parent_span_id: 'b7ad6b7169203332', trace_flags: 1, trace_state: 'a=1,b@c=x y' }),
  'an error inside a stream': callOf({
    outcome: 'stream_error',
    error_type: 'overloaded',
    error_message: 'Überlastet',
    stream: true,
    ttft_ms: 1,
  }),
  'an error with a long message': callOf({ outcome: 'provider_error', error_message: 'e'.repeat(20_000) }),
  'awkward numbers': callOf({
    request_parameters: { seed: -42, temperature: 0.1 + 0.2, top_p: 1e-7, max_tokens: 2 ** 40 + 1, top_k: 0.5, dimensions: 2 ** 60 },
    input_tokens: 2 ** 53 - 1,
    output_tokens: 0,
    request_bytes: 2 ** 32,
  }),
  'awkward text': callOf({
    request_model: 'モデル-🦙',
    user_id: 'half a pair: \ud83e',
    session_id: 'x'.repeat(200),
    tags: { '': 'empty name', ключ: 'ключ', ['long'.repeat(40)]: 'y'.repeat(1_024), __proto_: '1' },
  }),
  'captured text': callOf(
    {},
    { capture: 'full', request: JSON.stringify({ messages: [{ role: 'user', content: 'é'.repeat(30_000) }] }), response: '' },
  ),
};

test.each(Object.keys(CALLS))('%s: the bytes say what OpenTelemetry’s own serializer says', (name) => {
  const spans = [makeSpan(CALLS[name] as SpanCall), makeSpan(callOf())];
  const [ours, theirs] = [serialize(spans), ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array].map((bytes) =>
    decodeSpans(bytes, 'protobuf'),
  );
  expect(ours).toEqual(theirs);
});

test.each(Object.keys(CALLS))('%s: the JSON says what OpenTelemetry’s own serializer says', (name) => {
  const spans = [makeSpan(CALLS[name] as SpanCall), makeSpan(callOf())];
  const [ours, theirs] = [serializeJson(spans), JsonTraceSerializer.serializeRequest(spans) as Uint8Array].map((bytes) =>
    decodeSpans(bytes, 'json'),
  );
  expect(ours).toEqual(theirs);
});

test('a batch is all of them in order, with their resource and scope once', () => {
  const calls = Array.from({ length: 300 }, (_, index) =>
    callOf({ span_id: (index + 1).toString(16).padStart(16, '0'), request_model: `model-${index}`, tags: { [`t${index}`]: 'v' } }),
  );
  const spans = decodeSpans(serialize(calls.map(makeSpan)), 'protobuf');
  expect(spans.map(({ spanId, name }) => [spanId, name])).toEqual(
    calls.map(({ span_id, request_model }) => [span_id, `chat ${request_model}`]),
  );
  expect(spans[299]?.scope).toMatchObject({ name: 'glassway', version: '1.2.3' });
  expect(spans[299]?.resource.get('host.names')).toEqual({ arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'ü' }] } });
});

test('what was serialized before stays as it was', () => {
  const first = serialize([makeSpan(callOf({ request_model: 'first' }))]);
  const before = Buffer.from(first);
  serialize([makeSpan(callOf({ request_model: 'other' }))]);
  expect(Buffer.from(first)).toEqual(before);
});

test('a double is one although it is whole', () => {
  const spans = [makeSpan(callOf({ request_parameters: { temperature: 1 }, overhead_ms: 2 }))];
  for (const [span] of [decodeSpans(serialize(spans), 'protobuf'), decodeSpans(serializeJson(spans), 'json')]) {
    expect(span?.attributes.get('gen_ai.request.temperature')).toEqual({ doubleValue: 1 });
    expect(span?.attributes.get('glassway.overhead_ms')).toEqual({ doubleValue: 2 });
    expect(span?.attributes.get('gen_ai.usage.input_tokens')).toEqual({ intValue: 1000 });
  }
});

test.each([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER])(
  'the varint of %d has the size that is reckoned, and means it',
  (value) => {
    const wire = new Wire();
    wire.varint(value);
    expect(wire.at).toBe(varintSize(value));
    let read = 0n;
    for (let i = wire.at - 1; i >= 0; i -= 1) read = read * 128n + BigInt((wire.bytes[i] as number) & 0x7f);
    expect(read).toBe(BigInt(value));
  },
);

test.each(['', 'abc', 'é', '日本', '🦙', '\ud83e', 'x'.repeat(500), `${'x'.repeat(39)}é`])(
  'text %j is written in the bytes that are reckoned',
  (text) => {
    const wire = new Wire();
    wire.reserve(2_000);
    wire.utf8(text, utf8Size(text));
    expect(wire.at).toBe(utf8Size(text));
    expect(wire.bytes.subarray(0, wire.at)).toEqual(Buffer.from(text));
  },
);
