/**
 * The settings that are about captured text: what `capture: redacted` takes out of prompts and answers before
 * anything is written. Shapes and checks only; the finding is the proxy's (proxy/redact/).
 */
import { z } from 'zod';

/** What redaction knows to find; docs/privacy.md says what each class holds. */
export const REDACT_CLASSES = ['email', 'phone', 'card', 'iban', 'national_id', 'ip', 'secret'] as const;
export type RedactClass = (typeof REDACT_CLASSES)[number];

const PATTERN_CHARS_MAX = 1_000;
const PATTERNS_MAX = 50;
const TIME_MS_MIN = 10;
const TIME_MS_MAX = 60_000;

const Pattern = z.strictObject({
  /** Stands in the stored text in place of what was found: `[redacted:<name>]`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'a name of lower-case letters, digits, _ and -, at most 40'),
  /** RE2's syntax: no look-around, no back-references, and so linear in the text's length. */
  pattern: z
    .string()
    .min(1, `a regular expression (RE2) of 1 to ${PATTERN_CHARS_MAX} characters`)
    .max(PATTERN_CHARS_MAX, `a regular expression (RE2) of 1 to ${PATTERN_CHARS_MAX} characters`),
  ignoreCase: z.boolean().default(false),
});

const classes = z.array(z.enum(REDACT_CLASSES));
const patterns = z.array(Pattern).max(PATTERNS_MAX, `at most ${PATTERNS_MAX} patterns`);
const timeMs = z.int().min(TIME_MS_MIN).max(TIME_MS_MAX);

export const Redact = z
  .strictObject({
    classes: classes.default([...REDACT_CLASSES]),
    patterns: patterns.default([]),
    /** For the bodies of one call. What takes longer is not stored, and counted. */
    timeMs: timeMs.default(2_000),
  })
  .prefault({});

/** A project's own: what it names replaces the general setting. */
export const ProjectRedact = z
  .strictObject({ classes: classes.optional(), patterns: patterns.optional(), timeMs: timeMs.optional() })
  .optional();

export type RedactSettings = z.infer<typeof Redact>;

/** What holds for a project. */
export function redactSettingsOf(general: RedactSettings, project: z.infer<typeof ProjectRedact>): RedactSettings {
  return {
    classes: project?.classes ?? general.classes,
    patterns: project?.patterns ?? general.patterns,
    timeMs: project?.timeMs ?? general.timeMs,
  };
}
