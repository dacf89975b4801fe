/** Figures as a table for people, each beside its ratio to the yardstick's, and as JSON for machines. */
import { cpus, release, totalmem, type } from 'node:os';
import type { PartResult } from './parts/index.ts';
import { isPinned } from './processes.ts';

const GB = 1024 ** 3;

export function machine(): Record<string, string | number | boolean> {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    system: `${type()} ${release()} ${process.arch}`,
    processor: cpu?.model ?? 'unknown',
    processors: cpus().length,
    memory_gb: Math.round(totalmem() / GB),
    pinned: isPinned(),
  };
}

/** A Markdown table. A figure's ratio to the yardstick's stands behind it. */
export function table({ rows, yardstick }: PartResult): string {
  const base = yardstick === undefined ? undefined : rows.get(yardstick);
  const columns = [...new Set([...rows.values()].flatMap((figures) => Object.keys(figures)))];
  const cell = (value: number | undefined, of: number | undefined): string => {
    if (value === undefined || Number.isNaN(value)) return '–';
    const text = Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
    return of === undefined || of <= 0 ? text : `${text} (${(value / of).toFixed(2)})`;
  };
  const lines = [...rows].map(([name, figures]) => [name, ...columns.map((column) => cell(figures[column], base?.[column]))]);
  const all = [['', ...columns], ...lines];
  const widths = all[0]?.map((_, index) => Math.max(...all.map((line) => (line[index] ?? '').length))) ?? [];
  const row = (line: readonly string[]): string =>
    `| ${line.map((text, index) => (index === 0 ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(Math.max(1, width - 1))}:`)).join(' | ')} |`;
  return [row(all[0] ?? []), rule, ...all.slice(1).map(row)].join('\n');
}
