/**
 * Makes the span of a call: the same one whenever and by whomever it is made, since all of it comes from the row. Pure.
 * Gives the SDK's own shape, which its serializers take; no tracer is involved.
 */
import { type Attributes, type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import type { Conventions } from '../../contract/otlp-settings.ts';
import { attributesOf, errorType, isError, TAG_ATTRIBUTE_PREFIX } from './attributes.ts';
import { contentAttributes } from './messages/content.ts';
import type { SpanCall } from './span-call.ts';

export interface SpanMaker {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  readonly conventions: Conventions;
  /** Whether captured text goes with the span. */
  readonly messages: boolean;
}

export const FIRST_TOKEN_EVENT = 'glassway.first_token';
/** OpenTelemetry's own name for it: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ */
export const EXCEPTION_EVENT = 'exception';
const IN_STREAM: ReadonlySet<string> = new Set(['stream_error', 'stream_truncated']);
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;
const NO_LINKS: never[] = [];

/** Rows from before ids were recorded, or of a broken sender, have no span. */
export function hasSpan(call: Pick<SpanCall, 'trace_id' | 'span_id'>): boolean {
  return TRACE_ID.test(call.trace_id) && SPAN_ID.test(call.span_id);
}

export function createMakeSpan({ resource, scope, conventions, messages }: SpanMaker): (call: SpanCall) => ReadableSpan {
  const named = attributesOf(conventions);
  return (call) => {
    const attributes: Attributes = {};
    for (const [name, read] of named) {
      const value = read(call);
      if (value !== undefined) attributes[name] = value;
    }
    for (const tag in call.tags) attributes[TAG_ATTRIBUTE_PREFIX + tag] = call.tags[tag];
    if (messages && call.bodies) Object.assign(attributes, contentAttributes(call, call.bodies));
    const start_us = microseconds(call.started_at);
    const at = (milliseconds: number | null): HrTime => hrTime(start_us + Math.round(Math.fround(milliseconds ?? 0) * 1_000));
    const endTime = at(call.duration_ms);
    const context = { traceId: call.trace_id, spanId: call.span_id, traceFlags: TraceFlags.SAMPLED };
    return {
      name: call.request_model === '' ? call.operation : `${call.operation} ${call.request_model}`,
      kind: SpanKind.CLIENT,
      spanContext: () => context,
      ...(SPAN_ID.test(call.parent_span_id)
        ? { parentSpanContext: { traceId: call.trace_id, spanId: call.parent_span_id, traceFlags: TraceFlags.SAMPLED, isRemote: true } }
        : {}),
      startTime: hrTime(start_us),
      endTime,
      duration: hrTime(Math.round(Math.fround(call.duration_ms ?? 0) * 1_000)),
      status: isError(call)
        ? { code: SpanStatusCode.ERROR, message: call.error_message || errorType(call) }
        : { code: SpanStatusCode.UNSET },
      attributes,
      links: NO_LINKS,
      events: eventsOf(call, at, endTime),
      ended: true,
      resource,
      instrumentationScope: scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  };
}

function eventsOf(call: SpanCall, at: (milliseconds: number | null) => HrTime, endTime: HrTime): TimedEvent[] {
  const events: TimedEvent[] = [];
  if (call.ttft_ms !== null) events.push({ name: FIRST_TOKEN_EVENT, time: at(call.ttft_ms) });
  if (IN_STREAM.has(call.outcome))
    events.push({
      name: EXCEPTION_EVENT,
      time: endTime,
      attributes: { 'exception.type': errorType(call), 'exception.message': call.error_message },
    });
  return events;
}

/** `YYYY-MM-DD hh:mm:ss.ffffff`, UTC, since 1970. Exact: such a number has 51 bits. */
function microseconds(startedAt: string): number {
  return Date.parse(`${startedAt.slice(0, 10)}T${startedAt.slice(11, 19)}Z`) * 1_000 + Number(startedAt.slice(20, 26));
}

function hrTime(since1970_us: number): HrTime {
  const seconds = Math.floor(since1970_us / 1_000_000);
  return [seconds, (since1970_us - seconds * 1_000_000) * 1_000];
}
