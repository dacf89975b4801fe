/** A small disk in memory, mounted at a folder: for disks that are full or read-only. Needs root. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

export class MountRefused extends Error {}

/** Gives what takes it away again. @throws MountRefused when this user may not mount */
export function mountDisk(dir: string, options: readonly string[]): () => void {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', dir], { stdio: 'ignore' });
  } catch (error) {
    throw new MountRefused('mounting a small disk needs rights that this user does not have', { cause: error });
  }
  return () => execFileSync('umount', [dir], { stdio: 'ignore' });
}
