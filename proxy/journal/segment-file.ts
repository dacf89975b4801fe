/** A segment's file: its name, reading from it, and the records that are in what was read. */
import { read } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { BATCH_BYTES_MAX, BATCH_ROWS_MAX } from '../../contract/record.ts';
import { ENTRY_HEADER_BYTES, ENTRY_KINDS, readEntries } from './entry.ts';

const readAsync = promisify(read);
const NEWLINE = Buffer.from('\n');

const SEGMENT_NAME = /^(\d{8,})\.log$/;

export function segmentPath(dir: string, number: number): string {
  return join(dir, `${String(number).padStart(8, '0')}.log`);
}

/** The number of a segment's file; undefined: the file is none. */
export function segmentNumber(path: string): number | undefined {
  const digits = SEGMENT_NAME.exec(basename(path))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The records from the start of `bytes`: up to `end` when a batch was fixed before, else as many as a batch may have. */
export function collectRecords(bytes: Buffer, end: number | undefined): { body: Buffer; rows: number; to: number } {
  const pieces: Buffer[] = [];
  let bodyBytes = 0;
  let rows = 0;
  let to = 0;
  for (const entry of readEntries(bytes)) {
    if (entry.kind === ENTRY_KINDS.record) {
      if (rows >= BATCH_ROWS_MAX || (rows > 0 && bodyBytes + entry.payload.length > BATCH_BYTES_MAX - BATCH_ROWS_MAX)) break;
      if (rows > 0) pieces.push(NEWLINE);
      pieces.push(entry.payload);
      bodyBytes += entry.payload.length + 1;
      rows += 1;
    }
    to = entry.end;
    if (to === end) break;
  }
  return { body: Buffer.concat(pieces), rows, to };
}

export async function readFully(file: number, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(length, ENTRY_HEADER_BYTES)).subarray(0, length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await readAsync(file, buffer, filled, length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
