/**
 * Brings a ClickHouse to this release's tables: creates the database, applies the migrations that are
 * missing, sets the retention from the settings. Takes a client that is connected to a database that
 * exists (leave its `database` unset) and may create tables. May be run any number of times and from
 * several processes at once. Never drops, never changes a released migration, never goes back.
 * For a cluster the same is done on every node, in the form that for-cluster.ts gives it.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Log } from '../contract/log.ts';
import { errorText } from './error-text.ts';
import { MigrationError } from './migration-error.ts';
import { clusterStatements, LOCAL_SUFFIX, quoted } from './migrations/for-cluster.ts';
import { type Migration, readMigrations } from './migrations/index.ts';
import { readTopology } from './topology.ts';

export interface MigrateOptions {
  readonly database: string;
  readonly callsTtlSeconds: number;
  readonly bodiesTtlSeconds: number;
  readonly log: Log;
  /** Missing: those of this release. */
  readonly migrations?: readonly Migration[];
  /** Missing: one server. */
  readonly cluster?: ClusterToMigrate | undefined;
}

export interface ClusterToMigrate {
  readonly name: string;
  /** A client of every node; none: the servers pass statements on to each other (distributed DDL). */
  readonly nodes: readonly ClickHouseClient[];
}

export interface Migrated {
  /** Names of the migrations that this run applied. */
  readonly applied: string[];
  /** The database's version now; higher than this release's when a later release was here before. */
  readonly version: number;
}

export { MigrationError };

/** The oldest server whose deduplication tokens reach dependent materialized views (release notes of 24.9). */
export const SERVER_VERSION_MIN = { major: 24, minor: 9 };

/** Dashboards compare with a year ago; a minute's sums are small and name no user. */
const ROLLUP_TTL_SECONDS_MIN = 400 * 86_400;
/** ClickHouse's DateTime ends in 2106, and a sum beyond it wraps around into the past: everything would be deleted. */
const TTL_SECONDS_MAX = 50 * 365 * 86_400;

/** How one server is brought up to date, whether it stands alone or not. */
interface Plan {
  readonly statements: (migration: Migration) => readonly string[];
  /** ` ON CLUSTER …` or nothing. */
  readonly everywhere: string;
  /** What a table's rows lie in. */
  readonly suffix: string;
}

const ONE_SERVER: Plan = { statements: ({ statement }) => [statement], everywhere: '', suffix: '' };

const migrationsTable = (everywhere: string) => `
CREATE TABLE IF NOT EXISTS {database:Identifier}.migrations${everywhere} (
  version UInt32,
  name String,
  checksum String,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (version, name, checksum)`;

/**
 * Migrates.
 * @throws MigrationError when the server is too old, or a migration was applied here in another wording, or the database
 * has the tables of one server and is to have those of a cluster, or the other way round
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<Migrated> {
  const { cluster, database, migrations = readMigrations() } = options;
  if (cluster === undefined) return migrateServer(client, options, ONE_SERVER);
  await checkServer(client);
  const { replicated } = await readTopology(client, cluster.name);
  const onCluster = cluster.nodes.length === 0;
  const plan: Plan = {
    statements: clusterStatements({ cluster: cluster.name, database, replicated, onCluster }, migrations),
    everywhere: onCluster ? ` ON CLUSTER ${quoted(cluster.name)}` : '',
    suffix: LOCAL_SUFFIX,
  };
  return onCluster ? migrateServer(client, options, plan) : migrateNodes(cluster.nodes, options, plan);
}

/** Node by node. One that is away is passed over as long as there is nothing new that it would lack. */
async function migrateNodes(nodes: readonly ClickHouseClient[], options: MigrateOptions, plan: Plan): Promise<Migrated> {
  const answers = await Promise.allSettled(nodes.map(checkServer));
  const present = nodes.filter((_, at) => answers[at]?.status === 'fulfilled');
  const away = answers.flatMap((answer) => (answer.status === 'rejected' ? [errorText(answer.reason)] : []));
  if (present.length === 0) throw answers.find((answer) => answer.status === 'rejected')?.reason;
  if (away.length > 0) {
    const missing = await Promise.all(present.map((node) => countMissing(node, options)));
    const what = `${away.length} of ${nodes.length} nodes (clickhouse.nodes) do not answer: ${away[0]}`;
    if (missing.some((count) => count > 0))
      throw new MigrationError(`${what}. There are migrations to apply, and every node must have them.`);
    options.log('warn', what);
  }
  const results: Migrated[] = [];
  for (const node of present) results.push(await migrateServer(node, options, plan));
  return {
    applied: [...new Set(results.flatMap(({ applied }) => applied))],
    version: Math.max(...results.map(({ version }) => version)),
  };
}

