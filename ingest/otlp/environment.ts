/**
 * What OpenTelemetry's own variables say: whether anything is exported to where they point, over which protocol, of which
 * calls, and as whom. The rest of them (endpoint, headers, compression, timeout, certificates) OpenTelemetry's packages
 * read themselves. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
import { hostname } from 'node:os';
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { defaultResource, detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { ConfigFault } from '../../contract/config.ts';
import { OTLP_PROTOCOLS, type OtlpProtocol } from '../../contract/otlp-settings.ts';
import type { SpanCall } from './span-call.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type ExportedSignal = 'TRACES' | 'METRICS';

const read = (env: Environment, name: string): string => env[name]?.trim() ?? '';
const isTrue = (text: string): boolean => text.toLowerCase() === 'true';

export function isDisabled(env: Environment): boolean {
  return isTrue(read(env, 'OTEL_SDK_DISABLED'));
}

/** The protocol towards the variables' endpoint; undefined when they name none, or want nothing of this signal exported. */
export function environmentProtocol(
  env: Environment,
  signal: ExportedSignal,
  onFault: (fault: ConfigFault) => void,
): OtlpProtocol | undefined {
  const endpoint = read(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`) || read(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporters = read(env, `OTEL_${signal}_EXPORTER`);
  if (
    isDisabled(env) ||
    (endpoint === '' && exporters !== 'otlp') ||
    (exporters !== '' &&
      !exporters
        .split(',')
        .map((each) => each.trim())
        .includes('otlp'))
  )
    return undefined;
  const name =
    read(env, `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`) === '' ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`;
  const wanted = read(env, name) || 'http/protobuf';
  const protocol = OTLP_PROTOCOLS.find((known) => known === wanted);
  if (protocol === undefined)
    onFault({ at: name, problem: `${JSON.stringify(wanted)} is not accepted: one of ${OTLP_PROTOCOLS.join(', ')}` });
  if (endpoint !== '' && !URL.canParse(endpoint) && protocol !== 'grpc')
    onFault({
      at: `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT`,
      problem: `${JSON.stringify(endpoint)} is not accepted: an http:// or https:// URL`,
    });
  return protocol;
}

/** Resource attributes of everything exported: the variables' over ours over the SDK's. */
export function exportResource(version: string, instanceId: string): Resource {
  const own = resourceFromAttributes({
    'service.name': 'glassway',
    'service.version': version,
    'service.instance.id': instanceId,
    'host.name': hostname(),
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

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
export function createSampler(env: Environment, onFault: (fault: ConfigFault) => void): (call: SpanCall) => boolean {
  const name = read(env, 'OTEL_TRACES_SAMPLER') || 'parentbased_always_on';
  const argument = read(env, 'OTEL_TRACES_SAMPLER_ARG');
  const make = Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
  if (make === undefined)
    onFault({ at: 'OTEL_TRACES_SAMPLER', problem: `${JSON.stringify(name)} is not accepted: one of ${Object.keys(SAMPLERS).join(', ')}` });
  if (name.endsWith('ratio') && argument !== '' && !(Number(argument) >= 0 && Number(argument) <= 1))
    onFault({ at: 'OTEL_TRACES_SAMPLER_ARG', problem: `${JSON.stringify(argument)} is not accepted: a number from 0 to 1` });
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
  return read(env, 'OTEL_SEMCONV_STABILITY_OPT_IN')
    .split(',')
    .some((word) => word.trim() === 'gen_ai_latest_experimental');
}
