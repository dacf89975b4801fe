/**
 * Whether the fault tests would notice: each piece that the promise rests on is taken out of a copy of the source,
 * and the scenario that it is there for must then say what went wrong.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { scratchDir } from '../kit/glassway.ts';
import { runScript } from '../kit/processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const COPIED = ['cli', 'contract', 'dashboards', 'ingest', 'proxy', 'test', 'package.json'];

interface Mutation {
  readonly without: string;
  readonly file: string;
  readonly code: string;
  readonly instead: string;
  readonly scenario: string;
  readonly verdict: RegExp;
}

const MUTATIONS: readonly Mutation[] = [
  {
    without: 'the deduplication token',
    file: 'ingest/write.ts',
    code: 'insert_deduplication_token: token,',
    instead: '',
    scenario: 'ingest-answers-lost',
    verdict: /\d+ rows too many/,
  },
  {
    without: 'the start entry',
    file: 'proxy/journal/disk-journal.ts',
    code: 'this.#add({ kind: call.kind, seq: call.seq, json: call.json, call });',
    instead: '',
    scenario: 'kill-proxy',
    verdict: /\d+ calls have no row/,
  },
  {
    without: 'the checksum',
    file: 'proxy/journal/entry.ts',
    code: ' || bytes.readUInt32LE(at + CHECKSUM_AT) !== crc32(bytes.subarray(at + KIND_AT, end))',
    instead: '',
    scenario: 'journal-torn',
    verdict: /\d+ rows are of calls that were never made/,
  },
];

/** This tree, to be changed. */
function copyOfSource(): string {
  const copy = scratchDir();
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

// Side by side: most of it is waiting for what does not come.
test.concurrent.each(MUTATIONS)(
  'without $without the scenario $scenario fails',
  async ({ file, code, instead, scenario, verdict }) => {
    const copy = copyOfSource();
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    expect(source.split(code)).toHaveLength(2); // else this test has lost its object
    writeFileSync(path, source.replace(code, instead));
    const seen = await runScript(join(copy, 'test/faults/run.ts'), ['--quick', scenario]);
    expect(seen.code).toBe(1);
    expect(seen.output).toMatch(new RegExp(`^ *${scenario} .*FAULT: .*${verdict.source}`, 'm'));
  },
  180_000,
);
