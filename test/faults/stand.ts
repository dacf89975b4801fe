/**
 * The stand of the fault tests: a `glassway up` for ingest and ClickHouse, proxies of its own that ship to
 * where they are told, a provider that counts. Everything is a real process that can be killed or stopped by its id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { glasswayPorts, isReady, type Ports, type RunningGlassway, startGlassway, waitFor } from '../kit/glassway.ts';
import { commandOf, endProcess, isAlive, tree } from '../kit/processes.ts';
import { watchPart } from './memory.ts';
import { type FaultProvider, startFaultProvider } from './provider.ts';

const MAIN = resolve(import.meta.dirname, '../../cli/main.ts');
const CLOCK = resolve(import.meta.dirname, 'clock.ts');
/** What ingest knows its proxies by. */
const access = { ingestSecret: 'fault-tests-'.repeat(3) };
/** What makes root a user whom the rights of files bind (capabilities(7)); others are one already. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ['setpriv', '--inh-caps=-all', '--bounding-set=-dac_override,-dac_read_search'] : [];

export interface StandProxy {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Its largest resident memory so far, all its lives together, in MiB. */
  readonly memoryMax_mb: number;
  /** Ends it; resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same ports and data; resolves when it takes calls. */
  start(): Promise<void>;
  /** Once it has ended for good. */
  close(): void;
}

export interface ProxyOptions {
  /** As a user whom the rights of files bind. */
  readonly unprivileged?: boolean;
  readonly journal?: Readonly<Record<string, unknown>>;
  readonly workers?: number;
}

export interface Stand {
  readonly provider: FaultProvider;
  /** Ingest and ClickHouse, and a proxy that is hardly used. */
  readonly up: RunningGlassway;
  /** That proxy; it ends and starts with all of `up`. */
  readonly upProxy: StandProxy;
  readonly proxies: StandProxy[];
  /** Ingest's largest resident memory since this was last asked, in MiB. */
  takeIngestMemory(): number;
  addProxy(dataDir: string, ingestUrl: string, options?: ProxyOptions): Promise<StandProxy>;
  /** Ends it for good, however it stands. */
  removeProxy(proxy: StandProxy): Promise<void>;
  /** The processes of a part of `up`. */
  pidOf(part: 'ingest' | 'clickhouse'): number;
  /** Kills everything at once, and starts it again on the same data. */
  killAll(): Promise<void>;
  close(): Promise<void>;
}

export async function startStand(timeouts: Readonly<Record<string, number>>): Promise<Stand> {
  const scratch = mkdtempSync(join(tmpdir(), 'glassway-faults-'));
  const provider = await startFaultProvider();
  const upstreams = { openai: { baseUrl: provider.url } };
  const startUp = (again: { dataDir: string; ports?: Ports }) => startGlassway({ ...again, settings: { access, upstreams, timeouts } });
  let up = await startUp({ dataDir: join(scratch, 'up') });
  const proxies: StandProxy[] = [];
  const ingestPid = (): number | undefined => findPart(up, 'glassway ingest');
  const ingestMemory = watchPart(ingestPid);
  const upMemory = watchPart(() => findPart(up, 'glassway proxy'));
  return {
    provider,
    proxies,
    get up() {
      return up;
    },
    upProxy: {
      get url() {
        return up.proxyUrl;
      },
      get adminUrl() {
        return `http://127.0.0.1:${up.ports.proxyAdmin}`;
      },
      get pid() {
        return findPart(up, 'glassway proxy') ?? 0;
      },
      get memoryMax_mb() {
        return upMemory.largest_mb;
      },
      kill: (signal) => up.stop(signal),
      async start() {
        up = await startUp(up);
      },
      close: () => upMemory.close(),
    },
    takeIngestMemory: () => ingestMemory.take_mb(),
    async addProxy(dataDir, ingestUrl, { unprivileged = false, journal = {}, workers = 1 } = {}) {
      const config = { upstreams, ingestUrl, access, timeouts, journal, workers };
      const proxy = await startProxyProcess(scratch, dataDir, config, unprivileged ? UNPRIVILEGED : []);
      proxies.push(proxy);
      return proxy;
    },
    async removeProxy(proxy) {
      proxies.splice(proxies.indexOf(proxy), 1);
      await proxy.kill('SIGKILL');
      proxy.close();
    },
    pidOf(part) {
      const found = part === 'ingest' ? ingestPid() : findPart(up, 'server-process');
      if (found === undefined) throw new Error(`there is no ${part} process`);
      return found;
    },
    async killAll() {
      const pids = tree(up.process.pid as number);
      const gone = proxies.map((proxy) => proxy.kill('SIGKILL'));
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await Promise.all(gone);
      await waitFor('everything to be gone', () => (pids.some(isAlive) ? undefined : true));
      await Promise.all([
        ...proxies.map((proxy) => proxy.start()),
        startUp(up).then((again) => {
          up = again;
        }),
      ]);
    },
    async close() {
      ingestMemory.close();
      upMemory.close();
      await Promise.all(proxies.map((proxy) => proxy.kill('SIGKILL')));
      await up.stop();
      await provider.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

async function startProxyProcess(scratch: string, dataDir: string, config: object, runner: readonly string[]): Promise<StandProxy> {
  const ports = await glasswayPorts();
  const file = join(scratch, `proxy-${ports.proxy}.yaml`);
  writeFileSync(file, JSON.stringify({ listen: ports, ...config })); // JSON is YAML
  let child: ChildProcess | undefined;
  const memory = watchPart(() => child?.pid);
  const start = async (): Promise<void> => {
    const [program = '', ...args] = [...runner, process.execPath, '--import', CLOCK, MAIN, 'proxy', '--config', file, '--data', dataDir];
    const running = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'] });
    child = running;
    await waitFor('the proxy to be ready', async () => {
      if (running.exitCode !== null) throw new Error(`the proxy ended with ${running.exitCode}`);
      return (await isReady(`http://127.0.0.1:${ports.proxyAdmin}/readyz`)) || undefined;
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${ports.proxy}`,
    adminUrl: `http://127.0.0.1:${ports.proxyAdmin}`,
    get pid() {
      return child?.pid ?? 0;
    },
    get memoryMax_mb() {
      return memory.largest_mb;
    },
    async kill(signal) {
      // With its workers, which would let their calls end.
      if (signal === 'SIGKILL' && child?.pid !== undefined) for (const pid of tree(child.pid).slice(1)) process.kill(pid, signal);
      await endProcess(child, signal);
      return child?.exitCode ?? null;
    },
    start,
    close: () => memory.close(),
  };
}

function findPart(up: RunningGlassway, command: string): number | undefined {
  return tree(up.process.pid as number).find((pid) => commandOf(pid).includes(command));
}
