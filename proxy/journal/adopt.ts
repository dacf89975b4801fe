/**
 * Journals that dead processes left: taken over one at a time under their own proxy id and numbers, shipped,
 * removed. A call that had started and has no record gets one that says so. Looks at start and from time to
 * time, so that the last worker standing ships what the others left. Touches no call.
 */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../contract/log.ts';
import type { BatchSource } from './batch.ts';
import { readCursor } from './cursor.ts';
import { DEAD_LETTER_FILE, keepDeadLetters } from './dead-letters.ts';
import { createEncoder, ENTRY_HEADER_BYTES, ENTRY_KINDS, readEntries } from './entry.ts';
import { journalFolders, removeFolder } from './folder.ts';
import { LockUnavailable, lockFolder } from './lock.ts';
import { type FoundSegment, SEGMENT_BYTES, Segments, segmentNumber, segmentPath } from './segments.ts';
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
  readonly onDamage: (records: number) => void;
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
      for (const name of journalFolders(options.root)) if (!stopping && name !== options.proxyId) await adopt(options, name);
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

async function adopt(options: AdoptionOptions, proxyId: string): Promise<void> {
  const dir = join(options.root, proxyId);
  let lock: number | undefined;
  try {
    lock = lockFolder(dir);
    if (lock === undefined) return; // its process lives
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
  } catch (error) {
    // Tried again at the next look; without locks nothing can be adopted, and that is no news each time.
    if (!(error instanceof LockUnavailable))
      options.log('error', `what the dead proxy ${proxyId} left cannot be taken over now: ${String(error)}`);
  } finally {
    if (lock !== undefined) closeSync(lock);
  }
}

/** Reads all that is left, and writes records for the calls that have none. */
async function openDead(options: AdoptionOptions, proxyId: string, dir: string): Promise<{ segments: Segments; unfinished: number }> {
  const cursor = readCursor(dir);
  const starts = new Map<number, string>();
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
      if (kind === ENTRY_KINDS.start) starts.set(seq, payload.toString('utf8'));
      else {
        starts.delete(seq);
        if (number > cursor.segment || (number === cursor.segment && start >= cursor.offset)) waiting += 1;
      }
    }
    if (whole < bytes.length)
      options.log('warn', `journal ${proxyId}: the last ${bytes.length - whole} bytes of ${path} are not whole and are left out`);
    found.push({ number, path, file: openSync(path, 'r'), bytes: whole, waiting });
  }
  if (starts.size > 0) found.push(writeUnfinished(segmentPath(dir, (numbers.at(-1) ?? 0) + 1), starts));
  const segments = new Segments({
    dir,
    proxyId,
    segmentBytes: SEGMENT_BYTES,
    beforeRetire: () => true,
    onFull: () => {},
    onDamage: options.onDamage,
    found: { segments: found, cursor },
  });
  return { segments, unfinished: starts.size };
}

/** A crash in here leaves some of them whole, and the next adopter writes the rest. */
function writeUnfinished(path: string, starts: ReadonlyMap<number, string>): FoundSegment {
  const encode = createEncoder();
  const file = openSync(path, 'wx+', 0o600);
  let bytes = 0;
  for (const [seq, json] of starts) {
    const entry = encode(ENTRY_KINDS.record, seq, JSON.stringify(unfinishedRecord(JSON.parse(json), PROXY_DIED)));
    if (writeSync(file, entry, 0, entry.length, bytes) < entry.length) throw new Error('the disk is full');
    bytes += entry.length;
  }
  return { number: segmentNumber(path) ?? 0, path, file, bytes, waiting: starts.size };
}
