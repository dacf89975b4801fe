/** The bar on top: name, views, project filter, time range, refresh and theme. */

import type { FacetsAnswer } from '../api-types.ts';
import { html, useState, type VNode } from '../vendor/preact.js';
import { formatRange } from './format.ts';
import { plainClick, useDismiss } from './parts.ts';
import { Picker } from './picker.ts';
import { type Change, formatState, type PageState, REFRESH_SECONDS, type Refresh, VIEWS, type View, withFilter } from './url-state.ts';

const VIEW_LABELS: Readonly<Record<View, string>> = { overview: 'Overview', calls: 'Calls', connect: 'Connect' };
const PRESETS = ['15m', '1h', '6h', '24h', '7d', '30d'];
const REFRESH_LABELS: Readonly<Record<Refresh, string>> = { off: 'Refresh off', '5s': 'Every 5 s', '30s': 'Every 30 s' };

interface HeaderProps {
  readonly state: PageState;
  readonly change: Change;
  readonly facets: FacetsAnswer | undefined;
  readonly empty: boolean;
  readonly failed: boolean;
}

export function Header({ state, change, facets, empty, failed }: HeaderProps): VNode {
  const live = failed ? 'offline' : state.refresh === 'off' ? 'paused' : 'live';
  return html`
    <header class="top">
      <a class="brand" href="./" onClick=${(event: MouseEvent) => plainClick(event, () => change({ view: 'overview', call: '', at: '' }))}>
        <img src="page/icon.svg" width="22" height="22" alt="" /><span>Glassway</span>
      </a>
      <nav aria-label="Views">
        ${(empty ? [] : VIEWS).map(
          (
            view,
          ) => html`<a key=${view} href=${formatState({ ...state, view, call: '', at: '' })} aria-current=${state.view === view ? 'page' : undefined}
            onClick=${(event: MouseEvent) => plainClick(event, () => change({ view, call: '', at: '' }))}>${VIEW_LABELS[view]}</a>`,
        )}
      </nav>
      ${
        !empty &&
        state.view !== 'connect' &&
        html`<div class="controls">
          <${Picker} label="Project" all="All projects" values=${facets?.facets.project ?? []} chosen=${state.filters.project}
            onChange=${(chosen: readonly string[]) => change(withFilter(state, 'project', chosen))} />
          <${RangePicker} state=${state} change=${change} />
          <select class="control" aria-label="Refresh" value=${state.refresh}
            onChange=${(event: { currentTarget: HTMLSelectElement }) => change({ refresh: event.currentTarget.value as Refresh }, 'replace')}>
            ${Object.keys(REFRESH_SECONDS).map((value) => html`<option key=${value} value=${value}>${REFRESH_LABELS[value as Refresh]}</option>`)}
          </select>
        </div>`
      }
      <div class="end">
        <span class=${`live ${live}`} role="status"><i aria-hidden="true"></i>${live === 'live' ? 'Live' : live === 'paused' ? 'Paused' : 'Offline'}</span>
        <${ThemeButton} />
      </div>
    </header>`;
}

function RangePicker({ state, change }: Pick<HeaderProps, 'state' | 'change'>): VNode {
  const [open, setOpen] = useState(false);
  const ref = useDismiss(open, () => setOpen(false));
  const presets = PRESETS.includes(state.range) || state.range === '' ? PRESETS : [...PRESETS, state.range];
  return html`
    <div class="ranges" role="group" aria-label="Time range">
      ${presets.map(
        (range) => html`<button key=${range} type="button" class="segment" aria-pressed=${state.range === range}
          onClick=${() => change({ range, from: '', to: '' })}>${range}</button>`,
      )}
      <div class="picker" ref=${ref}>
        <button type="button" class="segment" aria-pressed=${state.from !== ''} aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)}>
          ${state.from === '' ? 'Custom' : formatRange(state.from, state.to)}</button>
        ${
          open &&
          html`<${CustomRange} state=${state} apply=${(from: string, to: string) => {
            setOpen(false);
            change({ range: '', from, to });
          }} />`
        }
      </div>
    </div>`;
}

function CustomRange({ state, apply }: { state: PageState; apply: (from: string, to: string) => void }): VNode {
  const [from, setFrom] = useState(localInput(state.from === '' ? new Date(Date.now() - 3_600_000) : new Date(state.from)));
  const [to, setTo] = useState(localInput(state.to === '' ? new Date() : new Date(state.to)));
  const valid = from !== '' && to !== '' && new Date(from) < new Date(to);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (valid) apply(isoMinute(from), isoMinute(to));
  };
  return html`
    <form class="popover right custom" role="dialog" aria-label="Custom time range" onSubmit=${submit}>
      <label>From <input class="field" type="datetime-local" value=${from} onInput=${(event: { currentTarget: HTMLInputElement }) => setFrom(event.currentTarget.value)} /></label>
      <label>To <input class="field" type="datetime-local" value=${to} onInput=${(event: { currentTarget: HTMLInputElement }) => setTo(event.currentTarget.value)} /></label>
      ${!valid && html`<p class="fault" role="alert">“From” must be before “To”.</p>`}
      <button type="submit" class="primary" disabled=${!valid}>Apply</button>
    </form>`;
}

/** A time as `<input type=datetime-local>` takes it: local, without a zone. */
function localInput(time: Date): string {
  if (Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function isoMinute(local: string): string {
  return `${new Date(local).toISOString().slice(0, 16)}Z`;
}

function ThemeButton(): VNode {
  const [, redraw] = useState(0);
  const dark = isDark();
  const toggle = (): void => {
    const next = dark ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    localStorage.setItem('glassway-theme', next);
    dispatchEvent(new Event('themechange'));
    redraw((count) => count + 1);
  };
  return html`<button type="button" class="icon-button" onClick=${toggle} aria-label=${dark ? 'Use the light theme' : 'Use the dark theme'} title=${dark ? 'Light theme' : 'Dark theme'}>
    <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d=${dark ? SUN : MOON} fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>
  </button>`;
}

const SUN =
  'M10 6.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 0 0 0-7.6M10 1.6v1.8M10 16.6v1.8M1.6 10h1.8M16.6 10h1.8M4.1 4.1l1.2 1.2M14.7 14.7l1.2 1.2M4.1 15.9l1.2-1.2M14.7 5.3l1.2-1.2';
const MOON = 'M16.8 11.9A7 7 0 0 1 8.1 3.2A7 7 0 1 0 16.8 11.9Z';

export function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}
