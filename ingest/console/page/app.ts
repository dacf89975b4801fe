/**
 * The page: navigation, the view that the address asks for, and one open call beside it.
 * While Glassway has never seen a call it shows how to send one, and becomes the dashboard by itself.
 */

import type { StatusAnswer } from '../api-types.ts';
import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { BoardView } from './board/board-view.ts';
import { CallPanel } from './call-panel.ts';
import { Connect } from './connect.ts';
import { useLoaded } from './data.ts';
import { CallsView } from './explorer/calls-view.ts';
import { SessionView } from './explorer/session-view.ts';
import { SessionsView } from './explorer/sessions-view.ts';
import { type Liveness, Nav } from './nav.ts';
import { Failure } from './parts.ts';
import { Toolbar } from './toolbar.ts';
import { type Change, type PageState, refreshSeconds, usePageState } from './url-state.ts';
import { viewEntry } from './views.ts';

const WAITING_POLL_SECONDS = 2;
const STATUS_POLL_SECONDS = 15;
const FIRST_CALL_SHOWN_MS = 1600;

export function App(): VNode {
  const [empty, setEmpty] = useState<boolean | undefined>(undefined);
  const status = useLoaded<StatusAnswer>('api/status', empty === false ? STATUS_POLL_SECONDS : WAITING_POLL_SECONDS);
  const [state, change] = usePageState(status.data?.default_range);

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

  const failed = status.error !== undefined;
  const liveness: Liveness = failed ? 'offline' : refreshSeconds(state) === 0 ? 'paused' : 'live';
  return html`
    <a class="skip" href="#main">Skip to the figures</a>
    <${Nav} state=${state} change=${change} empty=${empty !== false} liveness=${liveness} hasSession=${status.data?.needs_key === true} />
    <main id="main" tabindex="-1" class="main">
      ${
        empty === undefined
          ? status.error
            ? html`<${Failure} error=${status.error} />`
            : html`<p class="quiet-note" role="status">Loading…</p>`
          : empty || state.view === 'connect'
            ? html`
              ${status.error && html`<${Failure} error=${status.error} slim=${true} />`}
              <${Connect} status=${status.data} state=${state} change=${change} first=${empty} />`
            : html`<${CurrentView} state=${state} change=${change} />`
      }
    </main>
    ${state.call !== '' && empty === false && html`<${CallPanel} id=${state.call} at=${state.at} proxyUrl=${status.data?.proxy_url ?? ''} state=${state} change=${change} />`}
  `;
}

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
}

function CurrentView({ state, change }: ViewProps): VNode {
  if (state.view === 'session') return html`<${SessionView} state=${state} change=${change} />`;
  if (state.view !== 'calls' && state.view !== 'sessions') return html`<${BoardView} state=${state} change=${change} />`;
  return html`<${Toolbar} state=${state} change=${change} />
    ${state.view === 'calls' ? html`<${CallsView} state=${state} change=${change} />` : html`<${SessionsView} state=${state} change=${change} />`}`;
}
