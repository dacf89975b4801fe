/** The colours of charts: the style sheet's, read as they are in the theme of the moment, and who gets which. */

import { OUTCOME_LABELS } from '../outcomes.ts';

export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly pointer: string;
  readonly raised: string;
  readonly surface: string;
  readonly font: string;
  /** Any variable of the style sheet. */
  readonly read: (variable: string) => string;
}

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const known = new Map<string, string>();
  // Custom properties keep their text; only an element's own colour is ever resolved, hence the probe.
  const read = (variable: string): string => {
    const before = known.get(variable);
    if (before !== undefined) return before;
    const probe = document.createElement('span');
    document.body.append(probe);
    probe.style.color = `var(${variable})`;
    const colour = getComputedStyle(probe).color;
    probe.remove();
    known.set(variable, colour);
    return colour;
  };
  return {
    text: read('--text'),
    muted: read('--muted'),
    grid: read('--line-soft'),
    pointer: read('--line'),
    raised: read('--raised'),
    surface: read('--surface'),
    font: style.fontFamily,
    read,
  };
}

const CATEGORY_COUNT = 12;
const REST = new Set(['(others)', '(not known)', '']);

/** Ways in which something of Glassway's own ends (contract/events.ts): a batch that is done must not look like a fault. */
const ENDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  outcome: Object.fromEntries(Object.entries(OUTCOME_LABELS).map(([outcome, { tone }]) => [outcome, tone])),
  result: { done: 'ok', inserted: 'ok', later: 'limit', refused: 'bad', rejected: 'bad' },
  status: { 200: 'ok' },
};

/** Who has which of the category colours, by what they are, as long as the page lives: a project looks alike on every chart. */
const owners = new Map<string, Map<string, number>>();

/** The variable of a named line's colour. Good and bad ends have colours of their own; what is left over has none. */
export function colourOfName(dimension: string, name: string): string {
  const tone = ENDS[dimension]?.[name];
  if (tone !== undefined) return `--tone-${tone}`;
  if (REST.has(name)) return '--tone-quiet';
  const slots = owners.get(dimension) ?? new Map<string, number>();
  const slot = slots.get(name) ?? freeSlot(new Set(slots.values()), hash(name) % CATEGORY_COUNT);
  owners.set(dimension, slots.set(name, slot));
  return `--category-${slot + 1}`;
}

/** Of lines that stand for columns, in their order. */
export function colourOfPlace(place: number): string {
  return `--category-${(place % CATEGORY_COUNT) + 1}`;
}

function freeSlot(taken: ReadonlySet<number>, wanted: number): number {
  for (let step = 0; step < CATEGORY_COUNT; step += 1) {
    const slot = (wanted + step) % CATEGORY_COUNT;
    if (!taken.has(slot)) return slot;
  }
  return wanted;
}

function hash(text: string): number {
  let value = 7;
  for (const character of text) value = (value * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return value;
}
