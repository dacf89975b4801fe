/**
 * A board: the committed dashboard of that name on its grid, its variables above it. Takes the page's state,
 * gives the view. On a phone the panels stand below one another in the same order.
 */

import type { Board, Panel } from '../../board-types.ts';
import { html, useEffect, useState, type VNode } from '../../vendor/preact.js';
import { type LoadError, load, toLoadError } from '../data.ts';
import { chipLabel, chipText } from '../explorer/filter-bar.ts';
import { isNot, namesOf } from '../explorer/filter-table.ts';
import { formatTime } from '../format.ts';
import { Failure, plainClick } from '../parts.ts';
import { Toolbar } from '../toolbar.ts';
import { UnpricedTable } from '../unpriced-table.ts';
import { atView, type Change, FILTER_NAMES, formatState, type PageState, refreshSeconds } from '../url-state.ts';
import { FIRST_VIEW, viewEntry } from '../views.ts';
import { shownVariables, unheeded } from './choices.ts';
import { isOutage, PanelCard, type PanelReport } from './panel-card.ts';
import { useVariables, VariableBar } from './variable-bar.ts';

const RETRY_MS = 3000;
/** Lists of values change more slowly than figures. */
const OPTIONS_EVERY_REFRESHES = 4;
const WIDER_RANGES = ['24h', '7d', '30d'];
const VARIABLES_IN_LINE_MAX = 5;
/** So many panels without anything, and none with something, are a range without calls. */
const EMPTY_PANELS_MIN = 3;

interface ViewProps {
  readonly state: PageState;
  readonly change: Change;
}

export function BoardView({ state, change }: ViewProps): VNode {
  const name = viewEntry(state.view).board ?? '';
  const { board, error } = useBoard(name);
  if (board) return html`<${LoadedBoard} key=${name} name=${name} board=${board} state=${state} change=${change} />`;
  return html`<${Toolbar} state=${state} change=${change} />
    ${error ? html`<${Failure} error=${error} />` : html`<p class="quiet-note" role="status">Loading…</p>`}`;
}

function LoadedBoard({ name, board, state, change }: ViewProps & { readonly name: string; readonly board: Board }): VNode {
  const everySeconds = refreshSeconds(state);
  const variables = useVariables(name, board, state, everySeconds * OPTIONS_EVERY_REFRESHES);
  const [reports, setReports] = useState<ReadonlyMap<number, PanelReport>>(new Map());
  const report = (panel: number, next: PanelReport): void => setReports((before) => new Map(before).set(panel, next));
  const all = [...reports.values()];
  const outage = all.find(({ error }) => error && isOutage(error))?.error;
  const since = Math.min(...all.flatMap(({ loadedAtMs }) => loadedAtMs ?? []));
  const answered = all.filter(({ loadedAtMs }) => loadedAtMs !== undefined);
  const lines = [...new Set(board.panels.map(({ gridPos }) => gridPos.y))].sort((a, b) => a - b);
  const none = !outage && answered.length >= EMPTY_PANELS_MIN && answered.every(({ empty }) => empty);
  return html`
    <${Toolbar} state=${state} change=${change} wide=${shownVariables(board).length > VARIABLES_IN_LINE_MAX}><${VariableBar} board=${board} variables=${variables} state=${state} change=${change} /><//>
    ${outage && html`<${Failure} error=${outage} slim=${true} since=${Number.isFinite(since) ? formatTime(new Date(since).toISOString()) : undefined} />`}
    <${Unheeded} board=${board} state=${state} change=${change} />
    ${none && html`<${NoCalls} state=${state} change=${change} />`}
    <div class="board">
      ${inOrder(board.panels).map(
        (panel) => html`<div key=${panel.id} class="cell" style=${placeOf(panel, lines)}>
          ${
            panel.type === 'row'
              ? html`<h2 class="board-row">${panel.title}</h2>`
              : html`<${PanelCard} name=${name} board=${board} panel=${panel} state=${state} change=${change} defaults=${variables.defaults} ready=${variables.ready} report=${report} />`
          }
        </div>`,
      )}
    </div>
    ${state.view === FIRST_VIEW && html`<${UnpricedTable} state=${state} change=${change} />`}`;
}

