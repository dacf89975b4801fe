/**
 * `glassway up` as a user meets it: starting, failing to start, dying children, stopping.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { startTestClickHouse } from '../kit/clickhouse.ts';
import { glasswayPorts, type RunningGlassway, runToEnd, scratchDir, startGlassway, waitFor } from '../kit/glassway.ts';
import { childNamed, commandOf, isAlive, tree } from '../kit/processes.ts';

let mock: MockProvider;
const started: RunningGlassway[] = [];

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 3, latencyScale: 0 });
});
afterAll(async () => {
  for (const glassway of started) await glassway.stop('SIGKILL');
  await mock?.close();
});

const start = async (options: Parameters<typeof startGlassway>[0] = {}): Promise<RunningGlassway> => {
  const glassway = await startGlassway({
    ...options,
    settings: { upstreams: { openai: { baseUrl: `${mock.url}/openai` } }, ...options.settings },
  });
  started.push(glassway);
  return glassway;
};

async function call(glassway: RunningGlassway, id: string): Promise<number> {
  const answer = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer sk-test',
      'x-glassway-project': 'up',
      'x-glassway-request-id': id,
    },
    body: JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await answer.text();
  return answer.status;
}

const gone = (pids: readonly number[]) => waitFor(`processes ${pids.join(', ')} to end`, () => (pids.some(isAlive) ? undefined : true));

test('the banner says where to point SDKs, where the console, ClickHouse and the data are, and what is not configured', async () => {
  const glassway = await start();
  const banner = glassway.output();
  for (const text of [
    `${glassway.proxyUrl}/openai/v1`,
    `${glassway.proxyUrl}/anthropic`,
    `${glassway.proxyUrl}/gemini`,
    'x-glassway-project',
    glassway.consoleUrl,
    `http://127.0.0.1:${glassway.ports.clickhouseHttp}`,
    glassway.dataDir,
    'No project captures bodies',
  ])
    expect(banner).toContain(text);
  await glassway.stop();
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s stops everything with exit code 0, with nothing left running and no row lost',
  async (signal) => {
    const glassway = await start();
    expect(await call(glassway, 'before-stop')).toBe(200);
    const pids = tree(glassway.process.pid as number);
    expect(pids.length).toBeGreaterThanOrEqual(4);
    expect(await glassway.stop(signal)).toBe(0);
    await gone(pids);

    const again = await start({ ports: glassway.ports, dataDir: glassway.dataDir });
    expect(await again.query("SELECT outcome FROM calls WHERE id = 'before-stop'")).toEqual([{ outcome: 'ok' }]);
    expect(await call(again, 'after-restart')).toBe(200);
    await again.rows("SELECT id FROM calls WHERE project = 'up'", 2);
    expect(await again.stop()).toBe(0);
  },
);

test('a call in flight at the stop ends as it should, and has its row', async () => {
  const provider = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
    setTimeout(() => res.end('data: [DONE]\n\n'), 1_500);
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const { port } = provider.address() as { port: number };
  const glassway = await start({ settings: { upstreams: { openai: { baseUrl: `http://127.0.0.1:${port}` } } } });
  const answer = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-glassway-request-id': 'in-flight' },
    body: JSON.stringify({ model: 'gpt-5-mini', stream: true, messages: [] }),
  });
  const stopped = glassway.stop('SIGTERM');
  expect(await answer.text()).toContain('[DONE]');
  expect(await stopped).toBe(0);
  provider.close();
  const again = await start({ ports: glassway.ports, dataDir: glassway.dataDir });
  expect(await again.query("SELECT outcome FROM calls WHERE id = 'in-flight'")).toEqual([{ outcome: 'ok' }]);
  await again.stop();
});

test('a killed parent takes all its children with it', async () => {
  const glassway = await start();
  const pids = tree(glassway.process.pid as number);
  process.kill(glassway.process.pid as number, 'SIGKILL');
  await gone(pids);
});

test('a killed proxy, ingest or ClickHouse comes back by itself, and calls become rows again', async () => {
  const glassway = await start();
  for (const [part, command] of [
    ['proxy', 'glassway proxy'],
    ['ingest', 'glassway ingest'],
    ['clickhouse', 'server-process'],
  ] as const) {
    const before = childNamed(glassway, command);
    process.kill(before, 'SIGKILL');
    await gone([before]);
    if (part === 'proxy')
      await waitFor('the proxy to be back', async () => {
        try {
          return (await call(glassway, 'probe')) === 200 ? true : undefined;
        } catch {
          return undefined;
        }
      });
    expect(await call(glassway, `after-${part}`)).toBe(200);
    await waitFor(`the row after ${part} died`, async () => {
      try {
        return (await glassway.query(`SELECT id FROM calls WHERE id = 'after-${part}'`)).length === 1 ? true : undefined;
      } catch {
        return undefined; // ClickHouse is not back yet
      }
    });
  }
  expect(await glassway.stop()).toBe(0);
});

test('with workers every call has its row, one that is killed is replaced, and the stop ends them all', async () => {
  const glassway = await start({ settings: { workers: 2 } });
  const workers = () => tree(glassway.process.pid as number).filter((pid) => commandOf(pid).includes('glassway proxy worker'));
  const [killed, other] = await waitFor('two workers', () => (workers().length === 2 ? workers() : undefined));
  const send = async (name: string): Promise<void> => {
    const ids = Array.from({ length: 20 }, (_, at) => `${name}-${at}`);
    expect(await Promise.all(ids.map((id) => call(glassway, id)))).toEqual(ids.map(() => 200));
  };
  await send('before');
  process.kill(killed as number, 'SIGKILL');
  await waitFor('another worker in its place', () => (workers().length === 2 && !workers().includes(killed as number) ? true : undefined));
  expect(workers()).toContain(other);
  await send('after');
  await glassway.rows("SELECT id FROM calls WHERE project = 'up'", 40);
  expect(await glassway.query("SELECT count() AS rows, uniqExact(id) AS calls FROM calls WHERE project = 'up'")).toEqual([
    { rows: 40, calls: 40 },
  ]);
  const pids = tree(glassway.process.pid as number);
  expect(await glassway.stop('SIGTERM')).toBe(0);
  await gone(pids);
});

test('a port in use is an error that names it, with exit code 1 and nothing left running', async () => {
  const ports = await glasswayPorts();
  for (const [name, port] of Object.entries(ports)) {
    if (name === 'mockProvider') continue;
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    const config = join(scratchDir(), 'glassway.yaml');
    writeFileSync(config, JSON.stringify({ listen: ports }));
    const { code, output } = await runToEnd(['up', '--config', config, '--data', join(scratchDir(), 'data')]);
    squatter.close();
    expect({ name, code }).toEqual({ name, code: 1 });
    expect(output).toContain(String(port));
    expect(output).toContain(name);
    expect(output).not.toMatch(/ at .*\.ts:\d+/); // an error for a person, not a stack
  }
});

test('a data folder in use is an error that says so, and the first Glassway goes on', async () => {
  const glassway = await start();
  const config = join(scratchDir(), 'glassway.yaml');
  writeFileSync(config, JSON.stringify({ listen: await glasswayPorts() }));
  const { code, output } = await runToEnd(['up', '--config', config, '--data', glassway.dataDir]);
  expect(code).toBe(1);
  expect(output).toMatch(/in use/);
  expect(output).toContain(glassway.dataDir);
  expect(await call(glassway, 'still-here')).toBe(200);
  await glassway.stop();
});

test('a data folder that cannot be made is an error that names it', async () => {
  const file = join(scratchDir(), 'a-file');
  writeFileSync(file, '');
  const { code, output } = await runToEnd(['up', '--data', join(file, 'data')]);
  expect(code).toBe(1);
  expect(output).toContain(join(file, 'data'));
});

test('a bad configuration is an error that lists every fault, with exit code 1', async () => {
  const config = join(scratchDir(), 'glassway.yaml');
  writeFileSync(config, 'listen: { proxy: 99999, hots: x }\nupstreams: { mine: { dialect: klingon } }\n');
  const { code, output } = await runToEnd(['up', '--config', config]);
  expect(code).toBe(1);
  for (const text of ['listen.proxy', '99999', 'listen.hots', 'accepted']) expect(output).toContain(text);
  const missing = await runToEnd(['up', '--config', '/nonexistent/glassway.yaml']);
  expect(missing.code).toBe(1);
  expect(missing.output).toContain('no such file');
});

test('an unknown option or command says what there is', async () => {
  expect((await runToEnd(['up', '--prot', '1'])).code).toBe(1);
  const unknown = await runToEnd(['upp']);
  expect(unknown.code).toBe(1);
  expect(unknown.output).toMatch(/unknown command|Did you mean/);
});

test('glassway migrate brings the tables about, and says so; without a ClickHouse it says what is missing', async () => {
  const clickhouse = await startTestClickHouse({ migrated: false });
  try {
    const env = {
      CLICKHOUSE_URL: clickhouse.url,
      CLICKHOUSE_USER: clickhouse.writer.username,
      CLICKHOUSE_PASSWORD: clickhouse.writer.password,
    };
    const first = await runToEnd(['migrate'], env);
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('applied 0001-create-calls') });
    expect(await runToEnd(['migrate'], env)).toMatchObject({ code: 0, output: expect.stringContaining('nothing to do') });
  } finally {
    await clickhouse.stop();
  }
  const without = await runToEnd(['migrate']);
  expect(without.code).toBe(1);
  expect(without.output).toContain('CLICKHOUSE_URL');
});
