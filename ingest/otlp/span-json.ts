/**
 * Spans of calls as OTLP's JSON, written straight from rows by the table of attributes, for the same reason as their protobuf
 * (span-protobuf.ts). Identifiers are hexadecimal, 64-bit times are text.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import { type AttributeValue, SpanKind } from '@opentelemetry/api';
import { type AttributeType, attributesOf, TAG_ATTRIBUTE_PREFIX } from './attributes.ts';
import type { CallSpan, SpanMaker } from './span.ts';
import { KEPT_VALUES_MAX, spanFlags } from './span-wire.ts';

/** Writes a batch of spans of this maker's. */
export function createJsonSerializer({ resource, scope, conventions }: SpanMaker): (spans: readonly CallSpan[]) => Uint8Array {
  const named = attributesOf(conventions).map(([name, type, read, fewValues]) => ({ read, say: attributeSayer(name, type, fewValues) }));
  const { name, version, schemaUrl } = scope;
  const head = `{"resourceSpans":[{"resource":{"attributes":[${attributes(resource.attributes)}]},"scopeSpans":[{"scope":${JSON.stringify({ name, version })},"spans":[`;
  const tail = `]${schemaUrl === undefined ? '' : `,"schemaUrl":${JSON.stringify(schemaUrl)}`}}]}]}`;

  const attributesText = (span: CallSpan): string => {
    const { call } = span;
    const parts: string[] = [];
    for (const { read, say } of named) {
      const value = read(call);
      if (value !== undefined) parts.push(say(value));
    }
    for (const tag in call.tags) parts.push(keyValue(TAG_ATTRIBUTE_PREFIX + tag, call.tags[tag]));
    if (span.content !== undefined) parts.push(attributes(span.content));
    return parts.join(',');
  };
  return (spans) => Buffer.from(head + spans.map((span) => spanText(span, attributesText(span))).join(',') + tail);
}

function spanText(span: CallSpan, attributesText: string): string {
  const { call, parentSpanContext: parent, status } = span;
  const state = call.trace_state === '' ? '' : `"traceState":${JSON.stringify(call.trace_state)},`;
  const above = parent === undefined ? '' : `"parentSpanId":"${parent.spanId}",`;
  const events = span.callEvents.map(
    (event) =>
      `{"timeUnixNano":"${nanoseconds(event.at_us)}","name":${JSON.stringify(event.name)},"attributes":[${attributes(event.attributes ?? {})}]}`,
  );
  return (
    `{"traceId":"${call.trace_id}","spanId":"${call.span_id}",${state}${above}"name":${JSON.stringify(span.name)},"kind":${SpanKind.CLIENT + 1},` +
    `"startTimeUnixNano":"${nanoseconds(span.start_us)}","endTimeUnixNano":"${nanoseconds(span.end_us)}","attributes":[${attributesText}],` +
    `"events":[${events.join(',')}],"status":${JSON.stringify(status)},"flags":${spanFlags(span)}}`
  );
}

const nanoseconds = (value_us: number): string => `${value_us}000`;

/** How an attribute of this name and type is said. */
function attributeSayer(name: string, type: AttributeType, fewValues: boolean): (value: AttributeValue) => string {
  const open = `{"key":${JSON.stringify(name)},"value":`;
  const say = (value: AttributeValue): string => `${open}${type === 'double' ? double(value as number) : anyValue(value)}}`;
  if (!fewValues) return say;
  const kept = new Map<string, string>();
  return (value) => {
    const text = String(value);
    const known = kept.get(text) ?? say(value);
    if (kept.size < KEPT_VALUES_MAX) kept.set(text, known);
    return known;
  };
}

const attributes = (values: object): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [keyValue(name, value as AttributeValue)]))
    .join(',');

function keyValue(name: string, value: AttributeValue | undefined): string {
  return `{"key":${JSON.stringify(name)},"value":${anyValue(value ?? '')}}`;
}

/** Protobuf's JSON has words for what JSON has no numbers for. */
function double(value: number): string {
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`;
}

function anyValue(value: AttributeValue): string {
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  if (typeof value === 'number') return Number.isInteger(value) ? `{"intValue":${value}}` : double(value);
  return `{"arrayValue":{"values":[${value.map((each) => anyValue(each ?? '')).join(',')}]}}`;
}
