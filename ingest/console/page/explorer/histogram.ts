/**
 * Calls over time by outcome, as bars; dragging over them chooses a time range. Drawn as SVG whose every value is an
 * attribute. Takes the API's answer; tells the seconds since 1970 between which somebody has dragged, or that one bar was pressed.
 */
import type { HistogramAnswer } from '../../api-types.ts';
import { html, useRef, useState, type VNode } from '../../vendor/preact.js';
import { formatBucket, formatCount, formatSeconds, formatWhole } from '../format.ts';
import { OUTCOME_LABELS, outcomeLabel } from '../parts.ts';
import { timeTicks } from '../time-ticks.ts';
import type { Change, PageState } from '../url-state.ts';
import { FilterButtons } from './filter-buttons.ts';

interface HistogramProps {
  readonly data: HistogramAnswer | undefined;
  readonly onZoom: (fromSeconds: number, toSeconds: number) => void;
  readonly state: PageState;
  readonly change: Change;
}

const HEIGHT = 100;
const BAR_WIDTH = 10;
const BAR_GAP = 1.6;
/** A label that begins further right would not fit. */
const LABEL_UNTIL = 0.94;

interface Drag {
  readonly first: number;
  readonly last: number;
}

export function Histogram({ data, onZoom, state, change }: HistogramProps): VNode {
  const [at, setAt] = useState<number | undefined>(undefined);
  const [drag, setDrag] = useState<Drag | undefined>(undefined);
  const place = useRef<HTMLDivElement>(null);
  const count = data?.times.length ?? 0;
  const bucketAt = (event: PointerEvent): number => {
    const box = place.current?.getBoundingClientRect();
    if (!box || box.width === 0) return 0;
    return Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count)));
  };
  const end = (): void => {
    const { first, last } = drag ?? { first: 0, last: -1 };
    setDrag(undefined);
    const from = data?.times[Math.min(first, last)];
    const to = data?.times[Math.max(first, last)];
    if (data && from !== undefined && to !== undefined && first !== last) onZoom(from, to + data.bucket_seconds);
  };
  const highest = data ? Math.max(1, ...sums(data)) : 1;
  return html`
    <section class="card histogram" aria-label="Calls over time">
      <div class="histogram-plot" ref=${place} role="img" aria-label=${data ? describe(data) : 'Loading'} aria-busy=${!data}
        onPointerDown=${(event: PointerEvent) => {
          if (event.button !== 0 || !data) return;
          place.current?.setPointerCapture(event.pointerId);
          setDrag({ first: bucketAt(event), last: bucketAt(event) });
        }}
        onPointerMove=${(event: PointerEvent) => {
          setAt(bucketAt(event));
          if (drag) setDrag({ ...drag, last: bucketAt(event) });
        }}
        onPointerUp=${end} onPointerCancel=${() => setDrag(undefined)} onPointerLeave=${() => setAt(undefined)}>
        ${data && html`<${Bars} data=${data} highest=${highest} />`}
        ${data && drag && html`<i class="histogram-drag" style=${spanStyle(Math.min(drag.first, drag.last), Math.max(drag.first, drag.last) + 1, count)}></i>`}
        ${data && at !== undefined && !drag && html`<i class="histogram-at" style=${spanStyle(at, at + 1, count)}></i>`}
        ${data && html`<span class="histogram-top num" aria-hidden="true">${formatCount(highest)}</span>`}
        ${data && at !== undefined && html`<${Tip} data=${data} at=${at} />`}
        ${!data && html`<div class="bone chart-bone"></div>`}
      </div>
      ${data && html`<${Axis} data=${data} width=${place.current?.clientWidth ?? innerWidth} />`}
      <${Legend} data=${data} state=${state} change=${change} />
    </section>`;
}

