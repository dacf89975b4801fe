/** What the lists of calls and of sessions share: headings that sort, what stands under a list, and how it is taken away as a file. */
import { type ComponentChildren, html, useState, type VNode } from '../../vendor/preact.js';
import { formatWhole } from '../format.ts';
import { useDismiss } from '../parts.ts';
import { apiQuery, type Change, FILTER_NAMES, type PageState } from '../url-state.ts';
import { formatOrder, type ListOrder } from './order-text.ts';
import { type Pages, ROWS_MAX } from './pages.ts';

/** As in ingest/console/export.ts. */
const EXPORT_ROWS_MAX = 50_000;

interface HeadingProps {
  readonly label: string;
  readonly sort: string | undefined;
  readonly numeric: boolean;
  readonly className?: string;
  readonly order: ListOrder;
  readonly change: Change;
}

export function Heading({ label, sort, numeric, className = '', order, change }: HeadingProps): VNode {
  const classes = `${numeric ? 'num' : ''} ${className}`;
  if (sort === undefined) return html`<th scope="col" class=${classes}>${label}</th>`;
  const active = order.sort === sort;
  const next: ListOrder = { sort, order: active && order.order === 'desc' ? 'asc' : 'desc' };
  return html`<th scope="col" class=${classes} aria-sort=${active ? (order.order === 'asc' ? 'ascending' : 'descending') : undefined}>
    <button type="button" onClick=${() => change({ by: formatOrder(next) }, 'replace')}>${label}<span class="arrow" aria-hidden="true">${active ? (order.order === 'asc' ? '↑' : '↓') : ''}</span></button>
  </th>`;
}

export function Foot({ pages, one, many }: { pages: Pages<unknown, unknown>; one: string; many: string }): VNode | null {
  const { rows, more, loading, failed, standing } = pages;
  if (!pages.first.data) return null;
  const full = more && rows.length >= ROWS_MAX;
  return html`<p class="more">
    ${rows.length > 0 && html`<span class="muted">${formatWhole(rows.length)} ${rows.length === 1 ? one : many}${more ? ' shown' : ''}</span>`}
    ${more && !full && html`<button type="button" class="control" disabled=${loading} onClick=${() => void pages.next()}>${loading ? 'Loading…' : 'Load more'}</button>`}
    ${full && html`<span class="muted">There are more: choose a shorter time range or a filter, or export them.</span>`}
    ${failed && html`<span class="fault" role="alert">More could not be loaded. Press the button to try again.</span>`}
    ${standing && html`<button type="button" class="link" onClick=${pages.restart}>Back to the top, live again</button>`}
  </p>`;
}

interface ExportProps {
  readonly table: 'calls' | 'sessions';
  readonly state: PageState;
  readonly order: ListOrder;
  /** Undefined: not known yet. */
  readonly rows: number | undefined;
}

export function ExportMenu({ table, state, order, rows }: ExportProps): VNode {
  const href = (format: string): string =>
    `api/export/${table}?${apiQuery(state, FILTER_NAMES, { format, sort: order.sort, order: order.order })}`;
  const limit = formatWhole(EXPORT_ROWS_MAX);
  const note =
    rows !== undefined && rows > EXPORT_ROWS_MAX
      ? `The first ${limit} of ${formatWhole(rows)} ${table}, in the order shown.`
      : `All ${rows === undefined ? '' : `${formatWhole(rows)} `}${table} that fit the filters, in the order shown; at most ${limit}.`;
  return html`<${Menu} label="Export">
    <p class="muted small hint-line">${note}</p>
    <a class="menu-item" href=${href('csv')} download>CSV<span class="muted small"> for spreadsheets</span></a>
    <a class="menu-item" href=${href('json')} download>JSON<span class="muted small"> for programs</span></a>
  <//>`;
}

export function Menu({ label, children }: { label: string; children: ComponentChildren }): VNode {
  const [open, setOpen] = useState(false);
  const ref = useDismiss(open, () => {
    setOpen(false);
    ref.current?.querySelector('button')?.focus();
  });
  return html`<div class="picker" ref=${ref}>
    <button type="button" class="control" aria-haspopup="true" aria-expanded=${open} onClick=${() => setOpen(!open)}><span>${label}</span><span class="caret" aria-hidden="true"></span></button>
    ${open && html`<div class="popover right menu" role="group" aria-label=${label}>${children}</div>`}
  </div>`;
}

/** Up and down go from row to row, Home and End to the ends, as in any list. */
export function moveFocus(event: KeyboardEvent): void {
  const row = event.target instanceof Element ? event.target.closest('tbody tr') : null;
  const rows = row?.parentElement?.children;
  if (!row || !rows) return;
  const target: Element | null | undefined =
    event.key === 'ArrowDown'
      ? row.nextElementSibling
      : event.key === 'ArrowUp'
        ? row.previousElementSibling
        : event.key === 'Home'
          ? rows[0]
          : event.key === 'End'
            ? rows[rows.length - 1]
            : undefined;
  const link = target?.querySelector('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}
