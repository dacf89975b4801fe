/**
 * `workers`: several real processes behind one port. One that is killed is replaced, what it had journalled is shipped
 * by the others, operators see them as one, and they stop together.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Agent, request } from 'undici';
import type { ProxyReport } from '../../../proxy/report.ts';
import { glasswayPorts, waitFor } from '../../kit/glassway.ts';
import { startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { isAlive } from '../../kit/processes.ts';
import { type FakeIngest, startFakeIngest } from '../../kit/proxy.ts';
import { type HttpUpstream, startHandlerUpstream } from '../../kit/upstream.ts';

const MAIN = resolve(import.meta.dirname, '../../../cli/main.ts');

interface WorkersProxy {
  readonly process: ChildProcess;
  readonly url: string;
  report(): Promise<ProxyReport | undefined>;
  metric(name: string): Promise<number>;
  workerPids(): number[];
}

let upstream: HttpUpstream;
let ingest: FakeIngest;
let dataDir: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  upstream = await startHandlerUpstream((req, res) => {
    req.resume();
    req.on('end', () => {
      if (!req.url?.startsWith('/v1/slow')) {
        res.end('{}');
        return;
      }
      res.write('first ');
      setTimeout(() => res.end('last'), 1_500);
    });
  });
});
beforeEach(async () => {
  ingest = await startFakeIngest();
  dataDir = mkdtempSync(join(tmpdir(), 'glassway-workers-'));
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await ingest.close();
  rmSync(dataDir, { recursive: true, force: true });
});
afterAll(() => upstream.close());

async function start(env: Record<string, string> = {}, settings: object = { workers: 2 }): Promise<WorkersProxy> {
  const ports = await glasswayPorts();
  const file = join(dataDir, 'glassway.yaml');
  const config = { listen: ports, ingestUrl: ingest.url, upstreams: { openai: { baseUrl: upstream.origin } }, ...settings };
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const args = [MAIN, 'proxy', '--config', file, '--data', join(dataDir, 'data')];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  started.push(child);
  const admin = `http://127.0.0.1:${ports.proxyAdmin}`;
  const proxy: WorkersProxy = {
    process: child,
    url: `http://127.0.0.1:${ports.proxy}`,
    async report() {
      try {
        return (await (await fetch(`${admin}/readyz`)).json()) as ProxyReport;
      } catch {
        return undefined; // not listening yet
      }
    },
    async metric(name) {
      const text = await (await fetch(`${admin}/metrics`)).text();
      const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((match) => Number(match[1]));
      return values.reduce((sum, value) => sum + value, 0);
    },
    workerPids: () =>
      execFileSync('pgrep', ['-P', String(child.pid)])
        .toString()
        .trim()
        .split('\n')
        .map(Number),
  };
  await ready(proxy);
  return proxy;
}

const ready = (proxy: WorkersProxy) =>
  waitFor('both workers to be ready', async () => (await proxy.report())?.workers?.ready === 2 || undefined);

/** On a connection of its own, which is what workers share. */
async function call(proxy: WorkersProxy, path = '/openai/v1/x'): Promise<{ status: number; id: string; text: string }> {
  const dispatcher = new Agent();
  try {
    const answer = await request(`${proxy.url}${path}`, { method: 'POST', body: '{}', dispatcher });
    return { status: answer.statusCode, id: String(answer.headers['x-glassway-request-id']), text: await answer.body.text() };
  } finally {
    await dispatcher.destroy();
  }
}

