/**
 * The page: header, the view that the address asks for, and one open call beside it.
 * While Glassway has never seen a call it shows how to send one, and becomes the dashboard by itself.
 */

import type { FacetsAnswer, StatusAnswer } from '../api-types.ts';
import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { CallPanel } from './call-panel.ts';
import { CallsView } from './calls.ts';
import { Connect } from './connect.ts';
import { useLoaded } from './data.ts';
import { Header } from './header.ts';
import { OverviewView } from './overview.ts';
import { Failure } from './parts.ts';
import { apiQuery, REFRESH_SECONDS, usePageState } from './url-state.ts';

const WAITING_POLL_SECONDS = 2;
const STATUS_POLL_SECONDS = 15;
const FIRST_CALL_SHOWN_MS = 1600;

const TITLES = { overview: 'Overview', calls: 'Calls', connect: 'Connect' } as const;

export function App(): VNode {
  const [state, change] = usePageState();
  const [empty, setEmpty] = useState<boolean | undefined>(undefined);
  const status = useLoaded<StatusAnswer>('api/status', empty === false ? STATUS_POLL_SECONDS : WAITING_POLL_SECONDS);
  const everySeconds = REFRESH_SECONDS[state.refresh];
  const facets = useLoaded<FacetsAnswer>(empty === false ? `api/facets?${apiQuery(state, [])}` : null, everySeconds * 3);

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
  useEffect(() => {
    document.title = `${empty ? 'Waiting for the first call' : TITLES[state.view]} · Glassway`;
  }, [state.view, empty]);

  const close = (): void => change({ call: '', at: '' });
  const failed = status.error !== undefined || facets.error?.code === 'clickhouse_unavailable';
  return html`
    <a class="skip" href="#main">Skip to the figures</a>
    <${Header} state=${state} change=${change} facets=${facets.data} empty=${empty !== false} failed=${failed} />
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
            : state.view === 'calls'
              ? html`<${CallsView} state=${state} change=${change} facets=${facets.data} />`
              : html`<${OverviewView} state=${state} change=${change} />`
      }
    </main>
    ${state.call !== '' && empty === false && html`<${CallPanel} key=${`${state.call} ${state.at}`} id=${state.call} at=${state.at} onClose=${close} />`}
  `;
}
