/** Beside a value: two buttons that ask for it alone, or leave it out. Takes a filter and the value; changes what is filtered by, nothing else. */
import { type ComponentChildren, html, type VNode } from '../../vendor/preact.js';
import { outcomeLabel } from '../outcomes.ts';
import { atView, type Change, type PageState } from '../url-state.ts';
import { adding, type Chip, type FilterName, filterEntry, oppositeOf, settingOf } from './filter-table.ts';

/** A filter that can be asked for or left out by value, and the value. */
export type FilterOf = readonly [name: FilterName & Chip, value: string];

interface ButtonsProps {
  readonly of: FilterOf;
  readonly state: PageState;
  readonly change: Change;
  /** What asks for the value, where more is to be pressed than a sign. */
  readonly children?: ComponentChildren;
}

export function FilterButtons({ of: [name, value], state, change, children }: ButtonsProps): VNode | null {
  const opposite = oppositeOf(name);
  if (value === '' || opposite === undefined) return null;
  const { label } = filterEntry(name);
  const shown = name === 'outcome' ? outcomeLabel(value) : value;
  // Where there is no list that is filtered, the list of calls is what one wants to see.
  const list = state.view === 'calls' || state.view === 'sessions' ? {} : atView('calls');
  const press = (event: Event, values: Partial<PageState['filters']>): void => {
    event.stopPropagation();
    change({ ...list, filters: { ...state.filters, ...values }, call: '', at: '' });
  };
  const button = (what: string, shows: ComponentChildren, values: Partial<PageState['filters']>): VNode => {
    const says = `${what} ${label.toLowerCase()}`;
    // Its name begins with what it does and holds what is seen on it.
    const named = typeof shows === 'string' ? { 'aria-label': `${says} ${shown}` } : {};
    return html`<button type="button" ...${named} title=${`${says} ${shown}`} onClick=${(event: Event) => press(event, values)}>${typeof shows !== 'string' && html`<span class="visually-hidden">${says} </span>`}${shows}</button>`;
  };
  return html`<span class="filter-buttons">
    ${button('Only', children ?? '=', settingOf(state.filters, name, [value]))}
    ${button('Without', '≠', adding(state.filters, opposite, value))}
  </span>`;
}
