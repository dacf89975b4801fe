/** A chart of lines or stacked bars over time, with the legend's figures below it. */

import type { Panel, PanelAnswer } from '../../board-types.ts';
import type { EChartsOption } from '../../vendor/echarts.js';
import { html, useMemo, type VNode } from '../../vendor/preact.js';
import { formatBucket } from '../format.ts';
import { outcomeLabel } from '../parts.ts';
import { Chart, type Size } from './chart.ts';
import { GRID, labelStyle, timeAxis, tooltip, tooltipBox } from './chart-frame.ts';
import { colourVariable, type Field, fieldOf } from './fields.ts';
import type { Palette } from './palette.ts';
import { axisScale } from './scale.ts';
import { CALC_TITLES, type Calc, calcsOf, calculate, type Line, type Lines, sortLines, toLines } from './series.ts';

interface TimeSeriesProps extends DrawProps {
  /** Names of lines that are turned off. */
  readonly hidden: readonly string[];
  readonly onHide: (names: readonly string[]) => void;
}

export interface DrawProps {
  readonly panel: Panel;
  readonly answer: PanelAnswer;
  /** Told the milliseconds since 1970 between which the user has dragged. */
  readonly onZoom: (fromMs: number, toMs: number) => void;
}

export function TimeSeries({ panel, answer, onZoom, hidden: hiddenNames, onHide }: TimeSeriesProps): VNode {
  const hidden = useMemo(() => new Set(hiddenNames), [hiddenNames.join('\n')]);
  const lines = useMemo(() => toLines(panel, answer), [panel, answer]);
  const calcs = calcsOf(panel);
  const sorted = sortLines(lines.lines, calcs[0] ?? 'mean');
  const field = fieldOf(panel, lines.lines[0]?.column ?? '');
  const build = useMemo(
    () => (palette: Palette, size: Size) =>
      option(panel, { ...lines, lines: sorted.filter(({ name }) => !hidden.has(name)) }, palette, size),
    [lines, hidden],
  );
  // As in Grafana: a click shows one line alone, the next all again; with Ctrl or Shift one more or less.
  const toggle = (name: string, event: MouseEvent): void => {
    const others = sorted.map((line) => line.name).filter((other) => other !== name);
    const alone = others.every((other) => hidden.has(other)) && !hidden.has(name);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      const next = new Set(hidden);
      if (!next.delete(name)) next.add(name);
      onHide([...next]);
    } else onHide(alone ? [] : others);
  };
  const zoom = (first: number, last: number): void => {
    const from = lines.times[first];
    const to = lines.times[Math.min(last, lines.times.length - 1)];
    if (from !== undefined && to !== undefined) onZoom(from * 1000, (to + lines.bucketSeconds) * 1000);
  };
  return html`
    <${Chart} build=${build} times=${lines} label=${describe(panel, sorted, calcs, field)} onZoom=${zoom} />
    <${Legend} lines=${sorted} calcs=${calcs} field=${field} hidden=${hidden} toggle=${toggle} />`;
}

interface LegendProps {
  readonly lines: readonly Line[];
  readonly calcs: readonly Calc[];
  readonly field: Field;
  readonly hidden: ReadonlySet<string>;
  readonly toggle: (name: string, event: MouseEvent) => void;
}

function Legend({ lines, calcs, field, hidden, toggle }: LegendProps): VNode {
  // Of the lines' figures the first stands alone where the panel is narrow.
  const names = calcs.map((calc) => CALC_TITLES[calc].toLowerCase());
  return html`<ul class="legend edges" aria-label="Legend">
    <li class="legend-calcs muted small" aria-hidden="true">${names[0]}${names.slice(1).map((name) => html`<span class="legend-more"> · ${name}</span>`)}</li>
    ${lines.map(
      (
        line,
      ) => html`<li key=${line.name}><button type="button" aria-pressed=${!hidden.has(line.name)} onClick=${(event: MouseEvent) => toggle(line.name, event)}
        title=${calcs.map((calc) => `${CALC_TITLES[calc]} ${field.format(calculate(calc, line.values))}`).join(', ')}>
        <i style=${{ background: `var(${line.colour})` }} aria-hidden="true"></i><span class="ellipsis">${outcomeLabel(line.name)}</span>
        <span class="num muted">${calcs.map(
          (calc, at) =>
            html`<span key=${calc} class=${at === 0 ? '' : 'legend-more'}>${at > 0 && ' · '}<span class="visually-hidden">${CALC_TITLES[calc]} </span>${field.format(calculate(calc, line.values))}</span>`,
        )}</span>
      </button></li>`,
    )}
  </ul>`;
}

