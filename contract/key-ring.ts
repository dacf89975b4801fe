/**
 * The keys file at run time: read at start, and again whenever it changes, so that a key made or revoked holds within
 * a second in every process that reads it. No file is no keys; a file that cannot be understood leaves the last good
 * keys in use and says so, at the start it is a StartError.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkKey, type KeyEntry, KeysFile, type KeyTable, type KeyUse, type KeyVerdict, keyTable } from './keys.ts';
import { StartError } from './listen.ts';
import type { Log } from './log.ts';

/** How often each process looks whether the file has changed. */
export const KEYS_LOOK_MS = 500;

export interface KeyRing {
  check(text: string, use: KeyUse): KeyVerdict;
  /** The entry of this id, if it still opens `use`. */
  find(id: string, use: KeyUse): KeyEntry | undefined;
  /** How many keys open `use` now. */
  count(use: KeyUse): number;
  close(): void;
}

/** For who has no file: no key opens anything. */
export const NO_KEYS: KeyRing = { check: () => ({ fault: 'unknown' }), find: () => undefined, count: () => 0, close: () => {} };

/** @throws StartError when the file is there and is not one of keys */
export function openKeyRing(path: string, log: Log): KeyRing {
  let seen = fileMark(path);
  let table: KeyTable = keyTable(readKeys(path));
  const timer = setInterval(() => {
    const mark = fileMark(path);
    if (mark === seen) return;
    seen = mark;
    try {
      table = keyTable(readKeys(path));
    } catch (error) {
      log('error', `${error instanceof Error ? error.message : String(error)} The keys read before stay in use.`);
    }
  }, KEYS_LOOK_MS);
  timer.unref();
  const live = (entry: KeyEntry | undefined, use: KeyUse): boolean =>
    entry !== undefined && entry.use === use && entry.revoked_at === undefined && !isPast(entry.expires_at);
  return {
    check: (text, use) => checkKey(table, text, use, Date.now()),
    find(id, use) {
      const entry = table.get(id)?.entry;
      return live(entry, use) ? entry : undefined;
    },
    count: (use) => [...table.values()].filter(({ entry }) => live(entry, use)).length,
    close: () => clearInterval(timer),
  };
}

/** The entries of a keys file; none when there is no file. @throws StartError that names the file and what is wrong */
export function readKeys(path: string): readonly KeyEntry[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new StartError(`The keys file ${path} cannot be read (${code}).`, { cause: error });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new StartError(`The keys file ${path} is not JSON; \`glassway keys\` writes it.`);
  }
  const checked = KeysFile.safeParse(parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new StartError(`The keys file ${path} is not valid: ${issue?.path.join('.')}: ${issue?.message}.`);
  }
  return checked.data.keys;
}

/** Whole or not at all, and readable by its owner only. */
export function writeKeys(path: string, keys: readonly KeyEntry[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, `${JSON.stringify({ version: 1, keys }, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

function isPast(expires_at: string | undefined): boolean {
  return expires_at !== undefined && Date.now() >= Date.parse(expires_at);
}

/** Changes with each writing: also when a mounted folder is swapped under the path. */
function fileMark(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}
