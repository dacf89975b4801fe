/** The columns that the list of calls can have: what each is called, shows, and sorts by. Keys stand in links: never renamed. */
import type { CallSummary } from '../../api-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { formatCost, formatCount, formatDuration, formatPercent, share, UNKNOWN } from '../format.ts';
import { outputSpeed } from '../output-speed.ts';
import { OutcomeBadge } from '../parts.ts';
import type { FilterOf } from './filter-buttons.ts';

export interface CallColumn {
  readonly label: string;
  readonly numeric?: boolean;
  /** The API's name of the order. */
  readonly sort?: string;
  /** Left out where there is no room: 1 first. Missing: always shown. */
  readonly yields?: 1 | 2 | 3;
  readonly show: (call: CallSummary) => VNode | string | false;
  /** What the cell's value can be filtered by. */
  readonly filter?: (call: CallSummary) => FilterOf;
}

const approximate = (call: CallSummary): string => (call.usage_source === 'estimated' ? '≈' : '');
const plain = (text: string): VNode | string => (text === '' ? UNKNOWN : html`<span class="ellipsis" title=${text}>${text}</span>`);
const mono = (text: string): VNode | string =>
  text === '' ? UNKNOWN : html`<span class="ellipsis mono-text" title=${text}>${text}</span>`;

export const CALL_COLUMNS = {
  project: { label: 'Project', yields: 2, show: (call) => plain(call.project), filter: (call) => ['project', call.project] },
  user: { label: 'User', yields: 3, show: (call) => mono(call.user_id), filter: (call) => ['user', call.user_id] },
  session: { label: 'Session', yields: 3, show: (call) => mono(call.session_id), filter: (call) => ['session', call.session_id] },
  model: { label: 'Model', show: modelCell, filter: (call) => ['model', call.response_model || call.request_model] },
  outcome: { label: 'Outcome', yields: 2, show: outcomeCell, filter: (call) => ['outcome', call.outcome] },
  status: {
    label: 'Status',
    numeric: true,
    yields: 1,
    show: (call) => (call.status === 0 ? UNKNOWN : String(call.status)),
    filter: (call) => ['status', String(call.status)],
  },
  duration: { label: 'Duration', numeric: true, sort: 'duration', yields: 2, show: durationCell },
  ttft: { label: 'First token', numeric: true, sort: 'ttft', yields: 1, show: (call) => formatDuration(call.ttft_ms) },
  input: { label: 'Tokens in', numeric: true, sort: 'input', yields: 2, show: inputCell },
  output: {
    label: 'Tokens out',
    numeric: true,
    sort: 'output',
    yields: 2,
    show: (call) => `${approximate(call)}${formatCount(call.output_tokens)}`,
  },
  cost: { label: 'Cost', numeric: true, sort: 'cost', show: costCell },
  tokens: {
    label: 'Tokens',
    numeric: true,
    sort: 'tokens',
    show: (call) =>
      call.input_tokens === null && call.output_tokens === null
        ? UNKNOWN
        : formatCount((call.input_tokens ?? 0) + (call.output_tokens ?? 0)),
  },
  cached: { label: 'Cached', numeric: true, show: (call) => formatPercent(share(call.cache_read_tokens, call.input_tokens)) },
  reasoning: { label: 'Reasoning', numeric: true, show: (call) => formatCount(call.reasoning_tokens) },
  speed: { label: 'Tokens/s', numeric: true, show: speedCell },
  overhead: { label: 'Glassway', numeric: true, show: (call) => formatDuration(call.overhead_ms) },
  ttfb: { label: 'Headers', numeric: true, show: (call) => formatDuration(call.ttfb_ms) },
  finish_reason: { label: 'Finish', show: (call) => plain(call.finish_reason), filter: (call) => ['finish_reason', call.finish_reason] },
  operation: { label: 'Operation', show: (call) => plain(call.operation), filter: (call) => ['operation', call.operation] },
  upstream: { label: 'Upstream', show: (call) => plain(call.upstream), filter: (call) => ['upstream', call.upstream] },
  tags: {
    label: 'Tags',
    show: (call) =>
      plain(
        Object.entries(call.tags)
          .map(([name, value]) => `${name}=${value}`)
          .join(', '),
      ),
  },
  sdk: { label: 'SDK', show: (call) => plain(call.sdk), filter: (call) => ['sdk', call.sdk] },
  trace: { label: 'Trace', show: (call) => mono(call.trace_id) },
  id: { label: 'Call', show: (call) => mono(call.id) },
} as const satisfies Readonly<Record<string, CallColumn>>;

export type CallColumnName = keyof typeof CALL_COLUMNS;
export const CALL_COLUMN_NAMES = Object.keys(CALL_COLUMNS) as CallColumnName[];
export const USUAL_COLUMNS: readonly CallColumnName[] = [
  'project',
  'model',
  'outcome',
  'status',
  'duration',
  'ttft',
  'input',
  'output',
  'cost',
  'user',
];

export function callColumn(name: CallColumnName): CallColumn {
  return CALL_COLUMNS[name];
}

/** The columns that an address names, in their own order; the usual ones when it names none that there is. */
export function parseColumns(text: string): readonly CallColumnName[] {
  const named = new Set(text.split(','));
  const found = CALL_COLUMN_NAMES.filter((name) => named.has(name));
  return found.length === 0 ? USUAL_COLUMNS : found;
}

export function formatColumns(names: readonly CallColumnName[]): string {
  const sorted = CALL_COLUMN_NAMES.filter((name) => names.includes(name));
  const usual = sorted.length === USUAL_COLUMNS.length && USUAL_COLUMNS.every((name) => names.includes(name));
  return usual ? '' : sorted.join(',');
}

/** On a phone it says how the call ended too, when it did not end well. */
function modelCell(call: CallSummary): VNode {
  const model = call.response_model || call.request_model;
  return html`<span class="ellipsis strong">${model || UNKNOWN}</span>
    <span class="ellipsis muted small"><span class="phone-only">${call.project} · </span>${call.provider}${call.operation === 'chat' ? '' : ` · ${call.operation}`}</span>
    ${call.outcome !== 'ok' && html`<span class="phone-only"><${OutcomeBadge} outcome=${call.outcome} /></span>`}`;
}

function outcomeCell(call: CallSummary): VNode {
  return html`<${OutcomeBadge} outcome=${call.outcome} />${call.error_type !== '' && html`<span class="ellipsis muted small">${call.error_type}</span>`}`;
}

function durationCell(call: CallSummary): VNode {
  return html`${call.stream && html`<span class="stream-mark" title="streamed"><span class="visually-hidden">streamed</span></span>`}${formatDuration(call.duration_ms)}`;
}

function inputCell(call: CallSummary): VNode {
  const cached = call.cache_read_tokens !== null && call.cache_read_tokens > 0;
  return html`${cached && html`<span class="hint" title="of them read from the prompt cache">${formatCount(call.cache_read_tokens)} cached</span>`}${approximate(call)}${formatCount(call.input_tokens)}`;
}

function costCell(call: CallSummary): VNode | string {
  if (call.cost_usd !== null) return formatCost(call.cost_usd);
  const unknown = call.input_tokens === null && call.output_tokens === null;
  return html`<span class="muted" title="No price is known for this call">${unknown ? UNKNOWN : 'not priced'}</span>`;
}

function speedCell(call: CallSummary): string {
  const speed = outputSpeed(call);
  return speed === undefined ? UNKNOWN : formatCount(Math.round(speed));
}
