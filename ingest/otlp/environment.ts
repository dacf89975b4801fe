/**
 * What OpenTelemetry's variables say of spans alone: which calls' are exported, and under which conventions.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { type Environment, notAccepted, type OnFault, readVariable } from '../../contract/otlp/variables.ts';
import type { SpanCall } from './span-call.ts';

const ratio = (text: string): Sampler => new TraceIdRatioBasedSampler(text === '' ? 1 : Number(text));
const SAMPLERS: Readonly<Record<string, (argument: string) => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: ratio,
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (argument) => new ParentBasedSampler({ root: ratio(argument) }),
};

/** Whether a call's span is exported; the same answer whenever it is asked. ClickHouse has every call whatever it is. */
export function createSampler(env: Environment, onFault: OnFault): (call: SpanCall) => boolean {
  const name = readVariable(env, 'OTEL_TRACES_SAMPLER') || 'parentbased_always_on';
  const argument = readVariable(env, 'OTEL_TRACES_SAMPLER_ARG');
  const make = Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
  if (make === undefined) onFault({ at: 'OTEL_TRACES_SAMPLER', problem: notAccepted(name, `one of ${Object.keys(SAMPLERS).join(', ')}`) });
  if (name.endsWith('ratio') && argument !== '' && !(Number(argument) >= 0 && Number(argument) <= 1))
    onFault({ at: 'OTEL_TRACES_SAMPLER_ARG', problem: notAccepted(argument, 'a number from 0 to 1') });
  const sampler = make?.(argument) ?? new AlwaysOnSampler();
  return (call) => {
    const parent =
      call.trace_flags === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: call.trace_id,
            spanId: call.parent_span_id,
            traceFlags: call.trace_flags & TraceFlags.SAMPLED,
            isRemote: true,
          });
    return (
      sampler.shouldSample(parent, call.trace_id, call.operation, SpanKind.CLIENT, {}, []).decision === SamplingDecision.RECORD_AND_SAMPLED
    );
  };
}

/** `OTEL_SEMCONV_STABILITY_OPT_IN`: a list, of which one word is about us. */
export function wantsNextConventions(env: Environment): boolean {
  return readVariable(env, 'OTEL_SEMCONV_STABILITY_OPT_IN')
    .split(',')
    .some((word) => word.trim() === 'gen_ai_latest_experimental');
}
