/**
 * The demo's numbers: reads what the command line says of rate, minutes and seed.
 * Gives them as numbers or throws one error that names every fault, its value and what is accepted.
 */
import { StartError } from '../../contract/listen.ts';

export interface DemoNumbers {
  /** Calls a second, on average. */
  readonly rate: number;
  readonly minutes: number;
  readonly seed: number;
}

const NUMBERS = [
  { name: 'rate', accepted: 'calls a second, above 0 and at most 500', fits: (value: number) => value > 0 && value <= 500 },
  { name: 'minutes', accepted: 'above 0 and at most 1440', fits: (value: number) => value > 0 && value <= 1_440 },
  { name: 'seed', accepted: 'a whole number from 0', fits: (value: number) => Number.isSafeInteger(value) && value >= 0 },
] as const satisfies readonly { name: keyof DemoNumbers; accepted: string; fits(value: number): boolean }[];

/** @throws StartError */
export function parseDemoOptions(raw: Readonly<Record<keyof DemoNumbers, string | number>>): DemoNumbers {
  // Number('') is 0, which for a seed would pass.
  const read = (name: keyof DemoNumbers): number => (String(raw[name]).trim() === '' ? Number.NaN : Number(raw[name]));
  const faults = NUMBERS.filter(({ name, fits }) => !fits(read(name)));
  if (faults.length > 0) throw new StartError(faults.map(({ name, accepted }) => `--${name} ${raw[name]}: want ${accepted}`).join('\n'));
  return { rate: read('rate'), minutes: read('minutes'), seed: read('seed') };
}
