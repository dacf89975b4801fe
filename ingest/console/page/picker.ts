/** A button that opens a list of values to tick, with a search field once the list is long. */

import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { formatCount } from './format.ts';
import { useDismiss } from './parts.ts';

const SEARCH_FROM_VALUES = 8;

interface PickerProps {
  readonly label: string;
  /** Shown when nothing is ticked: "All projects". */
  readonly all: string;
  /** With how many calls each has, where that is known. */
  readonly values: readonly { readonly value: string; readonly calls?: number }[];
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
  /** One value at a time, and always one. */
  readonly single?: boolean;
  readonly show?: (value: string) => string;
}

export function Picker({ label, all, values, chosen, onChange, single = false, show = (value) => value }: PickerProps): VNode {
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState('');
  const close = (): void => {
    setOpen(false);
    ref.current?.querySelector('button')?.focus();
  };
  const ref = useDismiss(open, close);
  useEffect(() => {
    if (open)
      ref.current?.querySelector<HTMLElement>('input[type=search], .options [aria-pressed=true], .options input, .options button')?.focus();
  }, [open, values.length > 0]);
  const known = new Set(values.map((value) => value.value));
  // What is ticked stays in sight even when the time range has no call of it.
  const options: PickerProps['values'] = [...values, ...chosen.filter((value) => !known.has(value)).map((value) => ({ value }))];
  const shown = options.filter((option) => show(option.value).toLowerCase().includes(search.toLowerCase()));
  const toggle = (value: string): void => {
    if (single) {
      onChange([value]);
      close();
    } else onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  };
  const text = chosen.length === 0 ? all : chosen.length === 1 ? show(chosen[0] ?? '') : `${chosen.length} ${label.toLowerCase()}s`;
  return html`
    <div class="picker" ref=${ref}>
      <button type="button" class=${`control ${chosen.length > 0 && !single ? 'active' : ''}`} aria-haspopup="true" aria-expanded=${open} aria-label=${`${label}: ${text}`}
        onClick=${() => setOpen(!open)}><span class="ellipsis">${single && chosen.length > 0 && html`<span class="muted">${label} </span>`}${text}</span><span class="caret" aria-hidden="true"></span></button>
      ${
        open &&
        html`<div class="popover" role="group" aria-label=${label}>
          ${options.length >= SEARCH_FROM_VALUES && html`<input class="field" type="search" placeholder="Search" aria-label=${`Search ${label.toLowerCase()}`} value=${search} onInput=${(event: { currentTarget: HTMLInputElement }) => setSearch(event.currentTarget.value)} />`}
          <ul class="options">
            ${shown.map(({ value, calls }) => {
              const isChosen = chosen.includes(value);
              const count = calls !== undefined && html`<span class="num muted">${formatCount(calls)}</span>`;
              return single
                ? html`<li key=${value}><button type="button" class="option" aria-pressed=${isChosen} onClick=${() => toggle(value)}><span class="ellipsis">${show(value)}</span>${count}</button></li>`
                : html`<li key=${value}><label><input type="checkbox" checked=${isChosen} onChange=${() => toggle(value)} /><span class="ellipsis">${show(value)}</span>${count}</label></li>`;
            })}
            ${shown.length === 0 && html`<li class="muted none">Nothing here</li>`}
          </ul>
          ${!single && chosen.length > 0 && html`<button type="button" class="link" onClick=${() => onChange([])}>Clear</button>`}
        </div>`
      }
    </div>`;
}
