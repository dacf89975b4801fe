/** What all charts over time have in common: axes, tooltip, how many labels there is room for. Pure but for the tooltip's element. */

import type { EChartsOption } from '../../vendor/echarts.js';
import { formatBucket } from '../format.ts';
import { timeTicks } from '../time-ticks.ts';
import type { Size } from './chart.ts';
import type { Palette } from './palette.ts';
import type { Lines } from './series.ts';

const Y_LABEL_PX = 52;

export interface TooltipRow {
  readonly colour: string;
  readonly name: string;
  readonly text: string;
}

export function timeAxis({ times, bucketSeconds }: Pick<Lines, 'times' | 'bucketSeconds'>, palette: Palette, size: Size): object {
  const ticks = timeTicks(times, bucketSeconds, size.width - Y_LABEL_PX);
  return {
    type: 'category',
    data: times.map((time) => formatBucket(time, Math.max(bucketSeconds, ticks.seconds >= 86_400 ? 86_400 : 0))),
    axisLine: { lineStyle: { color: palette.pointer } },
    axisTick: { show: false },
    axisLabel: {
      ...labelStyle(palette),
      hideOverlap: true,
      interval: ticks.isTick,
    },
  };
}

export function labelStyle(palette: Palette): object {
  return { color: palette.muted, fontSize: 11, fontFamily: palette.font };
}

export const GRID = { left: 4, right: 12, top: 10, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' } as const;

/** @param rows what to say of the bucket or cell that the pointer is on */
export function tooltip(
  palette: Palette,
  trigger: 'axis' | 'item',
  describe: (point: unknown) => HTMLElement,
): NonNullable<EChartsOption['tooltip']> {
  return {
    trigger,
    confine: true,
    transitionDuration: 0,
    className: 'chart-tip',
    backgroundColor: palette.raised,
    borderColor: palette.pointer,
    borderWidth: 1,
    textStyle: { color: palette.text, fontSize: 12, fontFamily: palette.font },
    axisPointer: { type: 'line', lineStyle: { color: palette.muted, type: 'solid', width: 1, opacity: 0.5 } },
    formatter: (point: unknown) => describe(point),
  };
}

/** An element, not markup: names come from callers and are text. */
export function tooltipBox(title: string, rows: readonly TooltipRow[]): HTMLElement {
  const box = document.createElement('div');
  box.append(element('p', 'chart-tip-time', title));
  for (const { colour, name, text } of rows) {
    const row = element('p', 'chart-tip-row', '');
    const dot = element('i', '', '');
    dot.style.background = colour;
    row.append(dot, element('span', 'ellipsis', name), element('b', 'num', text));
    box.append(row);
  }
  if (rows.length === 0) box.append(element('p', 'muted', 'Nothing'));
  return box;
}

function element(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
