/**
 * `npm run scale-out -- --calls 50000`: two proxies of two workers each, two ingests, two ClickHouse shards and an nginx in
 * front of both pairs, all real processes; a shard, an ingest and a proxy are killed while calls run. Exits 1 unless each call that
 * reached the provider is one row, no number is missing, and every board says the same through either node.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { LOSS_SQL, LOSS_WINDOW_SECONDS } from '../../ingest/loss.ts';
import { TEST_DATABASE } from '../kit/clickhouse.ts';
import { CLUSTER_WRITER, startTestCluster, TEST_CLUSTER, type TestCluster } from '../kit/cluster.ts';
import { expandFor, panelQueries } from '../kit/dashboards.ts';
import { isReady, waitFor } from '../kit/glassway.ts';
import { definePart, type Part } from '../kit/part.ts';
import { freePorts as ports } from '../kit/ports.ts';
import { endProcess } from '../kit/processes.ts';
import { Load } from './load.ts';
import { startFaultProvider } from './provider.ts';

const AT_ONCE = 64;
const SETTLE_MS_MAX = 120_000;
const PROJECT = 'scaled';
const WORKERS = 2;

const { values } = parseArgs({ options: { calls: { type: 'string', default: '50000' } } });
process.exitCode = await run(Number(values.calls));

async function run(calls: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'glassway-scale-out-'));
  const stops: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  try {
    const provider = await startFaultProvider();
    stops.push(() => provider.close());
    const cluster = await startTestCluster();
    stops.push(() => cluster.stop());
    const [ingestFront = 0, proxyFront = 0] = await ports(2);
    const withNginx = hasNginx();
    const ingests = await Promise.all([0, 1].map((at) => ingest(folder, cluster, at)));
    const proxies = await Promise.all(
      [0, 1].map((at) => proxy(folder, at, provider.url, withNginx ? `http://127.0.0.1:${ingestFront}` : (ingests[at]?.url ?? ''))),
    );
    for (const part of [...proxies, ...ingests]) stops.push(() => part.kill('SIGKILL'));
    await Promise.all([...ingests, ...proxies].map((part) => part.start()));
    if (withNginx) {
      const nginx = startNginx(folder, { [ingestFront]: ingests, [proxyFront]: proxies });
      // Not SIGKILL: its worker would live on, and hold our standard error open.
      stops.push(() => endProcess(nginx, 'SIGTERM'));
      await waitFor('nginx', async () => ((await isReady(`http://127.0.0.1:${ingestFront}/readyz`)) ? true : undefined));
    } else say('nginx is not installed: calls go to the proxies in turn, and each proxy to its own ingest.');
    let turn = 0;
    const load = new Load(PROJECT, () => {
      turn += 1;
      const urls = proxies.map(({ url }) => url);
      return withNginx ? [`http://127.0.0.1:${proxyFront}`] : turn % 2 === 0 ? urls : urls.reverse();
    });
    const begun_ms = performance.now();
    const running = load.burst(calls, AT_ONCE);
    await harm(load, calls, { cluster, ingests, proxies });
    await running;
    await load.stop();
    say(`${calls} calls in ${((performance.now() - begun_ms) / 1_000).toFixed(1)} s, ${load.failed.size} of them cut off with their proxy`);
    const due = new Set([...load.answered, ...[...(await provider.reached())].filter((id) => load.made(id))]);
    const faults = await judge(cluster, due);
    say(faults.length === 0 ? `${due.size} calls, ${due.size} rows: nothing lost, nothing twice, the boards agree.` : faults.join('\n'));
    return faults.length === 0 ? 0 : 1;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Each a fifth of the way further on, whether what died before is back or not: it comes by itself, or is started again. */
async function harm(load: Load, calls: number, stand: { cluster: TestCluster; ingests: Part[]; proxies: Part[] }): Promise<void> {
  const { cluster, ingests, proxies } = stand;
  const restart = async (part: Part | undefined) => {
    await part?.kill('SIGKILL');
    await sleep(500);
    await part?.start();
  };
  const steps: [string, () => unknown][] = [
    ['shard 2 killed', () => process.kill(cluster.servers[1]?.pid() ?? 0, 'SIGKILL')],
    ['ingest 1 killed', () => restart(ingests[0])],
    ['proxy 1 killed', () => restart(proxies[0])],
  ];
  const restarts: unknown[] = [];
  for (const [index, [what, does]] of steps.entries()) {
    const from = (calls * (index + 1)) / 5;
    while (load.calls < from) await sleep(20);
    say(`after ${load.calls} calls: ${what}`);
    restarts.push(does());
  }
  await Promise.all(restarts);
}

/** What is not as it must be; asks until nothing is, or for two minutes. */
async function judge(cluster: TestCluster, due: ReadonlySet<string>): Promise<string[]> {
  const until_ms = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const faults = await look(cluster, due).catch((error: unknown) => [String(error)]);
    if (faults.length === 0 || performance.now() > until_ms) return faults;
    await sleep(500);
  }
}

