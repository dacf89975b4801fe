/**
 * A query's rows as lines over time. Takes columns (time, perhaps a name, values) and how long a bucket is; gives
 * one list of times and, for each line, a value for each of them. Buckets without a row have NULL.
 */

import type { Panel, PanelAnswer } from '../../board-types.ts';
import { fieldOf } from './fields.ts';
import { colourOfName, colourOfPlace } from './palette.ts';

export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** The column that its values come from. */
  readonly column: string;
  /** The style sheet's variable. */
  readonly colour: string;
}
export interface Lines {
  /** Seconds since 1970, the start of each bucket. */
  readonly times: readonly number[];
  readonly bucketSeconds: number;
  readonly lines: readonly Line[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function toLines(panel: Panel, answer: PanelAnswer): Lines {
  const timeColumn = answer.columns.find(({ kind }) => kind === 'time');
  const nameColumn = answer.columns.find(({ kind }) => kind === 'text');
  const valueColumns = answer.columns.filter(({ kind }) => kind === 'number');
  const rowTimes = (timeColumn?.values ?? []).map(Number);
  const stepMs = bucketLengthMs(answer, rowTimes);
  const times = bucketTimes(answer, stepMs, rowTimes);
  const position = new Map(times.map((time, at) => [time, at]));
  const lines = new Map<string, Line & { readonly values: (number | null)[] }>();
  const lineOf = (key: string, name: string, column: string) => {
    const colour = nameColumn ? colourOfName(nameColumn.name, name) : colourOfPlace(lines.size);
    const known = lines.get(key) ?? { name, column, colour, values: times.map(() => null) };
    lines.set(key, known);
    return known;
  };
  for (const column of valueColumns) {
    // Without names each column is a line, there even when all of its values are missing.
    if (!nameColumn && rowTimes.length > 0) lineOf(column.name, fieldOf(panel, column.name).title, column.name);
    rowTimes.forEach((time, row) => {
      const value = column.values[row];
      const name = nameColumn ? String(nameColumn.values[row] ?? '') : fieldOf(panel, column.name).title;
      const at = position.get(time);
      if (at !== undefined && typeof value === 'number') lineOf(nameColumn ? name : column.name, name, column.name).values[at] = value;
    });
  }
  return { times: times.map((ms) => ms / 1000), bucketSeconds: stepMs / 1000, lines: [...lines.values()] };
}

/** Beyond a day quantiles are kept by the hour, which may be longer than the buckets that were asked for. */
function bucketLengthMs({ from, to, interval_ms }: PanelAnswer, times: readonly number[]): number {
  const long = Date.parse(to) - Date.parse(from) > DAY_MS;
  const hourly = long && interval_ms < HOUR_MS && times.length > 0 && times.every((time) => time % HOUR_MS === 0);
  return hourly ? HOUR_MS : interval_ms;
}

function bucketTimes({ from, to }: PanelAnswer, stepMs: number, rowTimes: readonly number[]): number[] {
  const times = new Set(rowTimes);
  for (let time = Math.floor(Date.parse(from) / stepMs) * stepMs; time < Date.parse(to); time += stepMs) times.add(time);
  return [...times].sort((a, b) => a - b);
}

export type Calc = 'sum' | 'mean' | 'max';
export const CALC_TITLES: Readonly<Record<Calc, string>> = { sum: 'Total', mean: 'Mean', max: 'Max' };

export function calculate(calc: Calc, values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  if (calc === 'max') return Math.max(...known);
  const sum = known.reduce((total, value) => total + value, 0);
  return calc === 'sum' ? sum : sum / known.length;
}

export function calcsOf(panel: Panel): Calc[] {
  const wanted = (panel.options?.legend?.calcs ?? []).filter((calc): calc is Calc => calc in CALC_TITLES);
  return wanted.length > 0 ? wanted : ['mean'];
}

/** As the legend sorts them: by its first figure, largest first. */
export function sortLines(lines: readonly Line[], calc: Calc): Line[] {
  const figures = new Map(lines.map((line) => [line, calculate(calc, line.values) ?? Number.NEGATIVE_INFINITY]));
  return [...lines].sort((a, b) => (figures.get(b) ?? 0) - (figures.get(a) ?? 0));
}
