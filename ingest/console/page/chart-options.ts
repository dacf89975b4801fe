/** What each chart of the overview draws: the API's series as ECharts options. Pure. */

import type { SeriesAnswer } from '../api-types.ts';
import type { EChartsOption } from '../vendor/echarts.js';
import type { BuildOption, Palette } from './chart.ts';
import { formatBucket, formatCost, formatCostTick, formatCountTick, formatDuration, formatDurationTick, formatWhole } from './format.ts';
import { OUTCOME_LABELS, outcomeLabel } from './parts.ts';

interface TooltipPoint {
  readonly dataIndex: number;
  readonly seriesName: string;
  readonly color: string;
  readonly value: number | null;
}

export const outcomesOption: BuildOption = (data, palette, narrow) => {
  const counts: Readonly<Record<string, readonly number[] | undefined>> = data.outcomes;
  const present = Object.keys(OUTCOME_LABELS).filter((outcome) => counts[outcome] !== undefined);
  return {
    ...frame(data, palette, narrow, formatCountTick, formatWhole),
    series: present.map((outcome) => ({
      type: 'bar',
      stack: 'outcomes',
      name: outcomeLabel(outcome),
      data: [...(counts[outcome] ?? [])],
      itemStyle: { color: palette.tone(outcome) },
      barCategoryGap: '22%',
      emphasis: { disabled: true },
    })),
  };
};

export const latencyOption: BuildOption = (data, palette, narrow) => {
  const lines = [
    ['p95', data.duration_p95_ms, category(palette, 4)],
    ['p50', data.duration_p50_ms, palette.accent],
    ['first token p50', data.ttft_p50_ms, category(palette, 3)],
  ] as const;
  return {
    ...frame(data, palette, narrow, formatDurationTick, formatDuration),
    series: lines.map(([name, values, color]) => ({
      type: 'line',
      name,
      data: [...values],
      // A value between two silent buckets would otherwise not be seen at all.
      showSymbol: values.some(
        (value, index) => value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null,
      ),
      symbol: 'circle',
      symbolSize: 4,
      connectNulls: false,
      lineStyle: { width: 1.75, color },
      itemStyle: { color },
      emphasis: { disabled: true },
    })),
  };
};

export const costOption: BuildOption = (data, palette, narrow) => ({
  ...frame(data, palette, narrow, formatCostTick, formatCost),
  series: data.cost_by.map(({ name, cost_usd }, index) => ({
    type: 'bar',
    stack: 'cost',
    name: name === '' ? 'other' : name,
    data: [...cost_usd],
    itemStyle: { color: name === '' ? palette.muted : category(palette, index) },
    barCategoryGap: '22%',
    emphasis: { disabled: true },
  })),
});

function category(palette: Palette, index: number): string {
  return palette.categories[index % palette.categories.length] ?? palette.accent;
}

type Format = (value: number | null) => string;

/** Axes, legend and tooltip, alike in all charts. */
function frame(data: SeriesAnswer, palette: Palette, narrow: boolean, formatAxis: Format, formatValue: Format): EChartsOption {
  const label = { color: palette.muted, fontSize: 11, fontFamily: 'inherit' };
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 10, top: 12, bottom: 30, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    legend: {
      type: 'scroll',
      bottom: 0,
      left: 0,
      itemWidth: 9,
      itemHeight: 9,
      itemGap: 12,
      icon: 'roundRect',
      textStyle: { color: palette.muted, fontSize: 11 },
      pageTextStyle: { color: palette.muted },
      pageIconColor: palette.muted,
      pageIconSize: 10,
    },
    xAxis: {
      type: 'category',
      data: data.times.map((time) => formatBucket(time, data.bucket_seconds)),
      axisLine: { lineStyle: { color: palette.pointer } },
      axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true, interval: Math.max(0, Math.ceil(data.times.length / (narrow ? 4 : 6)) - 1) },
    },
    yAxis: {
      type: 'value',
      splitNumber: 3,
      splitLine: { lineStyle: { color: palette.grid } },
      axisLabel: { ...label, formatter: (value: number) => formatAxis(value) },
    },
    tooltip: {
      trigger: 'axis',
      confine: true,
      transitionDuration: 0,
      className: 'chart-tip',
      backgroundColor: palette.raised,
      borderColor: palette.pointer,
      borderWidth: 1,
      textStyle: { color: palette.text, fontSize: 12 },
      axisPointer: { type: 'line', lineStyle: { color: palette.muted, type: 'solid', width: 1, opacity: 0.5 } },
      formatter: (points: unknown) => tooltip(points as readonly TooltipPoint[], data, formatValue),
    },
  };
}

/** An element, not markup: names come from callers and are text. */
function tooltip(points: readonly TooltipPoint[], data: SeriesAnswer, format: Format): HTMLElement {
  const box = document.createElement('div');
  const time = data.times[points[0]?.dataIndex ?? 0] ?? 0;
  box.append(element('p', 'chart-tip-time', formatBucket(time, data.bucket_seconds, true)));
  for (const point of points) {
    if (point.value === 0 || point.value === null || point.value === undefined) continue;
    const row = element('p', 'chart-tip-row', '');
    const dot = element('i', '', '');
    dot.style.background = point.color;
    row.append(dot, element('span', 'ellipsis', point.seriesName), element('b', 'num', format(point.value)));
    box.append(row);
  }
  if (box.childElementCount === 1) box.append(element('p', 'muted', 'Nothing'));
  return box;
}

function element(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
