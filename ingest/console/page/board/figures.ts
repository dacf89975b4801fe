/** Panels without a chart: one figure, bars with names, a text. */

import type { Panel, PanelAnswer } from '../../board-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { formatChange } from '../format.ts';
import { fieldOf, gradeOf } from './fields.ts';
import type { DrawProps } from './time-series.ts';
import type { Format, Value } from './units.ts';

interface StatProps extends Pick<DrawProps, 'panel' | 'answer'> {
  /** The same figure of the period of equal length just before. */
  readonly before: PanelAnswer | undefined;
}

export function Stat({ panel, answer, before }: StatProps): VNode {
  const { name, value } = lastValue(panel, answer);
  const field = fieldOf(panel, name);
  const grade = panel.options?.colorMode === 'value' && typeof value === 'number' ? gradeOf(field.thresholds, value) : undefined;
  if (value === null)
    return html`<p class="figure none" data-figure=${panel.title}>${panel.fieldConfig?.defaults.noValue ?? field.format(null)}</p>`;
  return html`<p class="figure" data-figure=${panel.title} style=${grade === undefined ? {} : { color: `var(${grade.colour})` }}>
    ${field.format(value)}${grade !== undefined && grade.word !== '' && html`<span class="visually-hidden">, ${grade.word}</span>`}</p>
    <${Change} now=${value} before=${before && lastValue(panel, before).value} format=${field.format} />`;
}

/** Neither good nor bad: more calls are more money, too. Nothing while the two are alike or one is not known. */
function Change({ now, before, format }: { now: Value; before: Value | undefined; format: Format }): VNode | null {
  const change = typeof now === 'number' && typeof before === 'number' ? formatChange(now, before) : undefined;
  if (!change || change.direction === 0) return null;
  return html`<p class="change" title=${`${format(before ?? null)} in the period before`}><span aria-hidden="true">${change.direction > 0 ? '↑' : '↓'} </span>
    <span class="visually-hidden">${change.direction > 0 ? 'up' : 'down'} </span>${change.text}<span class="visually-hidden"> against the period before</span></p>`;
}

/** Grafana's reduce options: the last value that is known of the column whose name fits `fields`. */
export function lastValue(panel: Panel, answer: PanelAnswer): { readonly name: string; readonly value: Value } {
  const [, pattern = ''] = /^\/(.*)\/$/.exec(panel.options?.reduceOptions?.fields ?? '') ?? [];
  const column = answer.columns.find(({ name, kind }) => kind === 'number' && new RegExp(pattern).test(name));
  return { name: column?.name ?? '', value: column?.values.findLast((value) => value !== null) ?? null };
}

/** A bar for each row: name and value. */
export function BarGauge({ panel, answer }: Pick<DrawProps, 'panel' | 'answer'>): VNode {
  const names = answer.columns.find(({ kind }) => kind === 'text')?.values ?? [];
  const column = answer.columns.find(({ kind }) => kind === 'number');
  const { format } = fieldOf(panel, column?.name ?? '');
  const values = (column?.values ?? []).slice(0, panel.options?.reduceOptions?.limit);
  const highest = Math.max(...values.map(Number), Number.MIN_VALUE);
  return html`<ul class="bar-gauge">
    ${values.map(
      (value, at) => html`<li key=${at}><span class="ellipsis" title=${names[at]}>${names[at]}</span>
        <span class="bar" aria-hidden="true"><i style=${{ width: `${(Number(value) / highest) * 100}%` }}></i></span><span class="num">${format(value)}</span></li>`,
    )}
  </ul>`;
}

/** Of Markdown what our boards use: paragraphs, `code` and *stress*. Everything else stays as it is written, and is never markup. */
export function TextPanel({ panel }: { panel: Panel }): VNode {
  const paragraphs = (panel.options?.content ?? '').split(/\n{2,}/);
  return html`<div class="text-panel">${paragraphs.map((paragraph, at) => html`<p key=${at}>${paragraph.split(/(`[^`]+`|\*[^*]+\*)/).map(inline)}</p>`)}</div>`;
}

function inline(piece: string): VNode | string {
  if (/^`.+`$/s.test(piece)) return html`<code>${piece.slice(1, -1)}</code>`;
  if (/^\*.+\*$/s.test(piece)) return html`<em>${piece.slice(1, -1)}</em>`;
  return piece;
}
