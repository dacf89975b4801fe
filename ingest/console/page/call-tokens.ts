/** The tokens of one call: input and output with their parts. The parts lie inside the totals; what is unknown is said. */

import type { CallRow } from '../../../contract/record.ts';
import { html, type VNode } from '../vendor/preact.js';
import { formatPercent, formatWhole, share, UNKNOWN } from './format.ts';

interface Part {
  readonly label: string;
  readonly tokens: number;
  readonly tone: string;
}

export function Tokens({ call }: { call: CallRow }): VNode {
  const input = split(call.input_tokens, 'other input', [
    ['read from cache', call.cache_read_tokens, 'cached'],
    ['written to cache', call.cache_write_tokens, 'written'],
    ['audio', call.input_audio_tokens, 'audio'],
    ['images', call.input_image_tokens, 'image'],
    ['tool results', call.tool_use_tokens, 'tool'],
  ]);
  const output = split(call.output_tokens, 'answer', [
    ['reasoning', call.reasoning_tokens, 'reasoning'],
    ['audio', call.output_audio_tokens, 'audio'],
  ]);
  const most = Math.max(call.input_tokens ?? 0, call.output_tokens ?? 0, 1);
  return html`
    <section>
      <h3>Tokens ${call.usage_source !== 'provider' && call.usage_source !== 'none' && html`<span class="hint">${call.usage_source}</span>`}</h3>
      ${
        call.usage_source === 'none'
          ? html`<p class="muted">The provider did not say what this call used.</p>`
          : html`<${Side} label="Input" total=${call.input_tokens} parts=${input} most=${most} /><${Side} label="Output" total=${call.output_tokens} parts=${output} most=${most} />`
      }
    </section>`;
}

function Side({ label, total, parts, most }: { label: string; total: number | null; parts: readonly Part[]; most: number }): VNode {
  return html`
    <div class="tokens">
      <p class="tokens-head"><span>${label}</span><b class="num">${formatWhole(total)}</b></p>
      ${
        total !== null &&
        html`<div class="tokens-bar" aria-hidden="true"><div style=${{ width: `${(total / most) * 100}%` }}>
          ${parts.map((part) => html`<i key=${part.label} class=${`part-${part.tone}`} style=${{ width: `${(part.tokens / Math.max(total, 1)) * 100}%` }}></i>`)}
        </div></div>`
      }
      ${
        parts.length > 1 &&
        html`<ul class="token-legend">${parts.map(
          (part) => html`<li key=${part.label}><i class=${`part-${part.tone}`} aria-hidden="true"></i>${part.label}
            <b class="num">${formatWhole(part.tokens)}</b><span class="muted">${total === null ? UNKNOWN : formatPercent(share(part.tokens, total))}</span></li>`,
        )}</ul>`
      }
    </div>`;
}

/** The known parts and, so that the bar is whole, the rest of the total. */
function split(total: number | null, restLabel: string, named: readonly (readonly [string, number | null, string])[]): Part[] {
  const parts = named.flatMap(([label, tokens, tone]) => (tokens === null || tokens === 0 ? [] : [{ label, tokens, tone }]));
  if (total === null) return parts;
  const rest = total - parts.reduce((sum, part) => sum + part.tokens, 0);
  return rest > 0 ? [...parts, { label: restLabel, tokens: rest, tone: 'rest' }] : parts;
}
