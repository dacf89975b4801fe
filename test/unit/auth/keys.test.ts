import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyIn, listKeysIn, revokeKeyIn } from '../../../cli/keys.ts';
import { openKeyRing, readKeys } from '../../../contract/key-ring.ts';
import { checkKey, createKey, keyTable, looksLikeKey } from '../../../contract/keys.ts';
import { cleanMessage } from '../../../proxy/clean-message.ts';
import { findSecrets } from '../../../proxy/redact/secrets.ts';
import { waitFor } from '../../kit/proxy.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassway-keys-'));
  path = join(folder, 'deep', 'keys.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const keyIn = (printed: string): string => /^gw[kcm]_\S+/.exec(printed)?.[0] ?? '';

test('a key opens what it was made for, and nothing else', () => {
  const { key, entry } = createKey({ use: 'calls', project: 'shop', name: '' }, NOW);
  const table = keyTable([entry]);
  expect(looksLikeKey(key)).toBe(true);
  expect(checkKey(table, key, 'calls', NOW.getTime())).toMatchObject({ entry: { project: 'shop' } });
  expect(checkKey(table, key, 'console', NOW.getTime())).toMatchObject({ fault: 'other_use' });
});

test.each([
  ['another last character', (key: string) => key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A')],
  ['another first character of the secret', (key: string) => key.replace(/(_[0-9a-f]{12}_)./, (_all, id: string) => `${id}~`)],
  ['the id alone', (key: string) => key.slice(0, 17)],
  ['nothing', () => ''],
  ['something after it', (key: string) => `${key} `],
  ['a name of an object', () => '__proto__'],
])('a key with %s is unknown', (_what, spoil) => {
  const { key, entry } = createKey({ use: 'calls', project: 'shop', name: '' }, NOW);
  expect(checkKey(keyTable([entry]), spoil(key), 'calls', NOW.getTime())).toEqual({ fault: 'unknown' });
});

test.each(['calls', 'console', 'metrics'] as const)(
  'a key for %s that turns up in a prompt or an error message is taken for a secret',
  (use) => {
    const { key } = createKey({ use, name: '', project: use === 'calls' ? 'shop' : undefined }, NOW);
    const text = `send it as ${key}, please`;
    expect(findSecrets(text).map(({ start, end }) => text.slice(start, end))).toContain(key);
    expect(cleanMessage(text)).not.toContain(key.slice(17));
  },
);

test('two keys never share an id’s secret: the one does not open the other’s entry', () => {
  const [a, b] = [createKey({ use: 'calls', project: 'a', name: '' }, NOW), createKey({ use: 'calls', project: 'b', name: '' }, NOW)];
  const mixed = a.key.replace(a.entry.id, b.entry.id);
  expect(checkKey(keyTable([a.entry, b.entry]), mixed, 'calls', NOW.getTime())).toEqual({ fault: 'unknown' });
});

test('the file holds a hash, never the key, and only its owner may read it', () => {
  const key = keyIn(createKeyIn(path, { for: 'calls', project: 'shop', name: 'ci' }, NOW));
  expect(looksLikeKey(key)).toBe(true);
  const text = readFileSync(path, 'utf8');
  expect(text).not.toContain(key.slice(17));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(listKeysIn(path, NOW)).toMatch(/calls +shop +ci +2026-05-01 +never +good/);
  expect(listKeysIn(path, NOW)).not.toContain(key.slice(17));
});

test('an expiry is a span or a date; past it the key is expired', () => {
  const day = keyIn(createKeyIn(path, { for: 'calls', project: 'shop', expires: '1d' }, NOW));
  const date = keyIn(createKeyIn(path, { for: 'metrics', expires: '2026-06-01' }, NOW));
  const table = keyTable(readKeys(path));
  expect(checkKey(table, day, 'calls', NOW.getTime() + 86_399_999)).toHaveProperty('entry.project');
  expect(checkKey(table, day, 'calls', NOW.getTime() + 86_400_000)).toMatchObject({ fault: 'expired' });
  expect(checkKey(table, date, 'metrics', Date.parse('2026-06-01T00:00:00Z'))).toMatchObject({ fault: 'expired' });
  expect(listKeysIn(path, new Date('2026-06-02'))).toMatch(/expired/);
});

test('a revoked key opens nothing, whether it was named by its id or by itself', () => {
  const one = keyIn(createKeyIn(path, { for: 'calls', project: 'shop' }, NOW));
  const two = keyIn(createKeyIn(path, { for: 'console' }, NOW));
  revokeKeyIn(path, one.split('_')[1] ?? '', NOW);
  expect(revokeKeyIn(path, two, NOW)).toContain('opens nothing any more');
  const table = keyTable(readKeys(path));
  expect(checkKey(table, one, 'calls', NOW.getTime())).toMatchObject({ fault: 'revoked' });
  expect(checkKey(table, two, 'console', NOW.getTime())).toMatchObject({ fault: 'revoked' });
  expect(revokeKeyIn(path, two, NOW)).toContain('was revoked at');
});

test.each([
  [{ for: 'everything' }, /--for everything is not known; want one of calls, console, metrics/],
  [{ for: 'calls' }, /want --project NAME/],
  [{ for: 'console', project: 'shop' }, /leave --project out/],
  [{ for: 'calls', project: 'a\nb' }, /printable characters/],
  [{ for: 'calls', project: 'x'.repeat(129) }, /1 to 128/],
  [{ for: 'calls', project: 'shop', expires: 'tomorrow' }, /--expires tomorrow is not in the future; want 90d, 12h or a date/],
  [{ for: 'calls', project: 'shop', expires: '2026-02-31' }, /want 90d, 12h or a date/],
  [{ for: 'calls', project: 'shop', expires: '2020-01-01' }, /is not in the future/],
])('what cannot be made is said, and nothing is written: %j', (wanted, message) => {
  expect(() => createKeyIn(path, wanted, NOW)).toThrow(message);
  expect(existsSync(path)).toBe(false);
});

test('revoking what is not there is an error', () => {
  expect(() => revokeKeyIn(path, 'ffffffffffff', NOW)).toThrow(/No key has the id ffffffffffff/);
});

test('a running process learns of new and revoked keys, keeps the last good ones while the file is broken, and none when it is gone', async () => {
  const messages: string[] = [];
  const ring = openKeyRing(path, (_level, message) => messages.push(message));
  try {
    expect(ring.count('calls')).toBe(0);
    const key = keyIn(createKeyIn(path, { for: 'calls', project: 'shop' }, new Date()));
    await waitFor('the new key', () => 'entry' in ring.check(key, 'calls') && ring.count('calls') === 1);
    writeFileSync(path, '{"version": 1, "keys": [{}]}');
    await waitFor('the complaint', () => messages.length > 0);
    expect(messages[0]).toMatch(/keys\.json is not valid: keys\.0\..*stay in use/);
    expect(ring.check(key, 'calls')).toHaveProperty('entry');
    rmSync(path);
    await waitFor('no keys', () => ring.count('calls') === 0);
    expect(ring.check(key, 'calls')).toEqual({ fault: 'unknown' });
  } finally {
    ring.close();
  }
});

test.each([
  ['{', /is not JSON/],
  ['[]', /is not valid/],
  ['{"version": 2, "keys": []}', /is not valid: version/],
])('at start a file that is no keys file is refused: %s', (text, message) => {
  const file = join(folder, 'bad.json');
  writeFileSync(file, text);
  expect(() => openKeyRing(file, () => {})).toThrow(message);
});
