/**
 * Who owns a journal folder: an exclusive flock(2) on its file `lock`, held as long as the process lives.
 * The kernel frees it at death however death comes, also across containers that share a disk, where process
 * ids and abstract sockets mean nothing to each other. Node offers no such lock, hence the call into libc.
 */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataType, load, open } from 'ffi-rs';

/** glibc, musl, macOS. */
const LIBRARIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`],
  darwin: ['libSystem.B.dylib'],
};
/** sys/file.h: LOCK_EX | LOCK_NB; the same on Linux and macOS. */
const LOCK_EXCLUSIVE_NOW = 2 | 4;
export const LOCK_FILE = 'lock';

/** This platform has no flock(2) that we can reach. */
export class LockUnavailable extends Error {}

let opened = false;

/**
 * The open lock file, or undefined when another process has it or the folder is gone.
 * @throws LockUnavailable, or what the disk throws
 */
export function lockFolder(dir: string): number | undefined {
  return lockFile(join(dir, LOCK_FILE));
}

/** The same for any one file, made when it is missing; closing it gives it free. */
export function lockFile(path: string): number | undefined {
  openLibrary();
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

function openLibrary(): void {
  if (opened) return;
  for (const path of LIBRARIES[process.platform] ?? []) {
    try {
      open({ library: 'libc', path });
      opened = true;
      return;
    } catch {
      // the next one
    }
  }
  throw new LockUnavailable(`no flock(2) on ${process.platform} ${process.arch}`);
}

function flock(file: number): boolean {
  const paramsType = [DataType.I32, DataType.I32];
  return load({ library: 'libc', funcName: 'flock', retType: DataType.I32, paramsType, paramsValue: [file, LOCK_EXCLUSIVE_NOW] }) === 0;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
