import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { ClickHouseStartError, type EmbeddedClickHouse, startEmbeddedClickHouse } from '../../ingest/clickhouse/embedded.ts';
import { startTestClickHouse, TEST_DATABASE, TEST_MEMORY_BYTES, type TestClickHouse } from '../kit/clickhouse.ts';
import { freePorts } from '../kit/ports.ts';
import { isAlive } from '../kit/processes.ts';

const folders: string[] = [];
const running: EmbeddedClickHouse[] = [];
// Also after a test that failed: a server left running would keep this process.
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'glassway-embedded-'));
  folders.push(folder);
  return folder;
}

async function optionsFor(
  changes: { dataDir?: string; httpPort?: number; nativePort?: number; memoryBytes?: number; startMsMax?: number } = {},
) {
  const [httpPort = 0, nativePort = 0] = await freePorts(2);
  const base = { dataDir: changes.dataDir ?? newFolder(), host: '127.0.0.1', httpPort, nativePort, database: TEST_DATABASE };
  return { ...base, memoryBytes: TEST_MEMORY_BYTES, log: () => {}, ...changes };
}

async function start(changes: Parameters<typeof optionsFor>[0] = {}): Promise<EmbeddedClickHouse> {
  const server = await startEmbeddedClickHouse(await optionsFor(changes));
  running.push(server);
  return server;
}

async function startFault(changes: Parameters<typeof optionsFor>[0]): Promise<{ fault: string; message: string }> {
  const failure: unknown = await startEmbeddedClickHouse(await optionsFor(changes)).then(
    (server) => server.stop(),
    (error: unknown) => error,
  );
  if (!(failure instanceof ClickHouseStartError)) throw new Error(`started, or failed in another way: ${String(failure)}`);
  return { fault: failure.fault, message: failure.message };
}

/** As ClickHouse writes it; a call older than its retention would be gone with the next merge. */
function now(): string {
  return new Date().toISOString().replace('T', ' ').replace('Z', '000');
}

