/** Backup and restore as docs/deploy.md says, on the real engine: what comes back is what was there, and goes on deduplicating views included. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { scratchDir } from '../kit/glassway.ts';
import { insertCalls, sampleCalls } from '../kit/sample-calls.ts';

let server: TestClickHouse;

beforeAll(async () => {
  const dataDir = join(scratchDir(), 'data');
  const backups = join(scratchDir(), 'backups');
  const folder = join(dataDir, 'clickhouse', 'config.d');
  mkdirSync(folder, { recursive: true });
  mkdirSync(backups);
  writeFileSync(
    join(folder, 'backups.xml'),
    `<clickhouse><storage_configuration><disks><backups><type>local</type><path>${backups}/</path></backups></disks></storage_configuration>
      <backups><allowed_disk>backups</allowed_disk></backups></clickhouse>`,
  );
  const users = join(dataDir, 'clickhouse', 'users.d');
  mkdirSync(users, { recursive: true });
  writeFileSync(
    join(users, 'operator.xml'),
    '<clickhouse><users><operator><no_password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></operator></users></clickhouse>',
  );
  server = await startTestClickHouse({ dataDir });
});
afterAll(() => server?.stop());

/** As the operator, who may do anything. */
async function operate(query: string): Promise<string> {
  const answer = await fetch(`${server.url}/?user=operator`, { method: 'POST', body: query });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text.trim();
}

const SUMS = `SELECT (SELECT (count(), sum(cost_usd), sum(input_tokens), sum(cityHash64(id))) FROM glassway.calls),
  (SELECT (sum(calls), sum(cost_usd)) FROM glassway.calls_by_minute), (SELECT (sum(calls), quantileDDMerge(0.01, 0.95)(duration_ms)) FROM glassway.latency_by_hour),
  (SELECT groupArray(name) FROM (SELECT name FROM system.tables WHERE database = 'glassway' ORDER BY name))`;

test('what is restored is what was backed up, and new calls are added up as before', async () => {
  const times = { from: new Date(Date.now() - 3_600_000), to: new Date() };
  await insertCalls(server.client, sampleCalls({ count: 2_000, ...times }));
  const before = await operate(SUMS);
  await operate("BACKUP DATABASE glassway TO Disk('backups', 'glassway-1')");
  await insertCalls(server.client, sampleCalls({ count: 500, ...times, seed: 2 }));
  const after = await operate(SUMS);
  expect(after).not.toBe(before);
  await operate("BACKUP DATABASE glassway TO Disk('backups', 'glassway-2') SETTINGS base_backup = Disk('backups', 'glassway-1')");
  for (const [backup, sums] of [
    ['glassway-1', before],
    ['glassway-2', after],
  ]) {
    await operate('DROP DATABASE glassway SYNC');
    await operate(`RESTORE DATABASE glassway FROM Disk('backups', '${backup}')`);
    expect(await operate(SUMS)).toBe(sums);
  }
  await insertCalls(server.client, sampleCalls({ count: 100, ...times, seed: 3 }));
  expect(await operate('SELECT (SELECT count() FROM glassway.calls) = (SELECT sum(calls) FROM glassway.calls_by_minute)')).toBe('1');
});
