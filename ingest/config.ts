/**
 * What ingest needs of the settings, made ready: where to listen, how to reach ClickHouse, how long rows stay.
 * Throws a ConfigError that names the key when something that only ingest needs is missing.
 */
import { ConfigError, durationSeconds, type Settings } from '../contract/config.ts';
import { reachableHost } from '../contract/listen.ts';

export interface ClickHouseLogin {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

export interface IngestConfig {
  readonly host: string;
  readonly port: number;
  readonly writer: ClickHouseLogin;
  readonly reader: ClickHouseLogin;
  readonly database: string;
  readonly cluster: string | undefined;
  /** The writer's login at every node of the cluster; none: they pass statements on to each other. */
  readonly nodes: readonly ClickHouseLogin[];
  readonly callsTtlSeconds: number;
  readonly bodiesTtlSeconds: number;
  /** How long a stopping ingest waits for the batches in work. */
  readonly drainMs: number;
  /** Where applications reach the proxy, as the console shows it. */
  readonly proxyUrl: string;
}

export function ingestConfig(settings: Settings): IngestConfig {
  const { listen, clickhouse, retention } = settings;
  if (clickhouse.url === undefined)
    throw new ConfigError('The configuration of ingest', [
      {
        at: 'clickhouse.url',
        problem: 'missing; want the URL of a ClickHouse server (CLICKHOUSE_URL), or `glassway up`, which brings its own',
      },
    ]);
  const login = (username: string, password: string): ClickHouseLogin => ({ url: clickhouse.url ?? '', username, password });
  const writer = login(clickhouse.username, clickhouse.password);
  return Object.freeze({
    host: listen.host,
    port: listen.ingest,
    writer,
    reader: clickhouse.readUsername === undefined ? writer : login(clickhouse.readUsername, clickhouse.readPassword),
    database: clickhouse.database,
    cluster: clickhouse.cluster,
    nodes: clickhouse.nodes.map((url) => ({ ...writer, url })),
    callsTtlSeconds: durationSeconds(retention.calls),
    bodiesTtlSeconds: durationSeconds(retention.bodies),
    drainMs: settings.timeouts.drainMs,
    proxyUrl: `http://${reachableHost(listen.host)}:${listen.proxy}`,
  });
}
