/**
 * Changes the keys file: reads it, asks what it should hold, writes it whole, with nobody else's change in between. A
 * lock beside it (flock(2), so that a killed command leaves none behind) makes commands that run at once wait for each
 * other. Synchronous, so that it can also be done while the process ends.
 */
import { closeSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { readKeys, writeKeys } from '../contract/key-ring.ts';
import type { KeyEntry } from '../contract/keys.ts';
import { LibcUnavailable } from '../contract/libc.ts';
import { StartError } from '../contract/listen.ts';
import { lockFile } from '../proxy/journal/lock.ts';

/** A change takes a millisecond; whoever holds the lock this long does not work. */
const WAIT_MS_MAX = 10_000;
const LOOK_AGAIN_MS = 10;

/** @throws StartError that names the file and what would be right */
export function changeKeys(path: string, change: (keys: readonly KeyEntry[]) => readonly KeyEntry[]): void {
  let lock: number | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    lock = waitForLock(path);
    writeKeys(path, change(readKeys(path)));
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new StartError(
      `The keys file ${path} cannot be written (${code}). Run this as the user that Glassway runs as, where the folder can be written, with its --data and --config.`,
      { cause: error },
    );
  } finally {
    if (lock !== undefined) closeSync(lock);
  }
}

/** Undefined where the platform has no such lock: then one command at a time is up to whoever runs them. */
function waitForLock(path: string): number | undefined {
  const still = new Int32Array(new SharedArrayBuffer(4));
  try {
    for (let waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms += LOOK_AGAIN_MS) {
      const lock = lockFile(`${path}.lock`);
      if (lock !== undefined) return lock;
      Atomics.wait(still, 0, 0, LOOK_AGAIN_MS);
    }
  } catch (error) {
    if (error instanceof LibcUnavailable) return undefined;
    throw error;
  }
  throw new StartError(`Another command has held ${path}.lock for ${WAIT_MS_MAX / 1_000} s; end it and try again.`);
}
