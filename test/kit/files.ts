/**
 * What a running Glassway has on disk. ClickHouse merges parts away and the proxy ships segments away while one looks: what
 * was in a file or folder that is gone is in what took its place.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface StoredFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Every file below a folder, read one after another. */
export function* filesBelow(dir: string): Generator<StoredFile> {
  for (const entry of unlessGone(() => readdirSync(dir, { withFileTypes: true }), [] as Dirent[])) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    if (!entry.isFile()) continue;
    const bytes = unlessGone(() => readFileSync(path), undefined);
    if (bytes) yield { path, bytes };
  }
}

/** Paths of the files below a folder that hold this text as it stands, not compressed. */
export function filesWith(dir: string, text: string): string[] {
  const paths: string[] = [];
  for (const { path, bytes } of filesBelow(dir)) if (bytes.includes(text)) paths.push(path);
  return paths;
}

function unlessGone<Read, Gone>(read: () => Read, gone: Gone): Read | Gone {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return gone;
    throw error;
  }
}
