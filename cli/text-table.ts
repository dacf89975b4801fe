/** Rows as text in columns for a terminal: the first columns to the left, figures to the right. Pure. */

export interface TextColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const GAP = '  ';
const INDENT = '  ';

export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `${INDENT}${columns.map(({ align }, index) => (align === 'left' ? (cells[index] ?? '').padEnd(widths[index] ?? 0) : (cells[index] ?? '').padStart(widths[index] ?? 0))).join(GAP)}`.trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n');
}
