/** The configuration in deploy/clickhouse, taken by the real engine: ingest may work, readers may read, ClickHouse's own logs stay small. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate } from '../../ingest/migrate.ts';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { scratchDir } from '../kit/glassway.ts';
import { insertCalls, sampleCall } from '../kit/sample-calls.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/clickhouse');
const PASSWORD = 'of-the-environment';
const INGEST = 'deployed_ingest';

let server: TestClickHouse;
const clients: ClickHouseClient[] = [];

beforeAll(async () => {
  const dataDir = join(scratchDir(), 'data');
  for (const [file, folder] of [
    ['config.xml', 'config.d'],
    ['users.xml', 'users.d'],
  ] as const) {
    mkdirSync(join(dataDir, 'clickhouse', folder), { recursive: true });
    // The embedded engine is given no variables: keys of providers are none of its business.
    const xml = readFileSync(join(FOLDER, file), 'utf8')
      .replace(/<password from_env="\w+"\/>/g, `<password>${PASSWORD}</password>`)
      // The embedded engine has a user of this name already.
      .replaceAll('glassway_ingest', INGEST);
    writeFileSync(join(dataDir, 'clickhouse', folder, 'glassway.xml'), xml);
  }
  server = await startTestClickHouse({ dataDir, migrated: false });
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await server?.stop();
});

function as(username: string, database?: string): ClickHouseClient {
  const client = createClient({
    url: server.url,
    username,
    password: PASSWORD,
    ...(database && { database }),
    log: { level: ClickHouseLogLevel.OFF },
  });
  clients.push(client);
  return client;
}

test('ingest migrates and writes in its database and nowhere else; readers read it, within limits, and nothing else', async () => {
  await migrate(as(INGEST), { database: 'glassway', callsTtlSeconds: 10 ** 9, bodiesTtlSeconds: 10 ** 9, log: () => {} });
  const ingest = as(INGEST, 'glassway');
  await insertCalls(ingest, [sampleCall()]);
  await expect(ingest.command({ query: 'CREATE DATABASE elsewhere' })).rejects.toThrow(/Not enough privileges/);
  const reader = as('glassway_reader', 'glassway');
  const answer = await reader.query({ query: 'SELECT count() AS n FROM calls_by_minute', format: 'JSONEachRow' });
  expect(await answer.json()).toEqual([{ n: 1 }]);
  await expect(reader.command({ query: 'TRUNCATE TABLE calls' })).rejects.toThrow(/Not enough privileges|readonly/);
  const widened = reader.query({ query: 'SELECT 1', format: 'JSONEachRow', clickhouse_settings: { max_memory_usage: '0' } });
  await expect(widened).rejects.toThrow(/max_memory_usage/);
});

test("of ClickHouse's own logs only those are kept that are worth having, and those for a week", () => {
  const xml = readFileSync(join(FOLDER, 'config.xml'), 'utf8');
  for (const log of ['trace_log', 'text_log', 'metric_log', 'asynchronous_metric_log', 'processors_profile_log', 'query_metric_log'])
    expect(xml).toContain(`<${log} remove="1"/>`);
  for (const [, log, body = ''] of xml.matchAll(/<(\w+_log) replace="1">(.*?)<\/\1>/gs))
    expect([log, body]).toEqual([log, expect.stringContaining('INTERVAL 7 DAY DELETE')]);
});
