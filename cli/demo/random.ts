/**
 * Random numbers that a seed decides: the same seed and labels give the same sequence on every machine.
 * For synthetic traffic only; never for ids that must be unique or for anything secret.
 */
import { createHash } from 'node:crypto';

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number, both ends included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Picks by each entry's `weight`. */
  weighted<T extends { readonly weight: number }>(list: readonly T[]): T;
  /** The spread of request and answer sizes: many small, a few very large. */
  logNormal(median: number, sigma: number): number;
  /** Time between the arrivals of a Poisson process. */
  exponential(mean: number): number;
  /** Letters and digits, as in providers' ids. */
  text(length: number): string;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A generator of its own for every combination of `parts`, the seed being one of them. */
export function createRandom(...parts: readonly (string | number | Uint8Array)[]): Random {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(typeof part === 'number' ? String(part) : part).update('\0');
  const next = xorshift128(hash.digest());
  const random: Random = {
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick: (list) => at(list, Math.floor(next() * list.length)),
    weighted: (list) => {
      let left = next() * list.reduce((sum, entry) => sum + entry.weight, 0);
      for (const entry of list) {
        left -= entry.weight;
        if (left < 0) return entry;
      }
      return at(list, list.length - 1);
    },
    // Box–Muller; 1 - next() keeps the logarithm finite.
    logNormal: (median, sigma) => median * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())),
    exponential: (mean) => -mean * Math.log(1 - next()),
    text: (length) => Array.from({ length }, () => ALPHABET[Math.floor(next() * ALPHABET.length)]).join(''),
  };
  return random;
}

function at<T>(list: readonly T[], index: number): T {
  const entry = list[index];
  if (entry === undefined) throw new RangeError('cannot pick from an empty list');
  return entry;
}

/** Marsaglia, "Xorshift RNGs" (Journal of Statistical Software 8/14, 2003), the 128-bit generator. */
function xorshift128(state: Buffer): () => number {
  let x = state.readUInt32LE(0);
  let y = state.readUInt32LE(4);
  let z = state.readUInt32LE(8);
  let w = state.readUInt32LE(12) | 1;
  return () => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return (w >>> 0) / 2 ** 32;
  };
}
