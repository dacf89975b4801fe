/** Where the time of one call went, as bars on one scale. A part that is not known has no bar. */

import type { CallRow } from '../../../contract/record.ts';
import { html, type VNode } from '../vendor/preact.js';
import { formatDuration, formatPercent, share } from './format.ts';

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
  const rate = tokensPerSecond(call);
  const thinkingMs = (call.answer_ttft_ms ?? 0) - (call.ttft_ms ?? 0);
  return html`
    <section>
      <h3>Timing</h3>
      ${bars.length === 0 && html`<p class="muted">No times are known of this call.</p>`}
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
        ${thinkingMs > 0 && html`<div><dt>Reasoning first</dt><dd>${formatDuration(thinkingMs)} before the answer's first token</dd></div>`}
        ${call.max_gap_ms !== null && html`<div><dt>Longest silence</dt><dd>${formatDuration(call.max_gap_ms)} between two pieces of the stream</dd></div>`}
        ${rate !== undefined && html`<div><dt>Output speed</dt><dd>${rate} tokens per second after the first</dd></div>`}
        ${call.overhead_ms !== null && html`<div><dt>Glassway's share</dt><dd>${formatDuration(call.overhead_ms)} (${formatPercent(share(call.overhead_ms, call.duration_ms))} of the call)</dd></div>`}
      </dl>
    </section>`;
}

/** The stages in order, each beginning where the one before ended. */
function toBars(call: CallRow): Bar[] {
  const bars: Bar[] = [];
  let reached = 0;
  const stage = (label: string, hint: string, until: number | null, tone: string): void => {
    if (until === null || until < reached) return;
    bars.push({ label, hint, from: reached, to: until, tone });
    reached = until;
  };
  stage('Glassway', "Glassway's own share of the time to the first byte", call.overhead_ms, 'own');
  stage('Waiting for headers', "The request's way and the provider's first work", call.ttfb_ms, 'wait');
  stage('To first token', 'From the headers to the first token of content', call.ttft_ms, 'think');
  stage(call.stream ? 'Streaming' : 'Receiving', "To the response's last byte", call.duration_ms, 'stream');
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

function tokensPerSecond(call: CallRow): string | undefined {
  if (call.output_tokens === null || call.ttft_ms === null || call.duration_ms === null || call.duration_ms <= call.ttft_ms)
    return undefined;
  return String(Math.round(((call.output_tokens - 1) / (call.duration_ms - call.ttft_ms)) * 1000));
}
