/** The projects of the period, sortable; a click on one filters everything by it. */

import type { OverviewAnswer, ProjectSummary } from '../api-types.ts';
import { html, type VNode } from '../vendor/preact.js';
import { formatCost, formatCount, formatDuration, formatPercent, formatWhole, share } from './format.ts';
import { plainClick } from './parts.ts';
import { describeUnknownCost } from './tiles.ts';
import { type Change, formatState, type PageState, type Sort, withFilter } from './url-state.ts';

interface ColumnOf {
  readonly sort: Sort;
  readonly label: string;
  readonly measure: (project: ProjectSummary) => number | null;
  readonly show: (project: ProjectSummary) => VNode | string;
}

const COLUMNS: readonly ColumnOf[] = [
  { sort: 'calls', label: 'Calls', measure: (p) => p.calls, show: (p) => formatWhole(p.calls) },
  { sort: 'cost', label: 'Cost', measure: (p) => p.cost_usd, show: costCell },
  { sort: 'errors', label: 'Error rate', measure: (p) => share(p.errors, p.calls), show: errorCell },
  { sort: 'p50', label: 'p50', measure: (p) => p.duration_p50_ms, show: (p) => formatDuration(p.duration_p50_ms) },
  { sort: 'p95', label: 'p95', measure: (p) => p.duration_p95_ms, show: (p) => formatDuration(p.duration_p95_ms) },
  { sort: 'ttft', label: 'First token', measure: (p) => p.ttft_p50_ms, show: (p) => formatDuration(p.ttft_p50_ms) },
  { sort: 'input', label: 'Tokens in', measure: (p) => p.input_tokens, show: (p) => formatCount(p.input_tokens) },
  { sort: 'output', label: 'Tokens out', measure: (p) => p.output_tokens, show: (p) => formatCount(p.output_tokens) },
];

const WARN_RATE = 0.01;
const BAD_RATE = 0.05;

function costCell(project: ProjectSummary): VNode {
  const unknown = describeUnknownCost(project);
  return html`${unknown !== '' && html`<span class="hint">${unknown}</span>`}<span>${formatCost(project.cost_usd)}</span>`;
}

function errorCell(project: ProjectSummary): VNode {
  const rate = share(project.errors, project.calls) ?? 0;
  return html`<span class=${rate >= BAD_RATE ? 'rate bad' : rate >= WARN_RATE ? 'rate warn' : 'rate'}>${formatPercent(rate)}</span>`;
}

export function ProjectsTable({
  overview,
  state,
  change,
}: {
  overview: OverviewAnswer | undefined;
  state: PageState;
  change: Change;
}): VNode {
  const rows = sortProjects(overview?.projects ?? [], state.sort, state.ascending);
  const most = Math.max(1, ...rows.map((row) => row.calls));
  const sortBy = (sort: Sort): void => change({ sort, ascending: state.sort === sort ? !state.ascending : sort === 'project' }, 'replace');
  const heading = (sort: Sort, label: string, className: string): VNode => html`
    <th key=${sort} scope="col" class=${className} aria-sort=${state.sort === sort ? (state.ascending ? 'ascending' : 'descending') : undefined}>
      <button type="button" onClick=${() => sortBy(sort)}>${label}<span class="arrow" aria-hidden="true">${state.sort === sort ? (state.ascending ? '↑' : '↓') : ''}</span></button>
    </th>`;
  const only = (project: string): Partial<PageState> => withFilter(state, 'project', [project]);
  return html`
    <section class="card table-card" aria-labelledby="projects-title">
      <header><h2 id="projects-title">Projects</h2>${overview && html`<span class="muted small">${overview.more_projects ? `the ${rows.length} with most calls` : rows.length}</span>`}</header>
      <div class="scroll">
        <table class="projects">
          <thead><tr>${heading('project', 'Project', '')}${COLUMNS.map((column) => heading(column.sort, column.label, 'num'))}</tr></thead>
          <tbody>
            ${!overview && [1, 2, 3].map((row) => html`<tr key=${row}><td colspan=${COLUMNS.length + 1}><span class="bone"></span></td></tr>`)}
            ${rows.map(
              (row) => html`<tr key=${row.project} class="clickable" onClick=${() => change(only(row.project))}>
                <th scope="row"><a class="ellipsis" href=${formatState({ ...state, ...only(row.project) })}
                  onClick=${(event: MouseEvent) => {
                    event.stopPropagation();
                    plainClick(event, () => change(only(row.project)));
                  }}>${row.project}</a><span class="meter" aria-hidden="true"><i style=${{ width: `${(row.calls / most) * 100}%` }}></i></span></th>
                ${COLUMNS.map((column) => html`<td key=${column.sort} class="num">${column.show(row)}</td>`)}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
}

/** What is not known comes last, whichever the direction. */
function sortProjects(projects: readonly ProjectSummary[], sort: Sort, ascending: boolean): ProjectSummary[] {
  const sign = ascending ? 1 : -1;
  if (sort === 'project') return [...projects].sort((a, b) => sign * a.project.localeCompare(b.project));
  const measure = COLUMNS.find((column) => column.sort === sort)?.measure ?? ((project: ProjectSummary) => project.calls);
  return [...projects].sort((a, b) => {
    const left = measure(a);
    const right = measure(b);
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * (left - right);
  });
}
