/**
 * A ClickHouse cluster for tests: embedded servers that know each other as shards of one cluster, with a user for ingest
 * and a read-only one. Takes how many; gives the servers, clients and a way to end it all.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type EmbeddedClickHouse, startEmbeddedClickHouse } from '../../ingest/clickhouse/embedded.ts';
import { TEST_DATABASE, TEST_MEMORY_BYTES } from './clickhouse.ts';
import { endAtLast } from './leftovers.ts';
import { freePorts } from './ports.ts';

export const TEST_CLUSTER = 'shards';
export const CLUSTER_WRITER = { username: 'cluster_writer', password: 'cluster-secret' };
export const CLUSTER_READER = { username: 'cluster_reader', password: 'reader-secret' };

export interface TestCluster {
  readonly servers: readonly EmbeddedClickHouse[];
  /** The writer's, one for each node. */
  readonly clients: readonly ClickHouseClient[];
  readonly reader: ClickHouseClient;
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

export interface TestClusterOptions {
  readonly shards?: number;
}

export async function startTestCluster({ shards = 2 }: TestClusterOptions = {}): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'glassway-cluster-'));
  const ports = await freePorts(shards * 2);
  const nodes = Array.from({ length: shards }, (_, at) => ({
    dataDir: join(folder, `node-${at + 1}`),
    httpPort: ports[at * 2] ?? 0,
    nativePort: ports[at * 2 + 1] ?? 0,
  }));
  for (const { dataDir } of nodes) {
    writeConfig(dataDir, 'config.d', remoteServers(nodes.map(({ nativePort }) => nativePort)));
    writeConfig(dataDir, 'users.d', USERS);
  }
  const servers = await Promise.all(
    nodes.map((node) =>
      startEmbeddedClickHouse({ ...node, host: '127.0.0.1', memoryBytes: TEST_MEMORY_BYTES, database: TEST_DATABASE, log: () => {} }),
    ),
  );
  const connect = (url: string, login: typeof CLUSTER_WRITER, database?: string) =>
    createClient({ url, ...login, ...(database && { database }), log: { level: ClickHouseLogLevel.OFF } });
  const urls = servers.map(({ url }) => url);
  const clients = urls.map((url) => connect(url, CLUSTER_WRITER));
  const reader = connect(urls[0] ?? '', CLUSTER_READER, TEST_DATABASE);
  return {
    servers,
    clients,
    reader,
    urls,
    stop: endAtLast(async () => {
      await Promise.all([...clients, reader].map((client) => client.close()));
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    }),
  };
}

/** ClickHouse merges what lies in these folders into the configuration beside them. */
function writeConfig(dataDir: string, folder: 'config.d' | 'users.d', xml: string): void {
  const path = join(dataDir, 'clickhouse', folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'cluster.xml'), `<clickhouse>${xml}</clickhouse>`);
}

function remoteServers(nativePorts: readonly number[]): string {
  const { username, password } = CLUSTER_WRITER;
  const shard = (port: number) =>
    `<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>${port}</port>` +
    `<user>${username}</user><password>${password}</password></replica></shard>`;
  return `<remote_servers><${TEST_CLUSTER}>${nativePorts.map(shard).join('')}</${TEST_CLUSTER}></remote_servers>`;
}

const user = ({ username, password }: typeof CLUSTER_WRITER, profile: string) =>
  `<${username}><password>${password}</password><networks><ip>127.0.0.0/8</ip></networks><profile>${profile}</profile><quota>default</quota></${username}>`;
/** What somebody who reads may do is what deploy/clickhouse gives Grafana's user. */
const USERS =
  `<profiles><cluster_reader><readonly>2</readonly></cluster_reader><cluster_writer/></profiles>` +
  `<users>${user(CLUSTER_WRITER, 'cluster_writer')}${user(CLUSTER_READER, 'cluster_reader')}</users>`;
