/**
 * Starts and stops the ingest service: clients, migrations in the background, the HTTP server.
 * Takes the settings; gives the address once it listens. Ready only when its tables are there (`/readyz`);
 * before that batches are refused with `Retry-After`. Stateless: it may be killed at any moment.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { v7 as uuidv7 } from 'uuid';
import { keysFile, keysRequired } from '../contract/auth-settings.ts';
import { readPem } from '../contract/client-tls.ts';
import type { Settings } from '../contract/config.ts';
import { NO_KEYS, openKeyRing } from '../contract/key-ring.ts';
import { listen, reachableHost, StartError } from '../contract/listen.ts';
import { createLog, type Log } from '../contract/log.ts';
import { ownNamesOf } from '../contract/read-check.ts';
import { createAccess } from './access.ts';
import { createApp } from './app.ts';
import { WorkBudget } from './budget.ts';
import { type ClickHouseLogin, type IngestConfig, ingestConfig } from './config.ts';
import { createConsole } from './console/index.ts';
import { createRead } from './console/read.ts';
import { errorText } from './error-text.ts';
import { type Health, startHealth } from './health/health.ts';
import { createLossMeter } from './loss.ts';
import { createMetrics } from './metrics.ts';
import { migrate } from './migrate.ts';
import { startTelemetry, type Telemetry } from './otlp/telemetry.ts';
import { createPricer } from './price.ts';
import { startPriceUpdates } from './price-file.ts';
import { startReadiness } from './readiness.ts';
import { readTopology } from './topology.ts';
import { createWriter } from './write.ts';

export interface IngestOptions {
  readonly version: string;
  /** Where the keys lie, unless `access.keysFile` says otherwise; missing: there are none. */
  readonly dataDir?: string;
  readonly log?: Log;
}

export interface Ingest {
  readonly url: string;
  /** Takes no more batches, lets those in work finish (bounded by `timeouts.drainMs`), closes everything. */
  stop(): Promise<void>;
}

const INSERT_MS_MAX = 60_000;
const QUERY_MS_MAX = 60_000;
/** A batch that takes longer to arrive is no batch. */
const REQUEST_MS_MAX = 60_000;
/** Inserts that run at once; ClickHouse makes one part of each, so that more of them would only make it merge more. */
const INSERTS_AT_ONCE_MAX = 8;
const READS_AT_ONCE_MAX = 16;
/** How long a stopping ingest waits for spans on their way; others export what is left. */
const EXPORT_DRAIN_MS_MAX = 5_000;

/**
 * @throws ConfigError without a ClickHouse, StartError when the address cannot be listened on
 */
