/**
 * The span of a call: the same one whenever and by whomever it is made, since all of it comes from the row. It is the SDK's
 * own shape, which its serializers take, but nothing of it is made before somebody asks; no tracer is involved.
 */
import { type Attributes, type HrTime, type SpanContext, SpanKind, type SpanStatus, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { type InstrumentationScope, TraceState } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import type { Conventions } from '../../contract/otlp-settings.ts';
import { attributesOf, errorType, isError, type NamedAttribute, TAG_ATTRIBUTE_PREFIX } from './attributes.ts';
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
const OK: SpanStatus = { code: SpanStatusCode.UNSET };

/** Rows from before ids were recorded, or of a broken sender, have no span. */
export function hasSpan(call: Pick<SpanCall, 'trace_id' | 'span_id'>): boolean {
  return TRACE_ID.test(call.trace_id) && SPAN_ID.test(call.span_id);
}

export interface CallEvent {
  readonly name: string;
  readonly at_us: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

interface Making extends SpanMaker {
  readonly named: readonly NamedAttribute[];
}

export function createMakeSpan(maker: SpanMaker): (call: SpanCall) => CallSpan {
  const making = { ...maker, named: attributesOf(maker.conventions) };
  return (call) => new CallSpan(call, making);
}

export class CallSpan implements ReadableSpan {
  readonly call: SpanCall;
  /** Since 1970. */
  readonly start_us: number;
  readonly parentSpanContext?: SpanContext;
  readonly #making: Making;

  constructor(call: SpanCall, making: Making) {
    this.call = call;
    this.start_us = microseconds(call.started_at);
    this.#making = making;
    const { trace_id: traceId, parent_span_id: spanId } = call;
    if (SPAN_ID.test(spanId)) this.parentSpanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  }

  get name(): string {
    const { operation, request_model } = this.call;
    return request_model === '' ? operation : `${operation} ${request_model}`;
  }

  get kind(): SpanKind {
    return SpanKind.CLIENT;
  }

  spanContext(): SpanContext {
    const { trace_id, span_id, trace_state } = this.call;
    const context = { traceId: trace_id, spanId: span_id, traceFlags: TraceFlags.SAMPLED };
    return trace_state === '' ? context : { ...context, traceState: new TraceState(trace_state) };
  }

  get end_us(): number {
    return this.#at_us(this.call.duration_ms);
  }

  get startTime(): HrTime {
    return hrTime(this.start_us);
  }

  get endTime(): HrTime {
    return hrTime(this.end_us);
  }

  get duration(): HrTime {
    return hrTime(this.end_us - this.start_us);
  }

  get status(): SpanStatus {
    const { call } = this;
    return isError(call) ? { code: SpanStatusCode.ERROR, message: call.error_message || errorType(call) } : OK;
  }

  get attributes(): Attributes {
    const { call } = this;
    const attributes: Attributes = {};
    for (const [name, , read] of this.#making.named) {
      const value = read(call);
      if (value !== undefined) attributes[name] = value;
    }
    for (const tag in call.tags) attributes[TAG_ATTRIBUTE_PREFIX + tag] = call.tags[tag];
    return Object.assign(attributes, this.content);
  }

  /** Captured text, where it was captured and is wanted. */
  get content(): Attributes | undefined {
    const { bodies } = this.call;
    return bodies && this.#making.messages ? contentAttributes(this.call, bodies) : undefined;
  }

  get callEvents(): CallEvent[] {
    const { call } = this;
    const events: CallEvent[] = [];
    if (call.ttft_ms !== null) events.push({ name: FIRST_TOKEN_EVENT, at_us: this.#at_us(call.ttft_ms) });
    if (IN_STREAM.has(call.outcome))
      events.push({
        name: EXCEPTION_EVENT,
        at_us: this.end_us,
        attributes: { 'exception.type': errorType(call), 'exception.message': call.error_message },
      });
    return events;
  }

  get events(): TimedEvent[] {
    return this.callEvents.map(({ at_us, ...event }) => ({ ...event, time: hrTime(at_us) }));
  }

  get resource(): Resource {
    return this.#making.resource;
  }

  get instrumentationScope(): InstrumentationScope {
    return this.#making.scope;
  }

  get links(): never[] {
    return NO_LINKS;
  }

  get ended(): boolean {
    return true;
  }

  get droppedAttributesCount(): number {
    return 0;
  }

  get droppedEventsCount(): number {
    return 0;
  }

  get droppedLinksCount(): number {
    return 0;
  }

  /** Rounded as the column is, so that a row that is read again gives the same moment. */
  #at_us(milliseconds: number | null): number {
    return this.start_us + Math.round(Math.fround(milliseconds ?? 0) * 1_000);
  }
}

/** `YYYY-MM-DD hh:mm:ss.ffffff`, UTC, since 1970. Exact: such a number has 51 bits. */
function microseconds(startedAt: string): number {
  return Date.parse(`${startedAt.slice(0, 10)}T${startedAt.slice(11, 19)}Z`) * 1_000 + Number(startedAt.slice(20, 26));
}

function hrTime(since1970_us: number): HrTime {
  const seconds = Math.floor(since1970_us / 1_000_000);
  return [seconds, (since1970_us - seconds * 1_000_000) * 1_000];
}
