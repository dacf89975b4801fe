/** From which value on a figure is worth a look, and from which it is a fault: in colours that the console has too. */
import type { Threshold } from '@grafana/grafana-foundation-sdk/dashboard';

/** Green, then worse from each value on. */
export function worseFrom(warning: number, critical: number): readonly Threshold[] {
  return [
    { color: 'green', value: null },
    { color: 'orange', value: warning },
    { color: 'red', value: critical },
  ];
}

/** Red up to `critical`, green from `warning` on. */
export function worseBelow(critical: number, warning: number): readonly Threshold[] {
  return [
    { color: 'red', value: null },
    { color: 'orange', value: critical },
    { color: 'green', value: warning },
  ];
}

/** What should never be. */
export const NONE_WANTED: readonly Threshold[] = [
  { color: 'green', value: null },
  { color: 'red', value: 1 },
];
