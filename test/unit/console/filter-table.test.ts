/** What the explorer can be asked for or without, as one table. */
import { FILTER_NAMES as API_NAMES } from '../../../ingest/console/filters.ts';
import {
  adding,
  CHIPS,
  FILTER_NAMES,
  type Filters,
  namesOf,
  oppositeOf,
  settingOf,
} from '../../../ingest/console/page/explorer/filter-table.ts';

const none = Object.fromEntries(FILTER_NAMES.map((name) => [name, []])) as unknown as Filters;

test('whatever the API compares by equality, and tags, can be left out; ranges, words and choices cannot', () => {
  const turned = FILTER_NAMES.filter((name) => oppositeOf(name) !== undefined && !name.startsWith('not-'));
  expect([...turned].sort()).toEqual([...API_NAMES, 'tag'].sort());
  for (const name of turned) expect(oppositeOf(oppositeOf(name) ?? 'q')).toBe(name);
  for (const name of ['cost_min', 'duration_max', 'stream', 'q', 'cost'] as const) expect(oppositeOf(name)).toBeUndefined();
  expect(CHIPS.flatMap(namesOf)).toEqual(FILTER_NAMES);
});

test('a value is asked for or left out, never both', () => {
  const filters: Filters = { ...none, model: ['a', 'b'], 'not-model': ['c'] };
  expect(settingOf(filters, 'model', ['c'])).toEqual({ model: ['c'], 'not-model': [] });
  expect(adding(filters, 'not-model', 'b')).toEqual({ model: ['a'], 'not-model': ['c', 'b'] });
  expect(adding(filters, 'model', 'a')).toEqual({ model: ['b', 'a'], 'not-model': ['c'] });
  expect(settingOf(filters, 'cost_min', ['1'])).toEqual({ cost_min: ['1'] });
});
