/**
 * Every fixture's and every recording's call as the span that a receiver decodes: each attribute of the table is there,
 * with the value of its column and a type of the conventions'.
 */
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import { CALL_COLUMNS, unknownValue } from '../../contract/columns.ts';
import { type CallRecord, parseRecord, RECORD_VERSION } from '../../contract/record.ts';
import { type AttributeType, SPAN_ATTRIBUTES } from '../../ingest/otlp/attributes.ts';
import { createMakeSpan } from '../../ingest/otlp/span.ts';
import type { SpanCall } from '../../ingest/otlp/span-call.ts';
import { createJsonSerializer } from '../../ingest/otlp/span-json.ts';
import { createProtobufSerializer } from '../../ingest/otlp/span-protobuf.ts';
import type { CallFacts } from '../../proxy/extract.ts';
import { OPENAI_FIXTURES } from '../fixtures/providers/openai.ts';
import { OTHER_FIXTURES } from '../fixtures/providers/others.ts';
import { VENDOR_FIXTURES } from '../fixtures/providers/vendors.ts';
import { type AnyValue, decodeSpans, type ReceivedSpan } from '../kit/otlp-receiver.ts';
import { callOf, extractCall, seededRandom } from './kit.ts';
import { HAVE_RECORDINGS, readRecordings, replay } from './recordings.ts';

const MAKER = { resource: emptyResource(), scope: { name: 'glassway' }, conventions: '1.41.1', messages: true } as const;
const makeSpan = createMakeSpan(MAKER);
const SERIALIZERS = [
  ['protobuf', createProtobufSerializer(MAKER), ProtobufTraceSerializer],
  ['json', createJsonSerializer(MAKER), JsonTraceSerializer],
] as const;

/** The row of a call, as the tap and ingest make it of the same facts. */
function rowOf(facts: CallFacts, call: Partial<CallRecord>): SpanCall {
  const { reading, request, error } = facts;
  const empty = Object.fromEntries(CALL_COLUMNS.filter(({ from }) => from === 'proxy').map(({ name, type }) => [name, unknownValue(type)]));
  const parsed = parseRecord({
    ...empty,
    v: RECORD_VERSION,
    id: 'call-1',
    project: 'default',
    started_at: '2026-03-01 12:00:00.000001',
    method: 'POST',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
    outcome: error ? 'provider_error' : 'ok',
    error_type: error?.type ?? '',
    error_message: error?.message ?? '',
    request_model: request.model,
    stream: request.stream,
    request_parameters: request.parameters.numbers,
    request_options: request.parameters.words,
    response_model: reading.model,
    response_id: reading.id,
    system_fingerprint: reading.fingerprint,
    finish_reason: reading.finish_reason,
    service_tier: reading.service_tier,
    ...reading.usage,
    usage_source: reading.usage === null ? 'none' : 'provider',
    server_address: 'api.example',
    server_port: 443,
    duration_ms: 1_000.5,
    ttft_ms: facts.streamed ? 100.25 : null,
    ...call,
  });
  if ('reason' in parsed) throw new Error(parsed.reason);
  return { ...parsed.record, cost_usd: '0.000012345', cost_source: 'catalogue', price_version: 'v' };
}

/** OTLP's kinds of values. */
const KINDS: Readonly<Record<AttributeType, keyof AnyValue>> = {
  string: 'stringValue',
  int: 'intValue',
  double: 'doubleValue',
  boolean: 'boolValue',
  'string[]': 'arrayValue',
};

function faultsOf(call: SpanCall): string[] {
  const spans = [makeSpan(call)];
  const faults: string[] = [];
  for (const [protocol, serialize, official] of SERIALIZERS) {
    const ours = decodeSpans(serialize(spans), protocol);
    const theirs = decodeSpans(official.serializeRequest(spans) as Uint8Array, protocol);
    if (asText(ours) !== asText(theirs)) faults.push(`${protocol}: not what OpenTelemetry’s own serializer makes`);
    const [span] = ours;
    if (span?.traceId !== call.trace_id || span.spanId !== call.span_id) faults.push(`${protocol}: not its ids`);
    for (const { name, type, value } of SPAN_ATTRIBUTES) {
      if (name === undefined) continue;
      const wanted = value(call);
      const found = span?.attributes.get(name);
      const [kind] = Object.keys(found ?? {});
      if (wanted === undefined ? found !== undefined : kind !== KINDS[type] || !isSame(wanted, found))
        faults.push(`${protocol} ${name}: ${JSON.stringify(found)}, the row says ${JSON.stringify(wanted)}`);
    }
  }
  return faults;
}

/** Spans as text to compare; OpenTelemetry's JavaScript writes a double that is whole as an int. */
function asText(spans: readonly ReceivedSpan[]): string {
  return JSON.stringify(spans, (_key, value: unknown) => {
    if (value instanceof Map) return [...value];
    return typeof value === 'bigint' ? String(value) : value;
  }).replaceAll('"doubleValue"', '"intValue"');
}

function isSame(wanted: unknown, found: AnyValue | undefined): boolean {
  const [value] = Object.values(found ?? {}) as unknown[];
  const plain = found?.arrayValue ? found.arrayValue.values.map((each) => each.stringValue) : value;
  return JSON.stringify(plain) === JSON.stringify(wanted);
}

test('every fixture', async () => {
  const faults: string[] = [];
  for (const fixture of [...OPENAI_FIXTURES, ...OTHER_FIXTURES, ...VENDOR_FIXTURES]) {
    const { upstream } = callOf(fixture);
    const { facts, operation } = await extractCall(callOf(fixture));
    const { provider, name } = upstream;
    faults.push(
      ...faultsOf(rowOf(facts, { operation, provider, upstream: name, path: fixture.path, status: fixture.status ?? 200 })).map(
        (fault) => `${fixture.name}: ${fault}`,
      ),
    );
  }
  expect(faults).toEqual([]);
});

if (HAVE_RECORDINGS)
  test('every recorded exchange', async () => {
    const faults: string[] = [];
    const random = seededRandom(7);
    for (const recording of await readRecordings()) {
      const { facts, operation, provider } = await replay(recording, { cuts: 0 }, random);
      const bodies = { capture: 'full', request: recording.requestBody ?? '', response: recording.responseBody ?? '' } as const;
      const row = rowOf(facts, { operation, provider, upstream: provider, status: recording.status });
      faults.push(...faultsOf({ ...row, bodies }).map((fault) => `${recording.source} ${recording.url}: ${fault}`));
      // Text that a chat was answered with is in its messages.
      const said = makeSpan({ ...row, bodies }).attributes['gen_ai.output.messages'];
      const isChat = operation === 'chat' && recording.status < 300 && facts.error === null && facts.reading.ended;
      const hasText =
        isChat &&
        (facts.reading.usage?.output_tokens ?? 0) > 0 &&
        recording.responseBody !== undefined &&
        facts.reading.usage_pending === '';
      if (hasText && said === undefined) faults.push(`${recording.source} ${recording.url}: no output messages`);
    }
    expect(faults).toEqual([]);
  });
else test.skip('recorded exchanges: ../shared/recordings/exchanges.jsonl is not beside this checkout', () => undefined);
