/** One call beside the view: what happened, when, what it used and cost, and how to find it elsewhere. */

import type { CallAnswer, CallLink } from '../api-types.ts';
import { html, useEffect, useRef, type VNode } from '../vendor/preact.js';
import { CopyButton, Facts, RawUsage, type Row } from './call-facts.ts';
import { Timing } from './call-timing.ts';
import { Tokens } from './call-tokens.ts';
import { useLoaded } from './data.ts';
import { CallBodies } from './explorer/call-bodies.ts';
import { CallCost } from './explorer/call-cost.ts';
import { curlOf } from './explorer/curl.ts';
import { sessionState } from './explorer/sessions-view.ts';
import { formatBytes, formatCost, formatCount, formatDuration, formatTime, formatWhole, UNKNOWN } from './format.ts';
import { Failure, OutcomeBadge, outcomeLabel, plainClick } from './parts.ts';
import { type Change, formatState, type PageState } from './url-state.ts';

interface PanelProps {
  readonly id: string;
  readonly at: string;
  readonly proxyUrl: string;
  readonly state: PageState;
  readonly change: Change;
}

export function CallPanel({ id, at, proxyUrl, state, change }: PanelProps): VNode {
  const path = `api/calls/${encodeURIComponent(id)}${at === '' ? '' : `?${new URLSearchParams({ at })}`}`;
  const loaded = useLoaded<CallAnswer>(path, 0);
  const panel = useRef<HTMLElement>(null);
  const close = (): void => change({ call: '', at: '' });
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    const opener = document.activeElement;
    panel.current?.focus();
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !event.defaultPrevented) latest.current();
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  useEffect(() => panel.current?.scrollTo(0, 0), [id, at]);
  const shown = loaded.stale ? undefined : loaded.data;
  return html`
    <aside class="panel" role="dialog" aria-label="One call" tabindex="-1" ref=${panel}>
      <button type="button" class="icon-button close" aria-label="Close" onClick=${close}>
        <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d="M5 5l10 10M15 5L5 15" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" /></svg>
      </button>
      ${
        shown
          ? html`<${CallView} answer=${shown} proxyUrl=${proxyUrl} state=${state} change=${change} />`
          : loaded.error
            ? html`<${Failure} error=${loaded.error} />`
            : html`<div class="panel-wait" role="status"><span class="visually-hidden">Loading…</span><span class="bone"></span><span class="bone"></span><span class="bone"></span></div>`
      }
    </aside>`;
}

type ViewProps = Omit<PanelProps, 'id' | 'at'> & { readonly answer: CallAnswer };

