/** What a panel asks ClickHouse for, read from its JSON. Pure. */

import type { Panel } from '../../board-types.ts';

/** Buckets of time for each column of the grid, so that bars are wide enough to point at. */
const POINTS_PER_COLUMN: Readonly<Record<string, number>> = { bars: 6, lines: 6, heatmap: 5 };

export function asksSomething({ targets = [] }: Panel): boolean {
  return targets.some(({ rawSql }) => rawSql !== undefined);
}

/** What stands for a month, whatever range is chosen, has no period before it. */
export function dependsOnRange({ targets = [] }: Panel): boolean {
  return targets.some(({ rawSql = '' }) => /\$__(timeFilter|fromTime|toTime)/.test(rawSql));
}

export function pointsOf(panel: Panel): number {
  const kind = panel.type === 'heatmap' ? 'heatmap' : panel.fieldConfig?.defaults.custom?.drawStyle === 'bars' ? 'bars' : 'lines';
  return Math.max(10, Math.round(panel.gridPos.w * (POINTS_PER_COLUMN[kind] ?? 10)));
}
