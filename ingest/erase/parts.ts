/**
 * Rows that are gone from the disk and not only from answers: deletes them by mutations, which write their parts anew, and
 * waits until ClickHouse has removed the parts in which they were. A server of one's own keeps those for eight minutes otherwise,
 * and its housekeeping may sleep for five; the embedded one's comes every two seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { command, rows, type Scope } from '../reprice/scope.ts';
import { SUBJECT_TABLE } from './subject.ts';

const POLL_MS = 500;
const SAY_EVERY_MS = 5_000;
const OLD_PARTS_MS_MAX = 400_000;

/** Deletes, and returns when every part has been written anew. */
export async function deleteRows(scope: Scope, table: string, where: string, say: (line: string) => void): Promise<void> {
  await command(scope, `ALTER TABLE {database:Identifier}.${table} DELETE WHERE ${where} SETTINGS mutations_sync = 0`);
  let said_ms = performance.now();
  for (;;) {
    const [state] = await rows<{ parts: number; fault: string; pending: number }>(
      scope,
      `SELECT countIf(NOT is_done) AS pending, sumIf(parts_to_do, NOT is_done) AS parts,
         anyIf(latest_fail_reason, NOT is_done AND latest_fail_reason != '') AS fault
       FROM system.mutations WHERE database = {database:String} AND table = {table:String} AND NOT is_killed`,
      { table },
    );
    if (state === undefined || state.pending === 0) return;
    if (state.fault !== '') throw new Error(`ClickHouse cannot delete from ${table}: ${state.fault.slice(0, 300)}`);
    if (performance.now() - said_ms > SAY_EVERY_MS) {
      said_ms = performance.now();
      say(`Deleting from ${table}: ${state.parts} parts to go.`);
    }
    await sleep(POLL_MS, undefined, { signal: scope.signal });
  }
}

/** A deletion that a kill left behind reads the table of names: it must end before that table does. */
export async function endOldDeletions(scope: Scope): Promise<void> {
  await command(
    scope,
    `KILL MUTATION WHERE database = {database:String} AND NOT is_done AND (position(command, '${SUBJECT_TABLE}') > 0 OR position(command, 'erase_calls') > 0) SYNC`,
  );
}

/** Waits until no part that was replaced is on the disk any more; gives how many still are when it has waited long enough. */
export async function waitForOldParts(scope: Scope, tables: readonly string[], say: (line: string) => void): Promise<number> {
  const settings = async (statement: string): Promise<void> => {
    for (const table of tables) await command(scope, `ALTER TABLE {database:Identifier}.${table} ${statement}`);
  };
  const [first] = await oldParts(scope, tables);
  if (first === undefined) return 0;
  const last = await newestTime(scope);
  say('Waiting until ClickHouse has removed the files of what was deleted.');
  await settings('MODIFY SETTING old_parts_lifetime = 1');
  try {
    const from_ms = performance.now();
    for (;;) {
      const left = (await oldParts(scope, tables)).filter(({ removed_at }) => removed_at <= last).length;
      if (left === 0 || performance.now() - from_ms > OLD_PARTS_MS_MAX) return left;
      await sleep(POLL_MS, undefined, { signal: scope.signal });
    }
  } finally {
    await settings('RESET SETTING old_parts_lifetime');
  }
}

function oldParts(scope: Scope, tables: readonly string[]): Promise<{ removed_at: number }[]> {
  return rows(
    scope,
    'SELECT toUnixTimestamp(remove_time) AS removed_at FROM system.parts WHERE database = {database:String} AND table IN {tables:Array(String)} AND NOT active',
    { tables },
  );
}

/** Merges go on: parts that are replaced from now on were written without what is gone. */
async function newestTime(scope: Scope): Promise<number> {
  const [row] = await rows<{ now: number }>(scope, 'SELECT toUnixTimestamp(now()) AS now');
  return row?.now ?? 0;
}