function CallView(props: ViewProps): VNode {
  const { answer, proxyUrl, state, change } = props;
  const { call, bodies, trace_url } = answer;
  const started = `${call.started_at.replace(' ', 'T')}Z`;
  const address = new URL(formatState({ ...state, call: call.id, at: started }), location.href).href;
  return html`
    <header class="panel-head">
      <p><${OutcomeBadge} outcome=${call.outcome} /><span class="muted small">HTTP ${call.status === 0 ? UNKNOWN : call.status}${call.stream ? ' · streamed' : ''}</span></p>
      <h2>${call.response_model || call.request_model || call.path}</h2>
      <p class="muted">${call.project} · ${call.provider} · ${call.operation} · <time datetime=${started} title=${started}>${formatTime(started)}</time></p>
    </header>
    <div class="panel-tools">
      <${CopyButton} text=${address} label="Copy link" />
      <${CopyButton} text=${curlOf(answer, proxyUrl)} label="Copy as curl" />
      ${trace_url !== null && html`<a class="copy" href=${trace_url} target="_blank" rel="noreferrer">Open the trace ↗</a>`}
    </div>
    <${Figures} answer=${answer} />
    ${
      (call.error_type !== '' || call.error_message !== '') &&
      html`<section class="error-box"><h3>${call.error_type || 'Error'}</h3><p>${call.error_message || 'The provider gave no message.'}</p></section>`
    }
    ${answer.session && html`<${InSession} ...${props} />`}
    <${Timing} call=${call} />
    <${Tokens} call=${call} />
    <${CallCost} answer=${answer} />
    <${CallBodies} call=${call} bodies=${bodies} />
    <section>
      <h3>Request</h3>
      <${Facts} state=${state} change=${change} rows=${
        [
          ['Project', call.project, ['project', call.project]],
          ['Outcome', outcomeLabel(call.outcome), ['outcome', call.outcome]],
          ['HTTP status', call.status === 0 ? '' : String(call.status), ['status', String(call.status)]],
          ['Error type', call.error_type, ['error_type', call.error_type]],
          ['Endpoint', `${call.method} ${call.path}`],
          ['Operation', call.operation, ['operation', call.operation]],
          ['Provider', call.provider, ['provider', call.provider]],
          ['Upstream', call.upstream, ['upstream', call.upstream]],
          // A call is counted under the model that answered, where one did.
          ['Model asked for', call.request_model, call.response_model === '' ? ['model', call.request_model] : undefined],
          ['Model used', call.response_model, ['model', call.response_model]],
          ['Finish reason', call.finish_reason, ['finish_reason', call.finish_reason]],
          ['Bytes', `${formatBytes(call.request_bytes)} sent · ${formatBytes(call.response_bytes)} received`],
          ['SDK', call.sdk, ['sdk', call.sdk]],
        ] satisfies Row[]
      } />
    </section>
    <section>
      <h3>Identifiers</h3>
      <${Facts} mono=${true} state=${state} change=${change} rows=${
        [
          ['Call', call.id],
          ['User', call.user_id, ['user', call.user_id]],
          ['Session', call.session_id, ['session', call.session_id]],
          ['Trace', call.trace_id],
          ['Span', call.span_id],
          ['Parent span', call.parent_span_id],
          ['Key fingerprint', call.key_fingerprint, ['key', call.key_fingerprint]],
          ['Proxy', `${call.proxy_id} #${call.seq}`],
          ['Started', started],
          ['Stored', `${call.ingested_at.replace(' ', 'T')}Z`],
        ] satisfies Row[]
      } />
    </section>
    ${Object.keys(call.tags).length > 0 && html`<section><h3>Tags</h3><${Facts} state=${state} change=${change} rows=${Object.entries(call.tags).map(([name, value]) => [name, value, ['tag', `${name}=${value}`]] satisfies Row)} /></section>`}
    ${Object.keys(call.rate_limits).length > 0 && html`<section><h3>Rate limits, as the provider’s headers say</h3><${Facts} rows=${Object.entries(call.rate_limits).map(([name, value]) => [name.replaceAll('_', ' '), formatWhole(value)])} /></section>`}
    <${RawUsage} usage=${call.usage_raw} />`;
}

function Figures({ answer: { call } }: Pick<ViewProps, 'answer'>): VNode {
  const cost = call.cost_usd === null ? null : Number(call.cost_usd);
  const tokens =
    call.input_tokens === null && call.output_tokens === null
      ? UNKNOWN
      : `${formatCount(call.input_tokens)} → ${formatCount(call.output_tokens)}`;
  const figures: readonly (readonly [string, string])[] = [
    ['Duration', formatDuration(call.duration_ms)],
    ['First token', formatDuration(call.ttft_ms)],
    ['Cost', cost === null ? (call.usage_source === 'none' ? UNKNOWN : 'not priced') : formatCost(cost)],
    ['Tokens', tokens],
  ];
  return html`<dl class="figures">${figures.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Where the call stands in its session, and the way to the ones before and after. */
function InSession({ answer, state, change }: ViewProps): VNode | null {
  const { call, session } = answer;
  if (!session) return null;
  const step = (link: CallLink | null, label: string): VNode => {
    if (link === null) return html`<span class="control off" aria-disabled="true">${label}</span>`;
    const opened = { call: link.id, at: link.started_at };
    return html`<a class="control" href=${formatState({ ...state, ...opened })} onClick=${(event: MouseEvent) => plainClick(event, () => change(opened))}>${label}</a>`;
  };
  const whole = sessionState(state, call.project, call.session_id);
  return html`<nav class="in-session" aria-label="In its session">
    ${step(session.previous, '‹ Previous')}
    <a class="link" href=${formatState(whole)} onClick=${(event: MouseEvent) => plainClick(event, () => change(whole))}>Call ${session.place} of ${formatWhole(session.calls)} in its session</a>
    ${step(session.next, 'Next ›')}
  </nav>`;
}
