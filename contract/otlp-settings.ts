/**
 * The settings of trace export: `otlp` (where projects of their own send their spans) and `traces` (how much is kept
 * waiting, and how late what was kept back is still exported). Where everything else goes say OpenTelemetry's own
 * variables. Shapes and checks only.
 */
import { z } from 'zod';
import { durationSeconds } from './durations.ts';

const NAME_CHARS_MAX = 128;
const AGE_DAYS_MAX = 7;

export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];
/** The GenAI conventions' version whose names spans have; `next`: those that are in development. */
export const CONVENTIONS = ['1.41.1', 'next'] as const;
export type Conventions = (typeof CONVENTIONS)[number];

const endpoint = z.string().refine((text) => URL.canParse(text) && /^https?:\/\//.test(text), 'an http:// or https:// URL');
const projectName = z.string().min(1).max(NAME_CHARS_MAX);

const OtlpEntry = z.strictObject({
  /** Whose spans go here, and nowhere else. */
  projects: z.array(projectName).min(1, 'at least one project'),
  /** As in OTEL_EXPORTER_OTLP_ENDPOINT: over HTTP `/v1/traces` is added to it. */
  endpoint,
  protocol: z.enum(OTLP_PROTOCOLS).default('http/protobuf'),
  /** `${NAME}` in a value stands for that environment variable. */
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/, 'a header name of letters, digits and dashes'), z.string()).default({}),
  compression: z.enum(['none', 'gzip']).default('none'),
  timeoutMs: z.int().min(100).max(600_000).default(10_000),
});
export type OtlpEntry = z.infer<typeof OtlpEntry>;

/** `otlp`: a project is in one entry at most. */
export const OtlpEntries = z
  .array(OtlpEntry)
  .max(1_000)
  .default([])
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    entries.forEach((entry, index) => {
      for (const project of entry.projects) {
        if (seen.has(project))
          context.addIssue({ code: 'custom', path: [index, 'projects'], message: `${project} is in an earlier entry; a project has one` });
        seen.add(project);
      }
    });
  });

export const TraceSettings = z
  .strictObject({
    conventions: z.enum(CONVENTIONS).default('1.41.1'),
    /** Whether the text of projects that capture bodies is exported with their spans. */
    messages: z.boolean().default(true),
    /** Spans, and bytes of them, that wait for one destination at most; what is more is exported later, from the table. */
    queueSpans: z.int().min(1).default(50_000),
    queueBytes: z
      .int()
      .min(1024)
      .default(64 * 1024 ** 2),
    /** What was kept back longer than this is given up. */
    resendWithin: z
      .string()
      .regex(/^[1-9]\d{0,3}[hd]$/, 'a whole number of hours or days: 12h, 7d')
      .refine((text) => durationSeconds(text) <= AGE_DAYS_MAX * 86_400, `at most ${AGE_DAYS_MAX}d`)
      .default('24h'),
    /** How fast, beside what is new. */
    resendSpansPerSecond: z.int().min(1).default(2_000),
    /** An ingest that has not been heard of for so long is dead, and another exports what it left. */
    takeOverAfterSeconds: z.int().min(2).max(3_600).default(45),
  })
  .prefault({});
export type TraceSettings = z.infer<typeof TraceSettings>;
