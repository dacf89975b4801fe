/**
 * What a provider's headers say of its rate limits, for column `rate_limits`: `limit_…` and `remaining_…` in
 * the limit's own unit (`requests`, `tokens`, `input_tokens`, `tokens_minute`, …), `reset_…_s` and
 * `retry_after_s` in seconds from the answer on. Takes raw response headers; what is no number is left out.
 */

type Kind = 'limit' | 'remaining' | 'reset';

interface Pattern {
  readonly header: RegExp;
  /** Where the pattern's groups hold kind and unit. */
  readonly kind: 1 | 2;
  readonly unit?: string;
}

/** In lower case. The unit is whatever else the name says. */
const PATTERNS: readonly Pattern[] = [
  // OpenAI (platform.openai.com/docs/guides/rate-limits), Azure, Groq, xAI, Fireworks; Cerebras and Mistral append the window.
  { header: /^x-ratelimit-(limit|remaining|reset)-([a-z-]{1,40})$/, kind: 1 },
  // OpenRouter, Together; the IETF draft (draft-ietf-httpapi-ratelimit-headers-07), Hugging Face.
  { header: /^(?:x-)?ratelimit-(limit|remaining|reset)$/, kind: 1 },
  { header: /^x-tokenlimit-(limit|remaining|reset)$/, kind: 1, unit: 'tokens' },
  // docs.claude.com/en/api/rate-limits#response-headers; `anthropic-priority-…` for the priority tier.
  { header: /^anthropic-(?:ratelimit-)?([a-z-]{1,40})-(limit|remaining|reset)$/, kind: 2 },
];
const ENTRIES_MAX = 32;

const SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1, ms: 0.001, us: 0.000_001, µs: 0.000_001 };
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|us|µs|d|h|m|s)/gy;
/** The usual case of it. */
const SHORT_DURATION = /^(\d+(?:\.\d+)?)(ms|m|s)$/;
const NUMBER = /^\d+(?:\.\d+)?/;

/** `now_ms`: the wall clock when the headers came, for limits that name a moment. */
export function readRateLimits(raw: readonly string[], now_ms: number): Record<string, number> {
  const found: Record<string, number> = {};
  let entries = 0;
  for (let i = 0; i + 1 < raw.length && entries < ENTRIES_MAX; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!name.includes('limit') && !name.startsWith('retry-after') && !name.startsWith('anthropic-priority-')) continue;
    const entry = readHeader(name, (raw[i + 1] as string).trim(), now_ms);
    // The first of a repeated header counts, and milliseconds are more exact than what rounds them.
    if (entry === undefined || (Object.hasOwn(found, entry.name) && name !== 'retry-after-ms')) continue;
    found[entry.name] = entry.value;
    entries += 1;
  }
  return found;
}

function readHeader(name: string, value: string, now_ms: number): { name: string; value: number } | undefined {
  if (name === 'retry-after-ms') return named('retry_after_s', NUMBER.test(value) ? Number(value) / 1_000 : undefined);
  // RFC 9110 §10.2.3: seconds, or a date.
  if (name === 'retry-after') return named('retry_after_s', secondsUntil(value, now_ms));
  const meaning = meaningOf(name);
  if (meaning === undefined) return undefined;
  return named(meaning.name, meaning.kind === 'reset' ? secondsUntil(value, now_ms) : leadingNumber(value));
}

interface Meaning {
  readonly kind: Kind;
  /** The entry's name. */
  readonly name: string;
}

const MEANINGS_MAX = 1_000;
const meanings = new Map<string, Meaning | undefined>();

/** Providers send the same few names with every answer: what they mean is remembered, within a bound. */
function meaningOf(header: string): Meaning | undefined {
  const known = meanings.get(header);
  if (known !== undefined || meanings.has(header)) return known;
  const meaning = readName(header);
  if (meanings.size < MEANINGS_MAX) meanings.set(header, meaning);
  return meaning;
}

function readName(name: string): Meaning | undefined {
  for (const { header, kind: group, unit } of PATTERNS) {
    const match = header.exec(name);
    if (!match) continue;
    const kind = match[group] as Kind;
    const of = unit ?? match[group === 1 ? 2 : 1]?.replaceAll('-', '_');
    const label = of === undefined ? kind : `${kind}_${of}`;
    return { kind, name: kind === 'reset' ? `${label}_s` : label };
  }
  return undefined;
}

function named(name: string, value: number | undefined): { name: string; value: number } | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : { name, value };
}

/** The IETF draft lets a policy follow: `100, 100;w=60`. */
function leadingNumber(value: string): number | undefined {
  const match = NUMBER.exec(value);
  return match ? Number(match[0]) : undefined;
}

/** A moment as Unix time is later than this many seconds; no provider lets one wait so long. */
const UNIX_TIME_MIN = 1e9;
const UNIX_TIME_MS_MIN = 1e12;

/** `1.5`, `6m0s`, `250ms`, Unix time in seconds or milliseconds, RFC 3339 or an HTTP date. */
function secondsUntil(value: string, now_ms: number): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(value)) {
    const number = Number(value);
    if (number >= UNIX_TIME_MS_MIN) return until(number, now_ms);
    return number >= UNIX_TIME_MIN ? until(number * 1_000, now_ms) : number;
  }
  return duration(value) ?? until(Date.parse(value), now_ms);
}

function duration(value: string): number | undefined {
  const first = value.charCodeAt(0);
  if (!(first >= 0x30 && first <= 0x39)) return undefined;
  const plain = SHORT_DURATION.exec(value);
  if (plain) return Number(plain[1]) * (SECONDS[plain[2] as string] ?? 0);
  let seconds = 0;
  let length = 0;
  for (const [part, number, unit] of value.matchAll(DURATION_PART)) {
    seconds += Number(number) * (SECONDS[unit as string] ?? 0);
    length += part.length;
  }
  return length > 0 && length === value.length ? seconds : undefined;
}

function until(moment_ms: number, now_ms: number): number | undefined {
  return Number.isNaN(moment_ms) ? undefined : Math.max(0, (moment_ms - now_ms) / 1_000);
}
