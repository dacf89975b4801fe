/**
 * What the page shows, as a value, and the same in the address bar: every view can be linked to.
 * Reads any query string without failing; what it cannot read falls back to the default.
 * The API takes the same names, so that `apiQuery` is a copy and not a translation.
 */
import { useEffect, useState } from '../vendor/preact.js';
import { FILTER_NAMES, type FilterName } from './explorer/filter-table.ts';
import { FIRST_VIEW, VIEW_NAMES, type View } from './views.ts';

export const REFRESHES = ['auto', 'off', '5s', '30s', '1m', '5m'] as const;
export type Refresh = (typeof REFRESHES)[number];
export { FILTER_NAMES, type FilterName } from './explorer/filter-table.ts';

export interface PageState {
  readonly view: View;
  /** `15m` … `30d` as the address names it; '' when it names none, or from and to are set. */
  readonly range: string;
  /** The range that is shown: `range`, else the default, else '' for from and to. */
  readonly shownRange: string;
  readonly from: string;
  readonly to: string;
  readonly refresh: Refresh;
  /** What every view filters calls by; boards take their variables of the same names from here. */
  readonly filters: Readonly<Record<FilterName, readonly string[]>>;
  /** Values of the boards' other variables: `var-objective=0.99`. */
  readonly variables: Readonly<Record<string, readonly string[]>>;
  /** How tables of boards are sorted, by panel (board/sort.ts). */
  readonly sorts: Readonly<Record<string, string>>;
  /** Panels whose chart is shown as a table. */
  readonly tables: readonly string[];
  /** Lines that a chart's legend has turned off, by panel: `hide-8=gpt-5`. */
  readonly hidden: Readonly<Record<string, readonly string[]>>;
  /** How lists of calls and sessions are sorted: `cost`, `cost.asc`; '' as they are by themselves. */
  readonly by: string;
  /** Which columns the list of calls has, with commas between; '' for the usual ones. */
  readonly columns: string;
  /** The client whose snippet is shown. */
  readonly client: string;
  /** The open call and, since callers may repeat ids, when it started. '' for none. */
  readonly call: string;
  readonly at: string;
}

/** Until the server has said how far back there are calls. */
const DEFAULT_RANGE = '1h';
const VARIABLE_PREFIX = 'var-';
const SORT_PREFIX = 'sort-';
const HIDE_PREFIX = 'hide-';

export function parseState(search: string, defaultRange = DEFAULT_RANGE): PageState {
  const params = new URLSearchParams(search);
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T =>
    choices.find((value) => value === params.get(name)) ?? fallback;
  const from = params.get('from') ?? '';
  const named = params.get('range') ?? '';
  const range = from === '' && /^\d{1,5}[mhd]$/.test(named) ? named : '';
  return {
    view: choice('view', VIEW_NAMES, FIRST_VIEW),
    range,
    shownRange: from === '' ? range || defaultRange : '',
    from,
    to: from === '' ? '' : (params.get('to') ?? ''),
    refresh: choice('refresh', REFRESHES, 'auto'),
    filters: Object.fromEntries(FILTER_NAMES.map((name) => [name, params.getAll(name)])) as unknown as PageState['filters'],
    variables: withPrefix(params, VARIABLE_PREFIX, (name) => params.getAll(name)),
    sorts: withPrefix(params, SORT_PREFIX, (name) => params.get(name) ?? ''),
    tables: params.getAll('table'),
    hidden: withPrefix(params, HIDE_PREFIX, (name) => params.getAll(name)),
    by: params.get('by') ?? '',
    columns: params.get('columns') ?? '',
    client: params.get('client') ?? '',
    call: params.get('call') ?? '',
    at: params.get('at') ?? '',
  };
}

function withPrefix<T>(params: URLSearchParams, prefix: string, read: (name: string) => T): Record<string, T> {
  const names = [...new Set(params.keys())].filter((name) => name.startsWith(prefix));
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), read(name)]));
}

