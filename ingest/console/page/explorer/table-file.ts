/** A table that the page holds, saved as a file: every row in the order shown, values as they are, not as they are written for reading. */
import { html, type VNode } from '../../vendor/preact.js';
import { type Format, type TableData, tableText } from './table-text.ts';

interface TableFile extends TableData {
  /** What the table is called; becomes the file's name. */
  readonly title: string;
}

const FORMATS: Readonly<Record<Format, string>> = { csv: 'text/csv', json: 'application/json' };

export function SaveTable(table: TableFile): VNode {
  return html`<p class="save-table"><span class="muted small">Save ${table.order.length} ${table.order.length === 1 ? 'row' : 'rows'} as</span>
    ${(Object.keys(FORMATS) as Format[]).map((format) => html`<button key=${format} type="button" class="link small" onClick=${() => save(table, format)}>${format.toUpperCase()}</button>`)}</p>`;
}

function save(table: TableFile, format: Format): void {
  const address = URL.createObjectURL(new Blob([tableText(table, format)], { type: FORMATS[format] }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `glassway-${table.title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${table.order.length}-rows.${format}`;
  link.click();
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
