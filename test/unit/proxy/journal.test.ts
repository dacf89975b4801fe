/** The journal on a real disk: what it gives back after any end, and what it does when the disk does not work. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BATCH_ROWS_MAX, type CallRecord, parseRecord } from '../../../contract/record.ts';
import { type Adoption, startAdoption } from '../../../proxy/journal/adopt.ts';
import type { Batch, BatchSource } from '../../../proxy/journal/batch.ts';
import { readCursor } from '../../../proxy/journal/cursor.ts';
import { readEntries } from '../../../proxy/journal/entry.ts';
import { searchJournals } from '../../../proxy/journal/erase.ts';
import type { StartColumns } from '../../../proxy/journal/unfinished.ts';
import { type FinishedRecord, type Journal, type JournalOptions, openJournal } from '../../../proxy/journal.ts';
import { runScript } from '../../kit/processes.ts';
import { waitFor } from '../../kit/proxy.ts';
import { sampleRecord } from '../ingest/sample.ts';

let root: string;
let journal: Journal;
const open: Journal[] = [];
const adoptions: Adoption[] = [];
const losses: [string, number][] = [];
const faults: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'glassway-journal-'));
  losses.length = 0;
  faults.length = 0;
});
afterEach(async () => {
  for (const adoption of adoptions.splice(0)) await adoption.stop();
  for (const each of open.splice(0)) each.close();
  rmSync(root, { recursive: true, force: true });
});

function start(options: Partial<JournalOptions> = {}): Journal {
  journal = openJournal({
    root,
    proxyId: 'p',
    fsync: 'never',
    bytesMax: 1024 ** 3,
    memory: { records: 1_000, bytes: 1_000_000 },
    log: () => {},
    ...options,
  });
  journal.onLoss((reason, records) => losses.push([reason, records]));
  journal.onFault((code) => faults.push(code));
  open.push(journal);
  return journal;
}

function columns(id: string): { start: StartColumns; record: FinishedRecord } {
  const { seq: _seq, proxy_id: _proxy, ...record } = sampleRecord({ id });
  const { project, started_at, upstream, provider, operation, method, path, user_id, session_id } = record;
  const { trace_id, span_id, parent_span_id, tags, key_fingerprint, sdk } = record;
  const known = { id, project, started_at, upstream, provider, operation, method, path, user_id, session_id };
  return { start: { ...known, trace_id, span_id, parent_span_id, tags, key_fingerprint, sdk }, record };
}
const begin = (id: string) => journal.start(columns(id).start);
const done = () => {};
function call(id: string, padding = 0): void {
  const { start: known, record } = columns(id);
  journal.finish(journal.start(known), padding === 0 ? record : { ...record, error_message: 'x'.repeat(padding) }, done);
}
const records = (batch: Batch | undefined) =>
  (batch?.body.toString() ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as CallRecord);
const seqs = (batch: Batch | undefined) => records(batch).map(({ seq }) => seq);
const dir = () => join(root, 'p');
const segments = () =>
  readdirSync(dir())
    .filter((name) => name.endsWith('.log'))
    .sort();

/** What a process leaves that is killed now: its files, and a lock that nobody holds. */
function crash(): string {
  journal.write();
  const copy = mkdtempSync(join(tmpdir(), 'glassway-crashed-'));
  cpSync(dir(), join(copy, 'p'), { recursive: true });
  for (const each of open.splice(0)) each.close();
  rmSync(root, { recursive: true, force: true });
  root = copy;
  return join(root, 'p');
}

/** Another process that takes over what is left. */
async function adoptAll(
  onBatch: (batch: Batch) => void = () => {},
  bytesMax = 1024 ** 3,
): Promise<{ batches: Batch[]; unfinished: number }> {
  const batches: Batch[] = [];
  let unfinished = 0;
  const ended = Promise.withResolvers<void>();
  const adoption = startAdoption({
    root,
    proxyId: 'another',
    async shipAll(source: BatchSource) {
      for (let batch = await source.take(); batch !== undefined; batch = await source.take()) {
        batches.push(batch);
        onBatch(batch);
        source.acknowledge(batch);
      }
      ended.resolve();
      return source.records === 0;
    },
    onAdopt: (count) => {
      unfinished += count;
    },
    onLoss: (reason, count) => losses.push([reason, count]),
    bytesMax,
    log: () => {},
  });
  adoptions.push(adoption);
  await ended.promise;
  await adoption.stop();
  return { batches, unfinished };
}

