/**
 * Grafana's links between boards (`/d/<uid>?${__url_time_range}&…`) as states of this page. A link to the board of
 * calls leads to the console's own list of calls, which shows more. What leads elsewhere gives nothing. Pure.
 */

import type { Link } from '../../board-types.ts';
import { atView, FILTER_NAMES, type FilterName, type PageState } from '../url-state.ts';
import { VIEW_NAMES, type View, viewEntry } from '../views.ts';
import { choose } from './choices.ts';

const UID_PREFIX = 'glassway-';
const BOARD_OF_CALLS = 'calls';
const LIST_OF_CALLS: View = 'calls';
const VALUE = `\${__value.raw:percentencode}`;

/** @param value the cell's, for a link that stands on it */
export function followLink(state: PageState, link: Link, value = ''): PageState | undefined {
  const [, uid, query = ''] = /^\/d\/([\w-]+)(?:\?(.*))?$/.exec(link.url) ?? [];
  const view = viewOf(uid);
  if (view === undefined) return undefined;
  const parts = query.split('&');
  const keepsAll = parts.includes(`\${__all_variables}`);
  const kept = new Set(parts.flatMap((part) => /^\$\{(\w+):queryparam\}$/.exec(part)?.[1] ?? []));
  const filters = Object.fromEntries(
    FILTER_NAMES.map((name) => [name, keepsAll || kept.has(name) ? state.filters[name] : []]),
  ) as unknown as Record<FilterName, readonly string[]>;
  let next: PageState = { ...state, ...atView(view), filters, variables: keepsAll ? state.variables : {} };
  for (const part of parts) {
    const [name = '', text = ''] = part.split('=');
    if (!name.startsWith('var-')) continue;
    next = { ...next, ...choose(next, name.slice('var-'.length), [text === VALUE ? value : decodeURIComponent(text)]) };
  }
  // One call opens beside what is shown.
  return next.call === '' ? next : { ...state, call: next.call, at: '' };
}

function viewOf(uid: string | undefined): View | undefined {
  const board = uid?.startsWith(UID_PREFIX) === true ? uid.slice(UID_PREFIX.length) : undefined;
  if (board === BOARD_OF_CALLS) return LIST_OF_CALLS;
  return VIEW_NAMES.find((view) => board !== undefined && viewEntry(view).board === board);
}