export function formatState(state: PageState): string {
  const params = new URLSearchParams();
  const set = (name: string, value: string, fallback = ''): void => {
    if (value !== fallback) params.set(name, value);
  };
  set('view', state.view, FIRST_VIEW);
  set('range', state.range);
  set('from', state.from);
  set('to', state.to);
  set('refresh', state.refresh, 'auto');
  appendFilters(params, state, FILTER_NAMES);
  for (const [name, values] of Object.entries(state.variables))
    for (const value of values) params.append(`${VARIABLE_PREFIX}${name}`, value);
  for (const [panel, sort] of Object.entries(state.sorts)) set(`${SORT_PREFIX}${panel}`, sort);
  for (const panel of state.tables) params.append('table', panel);
  for (const [panel, names] of Object.entries(state.hidden)) for (const name of names) params.append(`${HIDE_PREFIX}${panel}`, name);
  set('by', state.by);
  set('columns', state.columns);
  set('client', state.client);
  set('call', state.call);
  set('at', state.at);
  const text = params.toString();
  return text === '' ? './' : `./?${text}`;
}

/** The time range and those filters that `names` lists, as the API takes them. */
export function apiQuery(
  state: PageState,
  names: readonly FilterName[] = FILTER_NAMES,
  extra: Readonly<Record<string, string>> = {},
): string {
  const params = new URLSearchParams(extra);
  if (state.from !== '') {
    params.set('from', state.from);
    if (state.to !== '') params.set('to', state.to);
  } else params.set('range', state.shownRange);
  appendFilters(params, state, names);
  return params.toString();
}

function appendFilters(params: URLSearchParams, state: PageState, names: readonly FilterName[]): void {
  for (const name of names) for (const value of state.filters[name]) params.append(name, value);
}

export type Change = (change: Partial<PageState>, how?: 'push' | 'replace') => void;

/**
 * The state of the address bar and a way to change it; Back and Forward work.
 * @param defaultRange what is shown when the address names no range
 */
export function usePageState(defaultRange: string | undefined): readonly [PageState, Change] {
  const [search, setSearch] = useState(location.search);
  useEffect(() => {
    const follow = (): void => setSearch(location.search);
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  const change: Change = (part, how = 'push') => {
    const url = formatState({ ...parseState(location.search), ...part });
    if (how === 'push') history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    setSearch(location.search);
  };
  return [parseState(search, defaultRange), change];
}

/** Another view of the same calls: what belongs to one view only is left behind. */
export function atView(view: View): Pick<PageState, 'view' | 'call' | 'at' | 'sorts' | 'tables' | 'hidden' | 'by'> {
  return { view, call: '', at: '', sorts: {}, tables: [], hidden: {}, by: '' };
}

export function withFilter(state: PageState, name: FilterName, values: readonly string[]): Pick<PageState, 'filters'> {
  return { filters: { ...state.filters, [name]: values } };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

/** How much time is shown; 0 when the address names no times. */
export function rangeSeconds(state: Pick<PageState, 'shownRange' | 'from' | 'to'>): number {
  const relative = /^(\d+)([mhd])$/.exec(state.shownRange);
  if (relative) return Number(relative[1]) * (UNIT_SECONDS[relative[2] ?? ''] ?? 0);
  const length = (state.to === '' ? Date.now() : Date.parse(state.to)) - Date.parse(state.from);
  return Number.isNaN(length) ? 0 : Math.max(0, length / 1000);
}

const REFRESH_SECONDS: Readonly<Record<Exclude<Refresh, 'auto'>, number>> = { off: 0, '5s': 5, '30s': 30, '1m': 60, '5m': 300 };
/** The longer the range the less a second changes it, and the more it costs to ask again. */
const AUTO_REFRESH: readonly (readonly [rangeSecondsMax: number, refreshSeconds: number])[] = [
  [3600, 5],
  [86_400, 30],
  [Number.POSITIVE_INFINITY, 60],
];

/** How often figures are read anew; 0: not at all, since nobody wants it or the range is over. */
export function refreshSeconds(state: PageState): number {
  if (state.to !== '' && Date.parse(state.to) < Date.now()) return 0;
  if (state.refresh !== 'auto') return REFRESH_SECONDS[state.refresh];
  const seconds = rangeSeconds(state);
  return AUTO_REFRESH.find(([max]) => seconds <= max)?.[1] ?? 60;
}
