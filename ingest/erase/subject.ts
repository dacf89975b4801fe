/**
 * Whose calls are to go: a user's, a session's, a project's, or what two or three of these have in common, up to a moment.
 * As a condition on rows, without the names themselves: they stand in a table of their own, because ClickHouse keeps the
 * text of what changes rows in files and logs.
 */
import type { Scope } from '../reprice/scope.ts';
import { command, rows } from '../reprice/scope.ts';

export const SUBJECT_COLUMNS = ['project', 'user_id', 'session_id'] as const;
export type SubjectColumn = (typeof SUBJECT_COLUMNS)[number];

export interface Subject {
  readonly project?: string | undefined;
  readonly user_id?: string | undefined;
  readonly session_id?: string | undefined;
  /** Calls that began before. */
  readonly until: Date;
}

/** Holds the names while the rows are changed. */
export const SUBJECT_TABLE = 'erase_subject';
/** What leads from a call to its bodies. */
export const CALLS_TABLE = 'erase_calls';

export function columnsOf(subject: Subject): SubjectColumn[] {
  return SUBJECT_COLUMNS.filter((column) => subject[column] !== undefined);
}

/** Whether a whole project goes, and with it everything that bears its name. */
export function isWholeProject(subject: Subject): boolean {
  return subject.user_id === undefined && subject.session_id === undefined;
}

/** On `calls`, and on whatever table says the same by these columns or expressions. */
export function condition(
  scope: Scope,
  columns: readonly SubjectColumn[],
  expressions: Partial<Record<SubjectColumn, string>> = {},
): string {
  return columns
    .map((column) => `${expressions[column] ?? column} IN (SELECT value FROM ${scope.database}.${SUBJECT_TABLE} WHERE kind = '${column}')`)
    .join(' AND ');
}

/** `YYYY-MM-DD hh:mm:ss.ffffff`, as column `started_at` compares with. */
export function untilText({ until }: Subject): string {
  return `${until.toISOString().slice(0, 23).replace('T', ' ')}000`;
}

export function callsCondition(scope: Scope, subject: Subject): string {
  return `${condition(scope, columnsOf(subject))} AND started_at < '${untilText(subject)}'`;
}

/** The bodies have their project, and of users and sessions only what their calls say. */
export function bodiesCondition(scope: Scope, subject: Subject): string {
  return isWholeProject(subject)
    ? callsCondition(scope, subject)
    : `(project, started_at, id) IN (SELECT project, started_at, id FROM ${scope.database}.${CALLS_TABLE})`;
}

export async function stageSubject(scope: Scope, subject: Subject): Promise<void> {
  await dropStaged(scope);
  await command(scope, `CREATE TABLE {database:Identifier}.${SUBJECT_TABLE} (kind String, value String) ENGINE = MergeTree ORDER BY kind`);
  await scope.client.insert({
    table: `${scope.database}.${SUBJECT_TABLE}`,
    values: columnsOf(subject).map((kind) => ({ kind, value: subject[kind] })),
    format: 'JSONEachRow',
  });
  await command(
    scope,
    `CREATE TABLE {database:Identifier}.${CALLS_TABLE} (project String, started_at DateTime64(6, 'UTC'), id String)
     ENGINE = MergeTree ORDER BY (project, started_at, id)`,
  );
}

/** Again before each deletion: calls arrive while others are deleted. */
export async function stageCalls(scope: Scope, subject: Subject): Promise<void> {
  await command(scope, `TRUNCATE TABLE {database:Identifier}.${CALLS_TABLE}`);
  await command(
    scope,
    `INSERT INTO {database:Identifier}.${CALLS_TABLE} SELECT project, started_at, id FROM {database:Identifier}.calls
     WHERE ${callsCondition(scope, subject)} SETTINGS insert_deduplicate = 0`,
  );
}

export async function dropStaged(scope: Scope): Promise<void> {
  for (const table of [SUBJECT_TABLE, CALLS_TABLE]) await command(scope, `DROP TABLE IF EXISTS {database:Identifier}.${table} SYNC`);
}

export async function count(scope: Scope, table: string, where: string): Promise<number> {
  const [row] = await rows<{ found: number }>(
    scope,
    `SELECT toUInt64(count()) AS found FROM {database:Identifier}.${table} WHERE ${where}`,
  );
  return row?.found ?? 0;
}
