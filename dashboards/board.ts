/**
 * Puts panels on a board: rows of titles, panels from left to right, numbered in that order. Takes what the
 * board is about and its panels; gives Grafana's dashboard (classic schema 42).
 */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type Panel,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { BOARDS, type BoardName, boardLinks } from './links.ts';

const GRID_COLUMNS = 24;

export interface Section {
  /** Missing: the panels stand at the top without a heading. */
  readonly title?: string;
  readonly panels: readonly Builder<Panel>[];
}

export interface BoardOptions {
  readonly name: BoardName;
  readonly description: string;
  readonly variables: readonly Builder<VariableModel>[];
  readonly sections: readonly Section[];
  readonly from?: string;
}

export function board({ name, description, variables, sections, from = 'now-24h' }: BoardOptions): Dashboard {
  const dashboard = new DashboardBuilder(BOARDS[name].title)
    .uid(BOARDS[name].uid)
    .description(description)
    .tags(['glassway'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from, to: 'now' })
    .refresh('1m')
    .timezone('browser')
    .variables([...variables])
    .links(boardLinks(name).map((link) => ({ build: () => link })))
    .build();
  return { ...dashboard, annotations: { list: [] }, panels: place(sections) };
}

function place(sections: readonly Section[]): NonNullable<Dashboard['panels']> {
  const panels: NonNullable<Dashboard['panels']> = [];
  let y = 0;
  for (const { title, panels: members } of sections) {
    if (title !== undefined) {
      panels.push({ type: 'row', id: panels.length + 1, title, collapsed: false, panels: [], gridPos: { x: 0, y, w: GRID_COLUMNS, h: 1 } });
      y += 1;
    }
    let x = 0;
    let lineHeight = 0;
    for (const member of members) {
      const panel = member.build();
      const { w = GRID_COLUMNS, h = 8 } = panel.gridPos ?? {};
      if (x + w > GRID_COLUMNS) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      panels.push({ ...panel, id: panels.length + 1, gridPos: { x, y, w, h } });
      x += w;
      lineHeight = Math.max(lineHeight, h);
    }
    y += lineHeight;
  }
  return panels;
}
