/** One call beside the view: what happened, when, what it used and cost, and how to find it elsewhere. */

import type { CallAnswer } from '../api-types.ts';
import { html, useEffect, useRef, type VNode } from '../vendor/preact.js';
import { Bodies, Facts, RawUsage, type Row } from './call-facts.ts';
import { Timing } from './call-timing.ts';
import { Tokens } from './call-tokens.ts';
import { useLoaded } from './data.ts';
import { formatBytes, formatCost, formatCount, formatDuration, formatTime, UNKNOWN } from './format.ts';
import { Failure, OutcomeBadge } from './parts.ts';

const COST_SOURCES: Readonly<Record<string, string>> = {
  provider: 'as the provider states it',
  override: 'from your own price list',
  catalogue: 'from the price catalogue',
  none: 'no price is known',
};

export function CallPanel({ id, at, onClose }: { id: string; at: string; onClose: () => void }): VNode {
  const path = `api/calls/${encodeURIComponent(id)}${at === '' ? '' : `?${new URLSearchParams({ at })}`}`;
  const loaded = useLoaded<CallAnswer>(path, 0);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    panel.current?.focus();
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !event.defaultPrevented) onClose();
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return html`
    <aside class="panel" role="dialog" aria-label="One call" tabindex="-1" ref=${panel}>
      <button type="button" class="icon-button close" aria-label="Close" onClick=${onClose}>
        <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d="M5 5l10 10M15 5L5 15" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" /></svg>
      </button>
      ${loaded.data ? html`<${CallView} answer=${loaded.data} />` : loaded.error ? html`<${Failure} error=${loaded.error} />` : html`<div class="panel-wait" role="status"><span class="visually-hidden">Loading…</span><span class="bone"></span><span class="bone"></span><span class="bone"></span></div>`}
    </aside>`;
}

function CallView({ answer }: { answer: CallAnswer }): VNode {
  const { call, bodies } = answer;
  const started = `${call.started_at.replace(' ', 'T')}Z`;
  const cost = call.cost_usd === null ? null : Number(call.cost_usd);
  const noCost = call.usage_source === 'none' ? UNKNOWN : 'not priced';
  const figures: readonly (readonly [string, string])[] = [
    ['Duration', formatDuration(call.duration_ms)],
    ['First token', formatDuration(call.ttft_ms)],
    ['Cost', cost === null ? noCost : formatCost(cost)],
    [
      'Tokens',
      call.input_tokens === null && call.output_tokens === null
        ? UNKNOWN
        : `${formatCount(call.input_tokens)} → ${formatCount(call.output_tokens)}`,
    ],
  ];
  return html`
    <header class="panel-head">
      <p><${OutcomeBadge} outcome=${call.outcome} /><span class="muted small">HTTP ${call.status === 0 ? UNKNOWN : call.status}${call.stream ? ' · streamed' : ''}</span></p>
      <h2>${call.response_model || call.request_model || call.path}</h2>
      <p class="muted">${call.project} · ${call.provider} · ${call.operation} · <time datetime=${started} title=${started}>${formatTime(started)}</time></p>
    </header>
    <dl class="figures">${figures.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    ${
      (call.error_type !== '' || call.error_message !== '') &&
      html`<section class="error-box"><h3>${call.error_type || 'Error'}</h3><p>${call.error_message || 'The provider gave no message.'}</p></section>`
    }
    <${Timing} call=${call} />
    <${Tokens} call=${call} />
    <section>
      <h3>Cost</h3>
      <${Facts} rows=${
        [
          ['Amount', cost === null ? noCost : `$${call.cost_usd}`],
          [
            'Source',
            call.usage_source === 'none' && cost === null
              ? 'nothing to price: no usage was reported'
              : (COST_SOURCES[call.cost_source] ?? call.cost_source),
          ],
          ['Price version', call.price_version],
          ['Service tier', call.service_tier],
        ] satisfies Row[]
      } />
    </section>
    <section>
      <h3>Request</h3>
      <${Facts} rows=${
        [
          ['Endpoint', `${call.method} ${call.path}`],
          ['Upstream', call.upstream],
          ['Model asked for', call.request_model],
          ['Model used', call.response_model],
          ['Finish reason', call.finish_reason],
          ['Bytes', `${formatBytes(call.request_bytes)} sent · ${formatBytes(call.response_bytes)} received`],
          ['SDK', call.sdk],
        ] satisfies Row[]
      } />
    </section>
    <section>
      <h3>Identifiers</h3>
      <${Facts} mono=${true} rows=${
        [
          ['Call', call.id],
          ['User', call.user_id],
          ['Session', call.session_id],
          ['Trace', call.trace_id],
          ['Span', call.span_id],
          ['Parent span', call.parent_span_id],
          ['Key fingerprint', call.key_fingerprint],
          ['Proxy', `${call.proxy_id} #${call.seq}`],
          ['Started', started],
          ['Stored', `${call.ingested_at.replace(' ', 'T')}Z`],
        ] satisfies Row[]
      } />
    </section>
    ${Object.keys(call.tags).length > 0 && html`<section><h3>Tags</h3><${Facts} rows=${Object.entries(call.tags)} /></section>`}
    <${RawUsage} usage=${call.usage_raw} />
    <${Bodies} bodies=${bodies} project=${call.project} />`;
}
