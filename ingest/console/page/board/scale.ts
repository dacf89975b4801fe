/**
 * Where an axis ends and how far apart its values are, so that they are round in the unit they are written in: 30 s
 * and 2 min instead of 33 s and 3.33 min. Takes the highest value; gives what ECharts' axis takes. Pure.
 */

const STEPS_MS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5,
];
const STEPS_SHARE = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5];
const STEPS_BYTES = Array.from({ length: 42 }, (_, power) => 2 ** power);

/** By unit; every other unit counts in tens, as ECharts does by itself. */
const STEPS: Readonly<Record<string, readonly number[]>> = {
  ms: STEPS_MS,
  s: STEPS_MS.map((ms) => ms / 1000),
  percentunit: STEPS_SHARE,
  bytes: STEPS_BYTES,
};

export interface Scale {
  readonly max?: number;
  readonly interval?: number;
  readonly splitNumber: number;
}

export function axisScale(unit: string, highest: number, splits: number): Scale {
  const step = STEPS[unit]?.find((candidate) => highest / candidate <= splits);
  if (step === undefined || highest <= 0) return { splitNumber: splits };
  return { max: Math.ceil(highest / step - 1e-9) * step, interval: step, splitNumber: splits };
}
