/**
 * The setting `workers`: how many processes of the proxy share its port. `auto` is one for each processor. Shape, and the
 * one decision about it.
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';

const WORKERS_MAX = 128;
const accepted = `auto, or a whole number from 1 to ${WORKERS_MAX}`;

/** Numbers come as text from the environment. */
export const Workers = z
  .preprocess(
    (value) => (typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value),
    z.union([z.literal('auto'), z.int(accepted).min(1, accepted).max(WORKERS_MAX, accepted)], accepted),
  )
  .default(1);

/** One worker is the proxy's own process. */
export function workerCount({ workers }: { readonly workers: 'auto' | number }): number {
  return workers === 'auto' ? Math.min(availableParallelism(), WORKERS_MAX) : workers;
}