async function countMissing(client: ClickHouseClient, { database, migrations = readMigrations() }: MigrateOptions): Promise<number> {
  const tables = await rows(client, "SELECT name FROM system.tables WHERE database = {database:String} AND name = 'migrations'", {
    database,
  });
  if (tables.length === 0) return migrations.length;
  const recorded = await readRecorded(client, database);
  return migrations.filter(({ version }) => !recorded.some((row) => row.version === version)).length;
}

async function migrateServer(client: ClickHouseClient, options: MigrateOptions, plan: Plan): Promise<Migrated> {
  const { database, log, migrations = readMigrations() } = options;
  const run = (query: string) => client.command({ query, query_params: { database } });
  await checkServer(client);
  await createDatabase(client, database, plan);
  await checkForm(client, database, plan);
  await run(migrationsTable(plan.everywhere));
  const recorded = await readRecorded(client, database);
  checkRecorded(recorded, migrations, database);
  // A node that joined the cluster after the others has nothing; applying all of it again changes nothing on those.
  const again = plan.everywhere !== '' && (await someNodeLacksTables(client, options));
  const applied: string[] = [];
  for (const migration of migrations) {
    if (!again && recorded.some(({ version }) => version === migration.version)) continue;
    for (const statement of plan.statements(migration)) await run(statement);
    // Two that apply it at once both record it; ReplacingMergeTree keeps one, and readers do not care.
    await record(client, database, migration);
    applied.push(migration.name);
    log('info', `database ${database}: applied ${migration.name}`);
  }
  const sums = applied.filter((name) => name.endsWith('-view'));
  // Of a database that was here before: a view sees only what comes after it.
  if (recorded.length > 0 && sums.length > 0 && !again)
    log('info', `database ${database}: boards over long ranges lack older calls in what is new until \`glassway backfill\` is run`);
  await applyRetention(client, options, plan, again);
  const known = migrations.at(-1)?.version ?? 0;
  const version = Math.max(known, ...recorded.map((row) => row.version));
  if (version > known)
    // Accepted, or a rollback would mean an outage: migrations only add, so an older release still finds all it needs.
    log('warn', `database ${database} was migrated to version ${version} by a later release; this one knows up to ${known} and goes on`);
  return { applied, version };
}

/** Tables of one server cannot be read as those of a cluster, and nothing here may move rows. */
async function checkForm(client: ClickHouseClient, database: string, { suffix }: Plan): Promise<void> {
  const [calls] = await rows<{ engine: string }>(
    client,
    "SELECT engine FROM system.tables WHERE database = {database:String} AND name = 'calls'",
    { database },
  );
  if (calls === undefined || (calls.engine === 'Distributed') === (suffix !== '')) return;
  throw new MigrationError(
    suffix === ''
      ? `Database ${database} has the tables of a cluster; set clickhouse.cluster.`
      : `Database ${database} has the tables of a single server. Give another (clickhouse.database), or turn them round: docs/deploy.md, "From one server to a cluster".`,
  );
}

async function someNodeLacksTables(client: ClickHouseClient, { cluster, database }: MigrateOptions): Promise<boolean> {
  const [nodes] = await rows<{ least: number; most: number }>(
    client,
    `SELECT toUInt32(min(tables)) AS least, toUInt32(max(tables)) AS most FROM (
       SELECT countIf(database = {database:String}) AS tables FROM clusterAllReplicas({cluster:Identifier}, system.tables) GROUP BY _shard_num, hostName(), tcpPort())`,
    { database, cluster: cluster?.name ?? '' },
  );
  return nodes !== undefined && nodes.least < nodes.most;
}

interface Recorded {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

async function checkServer(client: ClickHouseClient): Promise<void> {
  const [row] = await rows<{ version: string }>(client, 'SELECT version() AS version', {});
  const text = row?.version ?? '';
  const [major = 0, minor = 0] = text.split('.').map(Number);
  const { major: majorMin, minor: minorMin } = SERVER_VERSION_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin))
    throw new MigrationError(`The ClickHouse server is version ${text}; want at least ${majorMin}.${minorMin}.`);
}

/** Asks first: a user that may not create databases can still use one that was made for it. */
async function createDatabase(client: ClickHouseClient, database: string, { everywhere }: Plan): Promise<void> {
  const found = await rows(client, 'SELECT name FROM system.databases WHERE name = {database:String}', { database });
  if (found.length > 0 && everywhere === '') return;
  const query = `CREATE DATABASE IF NOT EXISTS {database:Identifier}${everywhere} ENGINE = Atomic`;
  await client.command({ query, query_params: { database } });
}

