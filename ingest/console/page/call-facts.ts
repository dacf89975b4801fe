/** The plain parts of one call: lists of facts, the provider's own usage object, code to copy. All of it is text. */

import { html, useState, type VNode } from '../vendor/preact.js';
import { FilterButtons, type FilterOf } from './explorer/filter-buttons.ts';
import type { Change, PageState } from './url-state.ts';

/** `filter`: what calls with this value can be asked for by, or left out. */
export type Row = readonly [label: string, value: string, filter?: FilterOf | undefined];

interface FactsProps {
  readonly rows: readonly Row[];
  readonly mono?: boolean;
  readonly state?: PageState;
  readonly change?: Change;
}

/** A list of what is known; empty values are left out. */
export function Facts({ rows, mono = false, state, change }: FactsProps): VNode {
  return html`<dl class=${mono ? 'facts mono' : 'facts'}>
    ${rows
      .filter(([, value]) => value !== '')
      .map(
        ([label, value, filter]) =>
          html`<div key=${label}><dt>${label}</dt><dd>${value}${filter && state && change && html` <${FilterButtons} of=${filter} state=${state} change=${change} />`}</dd></div>`,
      )}
  </dl>`;
}

export function RawUsage({ usage }: { usage: string }): VNode | null {
  if (usage === '') return null;
  return html`<details><summary>Usage as the provider reported it</summary><${Code} text=${usage} /></details>`;
}

const COPIED_SHOWN_MS = 1500;

/** `whole`: what is copied where that is more than what is shown. */
export function Code({ text, whole = text }: { text: string; whole?: string }): VNode {
  return html`<div class="code"><${CopyButton} text=${whole} /><pre tabindex="0">${pretty(text)}</pre></div>`;
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }): VNode {
  const [said, setSaid] = useState(label);
  const copy = async (): Promise<void> => {
    // The clipboard is there on localhost and over HTTPS only.
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setSaid(done ? 'Copied' : 'Select and copy by hand');
    setTimeout(() => setSaid(label), COPIED_SHOWN_MS);
  };
  return html`<button type="button" class="copy" onClick=${() => void copy()}><span aria-live="polite">${said}</span></button>`;
}

/** Indented if it is JSON; otherwise as it came. Numbers that a double cannot hold are not touched. */
function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    const indented = JSON.stringify(JSON.parse(text), null, 2);
    return indented.replace(/\s/g, '') === text.replace(/\s/g, '') ? indented : text;
  } catch {
    return text;
  }
}
