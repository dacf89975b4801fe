/** A proxy in a process of its own with an ingest that the test can script, for what is measured of a process. Ends by itself. */
import { scratchDir } from './glassway.ts';
import { endAtLast } from './leftovers.ts';
import { definePart, type Part } from './part.ts';
import { freePorts } from './ports.ts';
import { type FakeIngest, startFakeIngest, waitFor } from './proxy.ts';

export interface ProxyChild {
  readonly origin: string;
  readonly port: number;
  readonly pid: number;
  readonly errors: readonly string[];
  readonly ingest: FakeIngest;
  /** Waits until this many calls have their records. */
  recorded(count: number): Promise<void>;
  /** As its operators end it. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Names of upstreams, with where each goes; and settings besides. */
export async function startProxyChild(
  upstreams: Readonly<Record<string, string>>,
  settings: object = {},
  env: Readonly<Record<string, string>> = {},
): Promise<ProxyChild> {
  const [port = 0, proxyAdmin = 0] = await freePorts(2);
  const ingest = await startFakeIngest();
  const config = {
    listen: { proxy: port, proxyAdmin },
    ingestUrl: ingest.url,
    upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, baseUrl]) => [name, { baseUrl }])),
    timeouts: { drainIdleMs: 0 },
    ...settings,
  };
  const part: Part = definePart({
    folder: scratchDir(),
    name: 'proxy',
    command: 'proxy',
    config,
    url: `http://127.0.0.1:${port}`,
    readyUrl: `http://127.0.0.1:${proxyAdmin}/readyz`,
    env,
  });
  await part.start();
  return {
    origin: part.url,
    port,
    pid: part.pid,
    errors: part.errors,
    ingest,
    recorded: (count) => waitFor(`${count} records at ingest`, () => ingest.records().length >= count),
    stop: () => part.kill('SIGTERM'),
    close: endAtLast(async () => {
      await part.kill('SIGKILL');
      await ingest.close();
    }),
  };
}
