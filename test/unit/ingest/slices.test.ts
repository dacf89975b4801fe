/** Several that compute at once hold the event loop no longer than one of them. */
import { Slices } from '../../../ingest/slices.ts';

test('in one turn of the event loop one of them works, and each gets its turn', async () => {
  const slices = new Slices();
  let turn = 0;
  let counting = true;
  const count = (): void => {
    turn += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const worked: { who: number; turn: number }[] = [];
  const work = async (who: number): Promise<void> => {
    for (let slice = 0; slice < 4; slice += 1) {
      await slices.next();
      worked.push({ who, turn });
      while (!slices.over);
    }
  };
  await Promise.all([work(1), work(2), work(3)]);
  counting = false;
  expect(new Set(worked.map((each) => each.turn)).size).toBe(12);
  expect(worked.map(({ who }) => who)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
});
