/** The settings of the console (`console:`). Shapes and checks only. */
import { z } from 'zod';

export const ConsoleSettings = z
  .strictObject({
    /** Where the team's APM shows a trace. */
    traceUrl: z
      .string()
      .refine(isTraceUrl, 'an http:// or https:// URL with {trace_id} in it, and {span_id} if wanted: https://apm.example/trace/{trace_id}')
      .optional(),
  })
  .prefault({});

function isTraceUrl(text: string): boolean {
  return (
    /^https?:\/\//.test(text) &&
    text.includes('{trace_id}') &&
    URL.canParse(text.replace(/\{(trace_id|span_id)\}/g, '0')) &&
    !/[{}]/.test(text.replace(/\{(trace_id|span_id)\}/g, ''))
  );
}
