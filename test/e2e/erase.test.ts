/**
 * `glassway erase` as an operator runs it beside a running Glassway: it looks without deleting, refuses to delete without
 * being told to, deletes from ClickHouse, from journals of dead proxies and from dead letters, and proves it.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJournal } from '../../proxy/journal.ts';
import { filesWith } from '../kit/files.ts';
import { type RunningGlassway, runToEnd, scratchDir, startGlassway, waitFor } from '../kit/glassway.ts';
import { startUpstream } from '../kit/upstream.ts';
import { sampleRecord } from '../unit/ingest/sample.ts';

const USER = 'leaves@example.com';
let glassway: RunningGlassway;
let upstream: Awaited<ReturnType<typeof startUpstream>>;
let config: string;

beforeAll(async () => {
  upstream = await startUpstream((res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ model: 'gpt-4o', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }));
  });
  const settings = { upstreams: { openai: { baseUrl: upstream.origin } }, projects: { kept: { capture: 'full' } } };
  glassway = await startGlassway({ settings });
  config = join(scratchDir(), 'glassway.yaml');
  writeFileSync(config, JSON.stringify({ listen: glassway.ports, ...settings }));
  for (const user of [USER, USER, 'stays']) {
    const answer = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-glassway-project': 'kept', 'x-glassway-user': user },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: `I am ${user}` }] }),
    });
    await answer.text();
  }
  await glassway.rows('SELECT id FROM bodies', 3);
}, 120_000);
afterAll(async () => {
  await glassway?.stop();
  await upstream?.close();
});

const erase = (...args: string[]) => runToEnd(['erase', '--user', USER, '--config', config, '--data', glassway.dataDir, ...args]);
const count = async (table: string, where = '1'): Promise<number> =>
  Number((await glassway.query(`SELECT toFloat64(count()) AS n FROM ${table} WHERE ${where}`))[0]?.['n']);

/** A journal that a proxy left which was killed a moment ago, with a record that ingest never took. */
function leaveJournal(): string {
  const made = scratchDir();
  const journal = openJournal({
    root: made,
    proxyId: 'dead-proxy',
    fsync: 'never',
    bytesMax: 1024 ** 3,
    memory: { records: 100, bytes: 1_000_000 },
    log: () => {},
  });
  const { seq: _seq, proxy_id: _proxy, ...record } = sampleRecord({ id: 'left', user_id: USER, started_at: '2026-01-10 12:00:00.000000' });
  journal.add(record);
  journal.setAside([{ reason: 'odd', record: JSON.stringify({ ...record, seq: 9, proxy_id: 'dead-proxy' }) }]);
  const place = join(glassway.dataDir, 'journal', 'dead-proxy');
  mkdirSync(place, { recursive: true });
  cpSync(join(made, 'dead-proxy'), place, { recursive: true });
  journal.close();
  return place;
}

test('it says what it found, writes only when told to, and leaves nothing of one user anywhere', async () => {
  const place = leaveJournal();
  const look = await erase('--dry-run');
  expect([look.code, look.output]).toEqual([0, expect.stringMatching(/place +found/)]);
  expect(look.output).toMatch(/table calls +2\n/);
  expect(look.output).toMatch(/dead letters of dead-proxy +1\n/);
  const silent = await erase();
  expect([silent.code, silent.output]).toEqual([1, expect.stringContaining('add --yes')]);
  expect(await count('calls', `user_id = '${USER}'`)).toBe(2);

  const done = await erase('--yes');
  expect([done.code, done.output]).toEqual([0, expect.stringContaining('Nothing of it is left.')]);
  expect(done.output).toMatch(/table bodies +2 +0\n/);
  expect(done.output).toMatch(/dead letters of dead-proxy +1 +0\n/);
  expect([await count('calls', `user_id = '${USER}'`), await count('bodies')]).toEqual([0, 1]);
  expect(Number((await glassway.query("SELECT sum(calls) AS n FROM calls_by_minute WHERE project = 'kept'"))[0]?.['n'])).toBe(1);
  if (existsSync(join(place, 'dead-letter.ndjson'))) expect(readFileSync(join(place, 'dead-letter.ndjson'), 'utf8')).not.toContain(USER);
  await waitFor('the journal of the running proxy to be empty of it', () =>
    filesWith(glassway.dataDir, USER).length === 0 ? true : undefined,
  );
}, 120_000);

test('who is named must be somebody, and nobody found is no fault', async () => {
  const nobody = await runToEnd(['erase', '--config', config, '--data', glassway.dataDir, '--yes']);
  expect([nobody.code, nobody.output]).toEqual([1, expect.stringContaining('Want --user'.replace('Want', 'Whose calls? Want'))]);
  const unknown = await runToEnd(['erase', '--session', 'no such session', '--config', config, '--data', glassway.dataDir, '--yes']);
  expect([unknown.code, unknown.output]).toEqual([0, expect.stringContaining('Nothing is there to erase.')]);
}, 60_000);
