/**
 * Run as a process of its own: items come into an UnorderedList and go, 64 at a time, with pauses in which other things are made;
 * prints which part of the young generation its collector took for alive.
 */
import { makeNothingOld } from '../../contract/young-garbage.ts';
import { UNLISTED, UnorderedList } from '../../proxy/unordered-list.ts';
import { survivors } from './gc-watch.ts';

const AT_A_TIME = 64;
const ITEMS = 400_000;
/** As when a machine stands still: what is in the list grows old. */
const PAUSES = 10;
const PAUSE_EVERY = 10_000;
const MADE_IN_A_PAUSE = 100_000;

const made = (): number[] => new Array<number>(100).fill(1);

makeNothingOld();
const list = new UnorderedList<{ at: number; readonly made: readonly number[] }>();
const live: { at: number; readonly made: readonly number[] }[] = [];
const survived = survivors();
for (let item = 0; item < ITEMS; item += 1) {
  if (item % PAUSE_EVERY === 0 && item / PAUSE_EVERY < PAUSES) for (let other = 0; other < MADE_IN_A_PAUSE; other += 1) made();
  const slot = item % AT_A_TIME;
  const old = live[slot];
  if (old !== undefined) list.remove(old);
  const next = { at: UNLISTED, made: made() };
  live[slot] = next;
  list.add(next);
}
process.stdout.write(JSON.stringify(survived()));
