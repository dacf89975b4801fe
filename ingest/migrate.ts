/**
 * Brings a ClickHouse to this release's tables: creates the database, applies the migrations that are
 * missing, sets the retention from the settings. Takes a client that is connected to a database that
 * exists (leave its `database` unset) and may create tables. May be run any number of times and from
 * several processes at once. Never drops, never changes a released migration, never goes back.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Log } from '../contract/log.ts';
import { type Migration, readMigrations } from './migrations/index.ts';

export interface MigrateOptions {
  readonly database: string;
  readonly callsTtlSeconds: number;
  readonly bodiesTtlSeconds: number;
  readonly log: Log;
  /** Missing: those of this release. */
  readonly migrations?: readonly Migration[];
}

export interface Migrated {
  /** Names of the migrations that this run applied. */
  readonly applied: string[];
  /** The database's version now; higher than this release's when a later release was here before. */
  readonly version: number;
}

/** Why a database cannot be used by this release; the message is for the operator. */
export class MigrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MigrationError';
  }
}

/** The oldest server whose deduplication tokens reach dependent materialized views (release notes of 24.9). */
const SERVER_VERSION_MIN = { major: 24, minor: 9 };

/** Dashboards compare with a year ago; a minute's sums are small and name no user. */
const ROLLUP_TTL_SECONDS_MIN = 400 * 86_400;
/** ClickHouse's DateTime ends in 2106, and a sum beyond it wraps around into the past: everything would be deleted. */
const TTL_SECONDS_MAX = 50 * 365 * 86_400;

const MIGRATIONS_TABLE = `
CREATE TABLE IF NOT EXISTS {database:Identifier}.migrations (
  version UInt32,
  name String,
  checksum String,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (version, name, checksum)`;

/**
 * Migrates.
 * @throws MigrationError when the server is too old, or a migration was applied here in another wording
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<Migrated> {
  const { database, log, migrations = readMigrations() } = options;
  const run = (query: string) => client.command({ query, query_params: { database } });
  await checkServer(client);
  await createDatabase(client, database);
  await run(MIGRATIONS_TABLE);
  const recorded = await readRecorded(client, database);
  checkRecorded(recorded, migrations, database);
  const applied: string[] = [];
  for (const migration of migrations) {
    if (recorded.some(({ version }) => version === migration.version)) continue;
    await run(migration.statement);
    // Two that apply it at once both record it; ReplacingMergeTree keeps one, and readers do not care.
    await record(client, database, migration);
    applied.push(migration.name);
    log('info', `database ${database}: applied ${migration.name}`);
  }
  await applyRetention(client, options);
  const known = migrations.at(-1)?.version ?? 0;
  const version = Math.max(known, ...recorded.map((row) => row.version));
  if (version > known)
    // Accepted, or a rollback would mean an outage: migrations only add, so an older release still finds all it needs.
    log('warn', `database ${database} was migrated to version ${version} by a later release; this one knows up to ${known} and goes on`);
  return { applied, version };
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
async function createDatabase(client: ClickHouseClient, database: string): Promise<void> {
  const found = await rows(client, 'SELECT name FROM system.databases WHERE name = {database:String}', { database });
  if (found.length > 0) return;
  await client.command({ query: 'CREATE DATABASE IF NOT EXISTS {database:Identifier} ENGINE = Atomic', query_params: { database } });
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

/** Retention is a setting, not a migration: it is compared at every start and changed where it differs. */
async function applyRetention(client: ClickHouseClient, options: MigrateOptions): Promise<void> {
  const { database, callsTtlSeconds, bodiesTtlSeconds, log } = options;
  const wanted = [
    { table: 'calls', start: 'toDateTime(started_at)', seconds: callsTtlSeconds },
    { table: 'bodies', start: 'toDateTime(started_at)', seconds: bodiesTtlSeconds },
    { table: 'calls_by_minute', start: 'minute', seconds: Math.max(callsTtlSeconds, ROLLUP_TTL_SECONDS_MIN) },
    { table: 'latency_by_hour', start: 'hour', seconds: Math.max(callsTtlSeconds, ROLLUP_TTL_SECONDS_MIN) },
  ];
  const tables = await rows<{ name: string; definition: string }>(
    client,
    'SELECT name, create_table_query AS definition FROM system.tables WHERE database = {database:String}',
    { database },
  );
  for (const { table, start, seconds } of wanted) {
    const definition = tables.find(({ name }) => name === table)?.definition;
    if (definition === undefined) continue;
    const expression = `${start} + toIntervalSecond(${Math.min(seconds, TTL_SECONDS_MAX)})`;
    const present = /\sTTL (.+?)(?:\sSETTINGS\s|$)/s.exec(definition)?.[1];
    if (present === expression) continue;
    await client.command({ query: `ALTER TABLE {database:Identifier}.${table} MODIFY TTL ${expression}`, query_params: { database } });
    log('info', `database ${database}: rows of ${table} are kept for ${seconds / 86_400} days`);
  }
}

async function rows<Row>(client: ClickHouseClient, query: string, query_params: Record<string, unknown>): Promise<Row[]> {
  const answer = await client.query({ query, query_params, format: 'JSONEachRow' });
  return answer.json<Row>();
}
