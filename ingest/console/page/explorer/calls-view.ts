/** The calls explorer: what is filtered by, what those calls add up to, when they were, and each of them; one opens beside it. */
import type { CallSummary, CallsAnswer, HistogramAnswer } from '../../api-types.ts';
import { html, useState, type VNode } from '../../vendor/preact.js';
import { useLoaded } from '../data.ts';
import { formatCost, formatCount, formatPercent, formatTime, formatWhole, share } from '../format.ts';
import { Failure, plainClick } from '../parts.ts';
import { isoSecond } from '../toolbar.ts';
import { apiQuery, type Change, FILTER_NAMES, formatState, type PageState, refreshSeconds } from '../url-state.ts';
import { CALL_COLUMN_NAMES, type CallColumnName, callColumn, formatColumns, parseColumns } from './call-columns.ts';
import { FilterBar } from './filter-bar.ts';
import { FilterButtons } from './filter-buttons.ts';
import { Histogram } from './histogram.ts';
import { ExportMenu, Foot, Heading, Menu, moveFocus } from './list-parts.ts';
import { formatOrder, type ListOrder, parseOrder } from './order-text.ts';
import { usePages } from './pages.ts';

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
}

const SORTS = ['time', 'cost', 'duration', 'ttft', 'input', 'output', 'tokens'];
/** A call's own address: an id, whole, that a search of this time range does not find. */
const ID = /^[\x21-\x7e]{8,128}$/;

export function CallsView({ state, change }: ViewProps): VNode {
  const order = parseOrder(state.by, SORTS);
  const everySeconds = refreshSeconds(state);
  const pages = usePages<CallsAnswer, CallSummary>(
    'api/calls',
    apiQuery(state, FILTER_NAMES, { sort: order.sort, order: order.order }),
    everySeconds,
    (answer) => answer.calls,
  );
  const histogram = useLoaded<HistogramAnswer>(`api/histogram?${apiQuery(state)}`, everySeconds);
  const { first, rows } = pages;
  const columns = parseColumns(state.columns);
  const error = first.error ?? histogram.error;
  const zoom = (from: number, to: number): void => change({ range: '', from: isoSecond(from * 1000), to: isoSecond(to * 1000) });
  const stale = first.stale && !pages.standing;
  return html`
    <div class=${stale ? 'view stale' : 'view'} aria-busy=${stale}>
      <${FilterBar} state=${state} change=${change} />
      ${error && html`<${Failure} error=${error} slim=${rows.length > 0} />`}
      ${
        (first.data || !error) &&
        html`
        <${Histogram} data=${histogram.stale ? undefined : histogram.data} onZoom=${zoom} state=${state} change=${change} />
        <section class="card table-card" aria-label="Calls">
          <header>
            <${Totals} total=${histogram.data?.total} />
            <div class="end">
              <${ColumnMenu} columns=${columns} change=${change} />
              <${ExportMenu} table="calls" state=${state} order=${order} rows=${histogram.data?.total.calls} />
            </div>
          </header>
          ${
            first.data && rows.length === 0
              ? html`<${Nothing} state=${state} change=${change} />`
              : html`<${CallsTable} rows=${rows} waiting=${!first.data} columns=${columns} order=${order} state=${state} change=${change} />`
          }
        </section>
        <${Foot} pages=${pages} one="call" many="calls" />`
      }
    </div>`;
}

function Totals({ total }: { total: HistogramAnswer['total'] | undefined }): VNode {
  if (!total) return html`<p class="totals"><span class="bone"></span></p>`;
  const figures: readonly (readonly [string, string])[] = [
    [formatWhole(total.calls), total.calls === 1 ? 'call' : 'calls'],
    [formatPercent(share(total.errors, total.calls)), 'errors'],
    [formatCost(total.cost_usd), total.unpriced_calls > 0 ? `and ${formatWhole(total.unpriced_calls)} not priced` : 'cost'],
    [formatCount(total.input_tokens), 'tokens in'],
    [formatCount(total.output_tokens), 'tokens out'],
  ];
  return html`<p class="totals">${figures.map(([value, label]) => html`<span key=${label}><b class="num">${value}</b> <span class="muted">${label}</span></span>`)}</p>`;
}

