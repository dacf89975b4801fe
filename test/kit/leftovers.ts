/**
 * What a test began and did not end, since something failed before it came to that: ended when its file is through, by
 * test/kit/node-environment.cjs, after every `afterAll`. Otherwise it would hold Jest open after the last test.
 */
export const LEFTOVERS = Symbol.for('glassway.test.leftovers');

type End = () => unknown;

/** Gives a way to end it that may be called many times and ends it once. */
export function endAtLast<Result>(end: () => Promise<Result>): () => Promise<Result> {
  let ended: Promise<Result> | undefined;
  const once = (): Promise<Result> => {
    ended ??= end();
    return ended;
  };
  // Outside Jest nobody asks: those programs end themselves.
  (globalThis as { [LEFTOVERS]?: End[] })[LEFTOVERS]?.push(once);
  return once;
}
