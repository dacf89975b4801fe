/**
 * Spans of calls as OTLP's protobuf, written straight from rows by the table of attributes: a third of what making the SDK's
 * objects and serializing them costs, and export is half of what ingest does (npm run bench -- export). A double is a double even
 * when it is whole. What a receiver answers is read by OpenTelemetry's own code; tests compare with its serializer.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
 */
import type { AttributeValue } from '@opentelemetry/api';
import { type AttributeType, attributesOf, TAG_ATTRIBUTE_PREFIX } from './attributes.ts';
import type { CallSpan, SpanMaker } from './span.ts';
import { KEPT_VALUES_MAX, spanFlags } from './span-wire.ts';
import { INT64_BYTES_MAX, utf8Size, varintSize, Wire } from './wire.ts';

/** Field numbers and wire types of the messages, as their tags' bytes. */
const TAG = {
  request: { resourceSpans: 0x0a },
  resourceSpans: { resource: 0x0a, scopeSpans: 0x12 },
  resource: { attributes: 0x0a },
  scopeSpans: { scope: 0x0a, spans: 0x12, schemaUrl: 0x1a },
  scope: { name: 0x0a, version: 0x12 },
  span: {
    traceId: 0x0a,
    spanId: 0x12,
    traceState: 0x1a,
    parentSpanId: 0x22,
    name: 0x2a,
    kind: 0x30,
    start: 0x39,
    end: 0x41,
    attributes: 0x4a,
    events: 0x5a,
    status: 0x7a,
  },
  event: { time: 0x09, name: 0x12, attributes: 0x1a },
  status: { message: 0x12, code: 0x18 },
  keyValue: { key: 0x0a, value: 0x12 },
  any: { string: 0x0a, bool: 0x10, int: 0x18, double: 0x21, array: 0x2a },
  arrayValue: { values: 0x0a },
} as const;
/** Field 16 has a tag of two bytes. */
const FLAGS_TAG = [0x85, 0x01] as const;
const KIND_CLIENT = 3;
const SPAN_BYTES_FIXED = 256;
const KEPT_TAGS_MAX = 200;

/** Writes a batch of spans of this maker's. */
export function createProtobufSerializer(maker: SpanMaker): (spans: readonly CallSpan[]) => Uint8Array {
  const { resource, scope, conventions } = maker;
  const named = attributesOf(conventions).map(([name, type, read, fewValues]) => ({ read, put: putter(name, type, fewValues) }));
  const tags = new Map<string, Put>();
  const resourcePart = written((wire) => {
    const start = wire.begin(TAG.resourceSpans.resource);
    for (const [name, value] of Object.entries(resource.attributes))
      if (value !== undefined) putAny(wire, TAG.resource.attributes, keyOf(name), value as AttributeValue);
    wire.end(start);
  });
  const scopePart = written((wire) => {
    const start = wire.begin(TAG.scopeSpans.scope);
    wire.text(TAG.scope.name, scope.name);
    if (scope.version) wire.text(TAG.scope.version, scope.version);
    wire.end(start);
    if (scope.schemaUrl) wire.text(TAG.scopeSpans.schemaUrl, scope.schemaUrl);
  });
  const wire = new Wire();

  const putTag = (tag: string, value: string): void => {
    let put = tags.get(tag);
    if (put === undefined) {
      put = putter(TAG_ATTRIBUTE_PREFIX + tag, 'string', false);
      if (tags.size < KEPT_TAGS_MAX) tags.set(tag, put);
    }
    put(wire, value);
  };
  const writeSpan = (span: CallSpan): void => {
    const { call } = span;
    const start = wire.begin(TAG.scopeSpans.spans);
    writeHead(wire, span);
    for (const { read, put } of named) {
      const value = read(call);
      if (value !== undefined) put(wire, value);
    }
    for (const tag in call.tags) putTag(tag, call.tags[tag] as string);
    for (const [name, value] of Object.entries(span.content ?? {})) putAny(wire, TAG.span.attributes, keyOf(name), value as AttributeValue);
    writeEvents(wire, span);
    writeStatus(wire, span);
    wire.end(start);
  };

  return (spans) => {
    wire.at = 0;
    for (const span of spans) writeSpan(span);
    const scopeBytes = scopePart.length + wire.at;
    const resourceBytes = resourcePart.length + 1 + varintSize(scopeBytes) + scopeBytes;
    const head = written((front) => {
      front.byte(TAG.request.resourceSpans);
      front.varint(resourceBytes);
      front.reserve(resourcePart.length + scopePart.length + 16);
      front.raw(resourcePart);
      front.byte(TAG.resourceSpans.scopeSpans);
      front.varint(scopeBytes);
      front.raw(scopePart);
    });
    // A copy: the transport keeps it for as long as it tries.
    return Buffer.concat([head, wire.bytes.subarray(0, wire.at)]);
  };
}