describe('in one process', () => {
  test('records come out in the order in which calls end, with the numbers of the order in which they began', async () => {
    start();
    const [a, b] = [begin('a'), begin('b')];
    journal.finish(b, columns('b').record, done);
    journal.finish(a, columns('a').record, done);
    expect(records(await journal.take())).toMatchObject([
      { id: 'b', seq: 2, proxy_id: 'p' },
      { id: 'a', seq: 1, proxy_id: 'p' },
    ]);
  });

  test('every record is as ingest wants it', async () => {
    start();
    call('ü😀\u0001');
    journal.finishUnknown(begin('b'), 'glassway_tap_failed');
    const [first, second] = records(await journal.take());
    expect(parseRecord(first)).toMatchObject({ record: { id: 'ü😀\u0001' } });
    expect(parseRecord(second)).toMatchObject({ record: { id: 'b', outcome: 'gateway_error', error_type: 'glassway_tap_failed' } });
  });

  test('a batch stays the same until it is acknowledged, whatever is appended meanwhile', async () => {
    start();
    call('a');
    const batch = await journal.take();
    call('b');
    expect(await journal.take()).toBe(batch);
    if (batch) journal.acknowledge(batch);
    expect(seqs(await journal.take())).toEqual([2]);
    expect(journal.records).toBe(1);
  });

  test('only the batch that was taken can be acknowledged', () => {
    start();
    call('a');
    expect(() => journal.acknowledge({ id: 'p.1-1', rows: 1, body: Buffer.alloc(0), sentAt_ms: undefined })).toThrow('p.1-1');
  });

  test('an empty journal gives no batch, and leaves nothing behind', async () => {
    start();
    expect([await journal.take(), journal.records]).toEqual([undefined, 0]);
    expect(journal.close()).toBe(0);
    expect(readdirSync(root)).toEqual([]);
  });

  test('batches stay within what ingest takes, and together have every record once', async () => {
    start();
    for (let i = 0; i < BATCH_ROWS_MAX + 5; i++) call(String(i));
    call('large', 20_000_000);
    call('larger', 20_000_000);
    const seen: number[] = [];
    for (let batch = await journal.take(); batch !== undefined; batch = await journal.take()) {
      expect(batch.rows).toBeLessThanOrEqual(BATCH_ROWS_MAX);
      expect(batch.body.length).toBeLessThan(32 * 1024 ** 2);
      seen.push(...seqs(batch));
      journal.acknowledge(batch);
    }
    expect(seen).toEqual(Array.from({ length: BATCH_ROWS_MAX + 7 }, (_, i) => i + 1));
    expect(journal.records).toBe(0);
    expect(segments().length).toBeLessThanOrEqual(1);
  });

  test('captured text that no batch could hold is left out; the call is not', async () => {
    start();
    const { start: known, record } = columns('a');
    journal.finish(journal.start(known), { ...record, bodies: { capture: 'full', request: 'x'.repeat(34_000_000), response: '' } }, done);
    const [kept] = records(await journal.take());
    expect([kept?.id, kept?.bodies === undefined]).toEqual(['a', true]);
  });

  test.each(['never', 'second', 'always'] as const)('with fsync %s the client gets its end once the record is written', async (fsync) => {
    start({ fsync });
    const ended = Promise.withResolvers<void>();
    journal.finish(begin('a'), columns('a').record, () => {
      expect(readFileSync(join(dir(), segments()[0] as string)).toString()).toContain('"id":"a"');
      ended.resolve();
    });
    await ended.promise;
  });
});

const SYNCS = [
  ['never', 'works', ['started', 'end sent']],
  ['second', 'works', ['started', 'end sent', 'sync', 'synced']],
  // The start's sync is not waited for; the record's is.
  ['always', 'works', ['started', 'sync', 'synced', 'sync', 'synced', 'end sent']],
  // A disk that never comes back holds no client up, neither this one nor the next.
  ['always', 'hangs', ['started', 'sync', 'fault stalled', 'end sent', 'works again', 'started', 'end sent']],
] as const;

