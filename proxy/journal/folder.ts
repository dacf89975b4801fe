/**
 * Journal folders: `<data>/journal/<proxy_id>`, one a process, locked by its owner. Made under another name and
 * renamed once locked, so that nobody meets one that seems to be a dead process's.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CURSOR_FILE } from './cursor.ts';
import { LOCK_FILE, lockFolder } from './lock.ts';
import { segmentNumber } from './segment-file.ts';

/**
 * Makes and locks the own folder, or what of it was removed. Gives the open lock file, or undefined when the lock
 * is held already or there are no locks here, in which case nobody adopts folders either.
 * @throws what the disk throws
 */
export function claimFolder(root: string, proxyId: string): number | undefined {
  const dir = join(root, proxyId);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  if (statSync(dir, { throwIfNoEntry: false }) !== undefined) return lockFolder(dir);
  const made = join(root, `.${proxyId}`);
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { mode: 0o700 });
  const lock = lockFolder(made);
  renameSync(made, dir);
  return lock;
}

/** A folder with nothing left to ship goes; dead letters keep it. */
export function removeFolder(dir: string): void {
  try {
    for (const name of [CURSOR_FILE, LOCK_FILE]) rmSync(join(dir, name), { force: true });
    rmdirSync(dir);
  } catch {
    // Dead letters are in it, or the disk is not what it was: an empty journal does no harm.
  }
}

/** Folders with segments in them, whoever owns them. */
export function journalFolders(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .filter((name) => readdirSync(join(root, name)).some((file) => segmentNumber(file) !== undefined));
  } catch {
    return []; // no folder yet, or one that was just removed: the next look sees
  }
}
