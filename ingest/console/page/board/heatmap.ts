/** A heatmap: a row of cells for each of the columns after the time, whose names are the upper bounds. */

import type { Panel, PanelAnswer } from '../../board-types.ts';
import type { EChartsOption } from '../../vendor/echarts.js';
import { html, useMemo, type VNode } from '../../vendor/preact.js';
import { formatBucket } from '../format.ts';
import { Chart, type Size } from './chart.ts';
import { GRID, labelStyle, timeAxis, tooltip, tooltipBox } from './chart-frame.ts';
import { fieldOf } from './fields.ts';
import type { Palette } from './palette.ts';
import { calculate, type Lines, toLines } from './series.ts';
import type { DrawProps } from './time-series.ts';
import { tickOf } from './units.ts';

const DEFAULT_EXPONENT = 0.5;

export function Heatmap({ panel, answer, onZoom }: DrawProps): VNode {
  const cells = useMemo(() => toLines(panel, answer), [panel, answer]);
  const build = useMemo(() => (palette: Palette, size: Size) => option(panel, cells, palette, size), [cells]);
  const zoom = (first: number, last: number): void => {
    const from = cells.times[first];
    const to = cells.times[Math.min(last, cells.times.length - 1)];
    if (from !== undefined && to !== undefined) onZoom(from * 1000, (to + cells.bucketSeconds) * 1000);
  };
  return html`<${Chart} build=${build} times=${cells} label=${describe(panel, answer, cells)} onZoom=${zoom} />
    <${Scale} panel=${panel} cells=${cells} />`;
}

/** What the shades stand for, from the least to the most of a cell. */
function Scale({ panel, cells }: { readonly panel: Panel; readonly cells: Lines }): VNode | null {
  if (panel.options?.legend?.show === false) return null;
  const values = cells.lines.flatMap((line) => line.values.flatMap((value) => (value === null || value <= 0 ? [] : [value])));
  const { format } = fieldOf(panel, cells.lines[0]?.column ?? '');
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => format(Number.isFinite(value) ? value : null));
  return html`<p class="heat-scale num muted">${least}<i aria-hidden="true"></i>${most}<span> ${panel.options?.rowsFrame?.value?.toLowerCase()} a cell</span></p>`;
}

/** Which bound most values are below, in words. */
function describe(panel: Panel, answer: PanelAnswer, cells: Lines): string {
  const rows = cells.lines.map((line, at) => ({ name: boundLabel(panel, cells, at), sum: calculate('sum', line.values) ?? 0 }));
  const fullest = [...rows].sort((a, b) => b.sum - a.sum)[0];
  const total = rows.reduce((sum, row) => sum + row.sum, 0);
  const { format } = fieldOf(panel, answer.columns[1]?.name ?? '');
  return `${panel.title}: ${format(total)} in all, most of them ${fullest?.name ?? 'nowhere'}.`;
}

/** The last row has no upper bound. */
function boundLabel(panel: Panel, { lines }: Lines, at: number): string {
  const format = tickOf(panel.options?.yAxis?.unit);
  const upper = Number(lines[at]?.column);
  if (Number.isFinite(upper)) return `≤ ${format(upper)}`;
  return `> ${format(Number(lines[at - 1]?.column))}`;
}

function option(panel: Panel, cells: Lines, palette: Palette, size: Size): EChartsOption {
  const exponent = panel.options?.color?.exponent ?? DEFAULT_EXPONENT;
  const data = cells.lines.flatMap((line, row) =>
    line.values.flatMap((value, bucket) => (value === null || value <= 0 ? [] : [{ value: [bucket, row, value ** exponent, value] }])),
  );
  const highest = Math.max(1, ...data.map(({ value }) => value[2] ?? 0));
  const { format } = fieldOf(panel, cells.lines[0]?.column ?? '');
  return {
    animation: false,
    grid: GRID,
    xAxis: timeAxis(cells, palette, size),
    yAxis: {
      type: 'category',
      data: cells.lines.map((_, at) => boundLabel(panel, cells, at)),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: labelStyle(palette),
    },
    visualMap: {
      show: false,
      min: 0,
      max: highest,
      dimension: 2,
      inRange: { color: [palette.read('--heat-low'), palette.read('--heat-mid'), palette.read('--heat-high')] },
    },
    tooltip: tooltip(palette, 'item', (point) => {
      const { value = [] } = (point as { data?: { value?: readonly number[] } }).data ?? {};
      const [bucket = 0, row = 0, shade = 0, count = 0] = value;
      const colour = palette.read(shade > highest / 2 ? '--heat-high' : '--heat-mid');
      return tooltipBox(formatBucket(cells.times[bucket] ?? 0, cells.bucketSeconds, true), [
        { colour, name: boundLabel(panel, cells, row), text: format(count) },
      ]);
    }),
    series: [
      {
        type: 'heatmap',
        data,
        itemStyle: { borderColor: palette.surface, borderWidth: size.width / cells.times.length > 5 ? 1 : 0 },
        emphasis: { disabled: true },
        progressive: 0,
      },
    ],
  };
}
