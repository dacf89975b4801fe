/**
 * What must hold after every fault: each call that reached the provider, or was answered, is one row; none is two;
 * the rollup says the same as the table; no number is missing. Asks until it holds, or for a minute.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LossAnswer } from '../../ingest/console/api-types.ts';
import type { Load } from './load.ts';
import type { Scenario } from './scenarios.ts';
import type { Stand } from './stand.ts';

const SETTLE_MS_MAX = 60_000;
const MEMORY_MB_MAX = 512;

export interface Verdict {
  readonly scenario: string;
  readonly calls: number;
  readonly failed: number;
  readonly rows: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly rollupDifference: number;
  readonly memory_mb: number;
  /** What is not as it must be. */
  readonly faults: readonly string[];
}

export async function judge(scenario: Scenario, stand: Stand, load: Load): Promise<Verdict> {
  const until_ms = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const verdict = await look(scenario, stand, load).catch((error: unknown) => String(error));
    const settled = typeof verdict !== 'string' && verdict.faults.length === 0;
    if (settled || performance.now() > until_ms) {
      if (typeof verdict === 'string') throw new Error(verdict);
      return verdict;
    }
    await sleep(200);
  }
}

async function look(scenario: Scenario, stand: Stand, load: Load): Promise<Verdict> {
  const { name } = scenario;
  const counts = await stand.up.query(`SELECT id, toUInt32(count()) AS n FROM calls WHERE project = '${name}' GROUP BY id`);
  const rowsOf = new Map(counts.map(({ id, n }) => [String(id), Number(n)]));
  const [rollup] = await stand.up.query(`SELECT toUInt32(sum(calls)) AS n FROM calls_by_minute WHERE project = '${name}'`);
  const loss = (await (await fetch(`${stand.up.consoleUrl}/api/loss?grace_seconds=0`)).json()) as LossAnswer;
  const due = new Set([...load.answered, ...[...stand.provider.reached].filter((id) => id.startsWith(`${name}-`))]);
  const rows = [...rowsOf.values()].reduce((sum, n) => sum + n, 0);
  const lost = [...due].filter((id) => !rowsOf.has(id)).length;
  const duplicates = rows - rowsOf.size;
  const rollupDifference = Number(rollup?.['n'] ?? 0) - rows;
  const memory_mb = Math.max(...stand.proxies.map((proxy) => proxy.memoryMax_mb));
  const faults = [
    lost > 0 && `${lost} calls have no row`,
    duplicates > 0 && `${duplicates} rows too many`,
    rollupDifference !== 0 && `the rollup differs by ${rollupDifference}`,
    loss.missing !== 0 && `the loss meter says ${loss.missing} missing`,
    loss.duplicates !== 0 && `the loss meter says ${loss.duplicates} too many`,
    !scenario.breaksCalls && load.failed.size > 0 && `${load.failed.size} calls failed for their clients: ${[...load.failed.values()][0]}`,
    memory_mb > MEMORY_MB_MAX && `the proxy took ${memory_mb} MB`,
  ];
  return {
    scenario: name,
    calls: load.calls,
    failed: load.failed.size,
    rows,
    duplicates,
    lost,
    rollupDifference,
    memory_mb,
    faults: faults.filter((fault) => fault !== false),
  };
}
