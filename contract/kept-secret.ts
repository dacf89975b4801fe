/** A random secret that a data folder keeps from one start to the next, readable by its owner only. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from './listen.ts';

/** Makes it at the first call. @throws StartError when the folder cannot be used */
export function keptSecret(dataDir: string, name: string): Buffer {
  const path = join(dataDir, name);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(path, randomBytes(32), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return readFileSync(path);
  } catch (error) {
    throw new StartError(
      `The data folder ${dataDir} cannot be used: ${error instanceof Error ? error.message : String(error)}. Give another with --data DIR.`,
      { cause: error },
    );
  }
}
