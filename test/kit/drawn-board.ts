/** A board as it stands in a browser: whether each of its panels is drawn, with data. */
import type { Page } from 'playwright-core';
import type { Board, Panel } from '../../ingest/console/board-types.ts';

/** So high that no board has a panel out of sight. */
export const TALL = { viewport: { width: 1440, height: 3400 } };

interface Drawn {
  /** Says that there is nothing. */
  readonly empty: number;
  readonly figures: number;
  readonly lines: number;
  readonly canvases: number;
  readonly rows: number;
}

/** What a panel of each type has where there is data. */
const WITH_DATA: Readonly<Record<string, (drawn: Drawn) => boolean>> = {
  stat: ({ figures }) => figures === 1,
  timeseries: ({ canvases, lines }) => canvases === 1 && lines > 0,
  // ECharts draws it in layers.
  heatmap: ({ canvases }) => canvases > 0,
  table: ({ rows }) => rows > 0,
  bargauge: ({ rows }) => rows > 0,
  text: () => true,
};

/** Of a board that has settled: the panels that are not drawn with data, by title. */
export async function panelsWithoutData(page: Page, board: Board): Promise<string[]> {
  const without: string[] = [];
  for (const panel of board.panels) if (!(await hasData(page, panel))) without.push(panel.title);
  return without;
}

async function hasData(page: Page, panel: Panel): Promise<boolean> {
  if (panel.type === 'row') return (await page.getByRole('heading', { name: panel.title, exact: true }).count()) > 0;
  const card = page.locator(`[data-panel="${panel.id}"]`);
  const count = (selector: string) => card.locator(selector).count();
  const drawn: Drawn = {
    empty: await count('.panel-note, .figure.none'),
    figures: await count('.figure'),
    lines: await count('.legend button'),
    canvases: await count('canvas'),
    rows: await count('tbody tr, .bar-gauge li'),
  };
  return drawn.empty === 0 && WITH_DATA[panel.type]?.(drawn) === true;
}
