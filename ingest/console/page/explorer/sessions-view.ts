/** The sessions of a time range: what each adds up to, sortable; one opens as a page of its own. */
import type { SessionSummary, SessionsAnswer } from '../../api-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { formatCost, formatCount, formatDuration, formatTime, formatWhole, UNKNOWN } from '../format.ts';
import { Failure, plainClick } from '../parts.ts';
import { apiQuery, type Change, FILTER_NAMES, formatState, type PageState, refreshSeconds } from '../url-state.ts';
import { FilterBar } from './filter-bar.ts';
import { ExportMenu, Foot, Heading, moveFocus } from './list-parts.ts';
import { parseOrder } from './order-text.ts';
import { usePages } from './pages.ts';

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
}

interface Column {
  readonly label: string;
  readonly sort?: string;
  readonly numeric?: boolean;
  readonly yields?: 1 | 2;
  readonly show: (session: SessionSummary) => VNode | string;
}

const COLUMNS: readonly Column[] = [
  { label: 'Project', yields: 2, show: (row) => html`<span class="ellipsis">${row.project}</span>` },
  { label: 'Last call', sort: 'time', show: (row) => formatTime(row.last_at) },
  { label: 'Calls', sort: 'calls', numeric: true, show: (row) => formatWhole(row.calls) },
  {
    label: 'Errors',
    sort: 'errors',
    numeric: true,
    yields: 2,
    show: (row) => html`<span class=${row.errors > 0 ? 'rate bad' : 'muted'}>${formatWhole(row.errors)}</span>`,
  },
  { label: 'Length', sort: 'duration', numeric: true, yields: 2, show: (row) => formatDuration(row.span_ms) },
  { label: 'Tokens in', sort: 'input', numeric: true, yields: 1, show: (row) => formatCount(row.input_tokens) },
  { label: 'Tokens out', sort: 'output', numeric: true, yields: 1, show: (row) => formatCount(row.output_tokens) },
  { label: 'Cost', sort: 'cost', numeric: true, show: costCell },
  { label: 'Users', yields: 1, show: (row) => some(row.users, row.user_count) },
  { label: 'Models', yields: 2, show: (row) => some(row.models, row.model_count) },
];
const SORTS = COLUMNS.flatMap(({ sort }) => (sort === undefined ? [] : [sort]));

function costCell(row: SessionSummary): VNode {
  return html`${row.unpriced_calls > 0 && html`<span class="hint">${formatWhole(row.unpriced_calls)} not priced</span>`}<span>${formatCost(row.cost_usd)}</span>`;
}

/** The first by name, and how many others there are. */
export function some(names: readonly string[], count: number): VNode | string {
  if (count === 0) return UNKNOWN;
  const more = count - 1;
  return html`<span class="ellipsis" title=${names.join(', ')}>${names[0]}${more > 0 ? ` +${formatWhole(more)}` : ''}</span>`;
}

export function sessionState(state: PageState, project: string, session: string): PageState {
  const none = Object.fromEntries(FILTER_NAMES.map((name) => [name, []])) as unknown as PageState['filters'];
  return { ...state, view: 'session', filters: { ...none, project: [project], session: [session] }, by: '', call: '', at: '' };
}

export function SessionsView({ state, change }: ViewProps): VNode {
  const order = parseOrder(state.by, SORTS);
  const pages = usePages<SessionsAnswer, SessionSummary>(
    'api/sessions',
    apiQuery(state, FILTER_NAMES, { sort: order.sort, order: order.order }),
    refreshSeconds(state),
    (answer) => answer.sessions,
  );
  const { first, rows } = pages;
  const stale = first.stale && !pages.standing;
  const none = first.data !== undefined && rows.length === 0;
  return html`
    <div class=${stale ? 'view stale' : 'view'} aria-busy=${stale}>
      <${FilterBar} state=${state} change=${change} />
      ${first.error && html`<${Failure} error=${first.error} slim=${rows.length > 0} />`}
      ${
        (first.data || !first.error) &&
        html`<section class="card table-card" aria-label="Sessions">
          <header><p class="muted">Calls that share an <code>x-glassway-session</code> header, summed over those that fit.</p>
            <div class="end"><${ExportMenu} table="sessions" state=${state} order=${order} rows=${pages.more ? undefined : rows.length} /></div></header>
          ${
            none
              ? html`<${Nothing} />`
              : html`<div class="scroll"><table class="sessions" onKeyDown=${moveFocus}>
            <caption class="visually-hidden">Sessions. Enter opens one; the arrow keys move.</caption>
            <thead><tr><th scope="col">Session</th>${COLUMNS.map(
              ({ label, sort, numeric = false, yields }) =>
                html`<${Heading} key=${label} label=${label} sort=${sort} numeric=${numeric} className=${yields ? `yields-${yields}` : ''} order=${order} change=${change} />`,
            )}</tr></thead>
            <tbody>
              ${!first.data && [1, 2, 3, 4].map((row) => html`<tr key=${row}><td colspan=${COLUMNS.length + 1}><span class="bone"></span></td></tr>`)}
              ${rows.map((row) => html`<${SessionRow} key=${`${row.project} ${row.session_id}`} row=${row} state=${state} change=${change} />`)}
            </tbody>
          </table></div>`
          }
        </section>
        <${Foot} pages=${pages} one="session" many="sessions" />`
      }
    </div>`;
}

function SessionRow({ row, state, change }: ViewProps & { row: SessionSummary }): VNode {
  const opened = sessionState(state, row.project, row.session_id);
  return html`
    <tr class="clickable" onClick=${() => change(opened)}>
      <td><a class="ellipsis mono-text" href=${formatState(opened)} title=${row.session_id} onClick=${(event: MouseEvent) => {
        event.stopPropagation();
        plainClick(event, () => change(opened));
      }}>${row.session_id}</a><span class="ellipsis phone-only muted small">${row.project}</span></td>
      ${COLUMNS.map(({ label, numeric, yields, show }) => html`<td key=${label} class=${`${numeric ? 'num nowrap' : ''} ${yields ? `yields-${yields}` : ''}`}>${show(row)}</td>`)}
    </tr>`;
}

function Nothing(): VNode {
  return html`<div class="blank">
    <h2>No sessions here</h2>
    <p class="muted">No call that fits names a session. Send one with each call of a conversation or a run:</p>
    <p class="buttons"><code>x-glassway-session: &lt;your conversation’s id&gt;</code></p>
  </div>`;
}
