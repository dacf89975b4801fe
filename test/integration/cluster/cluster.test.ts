/** Two ClickHouse shards: tables, exactly-once writing, reading, and how one server becomes the first of several. */
import type { ClickHouseClient } from '@clickhouse/client';
import { LOSS_SQL, LOSS_WINDOW_SECONDS } from '../../../ingest/loss.ts';
import { type MigrateOptions, migrate } from '../../../ingest/migrate.ts';
import { clusterStatements } from '../../../ingest/migrations/for-cluster.ts';
import { readMigrations } from '../../../ingest/migrations/index.ts';
import type { Cost } from '../../../ingest/price.ts';
import { bodiesKey, callKey, clickhouseTime, type EncodedRow, encodeBodies, encodeCall } from '../../../ingest/row.ts';
import { RowBytes } from '../../../ingest/row-bytes.ts';
import { shardOf } from '../../../ingest/topology.ts';
import { createWriter } from '../../../ingest/write.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { startTestCluster, TEST_CLUSTER, type TestCluster } from '../../kit/cluster.ts';
import { expandFor, panelQueries, readDashboards } from '../../kit/dashboards.ts';
import { insertCalls, sampleCalls } from '../../kit/sample-calls.ts';
import { sampleRecord } from '../../unit/ingest/sample.ts';

const YEARS = 20 * 365 * 86_400;
const names = readMigrations().map(({ name }) => name);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
}, 120_000);
afterAll(() => cluster?.stop());

function run(database: string, changes: Partial<MigrateOptions> = {}) {
  const [client] = cluster.clients;
  if (client === undefined) throw new Error('a cluster has a node');
  return migrate(client, {
    database,
    callsTtlSeconds: YEARS,
    bodiesTtlSeconds: YEARS,
    log: () => {},
    cluster: { name: TEST_CLUSTER, nodes: cluster.clients },
    ...changes,
  });
}

