/** The way around: the views in their groups, at the side; on a phone behind a button. */

import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { LossNote } from './loss-note.ts';
import { plainClick } from './parts.ts';
import { ThemeButton } from './theme.ts';
import { atView, type Change, formatState, type PageState } from './url-state.ts';
import { FIRST_VIEW, VIEW_NAMES, type View, type ViewEntry, viewEntry } from './views.ts';

const GROUPS: readonly ViewEntry['group'][] = ['Boards', 'Explore', 'Set up'];
export type Liveness = 'live' | 'paused' | 'offline';
const LIVENESS_LABELS: Readonly<Record<Liveness, string>> = { live: 'Live', paused: 'Paused', offline: 'Offline' };

interface NavProps {
  readonly state: PageState;
  readonly change: Change;
  /** No call has ever come: there is nothing to look at yet. */
  readonly empty: boolean;
  readonly liveness: Liveness;
  /** The page is open by a session, which can be ended. */
  readonly hasSession: boolean;
}

/** By script, since this page's forms may go nowhere (CSP); the sign-in page says whether it held. */
async function signOut(): Promise<void> {
  await fetch('logout', { method: 'POST' }).catch(() => undefined);
  location.assign('login');
}

export function Nav({ state, change, empty, liveness, hasSession }: NavProps): VNode {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [state.view]);
  const link = (view: View): VNode => html`
    <li key=${view}><a href=${formatState({ ...state, ...atView(view) })} aria-current=${state.view === view ? 'page' : viewEntry(state.view).partOf === view ? 'true' : undefined}
      onClick=${(event: MouseEvent) => plainClick(event, () => change(atView(view)))}>${viewEntry(view).label}</a></li>`;
  return html`
    <header class="side">
      <div class="side-head">
        <a class="brand" href="./" onClick=${(event: MouseEvent) => plainClick(event, () => change(atView(FIRST_VIEW)))}>
          <img src="page/icon.svg" width="22" height="22" alt="" /><span>Glassway</span>
        </a>
        <span class=${`liveness ${liveness}`} role="status"><i aria-hidden="true"></i>${LIVENESS_LABELS[liveness]}</span>
        <${ThemeButton} />
        ${
          !empty &&
          html`<button type="button" class="icon-button menu-button" aria-expanded=${open} aria-controls="views" aria-label="Views" onClick=${() => setOpen(!open)}>
          <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d="M3 5.5h14M3 10h14M3 14.5h14" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" /></svg>
        </button>`
        }
      </div>
      ${
        !empty &&
        html`<nav id="views" class=${open ? 'open' : ''} aria-label="Views">
          ${GROUPS.map(
            (group) => html`<section key=${group}>
              <h2>${group}</h2>
              <ul>${VIEW_NAMES.filter((view) => viewEntry(view).group === group && viewEntry(view).partOf === undefined).map(link)}</ul>
            </section>`,
          )}
          <${LossNote} state=${state} change=${change} />
          ${hasSession && html`<button type="button" class="sign-out" onClick=${signOut}>Sign out</button>`}
        </nav>`
      }
    </header>`;
}
