/** The checks that ask ClickHouse: version, tables, deduplication, retention, rights, disk, clock. */
import { text } from 'node:stream/consumers';
import { durationSeconds } from '../../contract/config.ts';
import { errorText } from '../../ingest/error-text.ts';
import { retentionOf, SERVER_VERSION_MIN, timeToLive } from '../../ingest/migrate.ts';
import { LOCAL_SUFFIX } from '../../ingest/migrations/for-cluster.ts';
import { readMigrations } from '../../ingest/migrations/index.ts';
import { type Check, type Finding, fail, ok, type Patient, rows, skip, warn } from './finding.ts';

/** As the migrations set it: a batch may come again while this many others came. */
const WINDOW_MIN = 10_000;
const DISK_FREE_WARN = 0.15;
const DISK_FREE_FAIL = 0.05;
const SKEW_MS_WARN = 2_000;
const SKEW_MS_FAIL = 60_000;
const GIB = 1024 ** 3;

export const checkServer: Check = async ({ writer, settings }) => {
  const url = settings.clickhouse.url ?? 'the embedded one';
  const began_ms = Date.now();
  const [server] = await rows<{ version: string; now_ms: number }>(
    writer,
    'SELECT version() AS version, toUnixTimestamp64Milli(now64(3)) AS now_ms',
  );
  const half_ms = (Date.now() - began_ms) / 2;
  const { version = '', now_ms = 0 } = server ?? {};
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const { major: majorMin, minor: minorMin } = SERVER_VERSION_MIN;
  const old = major < majorMin || (major === majorMin && minor < minorMin);
  return [
    old
      ? fail('clickhouse', `version ${version} is too old`, `Upgrade ClickHouse to ${majorMin}.${minorMin} or newer.`)
      : ok('clickhouse', `${url}, version ${version}`),
    skew('clickhouse clock', now_ms - began_ms - half_ms),
  ];
};

export function skew(check: string, skew_ms: number): Finding {
  const seconds = (Math.abs(skew_ms) / 1_000).toFixed(1);
  const off = `${seconds} s ${skew_ms > 0 ? 'ahead of' : 'behind'} this machine`;
  const mend =
    'Let NTP (chrony, systemd-timesyncd) set the clocks of all machines: calls are stamped by the proxy, kept by the clock of ClickHouse.';
  if (Math.abs(skew_ms) >= SKEW_MS_FAIL) return fail(check, off, mend);
  return Math.abs(skew_ms) >= SKEW_MS_WARN ? warn(check, off, mend) : ok(check, `within ${SKEW_MS_WARN / 1_000} s`);
}

interface Table {
  readonly name: string;
  readonly engine: string;
  readonly definition: string;
}

const readTables = ({ writer, settings }: Patient) =>
  rows<Table>(writer, 'SELECT name, engine, create_table_query AS definition FROM system.tables WHERE database = {database:String}', {
    database: settings.clickhouse.database,
  });
const suffixOf = ({ settings }: Patient) => (settings.clickhouse.cluster === undefined ? '' : LOCAL_SUFFIX);

export const checkSchema: Check = async (patient) => {
  const { database, cluster } = patient.settings.clickhouse;
  const tables = await readTables(patient);
  const mend = 'Run `glassway migrate`, or restart ingest, which does it by itself.';
  const calls = tables.find(({ name }) => name === 'calls');
  if (calls === undefined) return [fail('schema', `database ${database} has no table calls`, mend)];
  if ((calls.engine === 'Distributed') !== (cluster !== undefined))
    return [
      fail(
        'schema',
        cluster === undefined ? `database ${database} has the tables of a cluster` : `database ${database} has the tables of one server`,
        cluster === undefined ? 'Set clickhouse.cluster.' : 'See "From one server to a cluster" in docs/deploy.md.',
      ),
    ];
  const recorded = await rows<{ version: number }>(patient.writer, 'SELECT DISTINCT version FROM {database:Identifier}.migrations', {
    database,
  });
  const known = readMigrations();
  const missing = known.filter(({ version }) => !recorded.some((row) => row.version === version));
  const newest = Math.max(...recorded.map(({ version }) => version));
  const last = known.at(-1)?.version ?? 0;
  if (missing.length > 0) return [fail('schema', `not applied: ${missing.map(({ name }) => name).join(', ')}`, mend)];
  if (newest > last)
    return [warn('schema', `version ${newest}, made by a later release; this one knows ${last}`, 'Upgrade this Glassway when you can.')];
  return [ok('schema', `version ${newest}`)];
};

