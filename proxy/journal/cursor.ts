/**
 * How far a journal has been shipped, on disk: written anew (and renamed into place) when a batch is taken and
 * when the last one is acknowledged. A restart therefore sends at most one batch again, and exactly that batch.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Cursor {
  /** Everything before this place is safe. */
  readonly segment: number;
  readonly offset: number;
  /** The batch under way: from there to here, first sent then. */
  readonly taken?: { readonly segment: number; readonly from: number; readonly to: number; readonly at_ms: number };
}

export const CURSOR_FILE = 'cursor.json';
export const CURSOR_START: Cursor = { segment: 0, offset: 0 };

/** @throws when the disk does not take it */
export function writeCursor(dir: string, cursor: Cursor): void {
  const path = join(dir, CURSOR_FILE);
  writeFileSync(`${path}.new`, JSON.stringify(cursor), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The cursor as it was written, or the beginning: what was sent before is then found out by asking ingest. */
export function readCursor(dir: string): Cursor {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(join(dir, CURSOR_FILE), 'utf8'));
  } catch {
    return CURSOR_START;
  }
  if (!hasNumbers(value, ['segment', 'offset'])) return CURSOR_START;
  const { segment, offset, taken } = value;
  if (!hasNumbers(taken, ['segment', 'from', 'to', 'at_ms'])) return { segment, offset };
  return { segment, offset, taken: { segment: taken.segment, from: taken.from, to: taken.to, at_ms: taken.at_ms } };
}

function hasNumbers<Key extends string>(value: unknown, keys: readonly Key[]): value is Record<Key, number> & { taken?: unknown } {
  return typeof value === 'object' && value !== null && keys.every((key) => Number.isFinite(Reflect.get(value, key)));
}
