/**
 * A board's variables and where their values stand in the page's state: filters that all views share, the open
 * call, and the rest. Takes the state, gives values, changes, and what to ask the API. Pure.
 */

import type { Board, Variable } from '../../board-types.ts';
import { CHIPS, type Chip, namesOf, settingOf } from '../explorer/filter-table.ts';
import { apiQuery, FILTER_NAMES, type FilterName, type PageState } from '../url-state.ts';

/** Which source to read is a question that only Grafana has. */
const DATASOURCE = 'datasource';
/** Shows one call whole: in the console that is the open call. */
const CALL = 'call';

export function shownVariables(board: Board): readonly Variable[] {
  return board.templating.list.filter(({ type }) => type !== DATASOURCE);
}

export function chosenValues(state: PageState, name: string): readonly string[] {
  if (isFilter(name)) return state.filters[name];
  if (name === CALL) return state.call === '' ? [] : [state.call];
  return state.variables[name] ?? [];
}

export function choose(state: PageState, name: string, values: readonly string[]): Partial<PageState> {
  if (isFilter(name)) return { filters: { ...state.filters, ...settingOf(state.filters, name, values) } };
  if (name === CALL) return { call: values[0] ?? '', at: '' };
  const { [name]: _, ...others } = state.variables;
  return { variables: values.length === 0 ? others : { ...others, [name]: values } };
}

/** What a choice of one stands at while nobody has chosen: the board's own value, or the first there is. */
export function defaultValue(variable: Variable, options: readonly string[] | undefined): string {
  const { value = '' } = variable.current ?? {};
  const own = typeof value === 'string' ? value : (value[0] ?? '');
  return own !== '' && own !== '$__all' ? own : (options?.[0] ?? '');
}

export function isChoiceOfOne(variable: Variable): boolean {
  return variable.type !== 'textbox' && variable.multi !== true;
}

export function customOptions(variable: Variable): readonly string[] {
  return variable.type === 'custom' && typeof variable.query === 'string' ? variable.query.split(',').map((value) => value.trim()) : [];
}

/** Range and variables as the API takes them; `defaults` fills in choices of one that nobody has made. */
export function boardQuery(
  state: PageState,
  board: Board,
  defaults: Readonly<Record<string, string>>,
  extra: Readonly<Record<string, string>> = {},
): string {
  const params = new URLSearchParams(apiQuery(state, [], extra));
  for (const variable of shownVariables(board)) {
    const values = chosenValues(state, variable.name);
    const wanted = isChoiceOfOne(variable) || variable.type === 'textbox' ? values.slice(0, 1) : values;
    const filled = wanted.length === 0 ? [defaults[variable.name] ?? ''].filter((value) => value !== '') : wanted;
    for (const value of filled) params.append(`var-${variable.name}`, value);
  }
  return params.toString();
}

/** Filters that are set and that this board's SQL knows nothing of: Grafana's variables cannot leave values out. */
export function unheeded(board: Board, filters: PageState['filters']): readonly Chip[] {
  const known = new Set(shownVariables(board).map(({ name }) => name));
  return CHIPS.filter((chip) => namesOf(chip).some((name) => filters[name].length > 0 && !known.has(name)));
}

function isFilter(name: string): name is FilterName {
  return (FILTER_NAMES as readonly string[]).includes(name);
}