export async function startIngest(settings: Settings, options: IngestOptions): Promise<Ingest> {
  const config = ingestConfig(settings);
  const log = options.log ?? createLog('ingest');
  const writer = connect(config.writer, `glassway-ingest/${options.version}`, INSERT_MS_MAX, INSERTS_AT_ONCE_MAX);
  const reader = connect(
    { ...config.reader, database: config.database },
    `glassway-console/${options.version}`,
    QUERY_MS_MAX,
    READS_AT_ONCE_MAX,
  );
  const keys = options.dataDir === undefined ? NO_KEYS : openKeyRing(keysFile(settings, options.dataDir), log);
  const access = createAccess(settings, keys);
  const budget = new WorkBudget();
  let stopping = false;

  const readiness = startReadiness({
    migrate: async () => {
      await migrateTables(writer, config, log);
    },
    ping: async () => {
      const answer = await writer.ping({ select: true });
      if (!answer.success) throw answer.error;
    },
    log,
  });
  let telemetry: Telemetry | undefined;
  const metrics = createMetrics({
    workBytes: () => budget.bytes,
    isReady: readiness.isMigrated,
    spansQueued: () => telemetry?.traces.queuedSpans() ?? 0,
    traceSlotsOpen: () => telemetry?.traces.openSlots() ?? 0,
    loss: createLossMeter(createRead(reader, config.database)),
  });
  const ingestId = uuidv7();
  const disconnect = async (): Promise<void> => {
    // Closing the client is what ends a migration that hangs.
    await Promise.all([readiness.stop(), writer.close(), reader.close()]);
  };
  try {
    telemetry = startTelemetry({
      settings,
      env: process.env,
      version: options.version,
      ingestId,
      client: writer,
      metrics,
      isReady: readiness.isMigrated,
      log,
    });
  } catch (error) {
    await disconnect();
    throw error;
  }
  const prices = startPriceUpdates({ source: settings.priceCatalogue, log, onRead: metrics.pricesRead });
  const pricer = createPricer({ overrides: settings.prices, catalogue: prices.catalogue });
  const app = createApp({
    price: pricer.price,
    write: createWriter({
      client: writer,
      database: config.database,
      onInsert: metrics.inserted,
      shards: config.cluster === undefined ? undefined : shardCount(writer, config.cluster),
    }),
    readiness,
    budget,
    metrics,
    access,
    isStopping: () => stopping,
    ingestId,
    traces: telemetry.traces,
    log,
    console: createConsole({
      reader,
      database: config.database,
      version: options.version,
      proxyUrl: config.proxyUrl,
      needsKey: keysRequired(settings),
      pricer,
      traceUrl: settings.console.traceUrl,
      hosts: ownNamesOf(settings),
      access,
    }),
  });
  const { server, scheme } = createIngestServer(settings, app);
  let health: Health | undefined;
  const release = async (): Promise<void> => {
    prices.stop();
    keys.close();
    await health?.stop();
    await telemetry?.stop(EXPORT_DRAIN_MS_MAX);
    await disconnect();
  };

  try {
    await listen(server, config.host, config.port, 'listen.ingest');
  } catch (error) {
    await release();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  health = startHealth({
    client: writer,
    database: config.database,
    port,
    own: metrics.samples,
    proxyAdminUrl: settings.proxyAdminUrl,
    secret: settings.access.ingestSecret,
    isReady: readiness.isMigrated,
    log,
  });

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    await close(server, config.drainMs, log);
    await release();
  };
  return {
    url: `${scheme}://${reachableHost(config.host)}:${port}`,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Plain, or with `access.tls`. A browser need not show a certificate: what takes batches looks whether one was shown. */
function createIngestServer({ access: { tls } }: Settings, app: RequestListener): { server: Server; scheme: 'http' | 'https' } {
  if (tls === undefined) return { server: createServer({ requestTimeout: REQUEST_MS_MAX }, app), scheme: 'http' };
  const ca = tls.caFile === undefined ? undefined : readPem(tls.caFile, 'access.tls.caFile');
  const server = createTlsServer(
    {
      requestTimeout: REQUEST_MS_MAX,
      cert: readPem(tls.certFile, 'access.tls.certFile'),
      key: readPem(tls.keyFile, 'access.tls.keyFile'),
      ...(ca !== undefined && { ca, requestCert: true, rejectUnauthorized: false }),
    },
    app,
  );
  return { server, scheme: 'https' };
}

/**
 * Brings the tables about and ends, for deployments that do so before they start ingest.
 * @throws ConfigError without a ClickHouse, StartError when it does not answer or refuses
 */
export async function migrateOnce(
  settings: Settings,
  options: Required<Pick<IngestOptions, 'version' | 'log'>>,
): Promise<{ applied: string[]; version: number }> {
  const config = ingestConfig(settings);
  const client = connect(config.writer, `glassway-migrate/${options.version}`, QUERY_MS_MAX, 1);
  try {
    return await migrateTables(client, config, options.log);
  } catch (error) {
    throw new StartError(`The tables at ${config.writer.url} cannot be brought about: ${errorText(error)}`, { cause: error });
  } finally {
    await client.close();
  }
}

function connect(
  login: ClickHouseLogin & { readonly database?: string },
  application: string,
  requestMsMax: number,
  connectionsMax: number,
): ClickHouseClient {
  return createClient({
    ...login,
    application,
    request_timeout: requestMsMax,
    max_open_connections: connectionsMax,
    // What fails is told by whoever asked, once and in context.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

async function migrateTables(client: ClickHouseClient, config: IngestConfig, log: Log): Promise<{ applied: string[]; version: number }> {
  const { database, callsTtlSeconds, bodiesTtlSeconds, cluster } = config;
  const nodes = config.nodes.map((login) => connect(login, 'glassway-migrate', QUERY_MS_MAX, 1));
  try {
    return await migrate(client, {
      database,
      callsTtlSeconds,
      bodiesTtlSeconds,
      log,
      cluster: cluster === undefined ? undefined : { name: cluster, nodes },
    });
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
}

/** Asked once: a batch must find its shard again, and shards are added while no ingest runs (docs/deploy.md). */
function shardCount(client: ClickHouseClient, cluster: string): () => Promise<number> {
  let known: Promise<number> | undefined;
  return () => {
    known ??= readTopology(client, cluster).then(({ shards }) => shards);
    known.catch(() => {
      known = undefined;
    });
    return known;
  };
}

async function close(server: Server, drainMs: number, log: Log): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    log('warn', `batches still in work after ${drainMs} ms are cut off; their proxies send them again`);
    server.closeAllConnections();
  }, drainMs);
  await closed;
  clearTimeout(timer);
}
