/** The overview: figures of the period against the one before, three charts, and the projects. */

import type { OverviewAnswer, SeriesAnswer } from '../api-types.ts';
import { html, type VNode } from '../vendor/preact.js';
import { Chart } from './chart.ts';
import { costOption, latencyOption, outcomesOption } from './chart-options.ts';
import { useLoaded } from './data.ts';
import { formatCost, formatCount, formatDuration, formatSeconds, formatTime } from './format.ts';
import { Failure } from './parts.ts';
import { ProjectsTable } from './projects-table.ts';
import { Tiles } from './tiles.ts';
import { UnpricedTable } from './unpriced-table.ts';
import { apiQuery, type Change, type PageState, refreshSeconds } from './url-state.ts';

const WIDER_RANGES = ['24h', '7d', '30d'];

export function OverviewView({ state, change }: { state: PageState; change: Change }): VNode {
  const everySeconds = refreshSeconds(state);
  const query = apiQuery(state, ['project']);
  const overview = useLoaded<OverviewAnswer>(`api/overview?${query}`, everySeconds);
  const series = useLoaded<SeriesAnswer>(`api/series?${apiQuery(state, ['project'], { split: state.split })}`, everySeconds);
  const error = overview.error ?? series.error;
  if (!overview.data && error) return html`<${Failure} error=${error} />`;
  const since = overview.loadedAtMs === undefined ? undefined : formatTime(new Date(overview.loadedAtMs).toISOString());
  const none = overview.data?.total.calls === 0 && !overview.stale;
  return html`
    ${error && html`<${Failure} error=${error} slim=${true} since=${since} />`}
    <div class=${overview.stale || series.stale ? 'view stale' : 'view'} aria-busy=${overview.stale}>
      <${Tiles} overview=${overview.data} series=${series.data} />
      ${none ? html`<${NoCalls} state=${state} change=${change} />` : html`<${Charts} state=${state} change=${change} series=${series.data} />`}
      ${!none && html`<${ProjectsTable} overview=${overview.data} state=${state} change=${change} />`}
      <${UnpricedTable} overview=${overview.data} state=${state} change=${change} />
    </div>`;
}

function NoCalls({ state, change }: { state: PageState; change: Change }): VNode {
  const filtered = state.filters.project.length > 0;
  return html`
    <section class="card blank">
      <h2>No calls ${filtered ? `of ${state.filters.project.join(', ')} ` : ''}in this time range</h2>
      <p class="muted">Older calls are kept. Look further back:</p>
      <p class="buttons">
        ${WIDER_RANGES.map((range) => html`<button key=${range} type="button" class="control" onClick=${() => change({ range, from: '', to: '' })}>Last ${range}</button>`)}
        ${filtered && html`<button type="button" class="control" onClick=${() => change({ filters: { ...state.filters, project: [] } })}>All projects</button>`}
      </p>
    </section>`;
}

function Charts({ series, state, change }: { series: SeriesAnswer | undefined; state: PageState; change: Change }): VNode {
  const zoom = (from: number, to: number): void => change({ range: '', from: minuteIso(from, Math.floor), to: minuteIso(to, Math.ceil) });
  const bucket = series ? `per ${formatSeconds(series.bucket_seconds)}` : '';
  const chart = (title: string, summary: string, build: typeof outcomesOption, tools?: VNode): VNode => html`
    <section class="card chart-card">
      <header><h2>${title}</h2><span class="muted small">${bucket}</span>${tools}</header>
      <${Chart} data=${series} build=${build} label=${`${title}. ${summary}`} onZoom=${zoom} />
    </section>`;
  const sum = (values: readonly (number | null)[] | undefined): number =>
    (values ?? []).reduce<number>((total, value) => total + (value ?? 0), 0);
  const top = (values: readonly (number | null)[] | undefined): number | null => {
    const known = (values ?? []).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  const split = html`<span class="ranges end" role="group" aria-label="Cost by">
    ${(['project', 'model'] as const).map((name) => html`<button key=${name} type="button" class="segment small" aria-pressed=${state.split === name} onClick=${() => change({ split: name }, 'replace')}>${name}</button>`)}
  </span>`;
  return html`<div class="charts">
    ${chart('Calls by outcome', `${formatCount(sum(series?.calls))} calls, ${formatCount(sum(series?.errors))} errors.`, outcomesOption)}
    ${chart('Latency', `Highest p95 ${formatDuration(top(series?.duration_p95_ms))}.`, latencyOption)}
    ${chart(`Cost by ${series?.split ?? state.split}`, `${formatCost(sum(series?.cost_usd))} in total.`, costOption, split)}
  </div>`;
}

function minuteIso(seconds: number, round: (value: number) => number): string {
  return `${new Date(round(seconds / 60) * 60_000).toISOString().slice(0, 16)}Z`;
}
