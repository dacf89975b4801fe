/**
 * Grafana's units, as the console writes them. Takes a unit and decimals of a dashboard's JSON, gives functions
 * from a value to text: one for figures, one for the round values of an axis. What is not known is a dash.
 * https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/
 */

import {
  formatBytes,
  formatCost,
  formatCostTick,
  formatCount,
  formatCountTick,
  formatDuration,
  formatDurationTick,
  formatPercent,
  formatTime,
  UNKNOWN,
} from '../format.ts';

export type Value = number | string | null;
export type Format = (value: Value) => string;
type NumberFormat = (value: number, decimals?: number) => string;

interface Unit {
  readonly format: NumberFormat;
  readonly tick: NumberFormat;
}

const plain: NumberFormat = (value, decimals = Number.isInteger(value) ? 0 : 2) =>
  value.toLocaleString('en-US', { maximumFractionDigits: decimals });
/** Below ten thousand every digit is told, from there three of them. */
const short: NumberFormat = (value, decimals = Number.isInteger(value) ? 0 : 1) => {
  if (Math.abs(value) >= 10_000) return formatCount(value);
  // A value that is not zero must not read as zero.
  return value !== 0 && Math.abs(value) < 0.5 * 10 ** -decimals ? plain(value, 3) : plain(value, Number.isInteger(value) ? 0 : decimals);
};
const dollars: NumberFormat = (value, decimals) => {
  if (decimals === undefined || value === 0 || Math.abs(value) >= 1) return formatCost(value);
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? formatCost(value) : `$${text}`;
};
const per =
  (unit: string): NumberFormat =>
  (value, decimals) =>
    `${short(value, decimals)} ${unit}`;
const same = (format: NumberFormat): Unit => ({ format, tick: format });

const UNITS: Readonly<Record<string, Unit>> = {
  none: { format: plain, tick: (value) => (Math.abs(value) >= 10_000 ? formatCountTick(value) : plain(value)) },
  short: { format: short, tick: (value) => (Number.isInteger(value) ? formatCountTick(value) : plain(value)) },
  currencyUSD: { format: dollars, tick: formatCostTick },
  percentunit: { format: formatPercent, tick: (value) => `${plain(value * 100, 2)}%` },
  ms: { format: formatDuration, tick: formatDurationTick },
  s: { format: (value) => formatDuration(value * 1000), tick: (value) => formatDurationTick(value * 1000) },
  bytes: same(formatBytes),
  reqpm: same(per('/min')),
  ops: same(per('/s')),
  dateTimeAsLocal: same((value) => formatTime(new Date(value).toISOString()).replace(/(,.*):\d\d$/, '$1')),
  bool_yes_no: same((value) => (value === 0 ? 'no' : 'yes')),
};

/** Units that the console knows; text is shown as it is. */
export const UNIT_NAMES: readonly string[] = [...Object.keys(UNITS), 'string'];

function write(kind: keyof Unit, unit: string, decimals: number | undefined): Format {
  const format = (UNITS[unit] ?? UNITS['short'])?.[kind] ?? plain;
  return (value) => (value === null || value === '' ? UNKNOWN : typeof value === 'string' ? value : format(value, decimals));
}

export function formatOf(unit = 'short', decimals?: number): Format {
  return write('format', unit, decimals);
}

export function tickOf(unit = 'short'): Format {
  return write('tick', unit, undefined);
}
