import { type Expansion, expand } from '../../../dashboards/macros.ts';

const CHOICE: Expansion = {
  from: new Date('2014-11-12T11:45:26.371Z'),
  to: new Date('2015-11-12T11:45:26.371Z'),
  intervalMs: 20_000,
  variables: { project: ['a', "o'b"], model: { all: ['m1', 'm2'] }, user: '', id: 'x y' },
};

test.each([
  ['$__fromTime', 'toDateTime(1415792726)'],
  ['$__toTime', 'toDateTime(1447328726)'],
  ['$__fromTime_ms', 'fromUnixTimestamp64Milli(1415792726371)'],
  ['$__toTime_ms', 'fromUnixTimestamp64Milli(1447328726371)'],
  ['$__timeFilter(col)', 'col >= toDateTime(1415792726) AND col <= toDateTime(1447328726)'],
  ['$__timeFilter_ms(col)', 'col >= fromUnixTimestamp64Milli(1415792726371) AND col <= fromUnixTimestamp64Milli(1447328726371)'],
  ['$__timeInterval(col)', 'toStartOfInterval(toDateTime(col), INTERVAL 20 second)'],
  ['$__timeInterval_ms(col)', 'toStartOfInterval(toDateTime64(col, 3), INTERVAL 20000 millisecond)'],
  ['$__interval_s', '20'],
])('%s becomes what the plugin makes of it', (macro, sql) => {
  expect(expand(`SELECT f(${macro}), 1`, CHOICE)).toBe(`SELECT f(${sql}), 1`);
});

test('several values are quoted one by one, quotes inside them escaped', () => {
  expect(expand('p IN (${project:singlequote})', CHOICE)).toBe("p IN ('a','o\\'b')");
  expect(expand('p = ${id:singlequote} OR p = ${user:singlequote}', CHOICE)).toBe("p = 'x y' OR p = ''");
});

test('a condition stands when something is chosen, and goes for All and for an empty box', () => {
  const conditional = (name: string) => `$__conditionalAll(f(c.${name}, 1) IN (\${${name}:singlequote}), $${name})`;
  expect(expand(`WHERE ${conditional('project')} AND 2`, CHOICE)).toBe("WHERE f(c.project, 1) IN ('a','o\\'b') AND 2");
  expect(expand(`WHERE ${conditional('model')} AND 2`, CHOICE)).toBe('WHERE 1=1 AND 2');
  expect(expand(`WHERE ${conditional('user')} AND ${conditional('user')}`, CHOICE)).toBe('WHERE 1=1 AND 1=1');
});

test.each([
  ['an unknown macro', '$__adHocFilter(a)'],
  ['an unknown variable', '${nobody:singlequote}'],
  ['a variable without a format', 'a = $id'],
  ['a format that does not quote', '${id:csv}'],
  ['a condition with a third argument', '$__conditionalAll(a, b, $user)'],
  ['a bracket that is not closed', '$__timeFilter(a'],
])('%s is an error, not SQL', (_, sql) => {
  expect(() => expand(sql, CHOICE)).toThrow();
});
