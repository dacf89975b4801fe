/**
 * An embedded ClickHouse for tests: free ports, a folder of its own that goes with it, two clients.
 * Takes whether to migrate; gives what the tests talk to. Never shares anything with another test file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type EmbeddedClickHouse, startEmbeddedClickHouse } from '../../ingest/clickhouse/embedded.ts';
import { migrate } from '../../ingest/migrate.ts';
import { endAtLast } from './leftovers.ts';
import { freePorts } from './ports.ts';

export const TEST_DATABASE = 'glassway';
/** Long, so that fixtures with a fixed date are not swept away by the next merge. */
const TEST_RETENTION = { callsTtlSeconds: 20 * 365 * 86_400, bodiesTtlSeconds: 20 * 365 * 86_400 };
export const TEST_MEMORY_BYTES = 1024 ** 3;

export interface TestClickHouse extends EmbeddedClickHouse {
  readonly dataDir: string;
  /** The writer, in the database when there is one. */
  readonly client: ClickHouseClient;
  /** The reader, likewise. */
  readonly readerClient: ClickHouseClient;
  /** What the server's supervisor logged. */
  readonly logged: readonly string[];
  /** Stops the server, closes the clients, removes the folder. */
  stop(): Promise<void>;
}

export interface TestClickHouseOptions {
  /** Creates the tables; otherwise there is not even the database. */
  readonly migrated?: boolean;
  readonly database?: string;
  /** A folder that outlives the server; missing: a temporary one that does not. */
  readonly dataDir?: string;
  readonly memoryBytes?: number;
}

export async function startTestClickHouse(options: TestClickHouseOptions = {}): Promise<TestClickHouse> {
  const { migrated = true, database = TEST_DATABASE, memoryBytes = TEST_MEMORY_BYTES } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'glassway-clickhouse-'));
  const [httpPort, nativePort] = await freePorts(2);
  const logged: string[] = [];
  const server = await startEmbeddedClickHouse({
    dataDir,
    host: '127.0.0.1',
    httpPort: httpPort ?? 0,
    nativePort: nativePort ?? 0,
    memoryBytes,
    database,
    log: (level, message) => logged.push(`${level}: ${message}`),
  });
  // A client whose database does not exist yet gets an error for every statement, CREATE DATABASE included.
  const common = { url: server.url, log: { level: ClickHouseLogLevel.OFF }, ...(migrated ? { database } : {}) };
  const client = createClient({ ...common, ...server.writer });
  const readerClient = createClient({ ...common, ...server.reader });
  const stop = endAtLast(async () => {
    await Promise.all([client.close(), readerClient.close()]);
    await server.stop();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  });
  try {
    if (migrated) await migrateServer(server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...server, dataDir, client, readerClient, logged, stop };
}

async function migrateServer(server: EmbeddedClickHouse): Promise<void> {
  const client = createClient({ url: server.url, ...server.writer });
  try {
    await migrate(client, { database: server.database, ...TEST_RETENTION, log: () => {} });
  } finally {
    await client.close();
  }
}
