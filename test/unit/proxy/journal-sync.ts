/**
 * `node journal-sync.ts FOLDER FSYNC works|hangs`: calls through a journal on a disk whose syncs are seen, and may never come
 * back. Says what happened in which order, a line each. A process of its own, because Node's own modules are changed in it.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalOptions } from '../../../proxy/journal.ts';
import { sampleRecord } from '../ingest/sample.ts';

const [root, fsync, disk] = process.argv.slice(2);
/** Longer than it takes to the second's sync. */
const WAIT_MS = 1_500;
// The journal keeps no process alive, as the proxy's server does.
setInterval(() => {}, 60_000);

const realSync = fs.fdatasync;
fs.fdatasync = Object.assign((file: number, done: fs.NoParamCallback): void => {
  say('sync');
  if (disk === 'works')
    realSync(file, (error) => {
      say('synced');
      done(error);
    });
}, realSync);
syncBuiltinESMExports();
// Imported once it would see the change.
const { openJournal } = await import('../../../proxy/journal.ts');

const journal = openJournal({
  root,
  proxyId: 'p',
  fsync: fsync as JournalOptions['fsync'],
  bytesMax: 1024 ** 3,
  memory: { records: 10, bytes: 1_000_000 },
  log: () => {},
});
journal.onFault((code) => say(`fault ${code}`));
await call('a');
if (fsync !== 'always') await sleep(WAIT_MS);
if (disk === 'hangs') {
  // New files can be written, the old one's sync is still out.
  while (journal.state.fault !== undefined) await sleep(10);
  say('works again');
  await call('b');
}
process.exit();

async function call(id: string): Promise<void> {
  const { seq: _seq, proxy_id: _proxy, ...record } = sampleRecord({ id });
  const seq = journal.start(record);
  say('started');
  // The provider takes its time.
  await sleep(100);
  const ended = Promise.withResolvers<void>();
  journal.finish(seq, record, ended.resolve);
  await ended.promise;
  say('end sent');
}

function say(event: string): void {
  fs.writeSync(1, `${event}\n`);
}
