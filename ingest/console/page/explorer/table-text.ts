/** A table of columns as the text of a file. Pure. */
import type { Column } from '../../board-types.ts';
import { type Cell, csvLine } from '../csv.ts';

export type Format = 'csv' | 'json';

export interface TableData {
  readonly columns: readonly Column[];
  /** The rows' positions in the columns, in their order. */
  readonly order: readonly number[];
}

export function tableText({ columns, order }: TableData, format: Format): string {
  const rows = order.map((row) => columns.map((column) => cell(column, row)));
  const names = columns.map(({ name }) => name);
  if (format === 'csv') return [csvLine(names), ...rows.map(csvLine)].join('');
  return `${JSON.stringify(
    rows.map((row) => Object.fromEntries(row.map((value, at) => [names[at], value]))),
    null,
    1,
  )}\n`;
}

function cell({ kind, values }: Column, row: number): Cell {
  const value = values[row] ?? null;
  return kind === 'time' && typeof value === 'number' ? new Date(value).toISOString() : value;
}