const DESCRIBED_LINES_MAX = 4;
const LONE_POINT_PX = 4;

function describe(panel: Panel, lines: readonly Line[], calcs: readonly Calc[], field: Field): string {
  const calc = calcs[0] ?? 'mean';
  const told = lines
    .slice(0, DESCRIBED_LINES_MAX)
    .map((line) => `${outcomeLabel(line.name)} ${field.format(calculate(calc, line.values))}`);
  const more = lines.length > told.length ? `, and ${lines.length - told.length} more` : '';
  return `${panel.title}, ${CALC_TITLES[calc].toLowerCase()}: ${told.join(', ')}${more}.`;
}

function option(panel: Panel, lines: Lines, palette: Palette, size: Size): EChartsOption {
  const { custom, min } = panel.fieldConfig?.defaults ?? {};
  const field = fieldOf(panel, lines.lines[0]?.column ?? '');
  const bars = custom?.drawStyle === 'bars';
  const series = lines.lines.map((line) => {
    const color = palette.read(line.colour);
    return bars ? barOf(line, color) : lineOf(line, color);
  });
  const thresholds = custom?.thresholdsStyle?.mode === 'dashed' ? thresholdLines(field, palette) : undefined;
  const [first, ...rest] = series;
  return {
    animation: false,
    grid: GRID,
    xAxis: timeAxis(lines, palette, size),
    yAxis: {
      type: 'value',
      ...(min !== undefined && { min }),
      // Half a call is none.
      minInterval: field.unit === 'short' ? 1 : 0,
      ...axisScale(field.unit, highest(lines, bars), size.height < 130 ? 2 : 4),
      splitLine: { lineStyle: { color: palette.grid } },
      axisLabel: { ...labelStyle(palette), formatter: (value: number) => field.tick(value) },
    },
    tooltip: tooltip(palette, 'axis', (points) => {
      const index = (points as readonly { dataIndex: number }[])[0]?.dataIndex ?? 0;
      const rows = lines.lines
        .flatMap((line) => {
          const value = line.values[index] ?? null;
          return value === null || (bars && value === 0) ? [] : [{ line, value }];
        })
        .sort((a, b) => b.value - a.value)
        .map(({ line, value }) => ({ colour: palette.read(line.colour), name: outcomeLabel(line.name), text: field.format(value) }));
      return tooltipBox(formatBucket(lines.times[index] ?? 0, lines.bucketSeconds, true), rows);
    }),
    series: (first === undefined ? [] : [{ ...first, ...thresholds }, ...rest]) as NonNullable<EChartsOption['series']>,
  };
}

/** What the axis must reach: stacked bars stand on one another. */
function highest({ times, lines }: Lines, stacked: boolean): number {
  if (!stacked) return Math.max(0, ...lines.flatMap(({ values }) => calculate('max', values) ?? 0));
  return Math.max(0, ...times.map((_, at) => lines.reduce((sum, { values }) => sum + (values[at] ?? 0), 0)));
}

function barOf(line: Line, color: string): object {
  return {
    type: 'bar',
    stack: 'all',
    name: line.name,
    data: line.values,
    itemStyle: { color },
    barCategoryGap: '18%',
    emphasis: { disabled: true },
  };
}

function lineOf(line: Line, color: string): object {
  const { values } = line;
  // A value between two silent buckets would otherwise not be seen at all.
  const isLone = (at: number) => (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
  return {
    type: 'line',
    name: line.name,
    data: values,
    showSymbol: true,
    showAllSymbol: true,
    symbol: 'circle',
    symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => (isLone(dataIndex) ? LONE_POINT_PX : 0),
    connectNulls: false,
    lineStyle: { width: 1.75, color },
    itemStyle: { color },
    emphasis: { disabled: true },
  };
}

/** Dashed, at each value from which it is worse. They do not stretch the axis. */
function thresholdLines({ thresholds }: Field, palette: Palette): object {
  const data = thresholds.flatMap(({ value, color }) =>
    value === null
      ? []
      : [{ yAxis: value, lineStyle: { color: palette.read(colourVariable(color)), type: 'dashed', width: 1, opacity: 0.8 } }],
  );
  return { markLine: { silent: true, symbol: 'none', label: { show: false }, animation: false, data } };
}
