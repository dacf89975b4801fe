/** One session: its sums, and its calls in order on one time line, each with what the session had cost until then. */
import type { CallSummary, SessionAnswer, SessionSummary } from '../../api-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { useLoaded } from '../data.ts';
import { formatCost, formatCount, formatDuration, formatTime, formatWhole, UNKNOWN } from '../format.ts';
import { Failure, OUTCOME_LABELS, OutcomeBadge, plainClick } from '../parts.ts';
import { type Change, formatState, type PageState } from '../url-state.ts';
import { moveFocus } from './list-parts.ts';
import { some } from './sessions-view.ts';

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
}

const REFRESH_SECONDS = 10;
/** Shorter calls are drawn this long, in per cent of the line, so that they are seen. */
const BAR_PERCENT_MIN = 0.4;

export function SessionView({ state, change }: ViewProps): VNode {
  const project = state.filters.project[0] ?? '';
  const session = state.filters.session[0] ?? '';
  const loaded = useLoaded<SessionAnswer>(
    `api/session?${new URLSearchParams({ project, session })}`,
    state.refresh === 'off' ? 0 : REFRESH_SECONDS,
  );
  const back: PageState = { ...state, view: 'sessions', filters: { ...state.filters, session: [] }, call: '', at: '' };
  return html`
    <div class="toolbar">
      <a class="link" href=${formatState(back)} onClick=${(event: MouseEvent) => plainClick(event, () => change(back))}>‹ Sessions</a>
      <h1 class="ellipsis mono-text" title=${session}>${session}</h1>
      <span class="muted">${project}</span>
    </div>
    <div class="view" aria-busy=${!loaded.data}>
      ${loaded.error && html`<${Failure} error=${loaded.error} slim=${loaded.data !== undefined} />`}
      ${loaded.data ? html`<${Session} answer=${loaded.data} state=${state} change=${change} />` : !loaded.error && html`<p class="quiet-note" role="status">Loading…</p>`}
    </div>`;
}

function Session({ answer, state, change }: ViewProps & { answer: SessionAnswer }): VNode {
  const { session, calls, more } = answer;
  return html`
    <${Sums} session=${session} />
    <section class="card table-card" aria-label="Calls in order">
      <header><h2>Calls in order</h2><span class="muted small">${more ? `the first ${calls.length} of ${formatWhole(session.calls)}` : formatWhole(calls.length)}</span></header>
      <div class="scroll"><table class="timeline" onKeyDown=${moveFocus}>
        <caption class="visually-hidden">The session’s calls, first to last. Enter opens one; the arrow keys move.</caption>
        <thead><tr>
          <th scope="col" class="num">#</th><th scope="col">Started</th><th scope="col">Model</th><th scope="col">Outcome</th>
          <th scope="col" class="timeline-line">When and how long</th><th scope="col" class="num">Duration</th>
          <th scope="col" class="num yields-1">Tokens in</th><th scope="col" class="num yields-1">Tokens out</th><th scope="col" class="num">Cost</th><th scope="col" class="num yields-1">Until then</th>
        </tr></thead>
        <tbody>${rowsOf(session, calls).map((row) => html`<${TimelineRow} key=${`${row.call.started_at} ${row.call.id}`} row=${row} state=${state} change=${change} />`)}</tbody>
      </table></div>
    </section>`;
}

function Sums({ session }: { session: SessionSummary }): VNode {
  const unpriced = session.unpriced_calls > 0 ? `${formatWhole(session.unpriced_calls)} not priced` : '';
  const figures: readonly (readonly [string, VNode | string, string])[] = [
    ['Calls', formatWhole(session.calls), session.errors > 0 ? `${formatWhole(session.errors)} failed` : 'none failed'],
    ['Cost', formatCost(session.cost_usd), unpriced],
    ['Length', formatDuration(session.span_ms), `from ${formatTime(session.first_at)}`],
    [
      'Tokens in',
      formatCount(session.input_tokens),
      session.cache_read_tokens === null ? '' : `${formatCount(session.cache_read_tokens)} cached`,
    ],
    ['Tokens out', formatCount(session.output_tokens), ''],
    ['Users', some(session.users, session.user_count), ''],
    ['Models', some(session.models, session.model_count), ''],
  ];
  return html`<dl class="card sums">${figures.map(([label, value, note]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd>${note !== '' && html`<dd class="note">${note}</dd>`}</div>`)}</dl>`;
}

interface TimelineCall {
  readonly call: CallSummary;
  readonly place: number;
  readonly leftPercent: number;
  readonly widthPercent: number;
  /** Known costs up to and with this call; null while none is known. */
  readonly untilThen: number | null;
}

function rowsOf(session: SessionSummary, calls: readonly CallSummary[]): TimelineCall[] {
  const start = microseconds(session.first_at);
  const span = Math.max(session.span_ms * 1000, 1);
  let untilThen: number | null = null;
  return calls.map((call, index) => {
    if (call.cost_usd !== null) untilThen = (untilThen ?? 0) + call.cost_usd;
    const leftPercent = Math.min(100 - BAR_PERCENT_MIN, ((microseconds(call.started_at) - start) / span) * 100);
    const widthPercent = Math.min(100 - leftPercent, Math.max(BAR_PERCENT_MIN, (((call.duration_ms ?? 0) * 1000) / span) * 100));
    return { call, place: index + 1, leftPercent, widthPercent, untilThen };
  });
}

/** Since 1970; `Date` knows milliseconds only. */
function microseconds(iso: string): number {
  return Date.parse(iso) * 1000 + Number(iso.slice(23, 26));
}

function TimelineRow({ row, state, change }: ViewProps & { row: TimelineCall }): VNode {
  const { call, place, leftPercent, widthPercent, untilThen } = row;
  const opened = { call: call.id, at: call.started_at };
  const open = state.call === call.id && (state.at === '' || state.at === call.started_at);
  return html`
    <tr class=${open ? 'clickable open' : 'clickable'} onClick=${() => change(opened)}>
      <td class="num muted">${place}</td>
      <td class="nowrap"><a class="num" href=${formatState({ ...state, ...opened })} title=${call.started_at} aria-current=${open ? 'true' : undefined}
        onClick=${(event: MouseEvent) => {
          event.stopPropagation();
          plainClick(event, () => change(opened));
        }}>${formatTime(call.started_at)}</a></td>
      <td><span class="ellipsis strong">${call.response_model || call.request_model || UNKNOWN}</span></td>
      <td><${OutcomeBadge} outcome=${call.outcome} /></td>
      <td class="timeline-line"><span class="timeline-track" aria-hidden="true"><i class=${`dot-${OUTCOME_LABELS[call.outcome]?.tone ?? 'quiet'}`} style=${{ left: `${leftPercent}%`, width: `${widthPercent}%` }}></i></span></td>
      <td class="num nowrap">${formatDuration(call.duration_ms)}</td>
      <td class="num nowrap yields-1">${formatCount(call.input_tokens)}</td>
      <td class="num nowrap yields-1">${formatCount(call.output_tokens)}</td>
      <td class="num nowrap">${formatCost(call.cost_usd)}</td>
      <td class="num nowrap muted yields-1">${formatCost(untilThen)}</td>
    </tr>`;
}