/** Waits for what is bound to come; the test's own time limit is the only one. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function clientOf(server: EmbeddedClickHouse): ClickHouseClient {
  return createClient({ url: server.url, ...server.writer, log: { level: ClickHouseLogLevel.OFF } });
}

describe('its life', () => {
  test('ends with stop, although clients hold their connections, and the next start on its folder finds the data and the password', async () => {
    const dataDir = newFolder();
    const first = await start({ dataDir });
    const pid = first.pid() ?? 0;
    const client = clientOf(first);
    await client.command({ query: 'CREATE DATABASE glassway ENGINE = Atomic' });
    await client.command({ query: 'CREATE TABLE glassway.kept ENGINE = MergeTree ORDER BY n AS SELECT 42 AS n' });
    expect([first.state(), isAlive(pid)]).toEqual(['ready', true]);
    await first.stop();
    expect([first.state(), first.pid(), isAlive(pid)]).toEqual(['stopped', undefined, false]);
    await client.close();

    const second = await start({ dataDir });
    const again = clientOf(second);
    const answer = await again.query({ query: 'SELECT n FROM glassway.kept', format: 'JSONEachRow' });
    expect(await answer.json()).toEqual([{ n: 42 }]);
    expect(second.writer).toEqual(first.writer);
    await again.close();
    await Promise.all([second.stop(), second.stop()]);
  });

  test('goes on after kill -9, on the same ports, with every acknowledged batch', async () => {
    const server = await startTestClickHouse();
    try {
      const insert = (id: string) =>
        server.client.insert({
          table: 'calls',
          values: [{ id, project: 'p', started_at: now() }],
          format: 'JSONEachRow',
          clickhouse_settings: { insert_deduplication_token: id },
        });
      await insert('before');
      const pid = server.pid() ?? 0;
      process.kill(pid, 'SIGKILL');
      await until(() => server.restarts() === 1);
      expect(server.state()).toBe('ready');
      expect(server.pid()).not.toBe(pid);
      // The token is remembered across the crash too.
      await insert('before');
      await insert('after');
      const answer = await server.client.query({ query: 'SELECT id FROM calls ORDER BY id', format: 'JSONEachRow' });
      expect(await answer.json()).toEqual([{ id: 'after' }, { id: 'before' }]);
      expect(server.logged).toEqual([expect.stringContaining('SIGKILL'), expect.stringContaining('is back')]);
    } finally {
      await server.stop();
    }
  });

  test('can be stopped while it is being started again', async () => {
    const server = await start();
    process.kill(server.pid() ?? 0, 'SIGKILL');
    await until(() => server.state() === 'restarting');
    await server.stop();
    expect([server.state(), server.pid()]).toEqual(['stopped', undefined]);
  });

  test('ends when Glassway is killed with -9, and leaves a folder that the next Glassway can use at once', async () => {
    const options = await optionsFor();
    const parent = spawnParent(options);
    try {
      const pid = await readPid(parent);
      expect(isAlive(pid)).toBe(true);
      parent.kill('SIGKILL');
      const next = await startEmbeddedClickHouse({ ...options, log: () => {} });
      running.push(next);
      // The lock goes a moment before the last of the process.
      await until(() => !isAlive(pid));
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

/** A Glassway in a process of its own, which prints its ClickHouse's process id. */
function spawnParent(options: Awaited<ReturnType<typeof optionsFor>>): ChildProcess {
  const embedded = new URL('../../ingest/clickhouse/embedded.ts', import.meta.url).href;
  const source = `
    const { startEmbeddedClickHouse } = await import(${JSON.stringify(embedded)});
    const server = await startEmbeddedClickHouse({ ...${JSON.stringify(options)}, log: () => {} });
    console.log(server.pid());
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function readPid(parent: ChildProcess): Promise<number> {
  if (parent.stdout === null) throw new Error('no output to read');
  const [chunk] = await once(parent.stdout, 'data');
  return Number(String(chunk));
}

describe('a start that cannot be says why and what would be right', () => {
  test.each([['httpPort'], ['nativePort']] as const)('when its %s is in use', async (which) => {
    const blocker = createServer();
    const [port = 0] = await freePorts(1);
    await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', () => resolve()));
    try {
      const { fault, message } = await startFault({ [which]: port });
      expect(fault).toBe('port_in_use');
      expect(message).toContain(`port ${port} on 127.0.0.1 is in use (wanted for ClickHouse ${which === 'httpPort' ? 'HTTP' : 'native'})`);
      expect(message).toContain('listen.clickhouseHttp');
    } finally {
      blocker.close();
    }
  });

  test('when another Glassway uses its data folder, which goes on undisturbed', async () => {
    const dataDir = newFolder();
    const first = await start({ dataDir });
    try {
      const { fault, message } = await startFault({ dataDir });
      expect(fault).toBe('data_folder_in_use');
      expect(message).toContain(`(process ${process.pid})`);
      expect(message).toContain('--data');
      const client = clientOf(first);
      expect(await client.ping({ select: true })).toEqual({ success: true });
      await client.close();
    } finally {
      await first.stop();
    }
  });

  test('when its data folder cannot be written', async () => {
    const file = join(newFolder(), 'a-file');
    writeFileSync(file, '');
    const { fault, message } = await startFault({ dataDir: join(file, 'data') });
    expect(fault).toBe('data_folder_unwritable');
    expect(message).toContain(`${file}/data cannot be written (ENOTDIR)`);
  });

  test('when there is no library for this machine', async () => {
    process.env['CHDB_LIBCHDB_PATH'] = '/nowhere/libchdb.so';
    try {
      const { fault, message } = await startFault({});
      expect(fault).toBe('platform_unsupported');
      expect(message).toContain('CLICKHOUSE_URL');
    } finally {
      delete process.env['CHDB_LIBCHDB_PATH'];
    }
  });

  test('when the library is broken', async () => {
    const library = join(newFolder(), 'libchdb.so');
    writeFileSync(library, 'not a library');
    process.env['CHDB_LIBCHDB_PATH'] = library;
    try {
      const { fault, message } = await startFault({});
      expect(fault).toBe('library_unusable');
      expect(message).toContain(library);
    } finally {
      delete process.env['CHDB_LIBCHDB_PATH'];
    }
  });

  test('when its process dies, with its last words', async () => {
    const dataDir = newFolder();
    // Where ClickHouse wants a file of its own.
    mkdirSync(join(dataDir, 'clickhouse/data/status'), { recursive: true });
    const { fault, message } = await startFault({ dataDir });
    expect(fault).toBe('died_at_start');
    expect(message).toContain('status');
    expect(message).toContain(join(dataDir, 'clickhouse/log/clickhouse.log'));
  });

  test('when it takes too long', async () => {
    const { fault, message } = await startFault({ startMsMax: 1 });
    expect(fault).toBe('start_timeout');
    expect(message).toContain('clickhouse.log');
  });

  test('when it may not use enough memory', async () => {
    expect((await startFault({ memoryBytes: 1024 })).message).toContain('clickhouse.memoryBytes');
  });
});

describe('its users', () => {
  let server: TestClickHouse;
  beforeAll(async () => {
    server = await startTestClickHouse();
  });
  afterAll(() => server?.stop());

  test('are in files that nobody else can read, without the password in clear', () => {
    for (const file of ['users.xml', 'config.xml', 'writer-password'])
      expect((statSync(join(server.dataDir, 'clickhouse', file)).mode & 0o777).toString(8)).toBe('600');
    expect(readFileSync(join(server.dataDir, 'clickhouse/users.xml'), 'utf8')).not.toContain(server.writer.password);
  });

  const REFUSED = [
    "INSERT INTO calls (id) VALUES ('x')",
    'ALTER TABLE calls DELETE WHERE 1',
    'DROP TABLE calls',
    'CREATE TABLE t (a Int8) ENGINE = Memory',
    'CREATE TEMPORARY TABLE t (a Int8)',
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
    "SELECT * FROM executable('x', 'TSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    'SELECT * FROM system.users',
    'SELECT * FROM system.processes',
    'SELECT * FROM system.server_settings',
    'SYSTEM STOP LISTEN HTTP',
    'SYSTEM SHUTDOWN',
    "KILL QUERY WHERE user = 'default'",
    'SELECT 1 SETTINGS readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 301',
    'SELECT 1 SETTINGS max_execution_time = 0',
    'SELECT 1 SETTINGS max_memory_usage = 0',
    'SELECT 1 SETTINGS max_rows_to_read = 0',
  ];
  test.each(REFUSED)('refuse the reader: %s', async (query) => {
    const failure = await server.readerClient.command({ query }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: expect.stringMatching(/^(ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION)$/) });
  });

  test('let the reader read the database, with limits, and see no other', async () => {
    const select = async (query: string) => (await server.readerClient.query({ query, format: 'JSONEachRow' })).json();
    expect(await select('SELECT count() AS n FROM calls')).toEqual([{ n: 0 }]);
    expect(await select("SELECT DISTINCT database FROM system.tables WHERE database NOT IN ('system')")).toEqual([
      { database: 'glassway' },
    ]);
    const [limits] = await select(
      "SELECT getSetting('readonly') AS readonly, getSetting('max_execution_time') > 0 AS time, getSetting('max_rows_to_read') > 0 AS read, getSetting('max_memory_usage') > 0 AS memory",
    );
    expect(limits).toEqual({ readonly: 2, time: 1, read: 1, memory: 1 });
  });

  test.each([
    'CREATE TABLE default.t (a Int8) ENGINE = MergeTree ORDER BY a',
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    'SYSTEM SHUTDOWN',
  ])('keep the writer inside its database: %s', async (query) => {
    await expect(server.client.command({ query })).rejects.toMatchObject({ type: 'ACCESS_DENIED' });
  });

  test('keep out whoever has not the password', async () => {
    const stranger = createClient({
      url: server.url,
      username: server.writer.username,
      password: 'guess',
      log: { level: ClickHouseLogLevel.OFF },
    });
    await expect(stranger.command({ query: 'SELECT 1' })).rejects.toMatchObject({ type: 'AUTHENTICATION_FAILED' });
    await stranger.close();
  });

  test('are served by the official client, with gzip both ways, parameters and streams', async () => {
    const compression = { request: true, response: true };
    const client = createClient({ url: server.url, ...server.writer, database: 'glassway', compression });
    const values = Array.from({ length: 2_000 }, (_, index) => ({
      id: String(index),
      project: 'gzip',
      started_at: now(),
    }));
    await client.insert({ table: 'calls', values, format: 'JSONEachRow' });
    const answer = await client.query({
      query: 'SELECT id FROM calls WHERE project = {project:String} ORDER BY toUInt32(id)',
      query_params: { project: 'gzip' },
      format: 'JSONEachRow',
    });
    let rows = 0;
    for await (const chunk of answer.stream()) rows += chunk.length;
    expect(rows).toBe(2_000);
    await client.close();
  });

  test('are there on the native port too', async () => {
    const [row] = await (await server.client.query({ query: 'SELECT 1 AS one FROM system.tables LIMIT 1', format: 'JSONEachRow' })).json<{
      one: number;
    }>();
    expect(row).toEqual({ one: 1 });
    expect(await nativeHello(server.nativePort)).toContain('ClickHouse');
  });
});

/** The first exchange of the native protocol: a client's hello gets the server's. */
async function nativeHello(port: number): Promise<string> {
  const { connect } = await import('node:net');
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const revision = Buffer.from([0xa5, 0xa9, 0x03]);
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.concat([Buffer.from([0]), text('test'), Buffer.from([1, 0]), revision, text(''), text('default'), text('')]));
  const [chunk] = await once(socket, 'data');
  socket.destroy();
  return String(chunk);
}
