/** Where the time of one call went, as bars on one scale. A part that is not known has no bar. */

import type { CallRow } from '../../../contract/record.ts';
import { html, type VNode } from '../vendor/preact.js';
import { formatCount, formatDuration, formatDurationTick, formatPercent, share } from './format.ts';
import { outputSpeed } from './output-speed.ts';

interface Bar {
  readonly label: string;
  readonly hint: string;
  readonly from: number;
  readonly to: number;
  readonly tone: string;
}

export function Timing({ call }: { call: CallRow }): VNode {
  const bars = toBars(call);
  const total = Math.max(call.duration_ms ?? 0, ...bars.map((bar) => bar.to));
  const speed = outputSpeed(call);
  return html`
    <section>
      <h3>Timing</h3>
      ${bars.length === 0 && html`<p class="muted">No times are known of this call.</p>`}
      ${total > 0 && html`<${Scale} total=${total} />`}
      <ol class="waterfall">
        ${bars.map(
          (bar) => html`<li key=${bar.label} title=${bar.hint}>
            <span class="waterfall-label">${bar.label}</span>
            <span class="waterfall-track" aria-hidden="true"><i class=${bar.tone} style=${{ left: `${(bar.from / total) * 100}%`, width: `${((bar.to - bar.from) / total) * 100}%` }}></i></span>
            <span class="num">${formatDuration(bar.to - bar.from)}</span>
          </li>`,
        )}
      </ol>
      <dl class="facts">
        ${speed !== undefined && html`<div><dt>Output speed</dt><dd>${formatCount(Math.round(speed))} tokens per second of the answer</dd></div>`}
        ${call.overhead_ms !== null && html`<div><dt>Glassway's share</dt><dd>${formatDuration(call.overhead_ms)} (${formatPercent(share(call.overhead_ms, call.duration_ms))} of the call)</dd></div>`}
      </dl>
    </section>`;
}

/** Round times along the line that the bars are on. */
function Scale({ total }: { total: number }): VNode {
  const step = tickMs(total / SCALE_TICKS);
  const ticks = Array.from({ length: Math.floor(total / step) + 1 }, (_, index) => index * step);
  return html`<div class="waterfall-scale num" aria-hidden="true"><span></span>
    <span class="waterfall-ticks">${ticks.map((tick) => html`<i key=${tick} style=${{ left: `${(tick / total) * 100}%` }}>${formatDurationTick(tick)}</i>`)}</span><span></span></div>`;
}

const SCALE_TICKS = 4;

/** The next of 1, 2 and 5 times a power of ten. */
function tickMs(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? least;
}

/** The stages in order, each beginning where the one before ended, then what lies across them. */
function toBars(call: CallRow): Bar[] {
  const bars: Bar[] = [];
  let reached = 0;
  const stage = (label: string, hint: string, until: number | null, tone: string): void => {
    if (until === null || until < reached) return;
    bars.push({ label, hint, from: reached, to: until, tone });
    reached = until;
  };
  stage('Glassway', "Glassway's own share of the time to the first byte", call.overhead_ms, 'own');
  stage('Upload and waiting', "The request's way to the provider and its first work, until the answer's headers", call.ttfb_ms, 'wait');
  stage('To first token', 'From the headers to the first token', call.ttft_ms, 'think');
  // Less is the same token, timed twice.
  if (call.answer_ttft_ms !== null && call.answer_ttft_ms - reached >= 1)
    stage('Reasoning', "Reasoning that was streamed before the answer's first token", call.answer_ttft_ms, 'reasoning');
  stage(call.stream ? 'Answer, streamed' : 'Receiving', "To the response's last byte", call.duration_ms, 'stream');
  if (call.max_gap_ms !== null && call.duration_ms !== null)
    bars.push({
      label: 'Longest silence',
      hint: 'Between two pieces of the stream. How long it was is known, when it was is not: it is drawn at the end',
      from: Math.max(0, call.duration_ms - call.max_gap_ms),
      to: call.duration_ms,
      tone: 'gap',
    });
  if (call.duration_ms !== null)
    bars.push({
      label: 'Total',
      hint: "From the request's first byte to the response's last",
      from: 0,
      to: call.duration_ms,
      tone: 'total',
    });
  return bars;
}
