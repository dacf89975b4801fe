/**
 * One chart. The library comes after the page's first paint; until then the place is kept. Takes a function that
 * makes an ECharts option for the theme's colours and the place's size; tells which buckets the user dragged over.
 */

import type { ECharts, EChartsOption } from '../../vendor/echarts.js';
import { html, useEffect, useMemo, useRef, useState, type VNode } from '../../vendor/preact.js';
import { useTheme } from '../theme.ts';
import { chartKeys, KEYS_HINT } from './chart-keys.ts';
import { bucketOf, followMoment, showMoment } from './crosshair.ts';
import { type Palette, readPalette } from './palette.ts';
import type { Lines } from './series.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}
export type BuildOption = (palette: Palette, size: Size) => EChartsOption;

interface ChartProps {
  readonly build: BuildOption;
  /** What the chart says, for those who do not see it. */
  readonly label: string;
  /** What its columns stand for. */
  readonly times: Pick<Lines, 'times' | 'bucketSeconds'>;
  /** Told the first and last bucket that were dragged over. */
  readonly onZoom: (first: number, last: number) => void;
}

type Library = typeof import('../../vendor/echarts.js');
let library: Promise<Library> | undefined;

function loadLibrary(): Promise<Library> {
  library ??= import('../../vendor/echarts.js').catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

export function Chart({ build, label, times, onZoom }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts | undefined>(undefined);
  const [failed, setFailed] = useState(false);
  const [size, setSize] = useState<Size | undefined>(undefined);
  const theme = useTheme();
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const moment = useMoment(chart, times);
  const press = useMemo(() => (chart ? chartKeys(chart, (...range) => zoom.current(...range)) : undefined), [chart]);

  useEffect(() => {
    let made: ECharts | undefined;
    let gone = false;
    const observer = new ResizeObserver(([entry]) => {
      if (!entry || entry.contentRect.width === 0) return;
      made?.resize();
      setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    const start = async (): Promise<void> => {
      try {
        const echarts = await loadLibrary();
        if (gone || !place.current) return;
        made = echarts.init(place.current, null, { renderer: 'canvas' });
        observer.observe(place.current);
        made.on('brushEnd', (event) => {
          const dragged = draggedBuckets(event);
          made?.dispatchAction({ type: 'brush', areas: [] });
          if (dragged) zoom.current(...dragged);
        });
        setChart(made);
      } catch {
        setFailed(true);
      }
    };
    void start();
    return () => {
      gone = true;
      observer.disconnect();
      if (made) dispose(made);
    };
  }, []);

  useEffect(() => {
    if (!chart || !size) return;
    chart.setOption({ ...build(readPalette(), size), brush: BRUSH, toolbox: { show: false } }, { notMerge: true });
    chart.dispatchAction({ type: 'takeGlobalCursor', key: 'brush', brushOption: { brushType: 'lineX', brushMode: 'single' } });
  }, [chart, size, theme, build]);

  return html`<div class="chart-frame" role="img" aria-label=${label} aria-description=${KEYS_HINT} tabindex="0" onKeyDown=${press}>
    <div class="chart" ref=${place}></div>
    <i class="crosshair" ref=${moment} hidden aria-hidden="true"></i>
    ${failed ? html`<p class="muted chart-note">The chart library could not be loaded. Reload the page.</p>` : !chart && html`<div class="bone chart-bone"></div>`}
  </div>`;
}

/**
 * A heatmap is painted over several frames where one is too short, and the library's frame that is still to come does not know
 * that the chart is gone (echarts 6.1.0): it would read what is no longer there. Painting nothing makes it outdated.
 */
function dispose(chart: ECharts): void {
  const pad = chart.getZr();
  pad.clear();
  pad.refreshImmediately();
  chart.dispose();
}

/** Gives the ref of the line that shows where the pointer is on another chart; the library draws its own under its own pointer. */
function useMoment(chart: ECharts | undefined, { times, bucketSeconds }: ChartProps['times']): { current: HTMLElement | null } {
  const line = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!chart) return;
    const show = (seconds: number | undefined): void => {
      if (!line.current) return;
      const at = seconds === undefined ? undefined : bucketOf(times, bucketSeconds, seconds);
      line.current.hidden = at === undefined;
      if (at !== undefined) line.current.style.left = `${chart.getDom().offsetLeft + chart.convertToPixel({ xAxisIndex: 0 }, at)}px`;
    };
    const move = ({ offsetX }: { offsetX: number }): void => {
      const at = Math.round(chart.convertFromPixel({ xAxisIndex: 0 }, offsetX));
      showMoment(times[at], show);
    };
    const leave = (): void => showMoment(undefined, show);
    const pad = chart.getZr();
    pad.on('mousemove', move);
    pad.on('globalout', leave);
    const stop = followMoment(show);
    return () => {
      stop();
      if (!chart.isDisposed()) {
        pad.off('mousemove', move);
        pad.off('globalout', leave);
      }
    };
  }, [chart, times]);
  return line;
}

/** Dragging over a chart chooses a time range; the library's own buttons for it are not shown. */
const BRUSH = {
  xAxisIndex: 0,
  toolbox: [],
  brushStyle: { color: 'rgba(20,184,166,0.15)', borderColor: 'rgba(20,184,166,0.6)', borderWidth: 1 },
};

function draggedBuckets(event: unknown): [number, number] | undefined {
  const areas = (event as { areas?: readonly { coordRange?: readonly number[] }[] }).areas;
  const [first, last] = areas?.[0]?.coordRange ?? [];
  // A click is not a drag.
  return first === undefined || last === undefined || last - first < 1 ? undefined : [Math.max(0, first), last];
}
