/** The plain parts of one call: lists of facts, the provider's own usage object, captured bodies. All of it is text. */

import type { CapturedBodies } from '../../../contract/record.ts';
import { html, useState, type VNode } from '../vendor/preact.js';
import { formatBytes } from './format.ts';

export type Row = readonly [label: string, value: string];

/** A list of what is known; empty values are left out. */
export function Facts({ rows, mono = false }: { rows: readonly Row[]; mono?: boolean }): VNode {
  return html`<dl class=${mono ? 'facts mono' : 'facts'}>
    ${rows.filter(([, value]) => value !== '').map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

export function RawUsage({ usage }: { usage: string }): VNode | null {
  if (usage === '') return null;
  return html`<details><summary>Usage as the provider reported it</summary><${Code} text=${usage} /></details>`;
}

export function Bodies({ bodies, project }: { bodies: CapturedBodies | null; project: string }): VNode {
  if (!bodies)
    return html`<section><h3>Prompt and completion</h3><p class="muted">
      Not stored. Only metadata is kept unless project <b>${project}</b> asks for more: <code>projects: { ${project}: { capture: full } }</code></p></section>`;
  return html`<section>
    <h3>Prompt and completion <span class="hint">${bodies.capture}</span></h3>
    <details open><summary>Request <span class="muted small">${size(bodies.request)}</span></summary><${Code} text=${bodies.request} /></details>
    <details open><summary>Response <span class="muted small">${size(bodies.response)}</span></summary><${Code} text=${bodies.response} /></details>
  </section>`;
}

const COPIED_SHOWN_MS = 1500;

export function Code({ text }: { text: string }): VNode {
  return html`<div class="code"><${CopyButton} text=${text} /><pre tabindex="0">${pretty(text)}</pre></div>`;
}

export function CopyButton({ text }: { text: string }): VNode {
  const [said, setSaid] = useState('Copy');
  const copy = async (): Promise<void> => {
    // The clipboard is there on localhost and over HTTPS only.
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setSaid(done ? 'Copied' : 'Select and copy by hand');
    setTimeout(() => setSaid('Copy'), COPIED_SHOWN_MS);
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

function size(text: string): string {
  return formatBytes(new TextEncoder().encode(text).length);
}
