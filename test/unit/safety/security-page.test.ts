/** SECURITY.md promises nothing that no test shows: every test it names exists, and the tests of this topic are all named. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const page = readFileSync('SECURITY.md', 'utf8');
const named = [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map((match) => match[1] as string);

test('every test that the page names exists', () => {
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('every threat has a test, and every test of safety is named', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| who') && !line.startsWith('| ---'));
  expect(rows.length).toBeGreaterThan(12);
  expect(rows.filter((row) => !/`test\/[\w./-]+\.test\.ts` +\|$/.test(row))).toEqual([]);
  const ours = readdirSync('test/integration/safety').filter((name) => name.endsWith('.test.ts'));
  expect(ours.filter((name) => !named.includes(`test/integration/safety/${name}`))).toEqual([]);
});

test('every file that the page sends its reader to exists', () => {
  const links = [...page.matchAll(/\]\(([\w./-]+\.md)\)/g)].map((match) => match[1] as string);
  expect(links.filter((path) => !existsSync(path))).toEqual([]);
});
