/** What both of OTLP's encodings of our spans have in common. */
import type { CallSpan } from './span.ts';

/** Of each column with few values, what is made of so many is kept; model names are the callers' to choose. */
export const KEPT_VALUES_MAX = 200;

/** Sampled, and known whether the parent is remote: it always is. https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto */
const FLAGS = { root: 0x101, child: 0x301 } as const;

export function spanFlags({ parentSpanContext }: CallSpan): number {
  return parentSpanContext === undefined ? FLAGS.root : FLAGS.child;
}
