import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readMigrations } from '../../ingest/migrations/index.ts';

const migrations = readMigrations();

test('migrations are numbered from 1 without gaps, so that their order is never in doubt', () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
});

test.each(migrations.map(({ name, statement }) => [name, statement]))('%s is one statement that may be applied twice', (_, statement) => {
  const code = statement.replace(/^\s*--.*$/gm, '');
  expect(code).not.toContain(';');
  // A view's query is the same when it is set again.
  expect(code).toMatch(/IF NOT EXISTS|_view MODIFY QUERY\s/);
  expect(code).toContain('{database:Identifier}.');
});

test('a checksum changes with the statement and not with its comments or spacing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'glassway-migrations-'));
  try {
    const checksum = (statement: string) => {
      writeFileSync(join(folder, '0001-a.sql'), statement);
      return readMigrations(pathToFileURL(`${folder}/`))[0]?.checksum;
    };
    const first = checksum('-- why\nCREATE TABLE IF NOT EXISTS a\n  (b Int8)\n');
    expect(checksum('-- why, better\nCREATE TABLE IF NOT EXISTS a (b Int8)')).toBe(first);
    expect(checksum('CREATE TABLE IF NOT EXISTS a (b Int16)')).not.toBe(first);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