/** Figures that are not what the filters say must not look as if they were. */
function Unheeded({ board, state, change }: ViewProps & { readonly board: Board }): VNode | null {
  const chips = unheeded(board, state.filters);
  if (chips.length === 0) return null;
  const list: PageState = { ...state, ...atView('calls') };
  const cleared = Object.fromEntries(chips.flatMap((chip) => namesOf(chip).map((name) => [name, []])));
  return html`
    <section class="card unheeded" role="note" aria-label="Filters that this board cannot apply">
      <p>This board cannot filter by ${chips.map((chip, at) => html`<span key=${chip}>${at > 0 && ', '}<b>${chipLabel(chip)} ${chipText(chip, state.filters)}</b></span>`)}: its figures are without ${chips.length > 1 ? 'these filters' : 'this filter'}.</p>
      <p class="buttons">
        <a class="control" href=${formatState(list)} onClick=${(event: MouseEvent) => plainClick(event, () => change(list))}>Calls with ${chips.length > 1 ? 'all filters' : 'it'}</a>
        <button type="button" class="control" onClick=${() => change({ filters: { ...state.filters, ...cleared } })}>Drop ${chips.length > 1 ? 'them' : 'it'}</button>
      </p>
    </section>`;
}

/** As one reads: on a phone, and for a keyboard, order is all that is left of the grid. */
function inOrder(panels: readonly Panel[]): readonly Panel[] {
  const sorted = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  // A heading over one panel of the same name says it twice.
  return sorted.filter((panel, at) => panel.type !== 'row' || panel.title !== sorted[at + 1]?.title);
}

/** Boards are made of lines of panels (dashboards/board.ts): a line of short tables need not be as high as the JSON allows. */
function placeOf({ gridPos: { x, y, w, h } }: Panel, lines: readonly number[]): Record<string, string> {
  return { '--x': String(x + 1), '--line': String(lines.indexOf(y) + 1), '--w': String(w), '--h': String(h) };
}

function NoCalls({ state, change }: ViewProps): VNode {
  const chosen = FILTER_NAMES.filter((name) => !isNot(name)).flatMap((name) => state.filters[name]);
  const cleared = Object.fromEntries(FILTER_NAMES.map((name) => [name, []])) as unknown as PageState['filters'];
  return html`
    <section class="card blank" role="status">
      <h2>No calls ${chosen.length > 0 ? `of ${chosen.join(', ')} ` : ''}in this time range</h2>
      <p class="muted">Older calls are kept. Look further back:</p>
      <p class="buttons">
        ${WIDER_RANGES.map((range) => html`<button key=${range} type="button" class="control" onClick=${() => change({ range, from: '', to: '' })}>Last ${range}</button>`)}
        ${chosen.length > 0 && html`<button type="button" class="control" onClick=${() => change({ filters: cleared })}>Clear filters</button>`}
      </p>
    </section>`;
}

/** Boards do not change while the server runs: each is read once. */
const boards = new Map<string, Board>();

function useBoard(name: string): { readonly board: Board | undefined; readonly error: LoadError | undefined } {
  const [error, setError] = useState<LoadError | undefined>(undefined);
  const [, redraw] = useState(0);
  useEffect(() => {
    if (boards.has(name)) return;
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async (): Promise<void> => {
      try {
        boards.set(name, await load<Board>(`api/boards/${name}`, stopped.signal));
        setError(undefined);
        redraw((count) => count + 1);
      } catch (thrown) {
        if (stopped.signal.aborted) return;
        setError(toLoadError(thrown));
        timer = setTimeout(() => void run(), RETRY_MS);
      }
    };
    void run();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [name]);
  return { board: boards.get(name), error };
}