/** Tables that a batch is written to by its token; of a Replacing one the same row written twice is one row all the same. */
export const checkDeduplication: Check = async (patient) => {
  const { database } = patient.settings.clickhouse;
  const kept = (await readTables(patient)).filter(
    ({ name, engine }) =>
      engine.endsWith('MergeTree') && !engine.endsWith('ReplacingMergeTree') && name !== 'migrations' && !name.startsWith('reprice_'),
  );
  if (kept.length === 0) return [];
  const bad = kept.flatMap(({ name, engine, definition }) => {
    const setting = engine.startsWith('Replicated') ? 'replicated_deduplication_window' : 'non_replicated_deduplication_window';
    const set = Number(new RegExp(`\\b${setting} = (\\d+)`).exec(definition)?.[1] ?? 0);
    if (set >= WINDOW_MIN) return [];
    return [
      fail(
        'deduplication',
        `${name} remembers ${set} inserts: a batch that is sent again would count twice`,
        `ALTER TABLE ${database}.${name} MODIFY SETTING ${setting} = ${WINDOW_MIN}`,
      ),
    ];
  });
  return bad.length > 0 ? bad : [ok('deduplication', `${kept.length} tables remember ${WINDOW_MIN.toLocaleString('en-US')} inserts`)];
};

export const checkRetention: Check = async (patient) => {
  const { retention } = patient.settings;
  const tables = await readTables(patient);
  const wanted = retentionOf({ callsTtlSeconds: durationSeconds(retention.calls), bodiesTtlSeconds: durationSeconds(retention.bodies) });
  const differing = wanted.flatMap(({ table, expression }) => {
    const definition = tables.find(({ name }) => name === `${table}${suffixOf(patient)}`)?.definition;
    if (definition === undefined || timeToLive(definition).deletes === expression) return [];
    return [
      warn(
        'retention',
        `${table} is kept by ${timeToLive(definition).deletes ?? 'nothing: for ever'}, the settings say ${expression}`,
        'Restart ingest with these settings, or run `glassway migrate`: either sets it.',
      ),
    ];
  });
  return differing.length > 0 ? differing : [ok('retention', `calls ${retention.calls}, bodies ${retention.bodies}`)];
};

export const checkRights: Check = async (patient) => {
  const { database } = patient.settings.clickhouse;
  const findings: Finding[] = [];
  const user = patient.settings.clickhouse.username;
  const may = async (grant: string): Promise<boolean | undefined> => {
    try {
      // This statement takes no FORMAT.
      const { stream } = await patient.writer.exec({ query: `CHECK GRANT ${grant} ON \`${database}\`.*` });
      return (await text(stream)).trim() === '1';
    } catch {
      // Servers before 24.10 do not know the question.
      return undefined;
    }
  };
  const wanted = ['SELECT', 'INSERT', 'ALTER', 'CREATE TABLE', 'CREATE VIEW'];
  const answers = await Promise.all(wanted.map(may));
  const lacking = wanted.filter((_, at) => answers[at] === false);
  if (answers.every((answer) => answer === undefined))
    findings.push(skip('rights', 'this server cannot be asked for grants', 'Upgrade ClickHouse.'));
  else if (lacking.length > 0)
    findings.push(
      fail('rights', `the writer ${user} may not ${lacking.join(', ')}`, `GRANT ${lacking.join(', ')} ON ${database}.* TO ${user}`),
    );
  else findings.push(ok('rights', 'the writer may read, insert and migrate'));
  findings.push(await readerFinding(patient));
  return findings;
};

async function readerFinding({ reader, settings }: Patient): Promise<Finding> {
  const { database, readUsername } = settings.clickhouse;
  const mend =
    'Give the console a user of its own: readonly = 2, SELECT on the database (deploy/clickhouse/users.xml), clickhouse.readUsername and readPassword.';
  try {
    await rows(reader, 'SELECT count() FROM {database:Identifier}.calls WHERE started_at > now()', { database });
    const [mode] = await rows<{ readonly: number }>(reader, "SELECT toUInt8(getSetting('readonly')) AS readonly");
    if (mode?.readonly === 2) return ok('reader', 'the console may read, and nothing else');
    if (mode?.readonly === 1) return fail('reader', 'the console may not set its limits (readonly = 1)', mend);
    return warn('reader', `the console reads as ${readUsername ?? settings.clickhouse.username}, who may write`, mend);
  } catch (error) {
    return fail('reader', `the console cannot read: ${errorText(error)}`, mend);
  }
}

export const checkDisk: Check = async ({ writer }) => {
  const disks = await rows<{ name: string; free: number; total: number }>(
    writer,
    "SELECT name, toFloat64(free_space) AS free, toFloat64(total_space) AS total FROM system.disks WHERE type = 'Local' OR type = 'local'",
  );
  return disks.map(({ name, free, total }) => spaceFinding(`clickhouse disk ${name}`, free, total));
};

export function spaceFinding(check: string, free: number, total: number): Finding {
  const share = total === 0 ? 1 : free / total;
  const text = `${(free / GIB).toFixed(1)} GiB of ${(total / GIB).toFixed(1)} GiB free`;
  const mend = 'Shorten retention.calls or retention.bodies, add disk, or move old parts to another volume (docs/sizing.md).';
  if (share < DISK_FREE_FAIL) return fail(check, text, mend);
  return share < DISK_FREE_WARN ? warn(check, text, mend) : ok(check, text);
}
