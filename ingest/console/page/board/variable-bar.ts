/** A board's variables: their options, what stands chosen, and the pickers and boxes to choose with. */

import type { Board, Variable, VariableAnswer } from '../../board-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { useLoaded } from '../data.ts';
import { outcomeLabel } from '../parts.ts';
import { Picker } from '../picker.ts';
import type { Change, PageState } from '../url-state.ts';
import { boardQuery, choose, chosenValues, customOptions, defaultValue, isChoiceOfOne, shownVariables } from './choices.ts';

export interface Variables {
  /** By name; undefined while they are on their way. */
  readonly options: Readonly<Record<string, readonly string[] | undefined>>;
  /** The value of each choice of one that nobody has made. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Whether all choices of one are made, so that panels can be asked. */
  readonly ready: boolean;
}

/** Reads the options. The board must stay the same for as long as the component lives. */
export function useVariables(name: string, board: Board, state: PageState, everySeconds: number): Variables {
  const options: Record<string, readonly string[] | undefined> = {};
  const defaults: Record<string, string> = {};
  let ready = true;
  for (const variable of shownVariables(board)) {
    const asked = typeof variable.query === 'object';
    // Its own value does not change what there is to choose from.
    const query = boardQuery({ ...state, ...choose(state, variable.name, []) }, board, {});
    const loaded = useLoaded<VariableAnswer>(asked ? `api/boards/${name}/variables/${variable.name}?${query}` : null, everySeconds);
    options[variable.name] = asked ? loaded.data?.values : customOptions(variable);
    if (!isChoiceOfOne(variable)) continue;
    if (chosenValues(state, variable.name).length > 0) continue;
    defaults[variable.name] = defaultValue(variable, options[variable.name]);
    if (asked && loaded.data === undefined && loaded.error === undefined) ready = false;
  }
  return { options, defaults, ready };
}

interface VariableBarProps {
  readonly board: Board;
  readonly variables: Variables;
  readonly state: PageState;
  readonly change: Change;
}

export function VariableBar({ board, variables, state, change }: VariableBarProps): VNode {
  return html`${shownVariables(board).map((variable) => {
    const set = (values: readonly string[]): void => change(choose(state, variable.name, values));
    if (variable.type === 'textbox') return html`<${TextBox} key=${variable.name} variable=${variable} state=${state} set=${set} />`;
    return html`<${Choice} key=${variable.name} variable=${variable} variables=${variables} state=${state} set=${set} />`;
  })}`;
}

interface ChoiceProps {
  readonly variable: Variable;
  readonly variables: Variables;
  readonly state: PageState;
  readonly set: (values: readonly string[]) => void;
}

function Choice({ variable, variables, state, set }: ChoiceProps): VNode {
  const { name, label = name } = variable;
  const single = isChoiceOfOne(variable);
  const chosen = chosenValues(state, name);
  const standing = single ? [chosen[0] ?? variables.defaults[name] ?? ''].filter((value) => value !== '') : chosen;
  return html`<${Picker} label=${label} all=${single ? `No ${label.toLowerCase()}` : `All ${plural(label)}`} single=${single}
    values=${(variables.options[name] ?? []).map((value) => ({ value }))} chosen=${standing}
    onChange=${set} show=${name === 'outcome' ? outcomeLabel : undefined} />`;
}

function TextBox({ variable, state, set }: Omit<ChoiceProps, 'variables'>): VNode {
  const { name, label = name, description = '' } = variable;
  const value = chosenValues(state, name)[0] ?? '';
  const commit = (event: { currentTarget: HTMLInputElement }): void => {
    const next = event.currentTarget.value.trim();
    if (next !== value) set(next === '' ? [] : [next]);
  };
  return html`<input class="field" type="search" size=${label.length + 2} aria-label=${label} placeholder=${label} title=${description} value=${value} onChange=${commit} />`;
}

function plural(label: string): string {
  return `${label.toLowerCase()}s`;
}
