/** A panel's rows as a table: sorted by any column, its cells linked to other views. Charts are shown so too, for whoever wants their figures. */

import type { Column, Panel, PanelAnswer } from '../../board-types.ts';
import { html, useState, type VNode } from '../../vendor/preact.js';
import { SaveTable } from '../explorer/table-file.ts';
import { OutcomeBadge, plainClick } from '../parts.ts';
import { type Change, formatState, type PageState } from '../url-state.ts';
import { type Field, fieldOf, gradeOf } from './fields.ts';
import { followLink } from './links.ts';
import { formatSort, type Sort, sortOf } from './sort.ts';
import type { Value } from './units.ts';

interface TableProps {
  readonly panel: Panel;
  readonly answer: PanelAnswer;
  readonly state: PageState;
  readonly change: Change;
}

/** More rows than anybody reads at once cost the browser more than they tell: the rest comes when it is asked for. */
const ROWS_MAX = 100;

export function DataTable({ panel, answer, state, change }: TableProps): VNode {
  const fields = answer.columns.map((column) => fieldOf(panel, column.name));
  const sort = sortOf(state, panel, answer.columns);
  const order = sortRows(answer.columns, sort);
  const [all, setAll] = useState(false);
  const shown = all ? order : order.slice(0, ROWS_MAX);
  const sortBy = (name: string): void => {
    const next = { column: name, descending: sort?.column === name ? !sort.descending : isNumeric(answer.columns, name) };
    change({ sorts: { ...state.sorts, [panel.id]: formatSort(next) } }, 'replace');
  };
  return html`<div class="scroll edges" tabindex="0" role="region" aria-label=${`${panel.title}, table`}>
    <table class="data">
      <thead><tr>${answer.columns.map(({ name, kind }, at) => {
        const direction = sort?.column === name ? (sort.descending ? 'descending' : 'ascending') : undefined;
        return html`<th key=${name} scope="col" class=${kind === 'number' ? 'num' : ''} aria-sort=${direction} >
          <button type="button" style=${headingWidth(fields[at]?.title ?? name)} onClick=${() => sortBy(name)}>${fields[at]?.title}<span class="arrow" aria-hidden="true">${direction === undefined ? '' : direction === 'descending' ? '↓' : '↑'}</span></button></th>`;
      })}</tr></thead>
      <tbody>${shown.map(
        (row) =>
          html`<tr key=${row}>${answer.columns.map(({ name, kind, values }, at) => {
            const field = fields[at];
            return (
              field &&
              html`<td key=${name} class=${kind === 'number' ? 'num' : ''}><${Cell} name=${name} value=${values[row] ?? null} field=${field} state=${state} change=${change} /></td>`
            );
          })}</tr>`,
      )}</tbody>
    </table>
    ${order.length > shown.length && html`<p class="more"><button type="button" class="control" onClick=${() => setAll(true)}>Show all ${order.length} rows</button></p>`}
    <${SaveTable} title=${panel.title} columns=${answer.columns} order=${order} />
  </div>`;
}

interface CellProps {
  readonly name: string;
  readonly value: Value;
  readonly field: Field;
  readonly state: PageState;
  readonly change: Change;
}

function Cell({ name, value, field, state, change }: CellProps): VNode {
  const text = field.format(value);
  const grade = field.coloured && typeof value === 'number' ? gradeOf(field.thresholds, value) : undefined;
  const shown =
    name === 'outcome' && typeof value === 'string'
      ? html`<${OutcomeBadge} outcome=${value} />`
      : grade === undefined
        ? text
        : html`<span style=${{ color: `var(${grade.colour})` }}>${text}<span class="visually-hidden">, ${grade.word}</span></span>`;
  const width = field.widthPx === undefined ? {} : { maxWidth: `${field.widthPx}px` };
  const link = field.links[0];
  const target = link === undefined || value === null || value === '' ? undefined : followLink(state, link, String(value));
  if (target === undefined)
    return html`<span class=${value === null || value === '' ? 'muted' : 'ellipsis'} style=${width} title=${text.length > 24 ? text : undefined}>${shown}</span>`;
  return html`<a class="ellipsis" style=${width} href=${formatState(target)} title=${link?.title} onClick=${(event: MouseEvent) => plainClick(event, () => change(target))}>${shown}</a>`;
}

const HEADING_LINE_CHARS_MAX = 12;
const HEADING_LINES_MAX = 3;

/** A heading takes one line, a long one two or three: a column is wider for it rather than a row of headings five lines high. */
export function headingWidth(title: string): { minWidth: string } {
  const longest = Math.max(...title.split(' ').map((word) => word.length));
  const lines = Math.min(HEADING_LINES_MAX, Math.ceil(title.length / HEADING_LINE_CHARS_MAX));
  // Words do not fill their lines, and capital letters are wider than `ch`, the width of a zero.
  const chars = lines === 1 ? title.length : Math.max(longest, Math.ceil((title.length / lines) * 1.15));
  return { minWidth: `${chars}ch` };
}

function isNumeric(columns: readonly Column[], name: string): boolean {
  return columns.find((column) => column.name === name)?.kind !== 'text';
}

/** The rows' positions in the order wanted. What is not known comes last, whichever the direction. */
function sortRows(columns: readonly Column[], sort: Sort | undefined): number[] {
  const positions = (columns[0]?.values ?? []).map((_, at) => at);
  const values = columns.find(({ name }) => name === sort?.column)?.values;
  if (sort === undefined || values === undefined) return positions;
  const sign = sort.descending ? -1 : 1;
  return positions.sort((a, b) => {
    const left = values[a] ?? null;
    const right = values[b] ?? null;
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * (typeof left === 'number' && typeof right === 'number' ? left - right : String(left).localeCompare(String(right)));
  });
}
