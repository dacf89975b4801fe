/**
 * One panel on a board: title, what it tells, where to look next, and its figures, which are asked for only
 * while it is in sight. Waiting, nothing to show and failed look different, each in the panel's own place.
 */

import type { Board, Panel, PanelAnswer } from '../../board-types.ts';
import { html, useEffect, useRef, useState, type VNode } from '../../vendor/preact.js';
import { type LoadError, type Loaded, useLoaded } from '../data.ts';
import { plainClick, useDismiss } from '../parts.ts';
import { isoSecond } from '../toolbar.ts';
import { type Change, formatState, type PageState, refreshSeconds } from '../url-state.ts';
import { asksSomething, dependsOnRange, pointsOf } from './asked.ts';
import { boardQuery, chosenValues } from './choices.ts';
import { DataTable } from './data-table.ts';
import { BarGauge, lastValue, Stat, TextPanel } from './figures.ts';
import { Heatmap } from './heatmap.ts';
import { followLink } from './links.ts';
import { TimeSeries } from './time-series.ts';

/** What the board wants to know of its panels. */
export interface PanelReport {
  readonly error: LoadError | undefined;
  /** There is an answer, and nothing in it. */
  readonly empty: boolean;
  readonly loadedAtMs: number | undefined;
}

interface PanelCardProps {
  readonly name: string;
  readonly board: Board;
  readonly panel: Panel;
  readonly state: PageState;
  readonly change: Change;
  readonly defaults: Readonly<Record<string, string>>;
  /** Until then it is not known what to ask. */
  readonly ready: boolean;
  readonly report: (panel: number, report: PanelReport) => void;
}

/** Whose chart can be shown as a table. */
const CHARTS = new Set(['timeseries', 'heatmap', 'bargauge']);
const COMPARED_EVERY_REFRESHES = 6;
const SIGHT_MARGIN = '160px';

export function PanelCard({ name, board, panel, state, change, defaults, ready, report }: PanelCardProps): VNode {
  const [place, inSight] = useInSight();
  const asked = asksSomething(panel);
  const query = boardQuery(state, board, defaults, { points: String(pointsOf(panel)) });
  const path = asked && ready ? `api/boards/${name}/panels/${panel.id}?${query}` : null;
  const loaded = useLoaded<PanelAnswer>(path, refreshSeconds(state), inSight);
  // What was before changes little from one refresh to the next, and nobody waits for it.
  const compared = panel.type === 'stat' && path !== null && loaded.data !== undefined && dependsOnRange(panel);
  const before = useLoaded<PanelAnswer>(
    compared ? `${path}&periods_back=1` : null,
    refreshSeconds(state) * COMPARED_EVERY_REFRESHES,
    inSight,
  );
  const empty = loaded.data !== undefined && isEmpty(panel, loaded.data);
  useEffect(
    () => report(panel.id, { error: loaded.error, empty, loadedAtMs: loaded.loadedAtMs }),
    [loaded.error, empty, loaded.loadedAtMs],
  );
  const title = panel.title.replaceAll(
    /\$\{(\w+)\}/g,
    (_, variable: string) => chosenValues(state, variable)[0] ?? defaults[variable] ?? '',
  );
  const asTable = state.tables.includes(String(panel.id));
  const toggle = (): void =>
    change({ tables: asTable ? state.tables.filter((id) => id !== String(panel.id)) : [...state.tables, String(panel.id)] }, 'replace');
  return html`
    <article class=${`card panel-card ${panel.type}`} ref=${place} aria-busy=${loaded.stale && asked} aria-labelledby=${`panel-${panel.id}`} data-panel=${panel.id}>
      <header>
        <h3 id=${`panel-${panel.id}`}>${title}</h3>
        ${panel.description && html`<${About} title=${title} text=${panel.description} />`}
        <span class="panel-links">
          ${(panel.links ?? []).map((link) => html`<${NextLink} key=${link.title} link=${link} state=${state} change=${change} />`)}
          ${CHARTS.has(panel.type) && asked && html`<button type="button" class="icon-button small" aria-pressed=${asTable} aria-label=${`${title} as a table`} title="As a table" onClick=${toggle}>${TABLE_ICON}</button>`}
        </span>
      </header>
      <div class=${loaded.stale && loaded.data ? 'panel-body stale' : 'panel-body'}>
        ${panel.type === 'text' ? html`<${TextPanel} panel=${panel} />` : body({ panel, loaded, before: before.stale ? undefined : before.data, empty, asTable, state, change })}
      </div>
    </article>`;
}

