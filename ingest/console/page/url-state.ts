/**
 * What the page shows, as a value, and the same in the address bar: every view can be linked to.
 * Reads any query string without failing; what it cannot read falls back to the default.
 * The API takes the same names, so that `apiQuery` is a copy and not a translation.
 */
import { useEffect, useState } from '../vendor/preact.js';

export const VIEWS = ['overview', 'calls', 'connect'] as const;
export type View = (typeof VIEWS)[number];
export const REFRESH_SECONDS = { off: 0, '5s': 5, '30s': 30 } as const;
export type Refresh = keyof typeof REFRESH_SECONDS;
export const FILTER_NAMES = ['project', 'provider', 'model', 'outcome', 'user', 'session'] as const;
export type FilterName = (typeof FILTER_NAMES)[number];
export const SORTS = ['project', 'calls', 'cost', 'errors', 'p50', 'p95', 'ttft', 'input', 'output'] as const;
export type Sort = (typeof SORTS)[number];

export interface PageState {
  readonly view: View;
  /** `15m` … `30d`, or '' when from and to are set. */
  readonly range: string;
  readonly from: string;
  readonly to: string;
  readonly refresh: Refresh;
  readonly filters: Readonly<Record<FilterName, readonly string[]>>;
  readonly split: 'project' | 'model';
  readonly sort: Sort;
  readonly ascending: boolean;
  /** The open call and, since callers may repeat ids, when it started. '' for none. */
  readonly call: string;
  readonly at: string;
}

const DEFAULT_RANGE = '1h';

export function parseState(search: string): PageState {
  const params = new URLSearchParams(search);
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T =>
    choices.find((value) => value === params.get(name)) ?? fallback;
  const from = params.get('from') ?? '';
  const range = params.get('range') ?? '';
  return {
    view: choice('view', VIEWS, 'overview'),
    range: from !== '' ? '' : /^\d{1,5}[mhd]$/.test(range) ? range : DEFAULT_RANGE,
    from,
    to: from === '' ? '' : (params.get('to') ?? ''),
    refresh: choice('refresh', Object.keys(REFRESH_SECONDS) as Refresh[], '5s'),
    filters: Object.fromEntries(FILTER_NAMES.map((name) => [name, params.getAll(name)])) as unknown as PageState['filters'],
    split: choice('split', ['project', 'model'], 'project'),
    sort: choice('sort', SORTS, 'calls'),
    ascending: params.get('order') === 'asc',
    call: params.get('call') ?? '',
    at: params.get('at') ?? '',
  };
}

export function formatState(state: PageState): string {
  const params = new URLSearchParams();
  const set = (name: string, value: string, fallback = ''): void => {
    if (value !== fallback) params.set(name, value);
  };
  set('view', state.view, 'overview');
  set('range', state.range, state.from === '' ? DEFAULT_RANGE : '');
  set('from', state.from);
  set('to', state.to);
  set('refresh', state.refresh, '5s');
  appendFilters(params, state, FILTER_NAMES);
  set('split', state.split, 'project');
  set('sort', state.sort, 'calls');
  set('order', state.ascending ? 'asc' : '');
  set('call', state.call);
  set('at', state.at);
  const text = params.toString();
  return text === '' ? './' : `./?${text}`;
}

/** The time range and those filters that `names` lists, as the API takes them. */
export function apiQuery(state: PageState, names: readonly FilterName[], extra: Readonly<Record<string, string>> = {}): string {
  const params = new URLSearchParams(extra);
  if (state.from !== '') {
    params.set('from', state.from);
    if (state.to !== '') params.set('to', state.to);
  } else params.set('range', state.range);
  appendFilters(params, state, names);
  return params.toString();
}

function appendFilters(params: URLSearchParams, state: PageState, names: readonly FilterName[]): void {
  for (const name of names) for (const value of state.filters[name]) params.append(name, value);
}

export type Change = (change: Partial<PageState>, how?: 'push' | 'replace') => void;

/** The state of the address bar and a way to change it; Back and Forward work. */
export function usePageState(): readonly [PageState, Change] {
  const [state, setState] = useState(() => parseState(location.search));
  useEffect(() => {
    const follow = (): void => setState(parseState(location.search));
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  const change: Change = (part, how = 'push') => {
    const next = { ...parseState(location.search), ...part };
    const url = formatState(next);
    if (how === 'push') history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    setState(next);
  };
  return [state, change];
}

export function withFilter(state: PageState, name: FilterName, values: readonly string[]): Pick<PageState, 'filters'> {
  return { filters: { ...state.filters, [name]: values } };
}
