/**
 * Who owns a journal folder: an exclusive flock(2) on its file `lock`, held as long as the process lives.
 * The kernel frees it at death however death comes, also across containers that share a disk, where process
 * ids and abstract sockets mean nothing to each other. Node offers no such lock (contract/libc.ts).
 */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { flock, LibcUnavailable, openLibc } from '../../contract/libc.ts';

export const LOCK_FILE = 'lock';

/**
 * The open lock file, or undefined when another process has it or the folder is gone. Also where there are no locks: nobody can
 * know there that a proxy is dead, and all count as running.
 * @throws what the disk throws
 */
export function lockFolder(dir: string): number | undefined {
  try {
    return lockFile(join(dir, LOCK_FILE));
  } catch (error) {
    if (error instanceof LibcUnavailable) return undefined;
    throw error;
  }
}

/**
 * The same for any one file, made when it is missing; closing it gives it free.
 * @throws LibcUnavailable, or what the disk throws
 */
export function lockFile(path: string): number | undefined {
  openLibc(); // nothing is made where nothing can be locked
  let file: number | undefined;
  try {
    file = openSync(path, 'a', 0o600);
    // The owner may have removed the folder between our open and our lock.
    if (flock(file) && fstatSync(file).ino === statSync(path).ino) return file;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  if (file !== undefined) closeSync(file);
  return undefined;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