function readRecorded(client: ClickHouseClient, database: string): Promise<Recorded[]> {
  const query = 'SELECT DISTINCT version, name, checksum FROM {database:Identifier}.migrations ORDER BY version';
  return rows<Recorded>(client, query, { database });
}

function checkRecorded(recorded: readonly Recorded[], migrations: readonly Migration[], database: string): void {
  for (const { version, name, checksum } of recorded) {
    const migration = migrations.find((candidate) => candidate.version === version);
    if (migration === undefined || (migration.name === name && migration.checksum === checksum)) continue;
    throw new MigrationError(
      `Migration ${name} was applied to database ${database} in another wording than this release's ${migration.name}. ` +
        'A migration is never changed once released: use the release that applied it or a later one, or another database (clickhouse.database).',
    );
  }
}

async function record(client: ClickHouseClient, database: string, { version, name, checksum }: Migration): Promise<void> {
  await client.command({
    query:
      'INSERT INTO {database:Identifier}.migrations (version, name, checksum) SELECT {version:UInt32}, {name:String}, {checksum:String}',
    query_params: { database, version, name, checksum },
  });
}

/** How long the rows of each table are to stay, in ClickHouse's words. */
export function retentionOf({
  callsTtlSeconds,
  bodiesTtlSeconds,
}: Pick<MigrateOptions, 'callsTtlSeconds' | 'bodiesTtlSeconds'>): { table: string; expression: string; seconds: number }[] {
  const rollupSeconds = Math.max(callsTtlSeconds, ROLLUP_TTL_SECONDS_MIN);
  const wanted: [table: string, start: string, seconds: number][] = [
    ['calls', 'toDateTime(started_at)', callsTtlSeconds],
    ['bodies', 'toDateTime(started_at)', bodiesTtlSeconds],
    ['calls_by_minute', 'minute', rollupSeconds],
    ['latency_by_hour', 'hour', rollupSeconds],
    // These name users, keys and single calls, or quote them: they go with the last call of their day or hour.
    ['calls_by_day', 'toDateTime(day)', callsTtlSeconds + 86_400],
    ['failures_by_hour', 'hour', callsTtlSeconds + 3_600],
    ['limits_by_hour', 'hour', callsTtlSeconds + 3_600],
    ['numbers_by_hour', 'hour', callsTtlSeconds + 3_600],
  ];
  return wanted.map(([table, start, seconds]) => ({
    table,
    seconds,
    expression: `${start} + toIntervalSecond(${Math.min(seconds, TTL_SECONDS_MAX)})`,
  }));
}

/** A table's TTL, from its definition: when rows go, and where they move before, which is the operator's to say (docs/sizing.md). */
export function timeToLive(definition: string): { deletes: string | undefined; moves: string[] } {
  const ttl = /\sTTL (.+?)(?:\sSETTINGS\s|$)/s.exec(definition)?.[1] ?? '';
  const parts = ttl.split(/,\s*(?=\w+(?:\(\w+\))? \+ )/);
  const isMove = (part: string) => /\sTO (?:VOLUME|DISK) '/.test(part);
  return { deletes: parts.find((part) => part !== '' && !isMove(part)), moves: parts.filter(isMove) };
}

/** Retention is a setting, not a migration: it is compared at every start and changed where it differs. */
async function applyRetention(
  client: ClickHouseClient,
  options: MigrateOptions,
  { suffix, everywhere }: Plan,
  again: boolean,
): Promise<void> {
  const { database, log } = options;
  const tables = await rows<{ name: string; definition: string }>(
    client,
    'SELECT name, create_table_query AS definition FROM system.tables WHERE database = {database:String}',
    { database },
  );
  for (const { table, expression, seconds } of retentionOf(options)) {
    const definition = tables.find(({ name }) => name === `${table}${suffix}`)?.definition;
    if (definition === undefined) continue;
    const { deletes, moves } = timeToLive(definition);
    if (deletes === expression && !again) continue;
    const query = `ALTER TABLE {database:Identifier}.${table}${suffix}${everywhere} MODIFY TTL ${[expression, ...moves].join(', ')}`;
    await client.command({ query, query_params: { database } });
    log('info', `database ${database}: rows of ${table} are kept for ${durationText(seconds)}`);
  }
}

async function rows<Row>(client: ClickHouseClient, query: string, query_params: Record<string, unknown>): Promise<Row[]> {
  const answer = await client.query({ query, query_params, format: 'JSONEachRow' });
  return answer.json<Row>();
}

function durationText(seconds: number): string {
  return seconds % 86_400 === 0 ? `${seconds / 86_400} days` : `${Math.round(seconds / 3_600)} hours`;
}
