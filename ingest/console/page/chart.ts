/**
 * One chart. The library comes after the page's first paint; until then, and while there are no data,
 * the place is kept. Takes the data and a function that turns them into an ECharts option for a palette.
 */

import type { SeriesAnswer } from '../api-types.ts';
import type { ECharts, EChartsOption } from '../vendor/echarts.js';
import { html, useEffect, useRef, useState, type VNode } from '../vendor/preact.js';
import { OUTCOME_LABELS } from './parts.ts';
import { useTheme } from './theme.ts';

/** Colours as the style sheet defines them, read anew whenever the theme changes. */
export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly accent: string;
  readonly pointer: string;
  readonly raised: string;
  readonly categories: readonly string[];
  readonly tone: (outcome: string) => string;
}

export type BuildOption = (data: SeriesAnswer, palette: Palette, narrow: boolean) => EChartsOption;

interface ChartProps {
  readonly data: SeriesAnswer | undefined;
  readonly build: BuildOption;
  readonly label: string;
  /** Told the seconds since 1970 between which the user has dragged. */
  readonly onZoom: (from: number, to: number) => void;
}

const NARROW_PX = 420;
const CATEGORY_COUNT = 7;

let library: Promise<typeof import('../vendor/echarts.js')> | undefined;

function loadLibrary(): Promise<typeof import('../vendor/echarts.js')> {
  library ??= import('../vendor/echarts.js').catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

export function Chart({ data, build, label, onZoom }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts | undefined>(undefined);
  const [failed, setFailed] = useState(false);
  const theme = useTheme();
  const latest = useRef({ data, onZoom });
  latest.current = { data, onZoom };

  useEffect(() => {
    let made: ECharts | undefined;
    let gone = false;
    const observer = new ResizeObserver(() => made?.resize());
    const start = async (): Promise<void> => {
      try {
        const echarts = await loadLibrary();
        if (gone || !place.current) return;
        made = echarts.init(place.current, null, { renderer: 'canvas' });
        observer.observe(place.current);
        made.on('brushEnd', (event) => {
          const zoomed = brushedTimes(event, latest.current.data);
          made?.dispatchAction({ type: 'brush', areas: [] });
          if (zoomed) latest.current.onZoom(...zoomed);
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
      made?.dispose();
    };
  }, []);

  useEffect(() => {
    if (!chart || !data) return;
    chart.setOption(
      { ...build(data, readPalette(), chart.getWidth() < NARROW_PX), brush: BRUSH, toolbox: { show: false } },
      { notMerge: true },
    );
    chart.dispatchAction({ type: 'takeGlobalCursor', key: 'brush', brushOption: { brushType: 'lineX', brushMode: 'single' } });
  }, [chart, data, theme, build]);

  return html`<div class="chart-frame" role="img" aria-label=${label}>
    <div class="chart" ref=${place}></div>
    ${failed ? html`<p class="muted chart-note">The chart library could not be loaded. Reload the page.</p>` : (!chart || !data) && html`<div class="bone chart-bone"></div>`}
  </div>`;
}

/** Dragging over a chart chooses a time range; the library's own buttons for it are not shown. */
const BRUSH = {
  xAxisIndex: 0,
  toolbox: [],
  brushStyle: { color: 'rgba(20,184,166,0.15)', borderColor: 'rgba(20,184,166,0.6)', borderWidth: 1 },
};

function brushedTimes(event: unknown, data: SeriesAnswer | undefined): [number, number] | undefined {
  const areas = (event as { areas?: readonly { coordRange?: readonly number[] }[] }).areas;
  const [first, last] = areas?.[0]?.coordRange ?? [];
  if (!data || first === undefined || last === undefined) return undefined;
  const from = data.times[Math.max(0, first)];
  const to = data.times[Math.min(data.times.length - 1, last)];
  // A click is not a drag.
  if (from === undefined || to === undefined || last - first < 1) return undefined;
  return [from, to + data.bucket_seconds];
}

/** The style sheet's colours depend on the theme; only an element's own colour is ever resolved, hence the probe. */
function readPalette(): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const tones = new Map(Object.values(OUTCOME_LABELS).map(({ tone }) => [tone, read(`--tone-${tone}`)]));
  const palette: Palette = {
    text: read('--text'),
    muted: read('--muted'),
    grid: read('--line-soft'),
    accent: read('--accent'),
    pointer: read('--line'),
    raised: read('--raised'),
    categories: Array.from({ length: CATEGORY_COUNT }, (_, index) => read(`--category-${index + 1}`)),
    tone: (outcome) => tones.get(OUTCOME_LABELS[outcome]?.tone ?? '') ?? palette.muted,
  };
  probe.remove();
  return palette;
}
