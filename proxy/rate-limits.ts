/**
 * What a provider's headers say of its rate limits, for column `rate_limits`: `limit_…` and `remaining_…` in
 * the limit's own unit (`requests`, `tokens`, `input_tokens`, `tokens_minute`, …), `reset_…_s` and
 * `retry_after_s` in seconds from the answer on. Takes raw response headers; what is no number is left out.
 */
import { remembering } from './remember.ts';

type Kind = 'limit' | 'remaining' | 'reset' | 'wait' | 'wait_ms';

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
/** Numbers of so many digits are exact. */
const PLAIN_DIGITS_MAX = 15;
const NUMBER = /^\d+(?:\.\d+)?/;

const [X, R, A] = [0x78, 0x72, 0x61];

/** `now_ms`: the wall clock when the headers came, for limits that name a moment. */
export function readRateLimits(raw: readonly string[], now_ms: number): Record<string, number> {
  const found: Record<string, number> = {};
  let entries = 0;
  for (let i = 0; i + 1 < raw.length && entries < ENTRIES_MAX; i += 2) {
    // All that count begin with one of these, in either case.
    const first = (raw[i] as string).charCodeAt(0) | 0x20;
    if (first !== X && first !== R && first !== A) continue;
    const meaning = meaningOf(raw[i] as string);
    if (meaning === null) continue;
    const value = readValue(meaning.kind, (raw[i + 1] as string).trim(), now_ms);
    // The first of a repeated header counts, and milliseconds are more exact than what rounds them.
    if (value === undefined || !Number.isFinite(value) || (found[meaning.name] !== undefined && meaning.kind !== 'wait_ms')) continue;
    found[meaning.name] = value;
    entries += 1;
  }
  return found;
}

function readValue(kind: Kind, value: string, now_ms: number): number | undefined {
  if (kind === 'limit' || kind === 'remaining') return leadingNumber(value);
  if (kind === 'wait_ms') return NUMBER.test(value) ? Number(value) / 1_000 : undefined;
  return secondsUntil(value, now_ms);
}

interface Meaning {
  readonly kind: Kind;
  /** The entry's name. */
  readonly name: string;
}

/** By the header's name as it was sent; null: nothing of ours. */
const meaningOf = remembering((header): Meaning | null => readName(header.toLowerCase()));

function readName(name: string): Meaning | null {
  // RFC 9110 §10.2.3: seconds, or a date.
  if (name === 'retry-after') return { kind: 'wait', name: 'retry_after_s' };
  if (name === 'retry-after-ms') return { kind: 'wait_ms', name: 'retry_after_s' };
  for (const { header, kind: group, unit } of PATTERNS) {
    const match = header.exec(name);
    if (!match) continue;
    const kind = match[group] as Kind;
    const of = unit ?? match[group === 1 ? 2 : 1]?.replaceAll('-', '_');
    const label = of === undefined ? kind : `${kind}_${of}`;
    return { kind, name: kind === 'reset' ? `${label}_s` : label };
  }
  return null;
}

/** The usual value, digits and nothing else, as its number; -1: it is another. */
function plainNumber(value: string): number {
  if (value === '' || value.length > PLAIN_DIGITS_MAX) return -1;
  let number = 0;
  for (let i = 0; i < value.length; i += 1) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** The IETF draft lets a policy follow: `100, 100;w=60`. */
function leadingNumber(value: string): number | undefined {
  const plain = plainNumber(value);
  if (plain >= 0) return plain;
  const match = NUMBER.exec(value);
  return match ? Number(match[0]) : undefined;
}

/** A moment as Unix time is later than this many seconds; no provider lets one wait so long. */
const UNIX_TIME_MIN = 1e9;
const UNIX_TIME_MS_MIN = 1e12;

/** `1.5`, `6m0s`, `250ms`, Unix time in seconds or milliseconds, RFC 3339 or an HTTP date. */
function secondsUntil(value: string, now_ms: number): number | undefined {
  const plain = plainNumber(value);
  if (plain >= 0 || /^\d+(?:\.\d+)?$/.test(value)) {
    const number = plain >= 0 ? plain : Number(value);
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