async function look(cluster: TestCluster, due: ReadonlySet<string>): Promise<string[]> {
  const clients = cluster.urls.map((url) =>
    createClient({ url, ...CLUSTER_WRITER, database: TEST_DATABASE, log: { level: ClickHouseLogLevel.OFF } }),
  );
  try {
    const [client] = clients;
    if (client === undefined) return ['the cluster has no node'];
    const rows = await ask<[string, number]>(client, `SELECT id, toUInt32(count()) FROM calls WHERE project = '${PROJECT}' GROUP BY id`);
    const found = new Map(rows);
    const sums = await ask(client, `SELECT toUInt32(sum(calls)) FROM calls_by_minute WHERE project = '${PROJECT}'`);
    const loss = await ask<[string, number, number, number]>(client, LOSS_SQL, {
      window: LOSS_WINDOW_SECONDS,
      grace: 0,
      database: TEST_DATABASE,
    });
    const total = rows.reduce((sum, [, count]) => sum + count, 0);
    const shards = await ask<[number, number]>(client, 'SELECT _shard_num, toUInt32(count()) FROM calls GROUP BY 1 ORDER BY 1');
    const faults = [
      ...[...due].filter((id) => !found.has(id)).map((id) => `call ${id} has no row`),
      ...rows.filter(([, count]) => count > 1).map(([id, count]) => `call ${id} has ${count} rows`),
      ...(sums[0]?.[0] === total ? [] : [`the rollup says ${sums[0]?.[0]} of ${total}`]),
      ...loss.filter(([, , missing, doubled]) => missing > 0 || doubled > 0).map((row) => `the loss meter says ${JSON.stringify(row)}`),
      ...(shards.length === 2 ? [] : [`rows lie on ${shards.length} shards`]),
    ];
    return faults.length > 0 ? faults.slice(0, 10) : await boardsDiffer(clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** Each panel that does not speak of this very second, through one node and the other. */
async function boardsDiffer(clients: readonly ClickHouseClient[]): Promise<string[]> {
  const choice = { from: new Date(Date.now() - 3_600_000), to: new Date(Math.ceil(Date.now() / 60_000) * 60_000) };
  const differing: string[] = [];
  for (const { name, sql } of panelQueries()) {
    if (name.includes('Forecast')) continue;
    const [one, other] = await Promise.all(
      clients.map(async (client) => JSON.stringify((await ask(client, expandFor(sql, choice))).sort())),
    );
    if (one !== other) differing.push(`${name} differs between the nodes`);
  }
  return differing;
}

async function ask<Row extends unknown[]>(client: ClickHouseClient, query: string, query_params = {}): Promise<Row[]> {
  const answer = await client.query({
    query,
    query_params,
    format: 'JSONCompactEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return answer.json<Row>();
}

async function ingest(folder: string, cluster: TestCluster, at: number): Promise<Part> {
  const [port = 0] = await ports(1);
  const config = {
    listen: { ingest: port },
    clickhouse: { url: cluster.urls[at], cluster: TEST_CLUSTER, nodes: cluster.urls, ...CLUSTER_WRITER },
  };
  const url = `http://127.0.0.1:${port}`;
  return definePart({ folder, name: `ingest-${at + 1}`, command: 'ingest', config, url, readyUrl: `${url}/readyz` });
}

async function proxy(folder: string, at: number, providerUrl: string, ingestUrl: string): Promise<Part> {
  const [port = 0, admin = 0] = await ports(2);
  const config = {
    listen: { proxy: port, proxyAdmin: admin },
    workers: WORKERS,
    upstreams: { openai: { baseUrl: providerUrl } },
    ingestUrl,
  };
  const [url, readyUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${admin}/healthz`];
  return definePart({ folder, name: `proxy-${at + 1}`, command: 'proxy', config, url, readyUrl });
}

function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** One port for each pair. A call that may have reached a proxy is never sent to the other: it would be two. */
function startNginx(folder: string, fronts: Readonly<Record<number, readonly Part[]>>): ChildProcess {
  const prefix = join(folder, 'nginx');
  mkdirSync(join(prefix, 'tmp'), { recursive: true });
  const servers = Object.entries(fronts).map(([port, parts]) => {
    const members = parts.map(({ url }) => `server ${new URL(url).host} max_fails=1 fail_timeout=1s;`).join(' ');
    return `upstream front${port} { ${members} keepalive 64; }
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://front${port}; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_buffering off; proxy_request_buffering off; client_max_body_size 0; proxy_read_timeout 600s; } }`;
  });
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path tmp/${name};`).join(' ');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const config = `${user} daemon off; pid nginx.pid; worker_processes 1; error_log stderr crit;
    events { worker_connections 1024; } http { access_log off; ${paths} ${servers.join('\n')} }`;
  writeFileSync(join(prefix, 'nginx.conf'), config);
  return spawn('nginx', ['-p', prefix, '-c', 'nginx.conf', '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
