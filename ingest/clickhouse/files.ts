/**
 * The files that the embedded ClickHouse runs on, all inside `<dataDir>/clickhouse`: configuration,
 * users, the writer's password. Gives their paths and the engine's command line.
 * Files are rewritten at every start from the settings (only the password is kept), readable by
 * nobody else, and never hold the password itself outside its own file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOLD_PLACEHOLDER } from './orders.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Below this ClickHouse starts, and then refuses ordinary queries. */
export const MEMORY_BYTES_MIN = 512 * MIB;

export const WRITER_USERNAME = 'glassway_ingest';
/** The engine's own first session and every client that gives no name: ClickHouse fixes this name. */
export const READER_USERNAME = 'default';

/** What the writer may create: tables that hold data, none that reach out of the server. */
const WRITER_ENGINES = ['Atomic', 'MergeTree', 'ReplacingMergeTree', 'AggregatingMergeTree', 'SummingMergeTree'];

/**
 * Functions that read any file of the machine, for which ClickHouse knows no grant and, run as `clickhouse local`, no folder.
 * A function of the user's own goes first; one that takes no argument can be given no path. Nobody has the right to drop it.
 */
const UNREACHABLE_FUNCTIONS = ['file', 'catboostEvaluate'];
const HIDDEN_FUNCTION = 'not available here';

/** Settings that make a format read a file or ask an address: they keep their default. */
const FIXED_SETTINGS = ['format_schema', 'format_template_resultset', 'format_template_row', 'format_avro_schema_registry_url'];
const FIXED: Readonly<Record<string, Xml>> = Object.fromEntries(FIXED_SETTINGS.map((name) => [name, { readonly: '' }]));

export interface EngineOptions {
  readonly dataDir: string;
  readonly host: string;
  readonly httpPort: number;
  readonly nativePort: number;
  readonly memoryBytes: number;
  readonly database: string;
}

export interface EngineFiles {
  readonly lockFile: string;
  readonly logFile: string;
  readonly writerPassword: string;
  /** For `chdb_query_cmdline`, as for `clickhouse local`. */
  readonly commandLine: readonly string[];
}

/** Writes the files. Throws what the file system throws. */
export function writeEngineFiles(options: EngineOptions): EngineFiles {
  const folder = join(options.dataDir, 'clickhouse');
  const inFolder = (name: string) => join(folder, name);
  for (const directory of [folder, inFolder('data'), inFolder('log')]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const writerPassword = keepPassword(inFolder('writer-password'));
  const logFile = inFolder('log/clickhouse.log');
  writePrivate(inFolder('config.xml'), toXml({ clickhouse: serverConfig(options, inFolder('users.xml'), logFile) }));
  writePrivate(inFolder('users.xml'), toXml({ clickhouse: usersConfig(options, writerPassword) }));
  mkdirSync(inFolder('data/user_defined'), { recursive: true, mode: 0o700 });
  for (const name of UNREACHABLE_FUNCTIONS)
    writePrivate(inFolder(`data/user_defined/function_${name}.sql`), `CREATE FUNCTION ${name} AS () -> '${HIDDEN_FUNCTION}';\n`);
  writePrivate(inFolder('start.sql'), 'SYSTEM START LISTEN HTTP;\nSYSTEM START LISTEN TCP;\n');
  return {
    lockFile: inFolder('lock'),
    logFile,
    writerPassword,
    commandLine: [
      'clickhouse',
      ...['--config-file', inFolder('config.xml')],
      ...['--path', inFolder('data')],
      ...['--listen_host', options.host],
      ...['--http_port', String(options.httpPort)],
      ...['--tcp_port', String(options.nativePort)],
      // `logger.level` in the file is overruled by this option's default, which is to write everything.
      ...['--log-level', 'warning'],
      // Opens the profile's `readonly` for the engine's own session alone, which must START LISTEN; sessions over the network keep 2.
      ...['--readonly', '0'],
      ...['--queries-file', inFolder('start.sql')],
      // Read to its end before it is run: as long as nobody closes it the server lives, and no query is there to be killed.
      ...['--queries-file', HOLD_PLACEHOLDER],
    ],
  };
}

/** `ENOENT` and the like; not by `instanceof`, which fails for errors of another realm (vm contexts). */
export function systemErrorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
}

function keepPassword(path: string): string {
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (kept !== '') {
      chmodSync(path, 0o600);
      return kept;
    }
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const password = randomBytes(24).toString('base64url');
  writePrivate(path, `${password}\n`);
  return password;
}

/** Whole or not at all: a crash in between must not leave half a file for the next start. */
function writePrivate(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}

type Xml = string | number | { readonly [tag: string]: Xml | readonly Xml[] };

