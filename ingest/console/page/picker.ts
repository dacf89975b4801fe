/** A button that opens a list of values to tick, with a search field once the list is long. */

import type { FacetValue } from '../api-types.ts';
import { html, useState, type VNode } from '../vendor/preact.js';
import { formatCount } from './format.ts';
import { useDismiss } from './parts.ts';

const SEARCH_FROM_VALUES = 8;

interface PickerProps {
  readonly label: string;
  /** Shown when nothing is ticked: "All projects". */
  readonly all: string;
  readonly values: readonly FacetValue[];
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
  readonly show?: (value: string) => string;
}

export function Picker({ label, all, values, chosen, onChange, show = (value) => value }: PickerProps): VNode {
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState('');
  const ref = useDismiss(open, () => {
    setOpen(false);
    ref.current?.querySelector('button')?.focus();
  });
  const known = new Set(values.map((value) => value.value));
  // What is ticked stays in sight even when the time range has no call of it.
  const options = [...values, ...chosen.filter((value) => !known.has(value)).map((value) => ({ value, calls: 0 }))];
  const shown = options.filter((option) => show(option.value).toLowerCase().includes(search.toLowerCase()));
  const toggle = (value: string): void => onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  const text = chosen.length === 0 ? all : chosen.length === 1 ? show(chosen[0] ?? '') : `${chosen.length} ${label.toLowerCase()}s`;
  return html`
    <div class="picker" ref=${ref}>
      <button type="button" class=${`control ${chosen.length > 0 ? 'active' : ''}`} aria-haspopup="true" aria-expanded=${open} aria-label=${`${label}: ${text}`}
        onClick=${() => setOpen(!open)}><span class="ellipsis">${text}</span><span class="caret" aria-hidden="true"></span></button>
      ${
        open &&
        html`<div class="popover" role="group" aria-label=${label}>
          ${options.length >= SEARCH_FROM_VALUES && html`<input class="field" type="search" placeholder="Search" aria-label=${`Search ${label.toLowerCase()}`} value=${search} onInput=${(event: { currentTarget: HTMLInputElement }) => setSearch(event.currentTarget.value)} />`}
          <ul class="options">
            ${shown.map(
              (
                option,
              ) => html`<li key=${option.value}><label><input type="checkbox" checked=${chosen.includes(option.value)} onChange=${() => toggle(option.value)} />
                <span class="ellipsis">${show(option.value)}</span><span class="num muted">${formatCount(option.calls)}</span></label></li>`,
            )}
            ${shown.length === 0 && html`<li class="muted none">Nothing here</li>`}
          </ul>
          ${chosen.length > 0 && html`<button type="button" class="link" onClick=${() => onChange([])}>Clear</button>`}
        </div>`
      }
    </div>`;
}
