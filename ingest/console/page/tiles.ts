/** The figures on top: each with its change against the preceding period and its course as a small line. */

import type { OverviewAnswer, SeriesAnswer, Summary } from '../api-types.ts';
import { html, type VNode } from '../vendor/preact.js';
import { formatChange, formatCost, formatCount, formatDuration, formatPercent, formatWhole, share } from './format.ts';

interface Tile {
  readonly label: string;
  readonly hint: string;
  readonly measure: (sums: Summary) => number | null;
  readonly format: (value: number | null) => string;
  readonly note: (sums: Summary, minutes: number) => string;
  readonly course: (series: SeriesAnswer) => readonly (number | null)[];
  /** Which direction is good news: 1 up, -1 down, 0 neither. */
  readonly good: -1 | 0 | 1;
}

const TILES: readonly Tile[] = [
  {
    label: 'Calls',
    hint: 'All calls that went through the proxy',
    measure: (sums) => sums.calls,
    format: formatCount,
    note: (sums, minutes) => `${formatCount(rounded(sums.calls / minutes))} per minute`,
    course: (series) => series.calls,
    good: 0,
  },
  {
    label: 'Cost',
    hint: 'Sum over the calls whose cost is known',
    measure: (sums) => sums.cost_usd,
    format: formatCost,
    note: (sums) => describeUnknownCost(sums) || (sums.calls > 0 ? 'every call priced' : ''),
    course: (series) => series.cost_usd,
    good: 0,
  },
  {
    label: 'Error rate',
    hint: 'Calls that failed; the caller giving up is not counted as a failure',
    measure: (sums) => share(sums.errors, sums.calls),
    format: formatPercent,
    note: (sums) => `${formatWhole(sums.errors)} ${sums.errors === 1 ? 'error' : 'errors'}`,
    course: (series) => series.errors.map((errors, index) => share(errors, series.calls[index] ?? null)),
    good: -1,
  },
  {
    label: 'Latency p50',
    hint: "From the request's first byte to the response's last",
    measure: (sums) => sums.duration_p50_ms,
    format: formatDuration,
    note: (sums) => `p95 ${formatDuration(sums.duration_p95_ms)}`,
    course: (series) => series.duration_p50_ms,
    good: -1,
  },
  {
    label: 'First token p50',
    hint: "Streams: from the request's first byte to the first content token",
    measure: (sums) => sums.ttft_p50_ms,
    format: formatDuration,
    note: (sums) => `p95 ${formatDuration(sums.ttft_p95_ms)}`,
    course: (series) => series.ttft_p50_ms,
    good: -1,
  },
  {
    label: 'Tokens',
    hint: 'Input and output tokens as the providers report them',
    measure: (sums) =>
      sums.input_tokens === null && sums.output_tokens === null ? null : (sums.input_tokens ?? 0) + (sums.output_tokens ?? 0),
    format: formatCount,
    note: (sums) => `${formatCount(sums.input_tokens)} in · ${formatCount(sums.output_tokens)} out`,
    course: (series) => series.input_tokens.map((input, index) => (input === null ? null : input + (series.output_tokens[index] ?? 0))),
    good: 0,
  },
  {
    label: 'Cached input',
    hint: "Share of the input tokens that came from the provider's prompt cache",
    measure: (sums) => share(sums.cache_read_tokens, sums.input_tokens),
    format: formatPercent,
    note: (sums) => `${formatCount(sums.cache_read_tokens)} tokens`,
    course: (series) => series.cache_read_tokens.map((cached, index) => share(cached, series.input_tokens[index] ?? null)),
    good: 1,
  },
];

/** Which calls the sum of costs leaves out, in words; '' when none. */
export function describeUnknownCost(sums: Summary): string {
  const parts: string[] = [];
  if (sums.unpriced_calls > 0) parts.push(`${formatCount(sums.unpriced_calls)} not priced`);
  if (sums.unmetered_calls > 0) parts.push(`${formatCount(sums.unmetered_calls)} no usage`);
  return parts.join(' · ');
}

export function Tiles({ overview, series }: { overview: OverviewAnswer | undefined; series: SeriesAnswer | undefined }): VNode {
  return html`<section class="tiles" aria-label="Figures of this period">
    ${TILES.map((tile) => html`<${TileView} key=${tile.label} tile=${tile} overview=${overview} series=${series} />`)}
  </section>`;
}

function TileView({
  tile,
  overview,
  series,
}: {
  tile: Tile;
  overview: OverviewAnswer | undefined;
  series: SeriesAnswer | undefined;
}): VNode {
  if (!overview)
    return html`<div class="card tile"><h3>${tile.label}</h3><p class="value"><span class="bone"></span></p><p class="note">${' '}</p></div>`;
  const value = tile.measure(overview.total);
  const before = tile.measure(overview.previous);
  const change = formatChange(value, before);
  const minutes = Math.max((Date.parse(overview.to) - Date.parse(overview.from)) / 60_000, 1 / 60);
  const note = tile.note(overview.total, minutes);
  const tone = !change || change.direction === 0 || tile.good === 0 ? 'even' : change.direction === tile.good ? 'better' : 'worse';
  return html`
    <div class="card tile" title=${tile.hint}>
      <h3>${tile.label}</h3>
      <p class="value" data-figure=${tile.label}>${tile.format(value)}
        ${
          change &&
          html`<span class=${`change ${tone}`} title=${`${tile.format(before)} in the period before`}><span aria-hidden="true">${change.direction > 0 ? '↑' : change.direction < 0 ? '↓' : ''}</span>
          <span class="visually-hidden">${change.direction > 0 ? 'up' : change.direction < 0 ? 'down' : 'unchanged'} </span>${change.text}</span>`
        }</p>
      <p class="note" title=${note}>${overview.total.calls > 0 ? note : ' '}</p>
      ${series && html`<${Sparkline} values=${tile.course(series)} />`}
    </div>`;
}

const SPARK_WIDTH = 100;
const SPARK_HEIGHT = 24;

function Sparkline({ values }: { values: readonly (number | null)[] }): VNode | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return html`<svg class="spark" aria-hidden="true"></svg>`;
  const top = Math.max(...known, Number.MIN_VALUE);
  const step = SPARK_WIDTH / Math.max(values.length - 1, 1);
  let path = '';
  let drawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      drawing = false;
      return;
    }
    path += `${drawing ? 'L' : 'M'}${(index * step).toFixed(2)} ${(SPARK_HEIGHT - 1 - (value / top) * (SPARK_HEIGHT - 2)).toFixed(2)}`;
    // A lone value is a dot: a line of no length, drawn by its round cap.
    if (!drawing) path += 'h0';
    drawing = true;
  });
  return html`<svg class="spark" viewBox=${`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`} preserveAspectRatio="none" aria-hidden="true"><path d=${path} /></svg>`;
}

function rounded(perMinute: number): number {
  return perMinute >= 10 ? Math.round(perMinute) : Number(perMinute.toPrecision(2));
}
