/**
 * How far a journal has been shipped, on disk: written when a batch is taken and when the last one is acknowledged. A restart
 * therefore sends at most one batch again, and exactly that batch.
 *
 * Two places of the same file take turns, each written in its place: what a crash of the machine tears is the newer one at most, and
 * the older says one batch less. (A new file renamed over the old one would hold up the event loop for milliseconds, ext4 for one
 * writes it out first.)
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
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

/** A sector: what disks write whole. */
const PLACE_BYTES = 512;
const PLACES = 2;

/** Writes one journal's cursor. Opens its file when it is first needed. */
export class CursorFile {
  readonly #path: string;
  #file: number | undefined;
  /** How often it was written, which tells the newer place. */
  #writes = 0;

  constructor(dir: string) {
    this.#path = join(dir, CURSOR_FILE);
  }

  /** @throws when the disk does not take it */
  write(cursor: Cursor): void {
    if (this.#file === undefined) {
      this.#writes = Math.max(this.#writes, newest(this.#path)?.writes ?? 0);
      this.#file = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    }
    this.#writes += 1;
    const place = `${JSON.stringify({ writes: this.#writes, ...cursor }).padEnd(PLACE_BYTES - 1)}\n`;
    writeSync(this.#file, place, (this.#writes % PLACES) * PLACE_BYTES, 'latin1');
  }

  /** The next write finds its file by its name again: the folder may be another one. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** The cursor as it was written last, or the beginning: what was sent before is then found out by asking ingest. */
export function readCursor(dir: string): Cursor {
  return newest(join(dir, CURSOR_FILE))?.cursor ?? CURSOR_START;
}

interface Written {
  readonly cursor: Cursor;
  readonly writes: number;
}

function newest(path: string): Written | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
  let found: Written | undefined;
  for (let at = 0; at < text.length; at += PLACE_BYTES) {
    const written = parsePlace(text.slice(at, at + PLACE_BYTES));
    if (written !== undefined && (found === undefined || written.writes > found.writes)) found = written;
  }
  return found;
}

/** Earlier releases wrote one place, without a number and without an end. */
function parsePlace(text: string): Written | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!hasNumbers(value, ['segment', 'offset'])) return undefined;
  const { segment, offset, taken } = value;
  const writes = hasNumbers(value, ['writes']) ? value.writes : 0;
  if (!hasNumbers(taken, ['segment', 'from', 'to', 'at_ms'])) return { cursor: { segment, offset }, writes };
  return { cursor: { segment, offset, taken: { segment: taken.segment, from: taken.from, to: taken.to, at_ms: taken.at_ms } }, writes };
}

function hasNumbers<Key extends string>(value: unknown, keys: readonly Key[]): value is Record<Key, number> & { taken?: unknown } {
  return typeof value === 'object' && value !== null && keys.every((key) => Number.isFinite(Reflect.get(value, key)));
}