test('what is forced to the disk and when is as `fsync` says, and a disk that hangs is not waited for', async () => {
  const seen = await Promise.all(
    SYNCS.map(async ([fsync, disk]) => {
      const { output } = await runScript(join(import.meta.dirname, 'journal-sync.ts'), [join(root, `${fsync}-${disk}`), fsync, disk]);
      return [fsync, disk, output.trim().split('\n')];
    }),
  );
  expect(seen).toEqual(SYNCS);
});

describe('what one turn of the event loop brings', () => {
  test('is written at once when it is over, and before that nobody goes on who waits for it', async () => {
    start();
    const seen: string[] = [];
    const onDisk = () => segments().map((name) => [...readEntries(readFileSync(join(dir(), name)))].map(({ kind }) => kind).join(''));
    const seq = begin('a');
    journal.whenWritten(() => seen.push(`a begins: ${onDisk()}`));
    call('b');
    expect(journal.finish(seq, columns('a').record, () => seen.push(`a is over: ${onDisk()}`))).toBe(true);
    expect([seen, onDisk(), journal.records]).toEqual([[], [], 2]);
    await nextTurn();
    expect(seen).toEqual(['a begins: 1122', 'a is over: 1122']);
    expect(() => journal.finish(seq, columns('a').record, done)).toThrow('is over');
    journal.whenWritten(() => seen.push('at once'));
    expect(seen.at(-1)).toBe('at once');
  });

  test('is not lost when the disk fails in it, nor when the journal is closed in it', async () => {
    start({ memory: { records: 10, bytes: 100_000_000 } });
    call('a');
    journal.write();
    rmSync(dir(), { recursive: true });
    writeFileSync(dir(), 'in the way');
    for (let i = 0; i < 3; i++) call('long', 4_000_000);
    const ends: string[] = [];
    journal.whenWritten(() => ends.push('b'));
    await nextTurn();
    expect(ends).toEqual(['b']);
    expect(journal.records).toBe(4);
    rmSync(dir());
    call('c');
    expect(journal.records).toBe(5);
    expect(journal.close()).toBe(0);
    expect((await adoptAll()).batches.flatMap(records).map(({ seq }) => seq)).toHaveLength(5);
  });

  test('one who waits and fails keeps nobody else waiting', async () => {
    start();
    const ends: string[] = [];
    begin('a');
    journal.whenWritten(() => {
      throw new Error('a fault of its own');
    });
    journal.whenWritten(() => ends.push('another'));
    await nextTurn();
    expect(ends).toEqual(['another']);
  });
});

