import { join } from 'node:path';
import fc from 'fast-check';
import { type Listed, UNLISTED, UnorderedList } from '../../../proxy/unordered-list.ts';
import type { Survivors } from '../../kit/gc-watch.ts';
import { runScript } from '../../kit/processes.ts';

interface Item extends Listed {
  readonly name: number;
}

const item = (name: number): Item => ({ name, at: UNLISTED });

test('holds what a Set would, whatever is added and removed, and how often', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ add: fc.boolean(), name: fc.nat(9) }), { maxLength: 60 }), (steps) => {
      const items = Array.from({ length: 10 }, (_, name) => item(name));
      const list = new UnorderedList<Item>();
      const set = new Set<Item>();
      for (const { add, name } of steps) {
        const each = items[name] as Item;
        if (add) list.add(each);
        else list.remove(each);
        if (add) set.add(each);
        else set.delete(each);
        expect(list.size).toBe(set.size);
        expect(new Set(list)).toEqual(set);
      }
    }),
  );
});

test('what is removed while all are gone through is given no more, and every other once', () => {
  const items = [0, 1, 2, 3, 4].map(item);
  const list = new UnorderedList<Item>();
  for (const each of items) list.add(each);
  const given: number[] = [];
  for (const each of list) {
    given.push(each.name);
    list.remove(each);
    if (each.name === 3) list.remove(items[1] as Item);
  }
  expect(given.sort()).toEqual([0, 2, 3, 4]);
  expect(list.size).toBe(0);
});

test('what has gone from it is garbage, where a Map or a Set would keep it from its collector', async () => {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { output } = await runScript(join(import.meta.dirname, '../../kit/churn.ts'), [], { env });
  const { scavenges, survived } = JSON.parse(output) as Survivors;
  expect(scavenges).toBeGreaterThan(10);
  expect(survived).toBeLessThan(0.1);
});
