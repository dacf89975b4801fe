/**
 * The same migrations for a cluster. Takes a statement as it is written for one server, gives those that make it true
 * on every node: table `x` becomes `x_local`, which holds this shard's rows, and over it `x`, which reads and writes all
 * shards. Views stay on their node, from `x_local` to `y_local`, so that a row is added up where it lies. What cannot be
 * turned round mechanically is an error that names the migration: a test asks all of them.
 */
import type { Migration } from './index.ts';

export interface ClusterForm {
  /** As in the server's `remote_servers`. */
  readonly cluster: string;
  readonly database: string;
  /** Whether tables are replicated: paths and names then come from the servers' macros `shard` and `replica`. */
  readonly replicated: boolean;
  /** Whether statements go to all nodes by distributed DDL, or the caller goes to each node. */
  readonly onCluster: boolean;
}

/** What holds the rows of a table on one node. */
export const LOCAL_SUFFIX = '_local';

/** Longer than the hour that newer servers forget tokens after, which a batch may well come again after. */
const TOKEN_SECONDS = 7 * 86_400;

const TABLE = String.raw`\{database:Identifier\}\.(\w+)`;
const CREATE_TABLE = new RegExp(String.raw`^CREATE TABLE IF NOT EXISTS ${TABLE}\s*\(`);
const ENGINE = /\bENGINE = (\w*MergeTree)\b(?:\(([^)]*)\))?/;
const WINDOW = /\bnon_replicated_deduplication_window = (\d+)/;
const CREATE_VIEW = new RegExp(String.raw`^CREATE MATERIALIZED VIEW IF NOT EXISTS ${TABLE}\s+TO\b`);
const PLAIN_VIEW = new RegExp(`^CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?${TABLE}`);
const ALTER_TABLE = new RegExp(String.raw`^ALTER TABLE ${TABLE}\s+`);
const OF_COLUMNS = /^(?:ADD|MODIFY|DROP|RENAME|COMMENT) COLUMN\b/;

/** Makes the translation of this form; `migrations` say which names are tables. */
export function clusterStatements(form: ClusterForm, migrations: readonly Migration[]): (migration: Migration) => readonly string[] {
  const created = (pattern: RegExp) => new Set(migrations.map(({ statement }) => pattern.exec(codeOf(statement))?.[1] ?? ''));
  const [tables, views] = [created(CREATE_TABLE), created(CREATE_VIEW)];
  const isTable = (name: string) => tables.has(name);
  const local = (sql: string) =>
    sql.replace(new RegExp(TABLE, 'g'), (whole, name: string) => (isTable(name) ? `${whole}${LOCAL_SUFFIX}` : whole));
  const everywhere = form.onCluster ? ` ON CLUSTER ${quoted(form.cluster)}` : '';
  /** After the name of what is created or changed. */
  const spread = (sql: string) => sql.replace(/\{database:Identifier\}\.\w+/, (name) => `${name}${everywhere}`);

  return ({ name, statement }) => {
    const code = codeOf(statement);
    const table = CREATE_TABLE.exec(code)?.[1];
    if (table !== undefined) return [spread(local(withEngine(code, table, form, name))), spread(distributed(table, form))];
    if (CREATE_VIEW.test(code)) return [spread(local(code))];
    if (PLAIN_VIEW.test(code)) return [spread(code)];
    const altered = ALTER_TABLE.exec(code);
    if (altered?.[1] !== undefined && views.has(altered[1])) return [spread(local(code))];
    if (altered?.[1] !== undefined && isTable(altered[1])) {
      const ofColumns = commandsOf(code.slice(altered[0].length)).filter((command) => OF_COLUMNS.test(command));
      // The one that reads over all shards has the same columns, and nothing else of its own.
      const over = ofColumns.length === 0 ? [] : [spread(`${altered[0]}${ofColumns.join(', ')}`)];
      return [spread(local(code)), ...over];
    }
    throw new Error(
      `Migration ${name} cannot be made for a cluster (ingest/migrations/for-cluster.ts): want CREATE TABLE, CREATE [MATERIALIZED] VIEW or ALTER TABLE.`,
    );
  };
}

function withEngine(code: string, table: string, { replicated, database }: ClusterForm, name: string): string {
  const engine = ENGINE.exec(code);
  if (engine === null || !WINDOW.test(code))
    throw new Error(
      `Migration ${name}: a table of a cluster wants an engine of the MergeTree family and non_replicated_deduplication_window.`,
    );
  if (!replicated) return code;
  const [written, family, given = ''] = engine;
  const path = [`'/clickhouse/tables/{shard}/${database}/${table}${LOCAL_SUFFIX}'`, "'{replica}'", ...(given === '' ? [] : [given])];
  return code
    .replace(written, `ENGINE = Replicated${family}(${path.join(', ')})`)
    .replace(
      WINDOW,
      (_, inserts: string) => `replicated_deduplication_window = ${inserts}, replicated_deduplication_window_seconds = ${TOKEN_SECONDS}`,
    );
}

/** The key serves inserts by hand only: ingest names the shard of each batch. A parameter cannot stand behind AS. */
function distributed(table: string, { cluster, database }: ClusterForm): string {
  const local = `${table}${LOCAL_SUFFIX}`;
  return `CREATE TABLE IF NOT EXISTS {database:Identifier}.${table} AS ${quoted(database)}.${quoted(local)} ENGINE = Distributed('${cluster}', '${database}', '${local}', rand())`;
}

/** Cut at the commas outside of brackets and quotes. */
function commandsOf(text: string): string[] {
  const commands: string[] = [''];
  let depth = 0;
  for (const [piece] of text.matchAll(/'(?:[^'\\]|\\.)*'|./gs)) {
    if (piece === '(') depth += 1;
    if (piece === ')') depth -= 1;
    if (piece === ',' && depth === 0) commands.push('');
    else commands.push(commands.pop() + piece);
  }
  return commands.map((command) => command.trim());
}

/** Without its comments, which could hold anything. */
function codeOf(statement: string): string {
  return statement.replace(/^\s*--.*$/gm, '').trim();
}

export function quoted(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}
