/**
 * What must hold after every fault: each call that reached the provider, or was answered, is one row; none is two;
 * no row is of a call that was never made; the rollups say the same as the table; no number is missing. Asks until
 * it holds, or until nothing changes any more, or for a minute.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LossAnswer } from '../../ingest/console/api-types.ts';
import type { Scenario, World } from './scenarios.ts';

const SETTLE_MS_MAX = 60_000;
/** With all shipped, what then does not change is not going to. */
const UNCHANGED_MS = 5_000;
const MEMORY_MB_MAX = 512;
/** Batches in work may take some 400 MiB (ingest/budget.ts), and the process itself 150. */
const INGEST_MEMORY_MB_MAX = 768;
/** A busy machine makes the moment longer in which a call can cross with its connection's close; what is careless is more. */
const RESET_SHARE_MAX = 0.002;
/** Of few calls one is a large share. */
const RESETS_MAX = 2;
/** What is kept of the calls beside the calls; each must have every call once. */
const ROLLUPS = [
  ['calls_by_minute', 'project'],
  ['latency_by_hour', 'project'],
  ['calls_by_day', "label = 'all' AND project"],
] as const;

export interface Verdict {
  readonly scenario: string;
  readonly calls: number;
  readonly failed: number;
  readonly resets: number;
  readonly rows: number;
  readonly duplicates: number;
  /** Rows of calls that were never made. */
  readonly strangers: number;
  readonly lost: number;
  readonly rollupDifference: number;
  readonly memory_mb: number;
  readonly ingestMemory_mb: number;
  /** What is not as it must be. */
  readonly faults: readonly string[];
}

export async function judge(world: World, scenario: Scenario): Promise<Verdict> {
  const until_ms = performance.now() + SETTLE_MS_MAX;
  const ingestMemory_mb = world.stand.takeIngestMemory();
  let unchangedSince_ms = performance.now();
  let before = '';
  for (;;) {
    const verdict = await look(world, scenario, ingestMemory_mb).catch((error: unknown) => String(error));
    const now_ms = performance.now();
    const seen = JSON.stringify(verdict);
    if (seen !== before || typeof verdict === 'string' || !(await isShipped(world, scenario))) unchangedSince_ms = now_ms;
    before = seen;
    const settled = typeof verdict !== 'string' && (verdict.faults.length === 0 || isHopeless(verdict));
    if (settled || now_ms - unchangedSince_ms > UNCHANGED_MS || now_ms > until_ms) {
      if (typeof verdict === 'string') throw new Error(verdict);
      return verdict;
    }
    await sleep(200);
  }
}

/** A row that is too many never goes away. */
function isHopeless({ duplicates, strangers }: Verdict): boolean {
  return duplicates > 0 || strangers > 0;
}

/** No proxy has a record left to ship, and no dead one's journal is there. */
async function isShipped({ proxies, dataDir }: World, { workers = 1 }: Scenario): Promise<boolean> {
  const metrics = await Promise.all(proxies.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()));
  const root = join(dataDir, 'journal');
  if (!existsSync(root)) return false; // taken away, and not yet made again
  const folders = readdirSync(root).filter((name) => !name.startsWith('.'));
  return folders.length <= proxies.length * workers && metrics.every((text) => /^glassway_proxy_queue_records 0$/m.test(text));
}

async function look({ stand, proxies, load }: World, scenario: Scenario, ingestMemory_mb: number): Promise<Verdict> {
  const { name } = scenario;
  const counts = await stand.up.query(`SELECT id, toUInt32(count()) AS n FROM calls WHERE project = '${name}' GROUP BY id`);
  const rowsOf = new Map(counts.map(({ id, n }) => [String(id), Number(n)]));
  const rolledUp = await stand.up.query(
    ROLLUPS.map(([table, of]) => `SELECT toUInt32(sum(calls)) AS n FROM ${table} WHERE ${of} = '${name}'`).join(' UNION ALL '),
  );
  const own = await stand.up.query(`SELECT DISTINCT proxy_id AS id FROM calls WHERE project = '${name}'`);
  const ownIds = new Set(own.map(({ id }) => String(id)));
  const loss = (await (await fetch(`${stand.up.consoleUrl}/api/loss?grace_seconds=0`)).json()) as LossAnswer;
  const reached = await stand.provider.reached();
  const due = new Set([...load.answered, ...[...reached].filter((id) => id.startsWith(`${name}-`))]);
  const rows = [...rowsOf.values()].reduce((sum, n) => sum + n, 0);
  const lost = [...due].filter((id) => !rowsOf.has(id)).length;
  const strangers = [...rowsOf.keys()].filter((id) => !load.made(id)).length;
  const duplicates = rows - rowsOf.size;
  const rollupDifference = Math.max(...rolledUp.map(({ n }) => Math.abs(Number(n) - rows)));
  const memory_mb = Math.max(...proxies.map((proxy) => proxy.memoryMax_mb));
  const faults = [
    lost > 0 && `${lost} calls have no row`,
    strangers > 0 && `${strangers} rows are of calls that were never made`,
    duplicates > 0 && `${duplicates} rows too many`,
    rollupDifference !== 0 && `a rollup differs by ${rollupDifference}`,
    ...loss.proxies
      .filter((proxy) => ownIds.has(proxy.proxy_id))
      .map((proxy) => `the loss meter says ${proxy.missing} missing, ${proxy.duplicates} too many`),
    !scenario.breaksCalls && load.failed.size > 0 && `${load.failed.size} calls failed for their clients: ${kinds(load.failed)}`,
    !scenario.breaksCalls &&
      load.resets.size > Math.max(RESETS_MAX, load.calls * RESET_SHARE_MAX) &&
      `connections were closed under ${load.resets.size} calls: ${kinds(load.resets)}`,
    memory_mb > MEMORY_MB_MAX && `the proxy took ${memory_mb} MB`,
    ingestMemory_mb > INGEST_MEMORY_MB_MAX && `ingest took ${ingestMemory_mb} MB`,
  ];
  return {
    scenario: name,
    calls: load.calls,
    failed: load.failed.size,
    resets: load.resets.size,
    rows,
    duplicates,
    strangers,
    lost,
    rollupDifference,
    memory_mb,
    ingestMemory_mb,
    faults: faults.filter((fault) => fault !== false),
  };
}

function kinds(errors: ReadonlyMap<string, string>): string {
  const counts = new Map<string, number>();
  for (const error of errors.values()) counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].map(([error, count]) => `${count} × ${error}`).join(', ');
}