describe('after a crash', () => {
  test('finished calls are there as they were, and calls in flight say that their proxy died', async () => {
    start();
    call('a');
    begin('b');
    call('c');
    crash();
    const { batches, unfinished } = await adoptAll();
    const found = batches.flatMap(records);
    expect(found.map(({ id, seq, outcome, error_type }) => [id, seq, outcome, error_type])).toEqual([
      ['a', 1, 'ok', ''],
      ['c', 3, 'ok', ''],
      ['b', 2, 'gateway_error', 'proxy_died'],
    ]);
    expect(unfinished).toBe(1);
    for (const record of found) expect(parseRecord(record)).toHaveProperty('record');
    expect(found[2]).toMatchObject({ project: 'checkout', upstream: 'openai', input_tokens: null, tags: { team: 'pay' }, proxy_id: 'p' });
    expect(readdirSync(root)).toEqual([]);
  });

  test('a call whose record was still being worked on is its draft, also from a segment that is gone', async () => {
    start();
    const { start: known, record } = columns('drafted');
    const call = journal.start(known);
    journal.draft(call, { ...record, bodies: { capture: 'full', request: 'x', response: 'y' } }, done);
    crash();
    const { batches, unfinished } = await adoptAll();
    expect(unfinished).toBe(0);
    expect(batches.flatMap(records)).toEqual([{ ...record, seq: call.seq, proxy_id: 'p' }]);
  });

  test('a draft is no record once the record has come, and is one where the work on it failed', async () => {
    start();
    for (const id of ['done', 'failed']) {
      const { start: known, record } = columns(id);
      const call = journal.start(known);
      journal.draft(call, record, done);
      if (id === 'done') journal.finish(call, { ...record, input_tokens: 7 }, done);
      else journal.finishUnknown(call, 'glassway_tap_failed');
    }
    crash();
    expect((await adoptAll()).batches.flatMap(records)).toMatchObject([
      { id: 'done', outcome: 'ok', input_tokens: 7 },
      { id: 'failed', outcome: 'ok', error_type: '' },
    ]);
  });

  test('a file cut off at any byte gives every call exactly one record', async () => {
    start();
    for (const id of ['a', 'b', 'c']) call(id);
    const crashed = crash();
    const whole = readFileSync(join(crashed, '00000001.log'));
    const entries = [...readEntries(whole)];
    for (let length = whole.length - 1; length > 0; length -= 97) {
      mkdirSync(crashed, { recursive: true });
      writeFileSync(join(crashed, '00000001.log'), whole.subarray(0, length));
      const begun = entries.filter(({ kind, end }) => kind === 1 && end <= length).map(({ seq }) => seq);
      const finished = entries.filter(({ kind, end }) => kind === 2 && end <= length).map(({ seq }) => seq);
      if (begun.length === 0) continue;
      const found = (await adoptAll()).batches.flatMap(records);
      expect(found.map(({ seq }) => seq).sort()).toEqual(begun);
      expect(found.filter(({ outcome }) => outcome === 'ok').map(({ seq }) => seq)).toEqual(finished);
    }
  });

  test('a damaged byte is noticed, and costs that record and what follows it in its file, not the calls', async () => {
    start();
    for (const id of ['a', 'b', 'c']) call(id);
    const crashed = crash();
    const path = join(crashed, '00000001.log');
    const bytes = readFileSync(path);
    const second = [...readEntries(bytes)][3];
    bytes[(second?.end ?? 0) - 10] = 0x21;
    writeFileSync(path, bytes);
    const found = (await adoptAll()).batches.flatMap(records);
    expect(found.map(({ seq, error_type }) => [seq, error_type])).toEqual([
      [1, ''],
      [2, 'proxy_died'],
    ]);
  });

  test('a batch under way is sent again as it was, and says when it was first sent', async () => {
    start();
    for (const id of ['a', 'b']) call(id);
    const sent = await journal.take();
    call('c');
    crash();
    const { batches } = await adoptAll();
    expect(batches[0]).toMatchObject({ id: sent?.id, rows: 2, body: sent?.body, sentAt_ms: expect.any(Number) });
    expect(batches.slice(1).flatMap(seqs)).toEqual([3]);
  });

  test('what was acknowledged does not come again', async () => {
    start();
    call('a');
    const batch = await journal.take();
    if (batch) journal.acknowledge(batch);
    call('b');
    crash();
    expect((await adoptAll()).batches.map(seqs)).toEqual([[2]]);
  });

  test('a cursor that is torn gives way to the one before it, and one of an earlier release counts', async () => {
    start();
    for (const id of ['a', 'b']) call(id);
    const first = await journal.take();
    journal.acknowledge(first as Batch);
    call('c');
    await journal.take();
    const crashed = crash();
    const path = join(crashed, 'cursor.json');
    const kept = mkdtempSync(join(tmpdir(), 'glassway-kept-'));
    cpSync(crashed, join(kept, 'p'), { recursive: true });
    const bytes = readFileSync(path);
    const newer = readCursor(crashed);
    const places = [0, 512].map((at) => JSON.parse(bytes.toString('latin1', at, at + 512)) as { writes: number });
    const newest = (places[0]?.writes ?? 0) > (places[1]?.writes ?? 0) ? 0 : 512;
    bytes.fill(0, newest + 20, newest + 512);
    writeFileSync(path, bytes);
    expect(newer.taken).toBeDefined();
    expect(readCursor(crashed)).toEqual({ segment: newer.segment, offset: newer.offset });
    expect((await adoptAll()).batches.flatMap(seqs)).toEqual([3]);
    rmSync(root, { recursive: true, force: true });
    root = kept;
    writeFileSync(join(kept, 'p', 'cursor.json'), JSON.stringify(newer));
    expect((await adoptAll()).batches[0]).toMatchObject({ rows: 1, sentAt_ms: newer.taken?.at_ms });
  });

  test('without its cursor everything comes again, and says that ingest may have it', async () => {
    start();
    call('a');
    const batch = await journal.take();
    if (batch) journal.acknowledge(batch);
    call('b');
    const crashed = crash();
    rmSync(join(crashed, 'cursor.json'));
    const { batches } = await adoptAll();
    expect(batches.flatMap(seqs)).toEqual([1, 2]);
    expect(batches[0]?.sentAt_ms).toBe('unknown');
  });

  test('a long call outlives the file that its start was written to, and ends as one record', async () => {
    start({ bytesMax: 1024 ** 2 });
    const long = begin('long');
    for (let i = 0; i < 200; i++) {
      call(String(i), 5_000);
      const batch = await journal.take();
      if (batch) journal.acknowledge(batch);
    }
    expect(segments()).not.toContain('00000001.log');
    crash();
    expect((await adoptAll()).batches.flatMap(records)).toMatchObject([{ id: 'long', seq: long.seq, error_type: 'proxy_died' }]);
  });

  test('a second crash while the first is being repaired gives nothing twice', async () => {
    start();
    begin('a');
    begin('b');
    call('c');
    const crashed = crash();
    const kept = mkdtempSync(join(tmpdir(), 'glassway-kept-'));
    await adoptAll(() => {
      if (readdirSync(kept).length === 0) cpSync(crashed, join(kept, 'p'), { recursive: true });
    });
    rmSync(root, { recursive: true, force: true });
    root = kept;
    const repaired = join(kept, 'p', '00000002.log');
    truncateSync(repaired, statSync(repaired).size - 5);
    const found = (await adoptAll()).batches.flatMap(records);
    expect(found.map(({ seq }) => seq).sort()).toEqual([1, 2, 3]);
  });

  test('when dead proxies left more than may be kept, the oldest journals go, counted', async () => {
    start();
    for (const id of ['a', 'b', 'c']) call(id);
    const crashed = crash();
    cpSync(crashed, join(root, 'older'), { recursive: true });
    for (const file of readdirSync(join(root, 'older'))) utimesSync(join(root, 'older', file), 1, 1);
    const { batches } = await adoptAll(() => {}, statSync(join(crashed, '00000001.log')).size + 1_000);
    expect(batches.flatMap(seqs)).toEqual([1, 2, 3]);
    expect(losses).toEqual([['journal_full', 3]]);
    expect(readdirSync(root)).toEqual([]);
  });

  test('a journal whose process lives is left alone', async () => {
    start();
    call('a');
    journal.write();
    const adopted: string[] = [];
    const adoption = startAdoption({
      root,
      proxyId: 'another',
      shipAll: async () => adopted.push('p') > 0,
      onAdopt: () => {},
      onLoss: () => {},
      bytesMax: 1024 ** 3,
      log: () => {},
    });
    await adoption.stop();
    expect(adopted).toEqual([]);
    expect(segments()).toEqual(['00000001.log']);
  });
});

