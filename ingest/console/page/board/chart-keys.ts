/**
 * A chart by keyboard: left and right go from bucket to bucket and show what the pointer would, with Shift they choose a range,
 * Enter zooms into it, Escape lets go. Takes the library's chart; tells which buckets were chosen.
 */
import type { ECharts } from '../../vendor/echarts.js';

export const KEYS_HINT = 'Left and right arrow keys read it, with Shift they choose a time range, Enter zooms into it.';

/** Gives what handles a key press; it keeps where the reader is. */
export function chartKeys(chart: ECharts, onZoom: (first: number, last: number) => void): (event: KeyboardEvent) => void {
  let at: number | undefined;
  let anchor: number | undefined;
  const letGo = (): void => {
    at = undefined;
    anchor = undefined;
    chart.dispatchAction({ type: 'hideTip' });
    chart.dispatchAction({ type: 'brush', areas: [] });
  };
  const show = (): void => {
    chart.dispatchAction({ type: 'showTip', seriesIndex: 0, dataIndex: at ?? 0 });
    const range = chosen();
    const areas = range === undefined ? [] : [{ brushType: 'lineX', xAxisIndex: 0, coordRange: range }];
    chart.dispatchAction({ type: 'brush', areas });
  };
  const chosen = (): [number, number] | undefined =>
    at === undefined || anchor === undefined ? undefined : [Math.min(at, anchor), Math.max(at, anchor)];
  return (event) => {
    const last = bucketsOf(chart) - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined && last >= 0) {
      anchor = event.shiftKey ? (anchor ?? at ?? last) : undefined;
      // The newest are at the right end.
      at = at === undefined ? last : Math.min(last, Math.max(0, at + step));
      show();
    } else if (event.key === 'Enter') {
      const range = chosen();
      letGo();
      if (range !== undefined) onZoom(...range);
    } else if (event.key === 'Escape' && at !== undefined) letGo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function bucketsOf(chart: ECharts): number {
  const { xAxis } = chart.getOption() as { xAxis?: readonly { data?: readonly unknown[] }[] };
  return xAxis?.[0]?.data?.length ?? 0;
}
