/** deploy/Dockerfile, step by step in a clean folder, and what it makes run as process 1 of a namespace of its own. */
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { runDockerfile, type Stage } from '../kit/dockerfile.ts';
import { glasswayPorts, scratchDir, waitFor } from '../kit/glassway.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FILE = join(ROOT, 'deploy/Dockerfile');
const ENV = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter), npm_config_loglevel: 'error' };
/** A process id namespace with its own /proc and a root that cannot be written; needs root, or user namespaces. */
const UNSHARE = [
  '--pid',
  '--mount',
  '--fork',
  '--kill-child',
  '--mount-proc',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
];
const mayUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0;

let mock: MockProvider;
let stage: Stage;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 5, latencyScale: 0 });
  stage = runDockerfile({ file: FILE, context: ROOT, folder: scratchDir(), target: 'full', env: ENV });
}, 300_000);
afterAll(async () => {
  await mock?.close();
});

const inImage = (words: readonly string[]) => words.map((word) => (word.startsWith('/app/') ? join(stage.root, word) : word));
const asked = (words: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, inImage(words).slice(1), { encoding: 'utf8', env: { ...process.env, ...env } });

test('runs as a user without rights, is asked for its health, and has its version inside', () => {
  expect(stage.user).toBe('1000:1000');
  expect(stage.healthcheck).toEqual(['node', '/app/dist/cli/health.js']);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(asked([...stage.entrypoint, '--version']).stdout.trim()).toBe(version);
});

test('holds nothing of the tests and nothing that only development needs', () => {
  for (const path of ['test', 'node_modules/jest', 'node_modules/typescript', 'dist/cli/main.ts'])
    expect({ path, there: spawnSync('ls', [join(stage.root, 'app', path)]).status === 0 }).toEqual({ path, there: false });
});

test('without the embedded ClickHouse the proxy and ingest still start', () => {
  const text = readFileSync(FILE, 'utf8');
  expect(text).toContain('rm -rf node_modules/@chdb');
  // What these two commands load names neither it nor its loader.
  for (const command of ['proxy', 'ingest']) {
    const { stderr } = asked([...stage.entrypoint, command, '--help'], { NODE_DEBUG: 'esm' });
    expect(stderr).not.toContain('@chdb');
  }
});

const whenAllowed = mayUnshare ? test : test.skip;
if (!mayUnshare) process.stdout.write('Not run as process 1: this user may make no process id namespace.\n');

whenAllowed(
  'as process 1, with a root that cannot be written: a call becomes a row, the health check agrees, SIGTERM ends it with 0',
  async () => {
    const ports = await glasswayPorts();
    const data = join(scratchDir(), 'data');
    execFileSync('mkdir', ['-p', data]);
    const listen = Object.entries(ports).map(([name, port]): [string, string] => [
      `GLASSWAY_LISTEN_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`,
      String(port),
    ]);
    // On loopback, because this is the machine's own network: a container has one of its own.
    const env = {
      ...process.env,
      ...stage.env,
      ...Object.fromEntries(listen),
      GLASSWAY_LISTEN_HOST: '127.0.0.1',
      GLASSWAY_DATA: data,
      GLASSWAY_CONFIG: join(data, 'glassway.yaml'),
    };
    execFileSync('sh', [
      '-c',
      `printf '%s' '${JSON.stringify({ upstreams: { openai: { baseUrl: `${mock.url}/openai` } } })}' > ${data}/glassway.yaml`,
    ]);
    const command = inImage([...stage.entrypoint, ...stage.command]).map((word) => (word === 'node' ? process.execPath : word));
    const readOnly = `mount --bind ${stage.root} ${stage.root} && mount -o remount,ro,bind ${stage.root} && cd ${data} && exec "$0" "$@"`;
    const child = spawn('unshare', [...UNSHARE, 'sh', '-c', readOnly, ...command], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    try {
      await waitFor('process 1', () => {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${output}`);
        return output.includes('Ctrl-C stops everything') ? true : undefined;
      });
      const first = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0]);
      const answer = await fetch(`http://127.0.0.1:${ports.proxy}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test' },
        body: JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] }),
      });
      expect(answer.status).toBe(200);
      await answer.text();
      await waitFor('the row', async () => {
        const rows = await fetch(`http://127.0.0.1:${ports.clickhouseHttp}/`, {
          method: 'POST',
          body: 'SELECT count() FROM glassway.calls',
        });
        return (await rows.text()).trim() === '1' ? true : undefined;
      });
      // In the namespace, where /proc/1 is the one that it asks about.
      const health = inImage(stage.healthcheck).map((word) => (word === 'node' ? process.execPath : word));
      const inside = spawnSync('nsenter', ['--target', String(first), '--pid', '--mount', '--', ...health], { encoding: 'utf8', env });
      expect({ status: inside.status, stderr: inside.stderr }).toEqual({ status: 0, stderr: '' });
      process.kill(first, 'SIGTERM');
      expect(await exited).toEqual([0, null]);
      expect(output).toContain('Stopped.');
    } finally {
      child.kill('SIGKILL');
    }
  },
);