function serverConfig(options: EngineOptions, usersFile: string, logFile: string): Xml {
  const cacheBytes = (share: number, bytesMax: number) => Math.min(Math.floor(options.memoryBytes * share), bytesMax);
  return {
    users_config: usersFile,
    // Beyond `information` it writes every statement and every request's parameters, and with them whom somebody looked for.
    logger: { level: 'information', log: logFile, size: '10M', count: 3 },
    timezone: 'UTC',
    max_server_memory_usage: options.memoryBytes,
    // The defaults of these caches are sized for machines of their own: 5 GiB each.
    mark_cache_size: cacheBytes(1 / 16, 256 * MIB),
    primary_index_cache_size: cacheBytes(1 / 16, 256 * MIB),
    index_mark_cache_size: cacheBytes(1 / 64, 64 * MIB),
    vector_similarity_index_cache_size: MIB,
    text_index_tokens_cache_size: MIB,
    text_index_header_cache_size: MIB,
    text_index_postings_cache_size: MIB,
    parquet_metadata_cache_size: MIB,
    iceberg_metadata_files_cache_size: MIB,
    paimon_metadata_files_cache_size: MIB,
    compiled_expression_cache_size: cacheBytes(1 / 64, 64 * MIB),
    max_temporary_data_on_disk_size: 4 * GIB,
    max_thread_pool_size: 1000,
    max_connections: 512,
    max_concurrent_queries: 100,
    background_pool_size: 2,
    // What was deleted or merged is off the disk soon after, and not when the housekeeping wakes minutes later.
    merge_tree: { cleanup_delay_period: 2, max_cleanup_delay_period: 2, cleanup_delay_period_random_add: 0 },
    asynchronous_metrics_update_period_s: 60,
  };
}

/**
 * Access: who may do what. `default` cannot be given `SYSTEM LISTEN` only for its first session,
 * but over the network `readonly` 2 refuses every SYSTEM statement whatever is granted.
 */
function usersConfig(options: EngineOptions, writerPassword: string): Xml {
  const database = quoteIdentifier(options.database);
  const networks = { ip: ['127.0.0.0/8', '::1'] };
  const { settings, constraints } = readerLimits(options.memoryBytes);
  return {
    profiles: {
      default: {},
      reader: { readonly: 2, cancel_http_readonly_queries_on_client_close: 1, ...settings, constraints },
      writer: {
        cancel_http_readonly_queries_on_client_close: 1,
        max_memory_usage: Math.floor(options.memoryBytes * 0.75),
        max_concurrent_queries_for_user: 32,
        constraints: FIXED,
      },
    },
    quotas: { default: {} },
    users: {
      [READER_USERNAME]: {
        no_password: '',
        networks,
        profile: 'reader',
        quota: 'default',
        grants: { query: [`GRANT SELECT ON ${database}.*`, 'GRANT SYSTEM LISTEN ON *.*'] },
      },
      [WRITER_USERNAME]: {
        password_sha256_hex: createHash('sha256').update(writerPassword).digest('hex'),
        networks,
        profile: 'writer',
        quota: 'default',
        grants: {
          query: [
            `GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SHOW, SYSTEM MERGES, SYSTEM TTL MERGES ON ${database}.*`,
            'GRANT SELECT ON system.*',
            ...WRITER_ENGINES.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
          ],
        },
      },
    },
  };
}

/**
 * What one reader may use, and how far a query may raise it. The lower bounds are there because 0
 * means "no limit" to ClickHouse. Execution time may be raised because clickhouse-go, which Grafana
 * reads with, sends its own deadline as `max_execution_time`.
 */
function readerLimits(memoryBytes: number): { settings: Record<string, Xml>; constraints: Xml } {
  const memoryHalf = Math.floor(memoryBytes / 2);
  const limits: Record<string, { value: number; max?: number }> = {
    max_execution_time: { value: 30, max: 300 },
    max_rows_to_read: { value: 2_000_000_000 },
    max_bytes_to_read: { value: 200 * GIB },
    max_result_rows: { value: 1_000_000 },
    max_result_bytes: { value: 256 * MIB },
    max_memory_usage: { value: memoryHalf },
    max_memory_usage_for_user: { value: Math.floor(memoryBytes * 0.75) },
    max_bytes_before_external_group_by: { value: Math.floor(memoryBytes / 4) },
    max_bytes_before_external_sort: { value: Math.floor(memoryBytes / 4) },
    max_temporary_data_on_disk_size_for_user: { value: 4 * GIB },
    max_concurrent_queries_for_user: { value: 64 },
  };
  const entries = Object.entries(limits);
  return {
    settings: Object.fromEntries(entries.map(([name, limit]) => [name, limit.value])),
    constraints: {
      ...Object.fromEntries(entries.map(([name, limit]) => [name, { min: 1, max: limit.max ?? limit.value }])),
      ...FIXED,
    },
  };
}

function quoteIdentifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

function toXml(node: Xml): string {
  if (typeof node !== 'object')
    return String(node).replace(/[<>&]/g, (character) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[character] ?? '');
  return Object.entries(node)
    .flatMap(([tag, value]) => (Array.isArray(value) ? value : [value]).map((inner: Xml) => `<${tag}>${toXml(inner)}</${tag}>\n`))
    .join('');
}
