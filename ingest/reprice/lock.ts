/**
 * One repricing at a time, over all machines. The lock is the table that holds the run's changes: creating it is atomic,
 * and its comment says until when its owner is alive. Whoever finds it expired, after a kill, clears up and takes over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseError } from '@clickhouse/client';
import { BUCKETS_TABLE, CHANGES_TABLE, command, rows, type Scope, STAGE_TABLE } from './scope.ts';

const LEASE_SECONDS = 12;
const HEARTBEAT_MS = 3_000;
const POLL_MS = 500;
const TABLE_ALREADY_EXISTS = '57';
const COMMENT = 'glassway reprice, alive until ';

export interface Lock {
  /** @throws Error when the lease could not be kept alive: another run may have taken over */
  check(): void;
  release(): Promise<void>;
}

export async function takeLock(scope: Scope, onWait: () => void): Promise<Lock> {
  let waited = false;
  while (!(await create(scope))) {
    scope.signal.throwIfAborted();
    if (await isExpired(scope)) await clearUp(scope);
    else {
      if (!waited) onWait();
      waited = true;
      await sleep(POLL_MS, undefined, { signal: scope.signal });
    }
  }
  let alive_ms = performance.now();
  let beating = Promise.resolve();
  const timer = setInterval(() => {
    beating = beating.then(async () => {
      await sayAlive(scope);
      alive_ms = performance.now();
    });
    // Told by check(), where it matters.
    beating = beating.catch(() => {});
  }, HEARTBEAT_MS);
  return {
    check() {
      if (performance.now() - alive_ms > LEASE_SECONDS * 1_000)
        throw new Error('ClickHouse was away for too long; run the same command again.');
    },
    async release() {
      clearInterval(timer);
      await beating;
      await clearUp(scope);
    },
  };
}

async function create(scope: Scope): Promise<boolean> {
  try {
    await command(
      scope,
      `CREATE TABLE {database:Identifier}.${CHANGES_TABLE} (chunk UInt32, key String, value String)
       ENGINE = MergeTree ORDER BY (chunk, key) COMMENT '${COMMENT}${await leaseEnd(scope)}'`,
    );
    return true;
  } catch (error) {
    if (error instanceof ClickHouseError && error.code === TABLE_ALREADY_EXISTS) return false;
    throw error;
  }
}

async function sayAlive(scope: Scope): Promise<void> {
  await command(scope, `ALTER TABLE {database:Identifier}.${CHANGES_TABLE} MODIFY COMMENT '${COMMENT}${await leaseEnd(scope)}'`);
}

/** By the server's clock, which all runs share. */
async function leaseEnd(scope: Scope): Promise<number> {
  const [row] = await rows<{ end: number }>(scope, `SELECT toUnixTimestamp(now()) + ${LEASE_SECONDS} AS end`);
  return row?.end ?? 0;
}

async function isExpired(scope: Scope): Promise<boolean> {
  const [row] = await rows<{ expired: boolean }>(
    scope,
    `SELECT toUInt64OrZero(substring(comment, length({comment:String}) + 1)) < toUnixTimestamp(now()) AS expired
     FROM system.tables WHERE database = {database:String} AND name = '${CHANGES_TABLE}'`,
    { comment: COMMENT },
  );
  // Gone since: the next try will tell.
  return row === undefined ? false : Boolean(row.expired);
}

/** A change that still runs reads the table: it must end before the table does, or it would fail for ever. */
async function clearUp(scope: Scope): Promise<void> {
  await command(
    scope,
    `KILL MUTATION WHERE database = {database:String} AND table = 'calls' AND NOT is_done AND position(command, '${CHANGES_TABLE}') > 0 SYNC`,
  );
  await command(scope, 'ALTER TABLE {database:Identifier}.calls DROP CONSTRAINT IF EXISTS reprice_pause');
  for (const table of [STAGE_TABLE, BUCKETS_TABLE, CHANGES_TABLE])
    await command(scope, `DROP TABLE IF EXISTS {database:Identifier}.${table} SYNC`);
}