describe('when the disk does not do what it should', () => {
  test('beyond its size the oldest records go, counted, and the newest stay', async () => {
    start({ bytesMax: 1024 ** 2 });
    for (let i = 0; i < 400; i++) call(String(i), 5_000);
    journal.write();
    expect(journal.state.diskBytes).toBeLessThanOrEqual(1024 ** 2);
    const lost = losses.reduce((sum, [reason, count]) => sum + (reason === 'journal_full' ? count : 0), 0);
    expect(lost).toBeGreaterThan(0);
    expect(journal.records).toBe(400 - lost);
    const seen: number[] = [];
    for (let batch = await journal.take(); batch !== undefined; batch = await journal.take()) {
      seen.push(...seqs(batch));
      journal.acknowledge(batch);
    }
    expect(seen).toEqual(Array.from({ length: 400 - lost }, (_, i) => lost + i + 1));
  });

  test('a folder that is taken away is made again with all that was in it', async () => {
    start();
    begin('in flight');
    call('before');
    journal.write();
    renameSync(dir(), join(root, '.taken-away'));
    await waitFor('the files to be back', () => journal.state.fault === undefined && faults.length === 1);
    call('after');
    crash();
    const found = (await adoptAll()).batches.flatMap(records);
    expect(found.map(({ id }) => id).sort()).toEqual(['after', 'before', 'in flight']);
    expect(faults).toEqual(['removed']);
  });

  test('with no disk records wait in memory, are counted when it is full, and go to the disk when it is back', async () => {
    const away = join(root, 'away');
    writeFileSync(away, 'not a folder');
    start({ root: away, memory: { records: 3, bytes: 1_000_000 } });
    for (const id of ['a', 'b', 'c', 'd']) call(id);
    begin('in flight');
    expect([journal.records, journal.state.memoryRecords, losses]).toEqual([3, 3, [['queue_full', 1]]]);
    expect(journal.state.fault).toMatch(/EEXIST|ENOTDIR/);
    rmSync(away);
    await waitFor('the disk to be used', () => journal.state.fault === undefined);
    expect(journal.state.memoryRecords).toBe(0);
    root = away;
    crash();
    const found = (await adoptAll()).batches.flatMap(records);
    expect(found.map(({ seq }) => seq)).toEqual([1, 2, 3, 5]);
  });

  test('what is in memory is shipped without a disk', async () => {
    start({ root: undefined });
    for (const id of ['a', 'b']) call(id);
    const batch = await journal.take();
    expect(seqs(batch)).toEqual([1, 2]);
    call('c');
    if (batch) journal.acknowledge(batch);
    expect(seqs(await journal.take())).toEqual([3]);
    expect(journal.close()).toBe(1);
  });

  test('dead letters stay when the journal goes', () => {
    start();
    call('a');
    expect(journal.setAside([{ reason: 'no', record: '{"id":"a"}' }])).toBe(0);
    journal.close();
    open.splice(0);
    expect(JSON.parse(readFileSync(join(dir(), 'dead-letter.ndjson'), 'utf8'))).toMatchObject({ reason: 'no', record: { id: 'a' } });
  });
});

