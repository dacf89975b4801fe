/** A rolling upgrade: proxies and ingests of the release before and of this one side by side, on one database. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { scratchDir, waitFor } from '../kit/glassway.ts';
import { definePart, type Part } from '../kit/part.ts';
import { freePorts } from '../kit/ports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The last commit of the release before: 0.1.0's main job, before anything of scale, access and traces. */
const BEFORE = '6c62e9c';
const CALLS = 12;

const isHere = spawnSync('git', ['cat-file', '-e', `${BEFORE}^{commit}`], { cwd: ROOT }).status === 0;
if (!isHere) process.stdout.write(`The rolling upgrade was not tried: commit ${BEFORE} is not in this clone.\n`);
const whenHere = isHere ? test : test.skip;

type Release = 'before' | 'now';

let mock: MockProvider;
let clickhouse: TestClickHouse;
let folder: string;
const parts: Part[] = [];
const admins = new Map<Part, string>();

beforeAll(async () => {
  if (!isHere) return;
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 11, latencyScale: 0 });
  clickhouse = await startTestClickHouse({ migrated: false });
  folder = scratchDir();
  mkdirSync(join(folder, 'before'));
  execFileSync('sh', ['-c', `git archive ${BEFORE} | tar -x -C '${join(folder, 'before')}'`], { cwd: ROOT });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'before', 'node_modules'));
});
afterAll(async () => {
  await Promise.all(parts.map((part) => part.kill('SIGKILL')));
  await mock?.close();
  await clickhouse?.stop();
});

const mainOf = (release: Release) => join(release === 'before' ? join(folder, 'before') : ROOT, 'cli/main.ts');

async function start(release: Release, command: 'proxy' | 'ingest', ingestUrl?: string, at?: number): Promise<Part> {
  const [free = 0, admin = 0] = await freePorts(2);
  const port = at ?? free;
  const url = `http://127.0.0.1:${port}`;
  const config =
    command === 'ingest'
      ? { listen: { ingest: port }, clickhouse: { url: clickhouse.url, ...clickhouse.writer } }
      : { listen: { proxy: port, proxyAdmin: admin }, ingestUrl, upstreams: { openai: { baseUrl: `${mock.url}/openai` } } };
  const readyUrl = command === 'ingest' ? `${url}/readyz` : `http://127.0.0.1:${admin}/readyz`;
  const part = definePart({ folder, name: `${release}-${command}-${parts.length}`, command, config, url, readyUrl, main: mainOf(release) });
  parts.push(part);
  admins.set(part, `http://127.0.0.1:${admin}`);
  await part.start();
  return part;
}

async function call(proxy: Part, project: string): Promise<void> {
  for (let at = 0; at < CALLS; at += 1) {
    const answer = await fetch(`${proxy.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test', 'x-glassway-project': project },
      body: JSON.stringify({
        model: 'gpt-5-mini',
        stream: at % 2 === 0,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    });
    await answer.text();
    expect(answer.status).toBe(200);
  }
}

async function metricsOf(proxy: Part): Promise<string> {
  return (await fetch(`${admins.get(proxy)}/metrics`)).text();
}

async function rows(project: string): Promise<Record<string, unknown> | undefined> {
  const answer = await clickhouse.client.query({
    query: `SELECT toUInt32(count()) AS calls, toUInt32(uniqExact(id)) AS ids, toUInt32(countIf(outcome = 'ok' AND input_tokens > 0 AND cost_usd > 0)) AS whole,
      (SELECT toUInt32(sum(calls)) FROM glassway.calls_by_minute WHERE project = '${project}') AS rolled_up
      FROM glassway.calls WHERE project = '${project}'`,
    format: 'JSONEachRow',
  });
  return (await answer.json<Record<string, unknown>>())[0];
}

whenHere(
  'the release before goes on beside this one, on its tables; a proxy that was upgraded before its ingest loses nothing',
  async () => {
    const [portBefore = 0, portNow = 0] = await freePorts(2);
    const [urlBefore, urlNow] = [`http://127.0.0.1:${portBefore}`, `http://127.0.0.1:${portNow}`];
    const [ingestBefore, proxyBefore] = await Promise.all([
      start('before', 'ingest', undefined, portBefore),
      start('before', 'proxy', urlBefore),
    ]);
    await call(proxyBefore, 'before-to-before');
    const [, proxyBeforeToNow, proxyNow] = await Promise.all([
      start('now', 'ingest', undefined, portNow),
      start('before', 'proxy', urlNow),
      start('now', 'proxy', urlBefore),
    ]);
    await call(proxyBeforeToNow, 'before-to-now');
    await call(proxyBefore, 'still-before');
    for (const project of ['before-to-before', 'before-to-now', 'still-before']) {
      const found = await waitFor(`the rows of ${project}`, async () => {
        const row = await rows(project);
        // The table has its rows a moment before the rollup.
        return row?.['calls'] === CALLS && row['rolled_up'] === CALLS ? row : undefined;
      });
      expect({ project, ...found }).toEqual({ project, calls: CALLS, ids: CALLS, whole: CALLS, rolled_up: CALLS });
    }
    // The wrong order: a record that this ingest cannot know waits for the one that does.
    await call(proxyNow, 'now-to-before');
    await waitFor('an attempt', async () => (/batches_total\{result="later"\} [1-9]/.test(await metricsOf(proxyNow)) ? true : undefined));
    expect(await metricsOf(proxyNow)).not.toMatch(/dead_letters_total\{[^}]*\} [1-9]/);
    await ingestBefore.kill('SIGTERM');
    await start('now', 'ingest', undefined, portBefore);
    const found = await waitFor('the rows that waited', async () => {
      const row = await rows('now-to-before');
      // The table has its rows a moment before the rollup.
      return row?.['calls'] === CALLS && row['rolled_up'] === CALLS ? row : undefined;
    });
    expect(found).toMatchObject({ ids: CALLS, whole: CALLS, rolled_up: CALLS });
  },
  120_000,
);

whenHere('a journal that the proxy of the release before left is shipped by this one', async () => {
  const ingest = await start('now', 'ingest');
  const [dead = 0] = await freePorts(1);
  const proxyBefore = await start('before', 'proxy', `http://127.0.0.1:${dead}`);
  await call(proxyBefore, 'left-behind');
  await proxyBefore.kill('SIGKILL');
  const name = readdirSync(folder).find((each) => each === `before-proxy-${parts.indexOf(proxyBefore)}`) ?? '';
  const [port = 0, admin = 0] = await freePorts(2);
  const config = { listen: { proxy: port, proxyAdmin: admin }, ingestUrl: ingest.url, upstreams: {} };
  const url = `http://127.0.0.1:${port}`;
  const now = definePart({ folder, name, command: 'proxy', config, url, readyUrl: `http://127.0.0.1:${admin}/readyz` });
  parts.push(now);
  await now.start();
  const found = await waitFor('the rows that were left behind', async () => {
    const row = await rows('left-behind');
    // The table has its rows a moment before the rollup.
    return row?.['calls'] === CALLS && row['rolled_up'] === CALLS ? row : undefined;
  });
  expect(found).toMatchObject({ calls: CALLS, ids: CALLS, whole: CALLS });
});
