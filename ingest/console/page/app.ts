/**
 * The page: navigation, the view that the address asks for, and one open call beside it.
 * While Glassway has never seen a call it shows how to send one, and becomes the dashboard by itself.
 */

import type { FacetsAnswer, StatusAnswer } from '../api-types.ts';
import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { BoardView } from './board/board-view.ts';
import { CallPanel } from './call-panel.ts';
import { CallsView } from './calls.ts';
import { Connect } from './connect.ts';
import { useLoaded } from './data.ts';
import { type Liveness, Nav } from './nav.ts';
import { Failure } from './parts.ts';
import { Picker } from './picker.ts';
import { Toolbar } from './toolbar.ts';
import { apiQuery, type Change, type PageState, refreshSeconds, usePageState, withFilter } from './url-state.ts';
import { viewEntry } from './views.ts';

const WAITING_POLL_SECONDS = 2;
const STATUS_POLL_SECONDS = 15;
const FIRST_CALL_SHOWN_MS = 1600;
/** What there is to filter by changes more slowly than the figures. */
const FACETS_EVERY_REFRESHES = 3;

export function App(): VNode {
  const [empty, setEmpty] = useState<boolean | undefined>(undefined);
  const status = useLoaded<StatusAnswer>('api/status', empty === false ? STATUS_POLL_SECONDS : WAITING_POLL_SECONDS);
  const [state, change] = usePageState(status.data?.default_range);
  const facets = useLoaded<FacetsAnswer>(
    empty === false && state.view === 'calls' ? `api/facets?${apiQuery(state, [])}` : null,
    refreshSeconds(state) * FACETS_EVERY_REFRESHES,
  );

  const hasCalls = status.data?.has_calls;
  useEffect(() => {
    if (hasCalls === undefined) return;
    if (!hasCalls || empty !== true) {
      setEmpty(!hasCalls);
      return;
    }
    // The first call has just come: say so for a moment before the dashboard takes over.
    const timer = setTimeout(() => setEmpty(false), FIRST_CALL_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [hasCalls]);
  const title = empty ? 'Waiting for the first call' : viewEntry(state.view).label;
  useEffect(() => {
    document.title = `${title} · Glassway`;
  }, [title]);

  const close = (): void => change({ call: '', at: '' });
  const failed = status.error !== undefined || facets.error?.code === 'clickhouse_unavailable';
  const liveness: Liveness = failed ? 'offline' : refreshSeconds(state) === 0 ? 'paused' : 'live';
  return html`
    <a class="skip" href="#main">Skip to the figures</a>
    <${Nav} state=${state} change=${change} empty=${empty !== false} liveness=${liveness} />
    <main id="main" tabindex="-1" class="main">
      ${
        empty === undefined
          ? status.error
            ? html`<${Failure} error=${status.error} />`
            : html`<p class="quiet-note" role="status">Loading…</p>`
          : empty || state.view === 'connect'
            ? html`
              ${status.error && html`<${Failure} error=${status.error} slim=${true} />`}
              <${Connect} proxyUrl=${status.data?.proxy_url ?? ''} waiting=${empty} arrived=${empty && hasCalls === true} />`
            : html`<${CurrentView} state=${state} change=${change} facets=${facets.data} />`
      }
    </main>
    ${state.call !== '' && empty === false && html`<${CallPanel} key=${`${state.call} ${state.at}`} id=${state.call} at=${state.at} onClose=${close} />`}
  `;
}

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
  readonly facets: FacetsAnswer | undefined;
}

function CurrentView({ state, change, facets }: ViewProps): VNode {
  if (viewEntry(state.view).board !== undefined) return html`<${BoardView} state=${state} change=${change} />`;
  const projects = html`<${Picker} label="Project" all="All projects" values=${facets?.facets.project ?? []} chosen=${state.filters.project}
    onChange=${(chosen: readonly string[]) => change(withFilter(state, 'project', chosen))} />`;
  return html`
    <${Toolbar} state=${state} change=${change}>${projects}<//>
    <${CallsView} state=${state} change=${change} facets=${facets} />`;
}