async function select<Row = Record<string, unknown>>(client: ClickHouseClient | undefined, query: string, params = {}): Promise<Row[]> {
  const answer = await client?.query({
    query,
    query_params: params,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return (await answer?.json<Row>()) ?? [];
}

describe('migrations', () => {
  test('bring every node the same tables: the rows of a shard, and over them what reads all shards', async () => {
    expect(await run('tables')).toMatchObject({ applied: names, version: names.length });
    expect(await run('tables')).toMatchObject({ applied: [], version: names.length });
    const engines = await Promise.all(
      cluster.clients.map((client) =>
        select<{ name: string; engine: string }>(
          client,
          "SELECT name, engine FROM system.tables WHERE database = 'tables' AND name != 'migrations' ORDER BY name",
        ),
      ),
    );
    expect(engines[1]).toEqual(engines[0]);
    const of = new Map(engines[0]?.map(({ name, engine }) => [name, engine]));
    expect(of.get('calls')).toBe('Distributed');
    expect(of.get('calls_local')).toBe('MergeTree');
    expect(of.get('calls_by_minute_local')).toBe('AggregatingMergeTree');
    expect(of.get('calls_by_minute_view')).toBe('MaterializedView');
  });

  test('give both the columns that later migrations add', async () => {
    await run('columns');
    const columns = (table: string) =>
      select(
        cluster.clients[1],
        `SELECT name, type FROM system.columns WHERE database = 'columns' AND table = '${table}' ORDER BY position`,
      );
    expect(await columns('calls')).toEqual(await columns('calls_local'));
  });

  test('set the retention of what holds the rows', async () => {
    await run('kept', { callsTtlSeconds: 30 * 86_400 });
    const [table] = await select<{ ttl: string }>(
      cluster.clients[1],
      "SELECT extract(create_table_query, 'toIntervalSecond\\\\((\\\\d+)\\\\)') AS ttl FROM system.tables WHERE database = 'kept' AND name = 'calls_local'",
    );
    expect(table?.ttl).toBe(String(30 * 86_400));
  });

  test('are understood by ClickHouse in every form, also in those that need a Keeper', async () => {
    const forms = [true, false].flatMap((replicated) => [true, false].map((onCluster) => ({ replicated, onCluster })));
    const migrations = readMigrations();
    for (const form of forms) {
      const statements = clusterStatements({ cluster: TEST_CLUSTER, database: 'd', ...form }, migrations);
      for (const query of migrations.flatMap((migration) => statements(migration)))
        expect(await select(cluster.clients[0], "SELECT formatQuery({query:String}) != '' AS understood", { query })).toEqual([
          { understood: 1 },
        ]);
    }
  });

  test('of a cluster that the server does not know are refused with those that it knows', async () => {
    await expect(run('unknown', { cluster: { name: 'nowhere', nodes: [] } })).rejects.toThrow(`it has ${TEST_CLUSTER}`);
  });

  test('do not turn the tables of one server into those of a cluster, nor the other way round', async () => {
    await run('alone', { cluster: undefined });
    await expect(run('alone')).rejects.toThrow('has the tables of a single server');
    await run('together');
    await expect(run('together', { cluster: undefined })).rejects.toThrow('set clickhouse.cluster');
  });
});

const WINDOW_SETTING = 'non_replicated_deduplication_window';

describe('a batch', () => {
  beforeAll(() => run('batches'));

  const writer = (via: number, shards = 2, insertsRemembered = 9_000) =>
    createWriter({
      client: cluster.clients[via] as ClickHouseClient,
      database: 'batches',
      onInsert: () => {},
      shards: async () => shards,
      insertsRemembered,
    });
  const counts = async (project: string) => {
    const [row] = await select(
      cluster.clients[0],
      `SELECT (SELECT count() FROM batches.calls WHERE project = {project:String}) AS calls,
         (SELECT sum(calls) FROM batches.calls_by_minute WHERE project = {project:String}) AS minutes,
         (SELECT sum(calls) FROM batches.latency_by_hour WHERE project = {project:String}) AS hours,
         (SELECT count() FROM batches.bodies WHERE project = {project:String}) AS bodies,
         (SELECT uniqExact(_shard_num) FROM batches.calls WHERE project = {project:String}) AS shards`,
      { project },
    );
    return row;
  };

  test('lies whole on one shard, whichever node it came through, and is counted once however often it comes', async () => {
    for (let batch = 0; batch < 6; batch += 1) {
      const project = `once-${batch}`;
      for (const via of [0, 1, 0]) await writer(via)({ id: project, ...rowsOf(project, 20), mayBeForgotten: false });
      expect(await counts(project)).toEqual({ calls: 20, minutes: 20, hours: 20, bodies: 20, shards: 1 });
    }
    const used = await select(
      cluster.clients[0],
      "SELECT DISTINCT _shard_num AS shard FROM batches.calls WHERE project LIKE 'once-%' ORDER BY shard",
    );
    expect(used).toEqual([{ shard: 1 }, { shard: 2 }]);
  });

  test('that may be forgotten is looked up on all shards, and with a token still known changes nothing', async () => {
    const project = 'remembered';
    for (const old of [false, true, true]) await writer(0)({ id: project, ...rowsOf(project, 20), mayBeForgotten: old });
    expect(await counts(project)).toEqual({ calls: 20, minutes: 20, hours: 20, bodies: 20, shards: 1 });
  });

  test('whose token is long forgotten goes in only where it is missing', async () => {
    const project = 'forgotten';
    await writer(0, 2, 1)({ id: project, ...rowsOf(project, 20), mayBeForgotten: false });
    for (const node of cluster.clients)
      await node.command({ query: `ALTER TABLE batches.calls_local MODIFY SETTING ${WINDOW_SETTING} = 1` });
    for (let others = 0; others < 4; others += 1)
      await writer(0)({ id: `other-${others}`, ...rowsOf(`other-${others}`, 2), mayBeForgotten: false });
    await writer(1, 2, 1)({ id: project, ...rowsOf(project, 30), mayBeForgotten: true });
    expect(await counts(project)).toMatchObject({ calls: 30, minutes: 30, hours: 30, bodies: 30 });
    for (const node of cluster.clients)
      await node.command({ query: `ALTER TABLE batches.calls_local MODIFY SETTING ${WINDOW_SETTING} = 10000` });
  });

  test('that comes again after shards were added is found where it lies', async () => {
    const id = Array.from({ length: 100 }, (_, at) => `moved-${at}`).find((name) => shardOf(name, 1) !== shardOf(name, 2)) ?? '';
    await writer(0, 1)({ id, ...rowsOf(id, 20), mayBeForgotten: false });
    await writer(1, 2)({ id, ...rowsOf(id, 20), mayBeForgotten: true });
    expect(await counts(id)).toEqual({ calls: 20, minutes: 20, hours: 20, bodies: 20, shards: 1 });
  });
});

describe('reading', () => {
  const NOW = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
  const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000);
  const choices = [
    { from: hoursAgo(168), to: NOW },
    { from: hoursAgo(24), to: NOW, projects: ['checkout', 'search'] },
  ];
  let alone: TestClickHouse;

  beforeAll(async () => {
    await run('glassway');
    alone = await startTestClickHouse();
    const rows = sampleCalls({ count: 4_000, from: hoursAgo(168), to: new Date(NOW.getTime() - 60_000) });
    await insertCalls(alone.client, rows);
    // Every other row on the other shard, as if their batches had gone there.
    for (const shard of [0, 1])
      await insertInto(
        cluster.clients[shard],
        rows.filter((_, at) => at % 2 === shard),
      );
  });
  afterAll(() => alone?.stop());

  async function answers(client: ClickHouseClient, query: string, params = {}): Promise<string[]> {
    const answer = await client.query({ query, query_params: params, format: 'JSONCompactEachRow' });
    return (await answer.json<unknown[]>()).map((row) => JSON.stringify(row)).sort();
  }

  const statements = [
    // A forecast says something else every second.
    ...panelQueries()
      .filter(({ sql }) => !sql.includes('forecast_usd'))
      .map(({ name, sql }): [string, string] => [name, sql]),
    ...[...readDashboards().values()]
      .flatMap(({ templating }) => templating.list)
      .flatMap(({ name, query }): [string, string][] => (typeof query === 'object' ? [[`variable ${name}`, query.rawSql]] : [])),
  ];

  test.each(statements)('%s says the same of two shards as of one server, without a setting of its own', async (_, sql) => {
    for (const choice of choices) {
      const query = expandFor(sql, choice);
      const expected = await answers(alone.readerClient, query);
      expect(await answers(cluster.reader, query)).toEqual(expected);
    }
  });

  test('the loss meter counts over all shards', async () => {
    const params = { window: LOSS_WINDOW_SECONDS, grace: 0, database: 'glassway' };
    const expected = await answers(alone.readerClient, LOSS_SQL, params);
    expect(expected.length).toBeGreaterThan(0);
    expect(await answers(cluster.reader, LOSS_SQL, params)).toEqual(expected);
  });
});

test('one server becomes the first shard of a cluster by the steps in docs/deploy.md, with its rows', async () => {
  const [first] = cluster.clients;
  await run('grown', { cluster: undefined });
  await insertInto(first, sampleCalls({ count: 500, from: new Date(Date.now() - 3_600_000), to: new Date() }), 'grown');
  const tables = await select<{ name: string; engine: string }>(first, "SELECT name, engine FROM system.tables WHERE database = 'grown'");
  for (const { name, engine } of tables) {
    if (engine === 'MaterializedView') await first?.command({ query: `DROP VIEW grown.${name} SYNC` });
    else if (name !== 'migrations') await first?.command({ query: `RENAME TABLE grown.${name} TO grown.${name}_local` });
  }
  await first?.command({ query: 'TRUNCATE TABLE grown.migrations' });
  await run('grown');
  for (const client of cluster.clients)
    expect(
      await select(client, 'SELECT (SELECT count() FROM grown.calls) AS calls, (SELECT sum(calls) FROM grown.calls_by_minute) AS minutes'),
    ).toEqual([{ calls: 500, minutes: 500 }]);
});

const UNPRICED: Cost = { cost_usd: null, cost_source: 'none', price_version: '' };

/** The same rows for the same project, but for when they came: as a proxy sends them again. */
function rowsOf(project: string, count: number): { calls: EncodedRow[]; bodies: EncodedRow[] } {
  const written = { ingested_at: clickhouseTime(new Date()), ingest_id: 'ingest-1' };
  const started_at = `${written.ingested_at.slice(0, 10)} 00:00:00.000001`;
  const bodies = { request: 'q', response: 'a', capture: 'full' } as const;
  const records = Array.from({ length: count }, (_, at) =>
    sampleRecord({ id: `${project}-${at}`, project, proxy_id: `proxy-${project}`, seq: at + 1, started_at, bodies }),
  );
  const kept = new RowBytes();
  return {
    calls: records.map((record, line) => ({ line, bytes: kept.add(encodeCall(record, UNPRICED, written)), key: callKey(record) })),
    bodies: records.map((record, line) => ({ line, bytes: kept.add(encodeBodies(record) ?? ''), key: bodiesKey(record) })),
  };
}

async function insertInto(client: ClickHouseClient | undefined, values: readonly unknown[], database = 'glassway'): Promise<void> {
  const table =
    (await select(client, `SELECT name FROM system.tables WHERE database = '${database}' AND name = 'calls_local'`)).length > 0
      ? 'calls_local'
      : 'calls';
  await client?.insert({
    table: `${database}.${table}`,
    values,
    format: 'JSONEachRow',
    clickhouse_settings: { input_format_skip_unknown_fields: 0 },
  });
}