function writeHead(wire: Wire, span: CallSpan): void {
  const { call, parentSpanContext: parent } = span;
  wire.reserve(SPAN_BYTES_FIXED);
  wire.byte(TAG.span.traceId);
  wire.hex(call.trace_id);
  wire.byte(TAG.span.spanId);
  wire.hex(call.span_id);
  if (call.trace_state !== '') wire.text(TAG.span.traceState, call.trace_state);
  if (parent !== undefined) {
    wire.byte(TAG.span.parentSpanId);
    wire.hex(parent.spanId);
  }
  wire.text(TAG.span.name, span.name);
  wire.reserve(SPAN_BYTES_FIXED);
  wire.byte(TAG.span.kind);
  wire.byte(KIND_CLIENT);
  wire.byte(TAG.span.start);
  wire.nanoseconds(span.start_us);
  wire.byte(TAG.span.end);
  wire.nanoseconds(span.end_us);
  wire.byte(FLAGS_TAG[0]);
  wire.byte(FLAGS_TAG[1]);
  wire.fixed32(spanFlags(span));
}

function writeEvents(wire: Wire, span: CallSpan): void {
  for (const { name, at_us, attributes = {} } of span.callEvents) {
    const start = wire.begin(TAG.span.events);
    wire.byte(TAG.event.time);
    wire.nanoseconds(at_us);
    wire.text(TAG.event.name, name);
    for (const [key, value] of Object.entries(attributes)) putAny(wire, TAG.event.attributes, keyOf(key), value);
    wire.end(start);
  }
}

function writeStatus(wire: Wire, span: CallSpan): void {
  const { code, message } = span.status;
  const start = wire.begin(TAG.span.status);
  if (message) wire.text(TAG.status.message, message);
  wire.reserve(16);
  wire.byte(TAG.status.code);
  wire.byte(code);
  wire.end(start);
}

type Put = (wire: Wire, value: AttributeValue) => void;

/** How a span's attribute of this name and type is written. */
function putter(name: string, type: AttributeType, fewValues: boolean): Put {
  const key = keyOf(name);
  const attribute = TAG.span.attributes;
  const plain: Put = {
    string: (wire: Wire, value: AttributeValue) => putString(wire, attribute, key, value as string),
    int: (wire: Wire, value: AttributeValue) => putInt(wire, attribute, key, value as number),
    double: (wire: Wire, value: AttributeValue) => putDouble(wire, attribute, key, value as number),
    boolean: (wire: Wire, value: AttributeValue) => putAny(wire, attribute, key, value),
    'string[]': (wire: Wire, value: AttributeValue) => putAny(wire, attribute, key, value),
  }[type];
  if (!fewValues) return plain;
  const kept = new Map<string, Uint8Array>();
  return (wire, value) => {
    const text = typeof value === 'string' ? value : String(value);
    let bytes = kept.get(text);
    if (bytes === undefined) {
      bytes = written((own) => plain(own, value));
      if (kept.size < KEPT_VALUES_MAX) kept.set(text, bytes);
    }
    wire.reserve(bytes.length);
    wire.raw(bytes);
  };
}

/** A KeyValue's first field, whole. */
function keyOf(name: string): Uint8Array {
  return written((wire) => wire.text(TAG.keyValue.key, name));
}

/** A KeyValue up to its value, which has so many bytes. */
function openValue(wire: Wire, tag: number, key: Uint8Array, valueBytes: number): void {
  wire.reserve(key.length + valueBytes + 32);
  wire.byte(tag);
  wire.varint(key.length + 1 + varintSize(valueBytes) + valueBytes);
  wire.raw(key);
  wire.byte(TAG.keyValue.value);
  wire.varint(valueBytes);
}

function putString(wire: Wire, tag: number, key: Uint8Array, value: string): void {
  const size = utf8Size(value);
  openValue(wire, tag, key, 1 + varintSize(size) + size);
  wire.byte(TAG.any.string);
  wire.varint(size);
  wire.utf8(value, size);
}

function putInt(wire: Wire, tag: number, key: Uint8Array, value: number): void {
  const plain = Number.isSafeInteger(value) && value >= 0;
  if (!plain && !isInt64(value)) {
    putDouble(wire, tag, key, value);
    return;
  }
  openValue(wire, tag, key, 1 + (plain ? varintSize(value) : INT64_BYTES_MAX));
  wire.byte(TAG.any.int);
  if (plain) wire.varint(value);
  else wire.bigVarint(BigInt(value));
}

/** A seed may be any of them. */
const isInt64 = (value: number): boolean => Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;

function putDouble(wire: Wire, tag: number, key: Uint8Array, value: number): void {
  openValue(wire, tag, key, 9);
  wire.byte(TAG.any.double);
  wire.double(value);
}

function putAny(wire: Wire, tag: number, key: Uint8Array, value: AttributeValue): void {
  if (typeof value === 'string') putString(wire, tag, key, value);
  else if (typeof value === 'number') putInt(wire, tag, key, value);
  else if (typeof value === 'boolean') {
    openValue(wire, tag, key, 2);
    wire.byte(TAG.any.bool);
    wire.byte(value ? 1 : 0);
  } else {
    const array = written((own) => {
      const start = own.begin(TAG.any.array);
      for (const each of value) {
        const item = own.begin(TAG.arrayValue.values);
        own.text(TAG.any.string, String(each));
        own.end(item);
      }
      own.end(start);
    });
    openValue(wire, tag, key, array.length);
    wire.raw(array);
  }
}

const scratch: Wire[] = [];

/** What is written in it, in bytes of its own. */
function written(write: (wire: Wire) => void): Uint8Array {
  const wire = scratch.pop() ?? new Wire();
  wire.at = 0;
  write(wire);
  const bytes = Uint8Array.prototype.slice.call(wire.bytes, 0, wire.at);
  scratch.push(wire);
  return bytes;
}