function ColumnMenu({ columns, change }: { columns: readonly CallColumnName[]; change: Change }): VNode {
  const toggle = (name: CallColumnName): void => {
    const next = columns.includes(name) ? columns.filter((other) => other !== name) : [...columns, name];
    if (next.length > 0) change({ columns: formatColumns(next) }, 'replace');
  };
  return html`<${Menu} label="Columns">
    <ul class="options">${CALL_COLUMN_NAMES.map(
      (name) =>
        html`<li key=${name}><label><input type="checkbox" checked=${columns.includes(name)} onChange=${() => toggle(name)} /><span>${callColumn(name).label}</span></label></li>`,
    )}</ul>
    <button type="button" class="link" onClick=${() => change({ columns: '' }, 'replace')}>The usual ones</button>
  <//>`;
}

function Nothing({ state, change }: ViewProps): VNode {
  const filtered = FILTER_NAMES.some((name) => state.filters[name].length > 0);
  const id = state.filters.q[0] ?? '';
  return html`<div class="blank">
    <h2>No calls here</h2>
    <p class="muted">${filtered ? 'No call in this time range fits these filters.' : 'There were none in this time range.'}</p>
    <p class="buttons">
      ${filtered && html`<button type="button" class="control" onClick=${() => change({ filters: Object.fromEntries(FILTER_NAMES.map((name) => [name, []])) as unknown as PageState['filters'] })}>Clear the filters</button>`}
      ${['24h', '7d', '30d'].map((range) => html`<button key=${range} type="button" class="control" onClick=${() => change({ range, from: '', to: '' })}>Last ${range}</button>`)}
      ${ID.test(id) && html`<button type="button" class="control" onClick=${() => change({ call: id, at: '' })}>Open the call with exactly this id</button>`}
    </p>
  </div>`;
}

interface TableProps extends ViewProps {
  readonly rows: readonly CallSummary[];
  readonly waiting: boolean;
  readonly columns: readonly CallColumnName[];
  readonly order: ListOrder;
}

function CallsTable({ rows, waiting, columns, order, state, change }: TableProps): VNode {
  return html`<div class="scroll">
    <table class="calls" onKeyDown=${moveFocus}>
      <caption class="visually-hidden">Calls${formatOrder(order) === '' ? ', newest first' : ''}. Enter opens one; the arrow keys move.</caption>
      <thead><tr>
        <${Heading} label="Time" sort="time" numeric=${false} order=${order} change=${change} />
        ${columns.map((name) => {
          const { label, sort, numeric = false, yields } = callColumn(name);
          return html`<${Heading} key=${name} label=${label} sort=${sort} numeric=${numeric} className=${`col-${name} ${yields ? `yields-${yields}` : ''}`} order=${order} change=${change} />`;
        })}
      </tr></thead>
      <tbody>
        ${waiting && [1, 2, 3, 4, 5, 6].map((row) => html`<tr key=${row}><td colspan=${columns.length + 1}><span class="bone"></span></td></tr>`)}
        ${rows.map((call) => html`<${CallRow} key=${`${call.started_at} ${call.id}`} call=${call} columns=${columns} state=${state} change=${change} />`)}
      </tbody>
    </table>
  </div>`;
}

function CallRow({ call, columns, state, change }: ViewProps & { call: CallSummary; columns: readonly CallColumnName[] }): VNode {
  const opened = { call: call.id, at: call.started_at };
  const open = state.call === call.id && (state.at === '' || state.at === call.started_at);
  // Only the cell under the pointer has its buttons: a list has thousands of cells. By keyboard and on a phone the open call has them.
  const [pointed, setPointed] = useState<CallColumnName | ''>('');
  return html`
    <tr class=${open ? 'clickable open' : 'clickable'} onClick=${() => change(opened)} onMouseLeave=${() => setPointed('')}>
      <td class="nowrap"><a class="num" href=${formatState({ ...state, ...opened })} title=${call.started_at} aria-current=${open ? 'true' : undefined}
        onClick=${(event: MouseEvent) => {
          event.stopPropagation();
          plainClick(event, () => change(opened));
        }}>${formatTime(call.started_at)}</a></td>
      ${columns.map((name) => {
        const { numeric, yields, show, filter } = callColumn(name);
        return html`<td key=${name} class=${`${numeric ? 'num nowrap' : ''} ${yields ? `yields-${yields}` : ''}`} onMouseEnter=${() => setPointed(name)}>${show(call)}
          ${pointed === name && filter && html`<${FilterButtons} of=${filter(call)} state=${state} change=${change} />`}</td>`;
      })}
    </tr>`;
}
