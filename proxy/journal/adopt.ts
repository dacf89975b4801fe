/**
 * Journals that dead processes left: taken over one at a time under their own proxy id and numbers, shipped,
 * removed. A call that had started and has no record gets one that says so. Looks at start and from time to
 * time, so that the last worker standing ships what the others left. Touches no call.
 */
import { closeSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../contract/log.ts';
import type { BatchSource } from './batch.ts';
import { readCursor } from './cursor.ts';
import { DEAD_LETTER_FILE, keepDeadLetters } from './dead-letters.ts';
import { createEncoder, ENTRY_HEADER_BYTES, ENTRY_KINDS, readEntries } from './entry.ts';
import { journalFolders, removeFolder } from './folder.ts';
import { lockFolder } from './lock.ts';
import { segmentNumber, segmentPath } from './segment-file.ts';
import { type FoundSegment, SEGMENT_BYTES, Segments } from './segments.ts';
import { PROXY_DIED, unfinishedRecord } from './unfinished.ts';

const LOOK_EVERY_MS = 30_000;

export interface AdoptionOptions {
  /** `<data>/journal`. */
  readonly root: string;
  /** Our own, which is not adopted. */
  readonly proxyId: string;
  /** Ships all of a journal; false when it was stopped before. */
  readonly shipAll: (source: BatchSource) => Promise<boolean>;
  /** A journal was taken over; so many of its calls were cut off by its process's death. */
  readonly onAdopt: (unfinished: number) => void;
  readonly onLoss: (reason: 'damaged' | 'journal_full', records: number) => void;
  /** For all journals of dead processes together; beyond, the oldest go. */
  readonly bytesMax: number;
  readonly log: Log;
}

export interface Adoption {
  /** Ends once `shipAll` has. */
  stop(): Promise<void>;
}

export function startAdoption(options: AdoptionOptions): Adoption {
  let stopping = false;
  let wake: () => void = () => {};
  const running = (async () => {
    while (!stopping) {
      for (const name of beyondLimit(options)) await withLocked(options, name, (dir) => discard(options, name, dir));
      for (const name of journalFolders(options.root))
        if (!stopping && name !== options.proxyId) await withLocked(options, name, (dir) => adopt(options, name, dir));
      if (stopping) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS).unref();
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  return {
    async stop() {
      stopping = true;
      wake();
      await running;
    },
  };
}

/** The oldest journals, where all together are larger than they may be: a proxy that dies again and again while ingest is away. */
function beyondLimit({ root, proxyId, bytesMax }: AdoptionOptions): string[] {
  const newestFirst = journalFolders(root)
    .filter((name) => name !== proxyId)
    .map((name) => ({ name, ...sizeOf(join(root, name)) }))
    .sort((a, b) => b.changed_ms - a.changed_ms);
  let bytes = 0;
  return newestFirst
    .filter((folder) => {
      bytes += folder.bytes;
      return bytes > bytesMax;
    })
    .map(({ name }) => name);
}

function sizeOf(dir: string): { bytes: number; changed_ms: number } {
  const sizes = { bytes: 0, changed_ms: 0 };
  try {
    for (const file of readdirSync(dir)) {
      const { size, mtimeMs } = statSync(join(dir, file));
      sizes.bytes += size;
      sizes.changed_ms = Math.max(sizes.changed_ms, mtimeMs);
    }
  } catch {
    // removed meanwhile by its owner
  }
  return sizes;
}

/** Does something with a folder whose process is dead. Never throws. */
async function withLocked(options: AdoptionOptions, proxyId: string, work: (dir: string) => Promise<void>): Promise<void> {
  const dir = join(options.root, proxyId);
  let lock: number | undefined;
  try {
    lock = lockFolder(dir);
    if (lock !== undefined) await work(dir);
  } catch (error) {
    // Tried again at the next look.
    options.log('error', `what the dead proxy ${proxyId} left cannot be taken over now: ${String(error)}`);
  } finally {
    if (lock !== undefined) closeSync(lock);
  }
}

async function discard(options: AdoptionOptions, proxyId: string, dir: string): Promise<void> {
  const { segments } = await openDead(options, proxyId, dir);
  const { records } = segments;
  segments.close(true);
  removeFolder(dir);
  options.onLoss('journal_full', records);
  options.log('error', `journals of dead proxies take more than ${options.bytesMax} bytes: ${records} records of ${proxyId} are lost`);
}

async function adopt(options: AdoptionOptions, proxyId: string, dir: string): Promise<void> {
  const { segments, unfinished } = await openDead(options, proxyId, dir);
  options.onAdopt(unfinished);
  options.log(
    'info',
    `ships what the dead proxy ${proxyId} left: ${segments.records} records, ${unfinished} of them calls that its death cut off`,
  );
  const shipped = await options.shipAll({
    get records() {
      return segments.records;
    },
    take: () => segments.take(),
    acknowledge: (batch) => segments.acknowledge(batch),
    setAside: (letters) => keepDeadLetters(join(dir, DEAD_LETTER_FILE), letters),
    onAppend: () => {},
  });
  segments.close();
  if (shipped) removeFolder(dir);
}

/** Reads all that is left, and writes records for the calls that have none. */
async function openDead(options: AdoptionOptions, proxyId: string, dir: string): Promise<{ segments: Segments; unfinished: number }> {
  const cursor = readCursor(dir);
  /** Calls without a record: what is known of each. */
  const unfinished = new Map<number, Unfinished>();
  const found: FoundSegment[] = [];
  const numbers = readdirSync(dir)
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  for (const number of numbers) {
    const path = segmentPath(dir, number);
    const bytes = await readFile(path);
    let whole = 0;
    let waiting = 0;
    for (const { kind, seq, payload, end } of readEntries(bytes)) {
      const start = end - payload.length - ENTRY_HEADER_BYTES;
      whole = end;
      if (kind === ENTRY_KINDS.start || kind === ENTRY_KINDS.draft) unfinished.set(seq, { kind, json: payload.toString('utf8') });
      else if (kind === ENTRY_KINDS.record) {
        unfinished.delete(seq);
        if (number > cursor.segment || (number === cursor.segment && start >= cursor.offset)) waiting += 1;
      }
    }
    if (whole < bytes.length)
      options.log('warn', `journal ${proxyId}: the last ${bytes.length - whole} bytes of ${path} are not whole and are left out`);
    found.push({ number, path, file: openSync(path, 'r'), bytes: whole, waiting });
  }
  if (unfinished.size > 0) found.push(writeUnfinished(segmentPath(dir, (numbers.at(-1) ?? 0) + 1), unfinished));
  const segments = new Segments({
    dir,
    proxyId,
    segmentBytes: SEGMENT_BYTES,
    beforeRetire: () => true,
    onFull: () => {},
    onDamage: (records) => options.onLoss('damaged', records),
    found: { segments: found, cursor },
  });
  return { segments, unfinished: [...unfinished.values()].filter(({ kind }) => kind === ENTRY_KINDS.start).length };
}

interface Unfinished {
  readonly kind: typeof ENTRY_KINDS.start | typeof ENTRY_KINDS.draft;
  readonly json: string;
}

/** A crash in here leaves some of them whole, and the next adopter writes the rest. */
function writeUnfinished(path: string, unfinished: ReadonlyMap<number, Unfinished>): FoundSegment {
  const encode = createEncoder();
  const file = openSync(path, 'wx+', 0o600);
  let bytes = 0;
  for (const [seq, { kind, json }] of unfinished) {
    // A draft is a record already: its call was over.
    const record = kind === ENTRY_KINDS.draft ? json : JSON.stringify(unfinishedRecord(JSON.parse(json), PROXY_DIED));
    const entry = encode(ENTRY_KINDS.record, seq, record);
    if (writeSync(file, entry, 0, entry.length, bytes) < entry.length) throw new Error('the disk is full');
    bytes += entry.length;
  }
  return { number: segmentNumber(path) ?? 0, path, file, bytes, waiting: unfinished.size };
}
