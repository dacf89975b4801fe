/** The loss meter, always in sight: whether every call that was carried is also stored. Leads to the board that tells more. */

import type { LossAnswer } from '../api-types.ts';
import { html, type VNode } from '../vendor/preact.js';
import { useLoaded } from './data.ts';
import { formatCount, formatWhole } from './format.ts';
import { plainClick } from './parts.ts';
import { atView, type Change, formatState, type PageState } from './url-state.ts';

const POLL_SECONDS = 60;
const DAY_SECONDS = 86_400;

export function LossNote({ state, change }: { readonly state: PageState; readonly change: Change }): VNode | null {
  const { data } = useLoaded<LossAnswer>('api/loss', POLL_SECONDS);
  if (data === undefined) return null;
  const { missing, duplicates, calls, window_seconds } = data;
  const lost = missing > 0 || duplicates > 0;
  const said = [missing > 0 && `${formatWhole(missing)} lost`, duplicates > 0 && `${formatWhole(duplicates)} twice`].filter(Boolean);
  const title = `Each proxy numbers its calls without gaps. Of ${formatWhole(calls)} calls of the last ${Math.round(window_seconds / DAY_SECONDS)} days ${formatWhole(missing)} are not stored, and ${formatWhole(duplicates)} are stored twice.`;
  const to = atView('pipeline');
  return html`
    <a class=${`loss ${lost ? 'bad' : ''}`} title=${title} href=${formatState({ ...state, ...to })}
      onClick=${(event: MouseEvent) => plainClick(event, () => change(to))}>
      <b>${lost ? `Calls: ${said.join(', ')}` : calls > 0 ? 'Nothing lost' : 'Loss meter'}</b>
      <small>${calls > 0 ? `${formatCount(calls)} calls checked` : 'no call is an hour old yet'}</small>
    </a>`;
}
