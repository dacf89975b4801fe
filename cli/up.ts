/**
 * `glassway up`: everything in one process tree. The parent holds the embedded ClickHouse and two children,
 * proxy and ingest, each of which may die and come back without the others. Stops in the order in which
 * data flows: proxy, ingest, ClickHouse, so that every record reaches the disk.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { keysFile } from '../contract/auth-settings.ts';
import { readClientTls } from '../contract/client-tls.ts';
import type { Settings } from '../contract/config.ts';
import { keptSecret } from '../contract/kept-secret.ts';
import { openKeyRing } from '../contract/key-ring.ts';
import { reachableHost, StartError } from '../contract/listen.ts';
import { createLog } from '../contract/log.ts';
import { startEmbeddedClickHouse } from '../ingest/clickhouse/embedded.ts';
import { upstreamTable } from '../proxy/config.ts';
import { banner } from './banner.ts';
import { type SupervisedChild, superviseChild } from './child.ts';
import { VERSION } from './version.ts';

export interface UpOptions {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly configFile: string | undefined;
  /** Aborted: stop in order. */
  readonly signal: AbortSignal;
  /** Called once everything is ready. */
  readonly onReady?: () => void;
}

interface ClickHouseInUse {
  readonly url: string;
  readonly embedded: boolean;
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const INGEST_STOP_MS = 30_000;
/** An own ClickHouse that does not answer holds the banner up no longer than this. */
const REACHABLE_WAIT_MS = 5_000;
const READY_WAIT_MS = 60_000;

/** Runs until stopped. @throws StartError when a part cannot start; what had started is stopped again */
export async function up(options: UpOptions): Promise<void> {
  const { settings, signal } = options;
  const log = createLog('up');
  const started_ms = performance.now();
  makeDataDir(options.dataDir);
  const common = ['--data', options.dataDir, ...(options.configFile === undefined ? [] : ['--config', options.configFile])];
  const stops: (() => Promise<void>)[] = [];
  const child = (name: 'proxy' | 'ingest', env: Record<string, string>, limit_ms: number): SupervisedChild => {
    const supervised = superviseChild({ name, script: MAIN, args: [name, ...common], env: { ...process.env, ...env }, log });
    stops.push(() => supervised.stop(limit_ms));
    return supervised;
  };
  try {
    const scheme = settings.access.tls === undefined ? 'http' : 'https';
    const ingestUrl = `${scheme}://${reachableHost(settings.listen.host)}:${settings.listen.ingest}`;
    const secrets = secretsOf(settings, options.dataDir);
    const proxy = child('proxy', { GLASSWAY_INGEST_URL: ingestUrl, ...secrets.ofBoth }, settings.timeouts.drainMs + 15_000);
    // Its failure is looked at below, after ClickHouse's; until then it must not count as unhandled.
    proxy.ready.catch(() => {});
    const clickhouse = await openClickHouse(settings, options.dataDir);
    stops.push(() => clickhouse.stop());
    const proxyAdminUrl = `http://${reachableHost(settings.listen.host)}:${settings.listen.proxyAdmin}`;
    const ingest = child(
      'ingest',
      { GLASSWAY_PROXY_ADMIN_URL: proxyAdminUrl, ...clickhouse.env, ...secrets.ofBoth, ...secrets.ofIngest },
      INGEST_STOP_MS,
    );
    await Promise.all([proxy.ready, ingest.ready]);
    const reachable = await answersReady(`${ingestUrl}/readyz`, settings, clickhouse.embedded ? READY_WAIT_MS : REACHABLE_WAIT_MS, signal);
    if (!reachable && clickhouse.embedded && !signal.aborted)
      throw new StartError(`Ingest did not become ready within ${READY_WAIT_MS / 1_000} s; its messages above say why.`);
    if (!signal.aborted) {
      process.stdout.write(
        banner({
          version: VERSION,
          settings,
          dataDir: options.dataDir,
          configFile: options.configFile,
          startup_ms: performance.now() - started_ms,
          upstreamNames: [...upstreamTable(settings).keys()],
          clickhouse: { url: clickhouse.url, embedded: clickhouse.embedded, reachable },
          keyCounts: countKeys(settings, options.dataDir),
        }),
      );
      options.onReady?.();
      await aborted(signal);
      process.stdout.write('\n  Stopping: calls in flight end, records are written …\n');
    }
  } finally {
    await stopInOrder(stops);
  }
  process.stdout.write('  Stopped.\n');
}

/** Proxy, ClickHouse and ingest were started in this order; the flow of data says proxy, ingest, ClickHouse. */
async function stopInOrder(stops: readonly (() => Promise<void>)[]): Promise<void> {
  const [stopProxy, stopClickHouse, stopIngest] = stops;
  for (const stop of [stopProxy, stopIngest, stopClickHouse]) await stop?.();
}

/** The configured server, or the embedded one; with the variables by which ingest finds it. */
async function openClickHouse(settings: Settings, dataDir: string): Promise<ClickHouseInUse> {
  const { url } = settings.clickhouse;
  // Ingest reads the rest from the same settings.
  if (url !== undefined) return { url, embedded: false, env: {}, stop: async () => {} };
  const server = await startEmbeddedClickHouse({
    dataDir,
    host: '127.0.0.1',
    httpPort: settings.listen.clickhouseHttp,
    nativePort: settings.listen.clickhouseNative,
    memoryBytes: settings.clickhouse.memoryBytes,
    database: settings.clickhouse.database,
    log: createLog('clickhouse'),
  });
  const env = {
    CLICKHOUSE_URL: server.url,
    CLICKHOUSE_USER: server.writer.username,
    CLICKHOUSE_PASSWORD: server.writer.password,
    GLASSWAY_CLICKHOUSE_READ_USERNAME: server.reader.username,
  };
  return { url: server.url, embedded: true, env, stop: () => server.stop() };
}

function countKeys(settings: Settings, dataDir: string): { calls: number; console: number } {
  const keys = openKeyRing(keysFile(settings, dataDir), createLog('up'));
  keys.close();
  return { calls: keys.count('calls'), console: keys.count('console') };
}

/** What proxy and ingest know each other by, and what signs the console's sessions: made once for whoever sets none. */
function secretsOf({ access }: Settings, dataDir: string): { ofBoth: Record<string, string>; ofIngest: Record<string, string> } {
  const kept = (name: string) => keptSecret(dataDir, name).toString('hex');
  return {
    ofBoth: { GLASSWAY_ACCESS_INGEST_SECRET: access.ingestSecret ?? kept('ingest.key') },
    ofIngest: { GLASSWAY_ACCESS_SESSION_SECRET: access.sessionSecret ?? kept('session.key') },
  };
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(
      `The data folder ${dataDir} cannot be made: ${error instanceof Error ? error.message : String(error)}. Give another with --data DIR.`,
      { cause: error },
    );
  }
}

async function answersReady(url: string, settings: Settings, limit_ms: number, signal: AbortSignal): Promise<boolean> {
  const until_ms = performance.now() + limit_ms;
  const dispatcher = new Agent({ connect: { ...readClientTls(settings.access.shipperTls) } });
  let ready = false;
  while (!ready && performance.now() < until_ms && !signal.aborted) {
    try {
      const answer = await request(url, { dispatcher, signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) });
      await answer.body.dump();
      ready = answer.statusCode === 200;
    } catch {
      // not listening yet
    }
    if (!ready) await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await dispatcher.destroy();
  return ready;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
