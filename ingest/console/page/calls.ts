/** The list of calls, newest first: filters on top, older ones on demand, one opens beside it. */

import type { CallSummary, CallsAnswer, FacetsAnswer } from '../api-types.ts';
import { html, useEffect, useRef, useState, type VNode } from '../vendor/preact.js';
import { load, useLoaded } from './data.ts';
import { formatCost, formatCount, formatDuration, formatTime, formatWhole, UNKNOWN } from './format.ts';
import { Failure, OutcomeBadge, outcomeLabel, plainClick } from './parts.ts';
import { Picker } from './picker.ts';
import { apiQuery, type Change, FILTER_NAMES, formatState, type PageState, refreshSeconds, withFilter } from './url-state.ts';

/** More than anybody reads, and what a browser lays out without effort. */
const ROWS_MAX = 2000;
const COLUMN_LABELS = ['Time', 'Project', 'Model', 'Outcome', 'Status', 'Duration', 'First token', 'Tokens in', 'Tokens out', 'Cost'];
const FIRST_NUMERIC_COLUMN = 4;

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
  readonly facets: FacetsAnswer | undefined;
}

interface Older {
  readonly calls: readonly CallSummary[];
  readonly next: string | null;
}

export function CallsView({ state, change, facets }: ViewProps): VNode {
  const query = apiQuery(state, FILTER_NAMES);
  const [older, setOlder] = useState<Older | undefined>(undefined);
  const [loading, setLoading] = useState(false);
  const [failed, setFailed] = useState(false);
  const current = useRef(query);
  current.current = query;
  // While older calls are shown the list stands still: new ones on top would leave a gap between the pages.
  const newest = useLoaded<CallsAnswer>(older ? null : `api/calls?${query}`, refreshSeconds(state));
  useEffect(() => {
    setOlder(undefined);
    setFailed(false);
  }, [query]);

  const calls = [...(newest.data?.calls ?? []), ...(older?.calls ?? [])];
  const next = older ? older.next : (newest.data?.next ?? null);
  const loadOlder = async (): Promise<void> => {
    if (!newest.data || next === null || loading) return;
    setLoading(true);
    setFailed(false);
    const { from, to } = newest.data;
    const path = `api/calls?${apiQuery({ ...state, from, to }, FILTER_NAMES, { cursor: next })}`;
    try {
      const page = await load<CallsAnswer>(path, new AbortController().signal);
      if (current.current === query) setOlder({ calls: [...(older?.calls ?? []), ...page.calls], next: page.next });
    } catch {
      setFailed(true);
    }
    setLoading(false);
  };
  const stale = newest.stale && !older;
  return html`
    <div class=${stale ? 'view stale' : 'view'} aria-busy=${stale}>
      <${FilterBar} state=${state} change=${change} facets=${facets} />
      ${newest.error && html`<${Failure} error=${newest.error} slim=${calls.length > 0} />`}
      ${(newest.data || !newest.error) && html`<${CallsTable} calls=${calls} waiting=${!newest.data} state=${state} change=${change} />`}
      ${
        newest.data &&
        html`<p class="more">
          ${calls.length > 0 && html`<span class="muted">${formatWhole(calls.length)} ${calls.length === 1 ? 'call' : 'calls'}</span>`}
          ${next !== null && calls.length < ROWS_MAX && html`<button type="button" class="control" disabled=${loading} onClick=${() => void loadOlder()}>${loading ? 'Loading…' : 'Load older'}</button>`}
          ${next !== null && calls.length >= ROWS_MAX && html`<span class="muted">There are more: choose a shorter time range or a filter.</span>`}
          ${failed && html`<span class="fault" role="alert">Older calls could not be loaded.</span>`}
          ${older && html`<button type="button" class="link" onClick=${() => setOlder(undefined)}>Back to the newest</button>`}
        </p>`
      }
    </div>`;
}

