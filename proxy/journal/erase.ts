/**
 * Takes calls out of the journals on this machine: counts what is of somebody's, and erases it where no process owns the
 * journal. An entry is written over where it lies, with as many bytes as it had: its place is part of its batch's identity.
 * A journal that a running proxy owns is left to that proxy, which removes what it has shipped.
 */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DEAD_LETTER_FILE } from './dead-letters.ts';
import { ENTRY_HEADER_BYTES, ENTRY_KINDS, encodeErased, readEntries } from './entry.ts';
import { lockFolder } from './lock.ts';
import { segmentNumber, segmentPath } from './segment-file.ts';

/** Whether a record, or a call's start, is to go. */
export type IsErased = (columns: Readonly<Record<string, unknown>>) => boolean;

export interface JournalFound {
  /** The folder's name, which is its proxy's id. */
  readonly proxyId: string;
  /** A running process owns it. */
  readonly live: boolean;
  /** Starts, drafts and records. */
  readonly entries: number;
  readonly deadLetters: number;
}

/** Counts, and with `erase` takes out what may be taken out. Says of each journal what was there before. */
export function searchJournals(root: string, isErased: IsErased, erase: boolean): JournalFound[] {
  return folders(root).map((proxyId) => {
    const dir = join(root, proxyId);
    const lock = lockFolder(dir);
    try {
      const live = lock === undefined;
      return {
        proxyId,
        live,
        entries: searchSegments(dir, isErased, erase && !live),
        deadLetters: searchDeadLetters(dir, isErased, erase),
      };
    } finally {
      if (lock !== undefined) closeSync(lock);
    }
  });
}

/** Folders with dead letters only are in no shipper's list, and in this one. */
function folders(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [],
    );
  } catch {
    return []; // no proxy has run here
  }
}

function searchSegments(dir: string, isErased: IsErased, erase: boolean): number {
  let found = 0;
  for (const number of namesIn(dir).flatMap((name) => segmentNumber(name) ?? [])) {
    const path = segmentPath(dir, number);
    const bytes = bytesOf(path);
    const places: { start: number; entry: Buffer }[] = [];
    for (const { kind, seq, payload, end } of readEntries(bytes)) {
      if (kind === ENTRY_KINDS.erased || !isErased(columnsOf(payload))) continue;
      places.push({ start: end - payload.length - ENTRY_HEADER_BYTES, entry: encodeErased(seq, payload.length) });
    }
    found += places.length;
    if (erase && places.length > 0) overwrite(path, places);
  }
  return found;
}

/** One record a line, with the reason. A line is made blank where it is: its owner may be adding another behind it. */
function searchDeadLetters(dir: string, isErased: IsErased, erase: boolean): number {
  const path = join(dir, DEAD_LETTER_FILE);
  const bytes = bytesOf(path);
  const places: { start: number; entry: Buffer }[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const letter = columnsOf(bytes.subarray(start, end));
    const record = letter['record'];
    if (typeof record === 'object' && record !== null && isErased(record as Record<string, unknown>))
      places.push({ start, entry: Buffer.alloc(end - start, ' ') });
    start = end + 1;
  }
  if (erase && places.length > 0) overwrite(path, places);
  return places.length;
}

function overwrite(path: string, places: readonly { readonly start: number; readonly entry: Buffer }[]): void {
  const file = openSync(path, 'r+');
  try {
    for (const { start, entry } of places) writeSync(file, entry, 0, entry.length, start);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function columnsOf(json: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // removed by its owner since
  }
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0); // not there, or no more
  }
}
