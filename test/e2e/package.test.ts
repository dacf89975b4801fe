/** The published form: packed, installed into an empty folder, run as a stranger would. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import OpenAI from 'openai';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { readMigrations } from '../../ingest/migrations/index.ts';
import { glasswayPorts, scratchDir, waitFor } from '../kit/glassway.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PACKAGE_JSON = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { name: string; version: string };
/** The Node that runs the tests is the machine's, as far as the package is concerned. */
const ENV = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter), npm_config_loglevel: 'error' };

let mock: MockProvider;
let folder: string;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 9, latencyScale: 0 });
  folder = scratchDir();
  const run = (command: string, args: readonly string[], cwd: string) => execFileSync(command, args, { cwd, env: ENV, encoding: 'utf8' });
  const packed = run('npm', ['pack', '--json', '--pack-destination', folder], ROOT);
  // What the build says comes before the JSON.
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [{ filename: string }];
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'empty', 'package.json'), '{ "private": true }');
  run(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save', join(folder, filename)],
    join(folder, 'empty'),
  );
}, 300_000);
afterAll(async () => {
  await mock?.close();
});

test('npx glassway up in a folder that holds nothing but the package: a call becomes a row, the console is there, Ctrl-C ends it', async () => {
  const cwd = join(folder, 'empty');
  const ports = await glasswayPorts();
  writeFileSync(join(cwd, 'glassway.yaml'), JSON.stringify({ listen: ports, upstreams: { openai: { baseUrl: `${mock.url}/openai` } } }));
  // In a group of its own, which gets the signal as a terminal's does.
  const child = spawn('npx', ['glassway', 'up'], { cwd, env: ENV, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  // npx ends by the signal itself; its pipes close when Glassway is gone too.
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  try {
    await waitFor('npx glassway up', () => {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${output}`);
      return output.includes('Ctrl-C stops everything') ? true : undefined;
    });
    expect(output).toContain(`Glassway ${PACKAGE_JSON.version} is up`);
    const client = new OpenAI({
      apiKey: 'sk-test',
      baseURL: `http://127.0.0.1:${ports.proxy}/openai/v1`,
      defaultHeaders: { 'x-glassway-project': 'packed' },
    });
    const answer = await client.chat.completions.create({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] });
    expect(answer.choices[0]?.message.content).toBeTruthy();
    const sql = "SELECT project, outcome, cost_usd > 0 AS priced FROM glassway.calls WHERE project = 'packed' FORMAT TSV";
    const row = await waitFor('the row', async () => {
      const text = await (await fetch(`http://127.0.0.1:${ports.clickhouseHttp}/`, { method: 'POST', body: sql })).text();
      return text.trim() || undefined;
    });
    expect(row).toBe('packed\tok\t1');
    const console = `http://127.0.0.1:${ports.ingest}`;
    const page = await (await fetch(console)).text();
    for (const [, path] of page.matchAll(/(?:src|href)="((?:page|vendor)\/[^"]+)"/g))
      expect({ path, status: (await fetch(`${console}/${path}`)).status }).toEqual({ path, status: 200 });
  } finally {
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGINT');
  }
  await closed;
  expect(output).toContain('Stopped.');
  await expect(fetch(`http://127.0.0.1:${ports.proxy}/`)).rejects.toThrow();
});

test('the package holds compiled code, every migration and the dashboards, and none of the tests', () => {
  const installed = join(folder, 'empty', 'node_modules', PACKAGE_JSON.name);
  for (const { name } of readMigrations()) expect(existsSync(join(installed, 'dist/ingest/migrations', `${name}.sql`))).toBe(true);
  expect(existsSync(join(installed, 'dist/dashboards/json/overview.json'))).toBe(true);
  expect(existsSync(join(installed, 'dist/cli/main.ts'))).toBe(false);
  expect(existsSync(join(installed, 'test'))).toBe(false);
  const help = execFileSync(process.execPath, [join(installed, 'dist/cli/main.js'), '--version'], { encoding: 'utf8' });
  expect(help.trim()).toBe(PACKAGE_JSON.version);
});