describe('what is shipped, and what is to go', () => {
  test('a segment does not stay for what has been shipped from it, and calls in flight outlive it', async () => {
    start();
    call('done');
    const running = begin('running');
    const batch = await journal.take();
    journal.acknowledge(batch as Batch);
    const left = () =>
      segments()
        .map((name) => readFileSync(join(dir(), name), 'utf8'))
        .join('');
    await waitFor('the shipped record to be off the disk', () => !left().includes('"id":"done"'));
    expect(left()).toContain('"id":"running"');
    journal.finish(running, columns('running').record, done);
    crash();
    expect((await adoptAll()).batches.flatMap(records)).toMatchObject([{ id: 'running', outcome: 'ok' }]);
  });

  test("of a dead proxy's journal everything of one user is written over, and the rest is shipped as it was", async () => {
    start();
    for (const [id, user] of [
      ['a', 'stays'],
      ['b', 'leaves'],
      ['c', 'stays'],
    ] as const) {
      const { start: known, record } = columns(id);
      journal.finish(journal.start({ ...known, user_id: user }), Object.assign({}, record, { user_id: user }), done);
    }
    const { start: known } = columns('cut off');
    journal.start({ ...known, user_id: 'leaves' });
    journal.setAside([
      { reason: 'odd', record: JSON.stringify({ ...columns('d').record, user_id: 'leaves' }) },
      { reason: 'odd', record: JSON.stringify({ ...columns('e').record, user_id: 'stays' }) },
    ]);
    journal.write();
    const leaves = (record: Readonly<Record<string, unknown>>) => record['user_id'] === 'leaves';
    expect(searchJournals(root, leaves, true)).toMatchObject([{ live: true, entries: 3, deadLetters: 1 }]);
    const crashed = crash();
    expect(searchJournals(root, leaves, true)).toEqual([{ proxyId: basename(crashed), live: false, entries: 3, deadLetters: 0 }]);
    expect(searchJournals(root, leaves, false)).toMatchObject([{ entries: 0, deadLetters: 0 }]);
    for (const name of readdirSync(crashed)) expect(readFileSync(join(crashed, name), 'utf8')).not.toContain('leaves');
    const { batches, unfinished } = await adoptAll();
    expect([batches.flatMap(records).map(({ id }) => id), unfinished]).toEqual([['a', 'c'], 0]);
  });
});
