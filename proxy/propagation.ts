/**
 * What a provider learns of the caller's trace (W3C Trace Context and Baggage): by default just what the caller sent, byte
 * for byte. `child`: that the call's own span is the parent of whatever the provider traces. `strip`: nothing.
 * https://www.w3.org/TR/trace-context/ and https://www.w3.org/TR/baggage/
 */
import type { Identity } from './identify.ts';

/** Lower case. */
export const TRACE_HEADERS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);

type Trace = Pick<Identity, 'trace_id' | 'span_id' | 'trace_flags'>;

/** The header that names the call's own span. A caller without a trace leaves the decision to sample to us: yes. */
export function childTraceparent({ trace_id, span_id, trace_flags }: Trace): string {
  return `00-${trace_id}-${span_id}-${(trace_flags ?? 1).toString(16).padStart(2, '0')}`;
}

/** A raw header list as the provider gets it. */
export function propagated(raw: readonly string[], propagation: 'child' | 'strip', trace: Trace): string[] {
  const out: string[] = [];
  let said = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    if (propagation === 'strip' && TRACE_HEADERS.has(lower)) continue;
    if (propagation === 'child' && lower === 'traceparent') {
      // A repeated one is none: https://www.w3.org/TR/trace-context/#traceparent-header
      if (!said) out.push(name, childTraceparent(trace));
      said = true;
    } else out.push(name, raw[i + 1] as string);
  }
  if (propagation === 'child' && !said) out.push('traceparent', childTraceparent(trace));
  return out;
}
