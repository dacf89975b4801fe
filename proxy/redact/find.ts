/**
 * Finds everything in a text that must not be stored: the classes asked for, the user's own patterns, and either of them
 * behind escapes or base64. Takes one text, gives spans in it. Short texts that come again and again in a stream are
 * remembered until `forget`.
 */
import type { RedactSettings } from '../../contract/privacy-settings.ts';
import { findCodedIds } from './coded-ids.ts';
import { findEmails, findIbans, findIps, findPhones } from './contacts.ts';
import { findNumbers } from './numbers.ts';
import { compilePatterns } from './patterns.ts';
import { findSecrets, isSecretName } from './secrets.ts';
import { mergeSpans, type Span } from './spans.ts';
import { inOriginal, viewsOf } from './views.ts';

export interface Finder {
  find(text: string): readonly Span[];
  /** Whether this key's value is to go whatever it is. */
  isSecretName(key: string, value: string): boolean;
  /** How much of the end of a text that was cut off may be the beginning of something. */
  readonly tailCharsMax: number;
  /** From now on these texts are secrets, whatever the classes asked for; until `forget`. */
  know(secrets: readonly string[]): void;
  /** The job is done: nothing of its text stays. */
  forget(): void;
}

/** Shorter texts hold nothing that names anybody. */
const CHARS_MIN = 5;
const REMEMBERED_MAX = 2_000;
const REMEMBERED_CHARS_MAX = 200;

/** A run that may be base64 (or base64url) of something. */
const BASE64_RUN = /[A-Za-z0-9+/_-]{20,}={0,2}/g;
/** Lines of it, as MIME and PEM wrap them. */
const BASE64_LINES = /(?:[A-Za-z0-9+/]{60,78}\r?\n){2,}[A-Za-z0-9+/]*={0,2}/g;
/** Longer runs are files: not looked into, not kept. */
const BASE64_CHARS_MAX = 256;
const GZIP_BASE64 = /^H4sI/;
const TAIL_CHARS = 64;
const TAIL_CHARS_PATTERNS = 256;

export function createFinder({ classes, patterns }: Pick<RedactSettings, 'classes' | 'patterns'>): Finder {
  const wanted = new Set<string>(classes);
  const findPatterns = compilePatterns(patterns);
  const numbers = new Set(['card', 'national_id'].filter((label) => wanted.has(label)));
  const remembered = new Map<string, readonly Span[]>();
  let known: readonly string[] = [];

  /** In a text as it reads. */
  function findPlain(text: string): Span[] {
    const hasDigit = /\d/.test(text);
    const spans: Span[] = [];
    if (wanted.has('email')) spans.push(...findEmails(text));
    if (wanted.has('secret')) spans.push(...findSecrets(text));
    if (hasDigit) {
      if (numbers.size > 0) spans.push(...findNumbers(text, numbers));
      if (wanted.has('national_id')) spans.push(...findCodedIds(text));
      if (wanted.has('iban')) spans.push(...findIbans(text));
      if (wanted.has('ip')) spans.push(...findIps(text));
      if (wanted.has('phone')) spans.push(...findPhones(text));
    } else if (wanted.has('ip') && text.includes('::')) spans.push(...findIps(text));
    spans.push(...findPatterns(text));
    for (const secret of known) spans.push(...findText(text, secret));
    return spans;
  }

  function findInViews(text: string): Span[] {
    const views = viewsOf(text);
    return views.flatMap((view) => findPlain(view.text).map((span) => inOriginal(view, span)));
  }

  function find(text: string): readonly Span[] {
    if (text.length < CHARS_MIN && patterns.length === 0) return [];
    const found = remembered.get(text);
    if (found !== undefined) return found;
    const spans = mergeSpans([...findInViews(text), ...findBase64(text, findInViews)]);
    if (text.length <= REMEMBERED_CHARS_MAX && remembered.size < REMEMBERED_MAX) remembered.set(text, spans);
    return spans;
  }

  return {
    find,
    isSecretName: (key, value) => wanted.has('secret') && isSecretName(key, value),
    tailCharsMax: patterns.length > 0 ? TAIL_CHARS_PATTERNS : TAIL_CHARS,
    know(secrets) {
      known = secrets;
    },
    forget() {
      known = [];
      remembered.clear();
    },
  };
}

function findText(text: string, secret: string): Span[] {
  const spans: Span[] = [];
  for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length))
    spans.push({ start: at, end: at + secret.length, label: 'secret' });
  return spans;
}

function findBase64(text: string, find: (text: string) => readonly Span[]): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(BASE64_RUN)) {
    const run = match[0];
    const place = { start: match.index, end: match.index + run.length };
    if (run.length > BASE64_CHARS_MAX) {
      if (/[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run)) spans.push({ ...place, label: 'binary' });
    } else if (GZIP_BASE64.test(run)) spans.push({ ...place, label: 'binary' });
    else {
      const label = labelInside(run, find);
      if (label !== undefined) spans.push({ ...place, label });
    }
  }
  for (const match of text.matchAll(BASE64_LINES)) spans.push({ start: match.index, end: match.index + match[0].length, label: 'binary' });
  return spans;
}

/** The run's beginning may be another text's end: its four alignments are tried. */
function labelInside(run: string, find: (text: string) => readonly Span[]): string | undefined {
  for (let skip = 0; skip < 4; skip += 1) {
    const decoded = Buffer.from(run.slice(skip), 'base64').toString('latin1');
    if (!isText(decoded)) continue;
    const found = find(decoded)[0];
    if (found !== undefined) return found.label;
  }
  return undefined;
}

/** Mostly printable: what a word of plain text decodes to is not. */
function isText(decoded: string): boolean {
  let printable = 0;
  for (let i = 0; i < decoded.length; i += 1) {
    const code = decoded.charCodeAt(i);
    if ((code >= 0x20 && code < 0x7f) || code === 0x0a || code === 0x0d || code === 0x09) printable += 1;
  }
  return printable >= decoded.length * 0.9;
}