/** What the colours stand for, with how many calls each has, to ask for or to leave out. */
function Legend({ data, state, change }: Omit<HistogramProps, 'onZoom'>): VNode {
  return html`<ul class="histogram-legend" aria-label="Outcomes">
    ${(data ? ordered(data) : []).map(
      ([outcome, counts]) => html`<li key=${outcome}><${FilterButtons} of=${['outcome', outcome]} state=${state} change=${change}>
        <i class=${`dot-${OUTCOME_LABELS[outcome]?.tone ?? 'quiet'}`} aria-hidden="true"></i>${outcomeLabel(outcome)}
        <span class="num muted">${formatWhole(counts.reduce((sum, calls) => sum + calls, 0))}</span><//></li>`,
    )}
  </ul>`;
}

function sums(data: HistogramAnswer): number[] {
  const columns = Object.values(data.outcomes);
  return data.times.map((_, index) => columns.reduce((sum, counts) => sum + (counts[index] ?? 0), 0));
}

/** Good calls at the bottom, so that errors stand on top of them and are seen. */
function ordered(data: HistogramAnswer): readonly (readonly [outcome: string, counts: readonly number[]])[] {
  const counts: Readonly<Record<string, readonly number[] | undefined>> = data.outcomes;
  return Object.keys(OUTCOME_LABELS).flatMap((outcome) => (counts[outcome] ? [[outcome, counts[outcome]] as const] : []));
}

function Bars({ data, highest }: { data: HistogramAnswer; highest: number }): VNode {
  const columns = ordered(data);
  return html`<svg viewBox=${`0 0 ${data.times.length * BAR_WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
    ${data.times.map((time, index) => {
      let top = HEIGHT;
      return columns.map(([outcome, counts]) => {
        const calls = counts[index] ?? 0;
        if (calls === 0) return null;
        // One error among thousands of calls is still to be seen.
        const height = Math.min(top, Math.max((calls / highest) * HEIGHT, 1.5));
        top -= height;
        return html`<rect key=${`${time} ${outcome}`} class=${`fill-${OUTCOME_LABELS[outcome]?.tone ?? 'quiet'}`} x=${index * BAR_WIDTH + BAR_GAP / 2} y=${top} width=${BAR_WIDTH - BAR_GAP} height=${height} />`;
      });
    })}
  </svg>`;
}

function Axis({ data: { times, bucket_seconds }, width }: { data: HistogramAnswer; width: number }): VNode {
  const { seconds, isTick } = timeTicks(times, bucket_seconds, width);
  const shown = times
    .map((time, index) => [time, index / times.length] as const)
    .filter(([, place], index) => isTick(index) && place <= LABEL_UNTIL);
  // A whole minute has no seconds, a whole day no hours.
  const fineness = seconds >= 86_400 ? 86_400 : seconds >= 60 ? Math.max(bucket_seconds, 60) : bucket_seconds;
  return html`<div class="histogram-axis num" aria-hidden="true">
    ${shown.map(([time, place]) => html`<span key=${time} style=${{ left: `${place * 100}%` }}>${formatBucket(time, fineness)}</span>`)}
  </div>`;
}

function Tip({ data, at }: { data: HistogramAnswer; at: number }): VNode {
  const rows = ordered(data).filter(([, counts]) => (counts[at] ?? 0) > 0);
  const middle = (at + 0.5) / data.times.length;
  return html`<div class="histogram-tip" style=${middle > 0.5 ? { right: `${(1 - middle) * 100 + 1}%` } : { left: `${middle * 100 + 1}%` }}>
    <p class="chart-tip-time">${formatBucket(data.times[at] ?? 0, data.bucket_seconds, true)} · ${formatSeconds(data.bucket_seconds)}</p>
    ${rows.map(([outcome, counts]) => html`<p key=${outcome} class="chart-tip-row"><i class=${`dot-${OUTCOME_LABELS[outcome]?.tone ?? 'quiet'}`}></i><span>${outcomeLabel(outcome)}</span><b class="num">${formatWhole(counts[at] ?? 0)}</b></p>`)}
    ${rows.length === 0 && html`<p class="muted">No calls</p>`}
  </div>`;
}

function describe(data: HistogramAnswer): string {
  const parts = ordered(data).map(
    ([outcome, counts]) => `${formatWhole(counts.reduce((sum, calls) => sum + calls, 0))} ${outcomeLabel(outcome)}`,
  );
  return `Calls per ${formatSeconds(data.bucket_seconds)}: ${parts.join(', ') || 'none'}.`;
}

function spanStyle(first: number, end: number, count: number): { left: string; width: string } {
  return { left: `${(first / count) * 100}%`, width: `${((end - first) / count) * 100}%` };
}
