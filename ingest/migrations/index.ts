/**
 * The migrations beside this file: `NNNN-what-it-does.sql`, one statement each, in order, numbered
 * without gaps from 1. Each may be applied twice without harm (IF NOT EXISTS, MODIFY QUERY), because several ingests
 * may migrate at once; each only adds, or mends what a view makes of later calls, so that ingests of the release before keep working. A migration
 * that was released is never changed. `{database:Identifier}` is a query parameter.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

export interface Migration {
  readonly version: number;
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly statement: string;
  /** Of the statement without comments and spacing, so that those may be mended later. */
  readonly checksum: string;
}

const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;

/** All migrations that this release knows, in order. */
export function readMigrations(folder: URL = new URL('./', import.meta.url)): Migration[] {
  return readdirSync(folder)
    .filter((file) => FILE_NAME.test(file))
    .sort()
    .map((file) => {
      const statement = readFileSync(new URL(file, folder), 'utf8');
      return { version: Number(file.slice(0, 4)), name: file.slice(0, -'.sql'.length), statement, checksum: checksumOf(statement) };
    });
}

function checksumOf(statement: string): string {
  const essence = statement
    .replace(/^\s*--.*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  return createHash('sha256').update(essence).digest('hex');
}
