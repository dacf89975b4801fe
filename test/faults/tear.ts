/**
 * What the loss of power leaves at the end of a journal's files, which no kill does: half an entry, blocks of zeros,
 * bytes that are not those that were written. Takes the folder of journals whose processes are dead.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENTRY_HEADER_BYTES, ENTRY_KINDS, readEntries } from '../../proxy/journal/entry.ts';
import { segmentNumber } from '../../proxy/journal/segment-file.ts';

const ZEROS = Buffer.alloc(4_096);

export function tearJournals(root: string): void {
  for (const name of readdirSync(root)) {
    const dir = join(root, name);
    const last = readdirSync(dir)
      .filter((file) => segmentNumber(file) !== undefined)
      .sort()
      .at(-1);
    if (last !== undefined) tear(join(dir, last));
  }
}

function tear(path: string): void {
  const bytes = readFileSync(path);
  const record = [...readEntries(bytes)].findLast(({ kind }) => kind === ENTRY_KINDS.record);
  if (record === undefined) return;
  const entry = Buffer.from(bytes.subarray(record.end - record.payload.length - ENTRY_HEADER_BYTES, record.end));
  // Still JSON, and of a call that was never made: only the checksum tells.
  const id = /"id":"[^"]*/.exec(entry.toString('latin1'));
  if (id === null) throw new Error('a record without an id');
  entry.write('x', id.index + id[0].length - 1, 'latin1');
  appendFileSync(path, Buffer.concat([entry, entry.subarray(0, entry.length >> 1), ZEROS]));
}
