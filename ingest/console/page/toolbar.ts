/** The bar above a view: its title, what it is filtered by, the time range and how often it is read anew. */

import { type ComponentChildren, html, useState, type VNode } from '../vendor/preact.js';
import { RELOAD } from './data.ts';
import { formatRange } from './format.ts';
import { useDismiss } from './parts.ts';
import { type Change, type PageState, REFRESHES, type Refresh, rangeSeconds } from './url-state.ts';
import { viewEntry } from './views.ts';

const PRESETS = ['15m', '1h', '6h', '24h', '7d', '30d'];
const MORE_PRESETS = ['5m', '3h', '12h', '2d', '14d', '90d'];
const REFRESH_LABELS: Readonly<Record<Refresh, string>> = {
  auto: 'Refresh: auto',
  off: 'Refresh: off',
  '5s': 'Every 5 s',
  '30s': 'Every 30 s',
  '1m': 'Every minute',
  '5m': 'Every 5 min',
};

interface ToolbarProps {
  readonly state: PageState;
  readonly change: Change;
  /** Pickers of what the view is filtered by. */
  readonly children?: ComponentChildren;
  /** They are so many that they need a line of their own. */
  readonly wide?: boolean;
}

export function Toolbar({ state, change, children, wide = false }: ToolbarProps): VNode {
  return html`
    <div class=${wide ? 'toolbar wide' : 'toolbar'}>
      <h1>${viewEntry(state.view).label}</h1>
      <div class="controls" role="group" aria-label="Filters">${children}</div>
      <div class="controls end">
        <${RangePicker} state=${state} change=${change} />
        <select class="control" aria-label="Refresh" value=${state.refresh}
          onChange=${(event: { currentTarget: HTMLSelectElement }) => change({ refresh: event.currentTarget.value as Refresh }, 'replace')}>
          ${REFRESHES.map((value) => html`<option key=${value} value=${value}>${REFRESH_LABELS[value]}</option>`)}
        </select>
        <button type="button" class="icon-button" aria-label="Refresh now" title="Refresh now" onClick=${() => dispatchEvent(new Event(RELOAD))}>
          <svg viewBox="0 0 20 20" width="15" height="15" aria-hidden="true"><path d="M16 10a6 6 0 1 1-1.9-4.4M16.2 2.8v3.4h-3.4" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>
        </button>
      </div>
    </div>`;
}

function RangePicker({ state, change }: Pick<ToolbarProps, 'state' | 'change'>): VNode {
  const [open, setOpen] = useState(false);
  const ref = useDismiss(open, () => {
    setOpen(false);
    ref.current?.querySelector('button')?.focus();
  });
  const choose = (part: Pick<PageState, 'range' | 'from' | 'to'>): void => {
    setOpen(false);
    change(part);
  };
  const shown = state.shownRange;
  const presets = PRESETS.includes(shown) || shown === '' ? PRESETS : [...PRESETS, shown];
  return html`
    <div class="ranges" role="group" aria-label="Time range">
      ${presets.map(
        (range) => html`<button key=${range} type="button" class="segment" aria-pressed=${shown === range}
          onClick=${() => choose({ range, from: '', to: '' })}>${range}</button>`,
      )}
      ${state.from !== '' && html`<button type="button" class="segment" title="Show twice as much time" onClick=${() => choose(zoomedOut(state))}>Zoom out</button>`}
      <div class="picker" ref=${ref}>
        <button type="button" class="segment" aria-pressed=${state.from !== ''} aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)}>
          ${state.from === '' ? 'Custom' : formatRange(state.from, state.to)}</button>
        ${open && html`<${CustomRange} state=${state} choose=${choose} />`}
      </div>
    </div>`;
}

interface CustomRangeProps {
  readonly state: PageState;
  readonly choose: (part: Pick<PageState, 'range' | 'from' | 'to'>) => void;
}

function CustomRange({ state, choose }: CustomRangeProps): VNode {
  const [from, setFrom] = useState(
    localInput(state.from === '' ? new Date(Date.now() - rangeSeconds(state) * 1000) : new Date(state.from)),
  );
  const [to, setTo] = useState(localInput(state.to === '' ? new Date() : new Date(state.to)));
  const valid = from !== '' && to !== '' && new Date(from) < new Date(to);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (valid) choose({ range: '', from: isoMinute(from), to: isoMinute(to) });
  };
  return html`
    <form class="popover right custom" role="dialog" aria-label="Custom time range" onSubmit=${submit}>
      <div class="more-ranges" role="group" aria-label="Until now">
        ${MORE_PRESETS.map((range) => html`<button key=${range} type="button" class="control" onClick=${() => choose({ range, from: '', to: '' })}>${range}</button>`)}
      </div>
      <label>From <input class="field" type="datetime-local" value=${from} onInput=${(event: { currentTarget: HTMLInputElement }) => setFrom(event.currentTarget.value)} /></label>
      <label>To <input class="field" type="datetime-local" value=${to} onInput=${(event: { currentTarget: HTMLInputElement }) => setTo(event.currentTarget.value)} /></label>
      ${!valid && html`<p class="fault" role="alert">“From” must be before “To”.</p>`}
      <button type="submit" class="primary" disabled=${!valid}>Apply</button>
    </form>`;
}

/** Twice the time around the same middle, but not beyond now. */
function zoomedOut(state: PageState): Pick<PageState, 'range' | 'from' | 'to'> {
  const lengthMs = Math.max(rangeSeconds(state), 60) * 1000;
  const fromMs = Date.parse(state.from) - lengthMs / 2;
  const toMs = fromMs + lengthMs * 2;
  if (Number.isNaN(fromMs)) return { range: '', from: '', to: '' };
  return { range: '', from: isoSecond(fromMs), to: state.to === '' || toMs >= Date.now() ? '' : isoSecond(toMs) };
}

export function isoSecond(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A time as `<input type=datetime-local>` takes it: local, without a zone. */
function localInput(time: Date): string {
  if (Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function isoMinute(local: string): string {
  return `${new Date(local).toISOString().slice(0, 16)}Z`;
}