function FilterBar({ state, change, facets }: ViewProps): VNode {
  const picker = (name: 'model' | 'provider' | 'outcome', label: string, all: string, show?: (value: string) => string): VNode =>
    html`<${Picker} key=${name} label=${label} all=${all} values=${facets?.facets[name] ?? []} chosen=${state.filters[name]} ...${show && { show }}
      onChange=${(chosen: readonly string[]) => change(withFilter(state, name, chosen))} />`;
  const text = (name: 'user' | 'session', label: string): VNode => {
    const commit = (event: { currentTarget: HTMLInputElement }): void => {
      const value = event.currentTarget.value.trim();
      if (value !== (state.filters[name][0] ?? '')) change(withFilter(state, name, value === '' ? [] : [value]));
    };
    return html`<input key=${name} class="field" type="search" aria-label=${`${label} is`} placeholder=${label} value=${state.filters[name][0] ?? ''} onChange=${commit} />`;
  };
  const any = FILTER_NAMES.some((name) => name !== 'project' && state.filters[name].length > 0);
  const cleared = Object.fromEntries(
    FILTER_NAMES.map((name) => [name, name === 'project' ? state.filters.project : []]),
  ) as unknown as PageState['filters'];
  return html`<div class="filters" role="search" aria-label="Filter calls">
    ${picker('outcome', 'Outcome', 'Any outcome', outcomeLabel)}${picker('model', 'Model', 'Any model')}${picker('provider', 'Provider', 'Any provider')}
    ${text('user', 'User')}${text('session', 'Session')}
    ${any && html`<button type="button" class="link" onClick=${() => change({ filters: cleared })}>Clear filters</button>`}
  </div>`;
}

interface TableProps {
  readonly calls: readonly CallSummary[];
  readonly waiting: boolean;
  readonly state: PageState;
  readonly change: Change;
}

function CallsTable({ calls, waiting, state, change }: TableProps): VNode {
  if (!waiting && calls.length === 0)
    return html`<section class="card blank"><h2>No calls here</h2><p class="muted">No call in this time range fits these filters.</p></section>`;
  return html`
    <section class="card table-card"><div class="scroll">
      <table class="calls" onKeyDown=${moveFocus}>
        <caption class="visually-hidden">Calls, newest first. Enter opens one; the arrow keys move.</caption>
        <thead><tr>${COLUMN_LABELS.map((label, index) => html`<th key=${label} scope="col" class=${index >= FIRST_NUMERIC_COLUMN ? 'num' : ''}>${label}</th>`)}</tr></thead>
        <tbody>
          ${waiting && [1, 2, 3, 4, 5, 6].map((row) => html`<tr key=${row}><td colspan=${COLUMN_LABELS.length}><span class="bone"></span></td></tr>`)}
          ${calls.map((call) => html`<${CallRowView} key=${`${call.started_at} ${call.id}`} call=${call} state=${state} change=${change} />`)}
        </tbody>
      </table>
    </div></section>`;
}

function CallRowView({ call, state, change }: { call: CallSummary; state: PageState; change: Change }): VNode {
  const opened = { call: call.id, at: call.started_at };
  const open = state.call === call.id && (state.at === '' || state.at === call.started_at);
  const model = call.response_model || call.request_model;
  const approximate = call.usage_source === 'estimated' ? '≈' : '';
  return html`
    <tr class=${open ? 'clickable open' : 'clickable'} onClick=${() => change(opened)}>
      <td class="nowrap"><a class="num" href=${formatState({ ...state, ...opened })} title=${call.started_at} aria-current=${open ? 'true' : undefined}
        onClick=${(event: MouseEvent) => {
          event.stopPropagation();
          plainClick(event, () => change(opened));
        }}>${formatTime(call.started_at)}</a></td>
      <td><span class="ellipsis">${call.project}</span></td>
      <td><span class="ellipsis strong">${model || UNKNOWN}</span><span class="ellipsis muted small"><span class="phone-only">${call.project} · </span>${call.provider}${call.operation === 'chat' ? '' : ` · ${call.operation}`}</span></td>
      <td class="nowrap"><${OutcomeBadge} outcome=${call.outcome} />${call.error_type !== '' && html`<span class="ellipsis muted small">${call.error_type}</span>`}</td>
      <td class="num">${call.status === 0 ? UNKNOWN : call.status}</td>
      <td class="num nowrap">${call.stream && html`<span class="stream-mark" title="streamed"><span class="visually-hidden">streamed</span></span>`}${formatDuration(call.duration_ms)}</td>
      <td class="num nowrap">${formatDuration(call.ttft_ms)}</td>
      <td class="num nowrap">${call.cache_read_tokens !== null && call.cache_read_tokens > 0 && html`<span class="hint" title="of them read from the prompt cache">${formatCount(call.cache_read_tokens)} cached</span>`}${approximate}${formatCount(call.input_tokens)}</td>
      <td class="num nowrap">${approximate}${formatCount(call.output_tokens)}</td>
      <td class="num nowrap">${call.cost_usd === null ? html`<span class="muted" title="No price is known for this call">${call.input_tokens === null && call.output_tokens === null ? UNKNOWN : 'not priced'}</span>` : formatCost(call.cost_usd)}</td>
    </tr>`;
}

/** Up and down go from row to row, as in any list. */
function moveFocus(event: KeyboardEvent): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const row = event.target instanceof Element ? event.target.closest('tr') : null;
  const target = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const link = target?.querySelector('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}