interface BodyProps {
  readonly panel: Panel;
  readonly loaded: Loaded<PanelAnswer>;
  readonly before: PanelAnswer | undefined;
  readonly empty: boolean;
  readonly asTable: boolean;
  readonly state: PageState;
  readonly change: Change;
}

function body({ panel, loaded, before, empty, asTable, state, change }: BodyProps): VNode {
  const answer = loaded.data;
  // What keeps every panel from its figures is said once, above the board.
  if (loaded.error && !isOutage(loaded.error)) return html`<p class="panel-note fault" role="alert">${loaded.error.message}</p>`;
  if (!answer)
    return loaded.error
      ? html`<p class="panel-note muted">No figures yet</p>`
      : html`<div class="panel-wait" role="status"><span class="visually-hidden">Loading…</span><span class="bone"></span></div>`;
  if (panel.type === 'stat') return html`<${Stat} panel=${panel} answer=${answer} before=${before} />`;
  if (empty) return html`<p class="panel-note muted">${emptyNote(panel, state)}</p>`;
  if (asTable || panel.type === 'table') return html`<${DataTable} panel=${panel} answer=${answer} state=${state} change=${change} />`;
  const zoom = (fromMs: number, toMs: number): void => change({ range: '', from: isoSecond(fromMs), to: isoSecond(toMs) });
  const hide = (names: readonly string[]): void => change({ hidden: { ...state.hidden, [panel.id]: names } }, 'replace');
  if (panel.type === 'timeseries')
    return html`<${TimeSeries} panel=${panel} answer=${answer} onZoom=${zoom} hidden=${state.hidden[panel.id] ?? []} onHide=${hide} />`;
  if (panel.type === 'heatmap') return html`<${Heatmap} panel=${panel} answer=${answer} onZoom=${zoom} />`;
  if (panel.type === 'bargauge') return html`<${BarGauge} panel=${panel} answer=${answer} />`;
  return html`<${DataTable} panel=${panel} answer=${answer} state=${state} change=${change} />`;
}

export function isOutage({ code }: LoadError): boolean {
  return code === 'clickhouse_unavailable' || code === 'console_unreachable' || code === 'bad_parameter';
}

function isEmpty(panel: Panel, answer: PanelAnswer): boolean {
  if (panel.type !== 'stat') return (answer.columns[0]?.values.length ?? 0) === 0;
  const { value } = lastValue(panel, answer);
  return value === null || value === 0;
}

/** A panel about one thing that nobody has named yet is not without calls. */
function emptyNote(panel: Panel, state: PageState): string {
  if (panel.title === 'One call' && state.call === '') return 'Choose a call in the list above, or write its id into “Call”.';
  return 'Nothing in this time range';
}

function NextLink({ link, state, change }: { link: NonNullable<Panel['links']>[number]; state: PageState; change: Change }): VNode | null {
  const target = followLink(state, link);
  if (target === undefined) return null;
  return html`<a class="next" href=${formatState(target)} onClick=${(event: MouseEvent) => plainClick(event, () => change(target))}><span class="next-title">${link.title}</span><span aria-hidden="true"> →</span></a>`;
}

/** What the panel tells: behind a button, so that it is there for the keyboard and on a phone too. */
function About({ title, text }: { title: string; text: string }): VNode {
  const [open, setOpen] = useState(false);
  const ref = useDismiss(open, () => setOpen(false));
  return html`<span class="about" ref=${ref}>
    <button type="button" class="icon-button small" aria-expanded=${open} aria-label=${`About ${title}`} title=${text} onClick=${() => setOpen(!open)}>${INFO_ICON}</button>
    ${open && html`<span class="popover" role="note">${text}</span>`}
  </span>`;
}

/** Whether the element is, or nearly is, where it can be seen. */
function useInSight(): readonly [{ current: HTMLElement | null }, boolean] {
  const ref = useRef<HTMLElement | null>(null);
  const [inSight, setInSight] = useState(false);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new IntersectionObserver((entries) => setInSight(entries.at(-1)?.isIntersecting ?? false), {
      rootMargin: SIGHT_MARGIN,
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, inSight];
}

const INFO_ICON = html`<svg viewBox="0 0 20 20" width="13" height="13" aria-hidden="true"><circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M10 9.2v4.3M10 6.4v.6" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" /></svg>`;
const TABLE_ICON = html`<svg viewBox="0 0 20 20" width="13" height="13" aria-hidden="true"><path d="M3 4h14v12H3zM3 8.2h14M3 12.1h14M8 8.2V16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" /></svg>`;