test('calls are shared out, and operators see all workers as one proxy', async () => {
  const proxy = await start();
  let calls = 0;
  await waitFor('both to have carried some', async () => {
    // Who takes a connection is whoever has time: several at once, and no telling how many times.
    for (const { status } of await Promise.all(Array.from({ length: 8 }, () => call(proxy)))) expect(status).toBe(200);
    calls += 8;
    return new Set(ingest.records().map(({ proxy_id }) => proxy_id)).size === 2 || undefined;
  });
  await waitFor('their records', () => ingest.records().length === calls || undefined);
  expect(await proxy.metric('glassway_proxy_calls_total')).toBe(calls);
  expect(await proxy.metric('glassway_proxy_journal_ok')).toBe(1);
  expect(await proxy.metric('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1000);
  expect(await proxy.metric('process_start_time_seconds')).toBeGreaterThan(Date.now() / 1000 - 600);
  expect(await proxy.report()).toMatchObject({
    ready: true,
    ingest_url: ingest.url,
    queue_records: 0,
    journal: { ok: true, calls_in_flight: 0 },
    workers: { wanted: 2, ready: 2 },
  });
});

test('over OTLP they are one proxy too, whose last metrics go out as it stops', async () => {
  const receiver = await startOtlpReceiver();
  try {
    // No time but the end.
    const proxy = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.httpUrl, OTEL_METRIC_EXPORT_INTERVAL: '3600000' });
    for (let calls = 0; calls < 5; calls += 1) await call(proxy);
    const ended = once(proxy.process, 'exit');
    proxy.process.kill('SIGTERM');
    await ended;
    const calls = receiver.metrics.filter(({ name }) => name === 'glassway_proxy_calls_total');
    expect(calls.map(({ points }) => points.map(({ value }) => value))).toEqual([[5]]);
    expect(calls[0]?.resource.get('service.name')).toEqual({ stringValue: 'glassway' });
  } finally {
    await receiver.stop();
  }
});

test('a worker killed under load is replaced, and no call that was answered is lost or doubled', async () => {
  const proxy = await start();
  const answered: string[] = [];
  let stopped = false;
  const clients = Array.from({ length: 8 }, async () => {
    while (!stopped) {
      try {
        answered.push((await call(proxy)).id);
      } catch {
        // its worker was killed under it
      }
    }
  });
  await waitFor('some calls', () => answered.length > 50 || undefined);
  const [victim] = proxy.workerPids();
  const before = await proxy.metric('glassway_proxy_calls_total');
  process.kill(victim as number, 'SIGKILL');
  await waitFor('the other worker to be alone', async () => (await proxy.report())?.workers?.ready === 1 || undefined);
  expect((await call(proxy)).status).toBe(200);
  await ready(proxy);
  const after = answered.length;
  await waitFor('calls after that', () => answered.length > after + 20 || undefined);
  stopped = true;
  await Promise.all(clients);
  expect(proxy.workerPids()).not.toContain(victim);
  expect(await proxy.metric('glassway_proxy_calls_total')).toBeGreaterThanOrEqual(before);
  await waitFor('every record', async () => {
    const ids = new Set(ingest.records().map(({ id }) => id));
    return answered.every((id) => ids.has(id)) || undefined;
  });
  // A batch that was under way is sent again under its id, by which ClickHouse knows it.
  const batches = new Map(ingest.batches.map((batch) => [batch.id, batch]));
  const ids = [...batches.values()].flatMap(({ records }) => records.map(({ id }) => id));
  expect(ids).toHaveLength(new Set(ids).size);
  expect(await proxy.metric('glassway_proxy_journals_adopted_total')).toBe(1);
});

test('SIGTERM lets the running calls of all workers end, ships their records, and leaves nobody behind', async () => {
  const proxy = await start({ GLASSWAY_WORKERS: '2' }, {});
  const pids = proxy.workerPids();
  const calls = Array.from({ length: 4 }, () => call(proxy, '/openai/v1/slow'));
  await waitFor('them to run', async () => (await proxy.report())?.journal.calls_in_flight === 4 || undefined);
  const exited = once(proxy.process, 'exit');
  proxy.process.kill('SIGTERM');
  expect((await Promise.all(calls)).map(({ text }) => text)).toEqual(Array(4).fill('first last'));
  expect(await exited).toEqual([0, null]);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(ingest.records()).toHaveLength(4);
});

test('workers whose first process is killed stop by themselves', async () => {
  const proxy = await start();
  const pids = proxy.workerPids();
  proxy.process.kill('SIGKILL');
  await waitFor('them to be gone', () => !pids.some(isAlive) || undefined);
});

test('a port in use is said by name, and no worker stays', async () => {
  const first = await start();
  const port = Number(new URL(first.url).port);
  const ports = { ...(await glasswayPorts()), proxy: port };
  const file = join(dataDir, 'second.yaml');
  writeFileSync(file, JSON.stringify({ listen: ports, workers: 2 }));
  const child = spawn(process.execPath, [MAIN, 'proxy', '--config', file, '--data', join(dataDir, 'second')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.push(child);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(1);
  expect(said).toMatch(new RegExp(`Port ${port}.*listen\\.proxy.*in use`));
});
