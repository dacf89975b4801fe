/**
 * Redacts the texts inside parsed JSON: every string, every key, every number long enough to name somebody. Of a
 * stream's events the texts that belong together (the same field of one event after another) are also read as one,
 * so that what is split between events goes from each of them. Changes the values in place.
 */
import type { Finder } from './find.ts';
import { mergeSpans, type Span, withoutSpans } from './spans.ts';

/** One text, where it stands, and how to write another in its place. */
interface Leaf {
  readonly text: string;
  readonly put: (text: string) => void;
  /** Its field's name, its path, and its path with the numbers and ids that tell an event's parts apart. */
  readonly name: string;
  readonly field: string;
  readonly part: string;
  /** What is taken out of it, besides what is found in its group. */
  readonly spans: Span[];
}

/** Fields that say which part of an answer an event is about. */
const PART_FIELDS: ReadonlySet<string> = new Set([
  ...['index', 'output_index', 'content_index', 'summary_index', 'contentBlockIndex', 'contentIndex', 'item_id', 'id', 'type', 'role'],
]);
/** Deeper than any vendor's content lies. What lies deeper is not kept. */
const DEPTH_MAX = 200;
const NUMBER_MIN = 1e7;
const DIGITS_RUN_LONG = /\d{16}/;
export const NOT_KEPT = '[not stored: nested too deeply]';

/** JSON.parse whose numbers are not rounded where they may be a card's or an account's; undefined: no JSON. */
export function parseExact(text: string): unknown {
  try {
    if (!DIGITS_RUN_LONG.test(text)) return JSON.parse(text);
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? String(value)) : value,
    );
  } catch {
    return undefined;
  }
}

/** One document. */
export function redactDocument(value: unknown, finder: Finder): unknown {
  const holder = { value };
  for (const leaf of collectLeaves([holder], finder)) leaf.put(withoutSpans(leaf.text, [...leaf.spans, ...finder.find(leaf.text)]));
  return holder.value;
}

/** The events of one stream. `cut`: it did not come to its end, so that what it ends with may be half of something. */
export function redactEvents(events: readonly unknown[], finder: Finder, cut: boolean): unknown[] {
  const holders = events.map((value) => ({ value }));
  const leaves = collectLeaves(holders, finder);
  for (const leaf of leaves) leaf.spans.push(...finder.find(leaf.text));
  for (const key of ['name', 'field', 'part'] as const)
    for (const group of groupBy(leaves, key).values()) {
      if (isConstant(group)) continue;
      spread(group, finder.find(group.map(({ text }) => text).join('')));
      if (cut) spread(group, [tailSpan(group.map(({ text }) => text).join(''), finder)]);
    }
  const last = leaves.at(-1);
  if (cut && last !== undefined) last.spans.push(tailSpan(last.text, finder));
  for (const leaf of leaves) if (leaf.spans.length > 0) leaf.put(withoutSpans(leaf.text, leaf.spans));
  return holders.map(({ value }) => value);
}

/** The end of a text that was cut off: its last word, and what before it may belong to the same number. */
export function tailSpan(text: string, { tailCharsMax }: Finder): Span {
  const from = Math.max(0, text.length - tailCharsMax);
  const rest = text.slice(from);
  const words = /(?:(?<=^|\s)\S{0,4}\d\S{0,16}\s{1,2}){0,8}\S*$/.exec(rest);
  const start = tailCharsMax > 64 ? from : from + (words?.index ?? 0);
  // A word longer than that is taken out whole.
  let begin = start;
  while (begin > 0 && begin === from && !/\s/.test(text[begin - 1] as string)) begin -= 1;
  return { start: begin, end: text.length, label: 'cut' };
}

function collectLeaves(holders: readonly { value: unknown }[], finder: Finder): Leaf[] {
  const leaves: Leaf[] = [];
  for (const holder of holders) {
    const put = (value: unknown): void => {
      holder.value = value;
    };
    walk(holder.value, put, '', '', 0);
  }
  return leaves;

  function walk(value: unknown, put: (value: unknown) => void, field: string, part: string, depth: number): void {
    if (typeof value === 'string') {
      if (value !== '') leaves.push({ text: value, put, name: nameOf(field), field, part, spans: [] });
    } else if (typeof value === 'number') {
      if (Number.isInteger(value) && Math.abs(value) >= NUMBER_MIN) leaves.push(numberLeaf(value, put, field, part));
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= DEPTH_MAX) put(NOT_KEPT);
      else if (Array.isArray(value)) walkArray(value, field, part, depth);
      else walkObject(value as Record<string, unknown>, put, field, part, depth);
    }
  }

  function walkArray(array: unknown[], field: string, part: string, depth: number): void {
    for (let i = 0; i < array.length; i += 1) {
      const put = (next: unknown): void => {
        array[i] = next;
      };
      walk(array[i], put, `${field}[]`, `${part}[${i}]`, depth + 1);
    }
  }

  function walkObject(object: Record<string, unknown>, put: (value: unknown) => void, field: string, part: string, depth: number): void {
    let holder = object;
    const names = Object.keys(object);
    if (names.some((name) => finder.find(name).length > 0)) {
      holder = Object.fromEntries(Object.entries(object).map(([name, value]) => [withoutSpans(name, finder.find(name)), value]));
      put(holder);
    }
    const where = part + partOf(holder);
    for (const [name, value] of Object.entries(holder)) {
      const set = (next: unknown): void => {
        Object.defineProperty(holder, name, { value: next, writable: true, enumerable: true, configurable: true });
      };
      if (typeof value === 'string' && finder.isSecretName(name, value)) set('[redacted:secret]');
      else walk(value, set, `${field}.${name}`, `${where}.${name}`, depth + 1);
    }
  }
}

/** A number is written as text only where something of it is taken out. */
function numberLeaf(value: number, put: (value: unknown) => void, field: string, part: string): Leaf {
  const text = String(value);
  return { text, name: nameOf(field), field, part, spans: [], put: (next) => (next === text ? undefined : put(next)) };
}

function nameOf(field: string): string {
  return field.slice(field.lastIndexOf('.') + 1);
}

function partOf(object: Readonly<Record<string, unknown>>): string {
  let part = '';
  for (const name of PART_FIELDS) {
    const value = object[name];
    if (typeof value === 'string' || typeof value === 'number') part += `#${value}`;
  }
  return part;
}

function groupBy(leaves: readonly Leaf[], key: 'name' | 'field' | 'part'): Map<string, Leaf[]> {
  const groups = new Map<string, Leaf[]>();
  for (const leaf of leaves) {
    const group = groups.get(leaf[key]);
    if (group === undefined) groups.set(leaf[key], [leaf]);
    else group.push(leaf);
  }
  return groups;
}

/** Ids, names of kinds and the like say the same in each event, and one after another they say nothing. */
function isConstant(group: readonly Leaf[]): boolean {
  const first = group[0]?.text ?? '';
  return group.length < 2 || (first.length >= 8 && group.every(({ text }) => text === first));
}

/** Spans of the joined text, as spans of each leaf: the first one that is touched says what was there. */
function spread(group: readonly Leaf[], spans: readonly Span[]): void {
  const merged = mergeSpans(spans);
  let base = 0;
  let next = 0;
  for (const leaf of group) {
    const end = base + leaf.text.length;
    for (let i = next; i < merged.length; i += 1) {
      const span = merged[i] as Span;
      if (span.start >= end) break;
      leaf.spans.push({ start: Math.max(0, span.start - base), end: Math.min(leaf.text.length, span.end - base), label: span.label });
      if (span.end <= end) next = i + 1;
    }
    base = end;
  }
}
