/**
 * `npm run faults`: every scenario in turn, or those named, against real processes; prints a line for each as it
 * ends, and exits 1 when anything was lost, doubled or felt. `-- --quick` is the short form that CI runs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Load } from './load.ts';
import { MountRefused, mountDisk } from './mount.ts';
import { startRelay } from './relay.ts';
import { SCENARIOS, type Scenario, type World } from './scenarios.ts';
import { type Stand, type StandProxy, startStand } from './stand.ts';
import { judge, type Verdict } from './verdict.ts';

const RATE = { quick: 100, whole: 200 };
/** So many scenarios at a time in the short form, which is mostly waiting. */
const QUICK_TOGETHER = 4;
const BASELINE_MS = { quick: 500, whole: 3_000 };

interface Line extends Verdict {
  readonly p99Before_ms: number;
  readonly p99_ms: number;
  readonly seconds: number;
}

const COLUMNS: readonly (readonly [title: string, width: number, cell: (line: Line) => string | number])[] = [
  ['scenario', 22, (line) => line.scenario],
  ['calls', 7, (line) => line.calls],
  ['failed', 7, (line) => line.failed],
  ['reset', 6, (line) => line.resets],
  ['rows', 7, (line) => line.rows],
  ['doubled', 8, (line) => line.duplicates],
  ['lost', 5, (line) => line.lost],
  ['rollup±', 8, (line) => line.rollupDifference],
  ['p99 before', 11, (line) => `${line.p99Before_ms} ms`],
  ['p99', 9, (line) => `${line.p99_ms} ms`],
  ['proxy', 8, (line) => `${line.memory_mb} MB`],
  ['ingest', 8, (line) => `${line.ingestMemory_mb} MB`],
  ['took', 7, (line) => `${line.seconds} s`],
];

const { values, positionals } = parseArgs({ options: { quick: { type: 'boolean', default: false } }, allowPositionals: true });
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  process.stderr.write(`No scenario ${unknown.join(', ')}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}.\n`);
  process.exit(1);
}
const wanted = ({ name, onlyWhole = false }: Scenario) =>
  positionals.length === 0 ? !(values.quick && onlyWhole) : positionals.includes(name);
process.exitCode = await runAll(SCENARIOS.filter(wanted));

async function runAll(scenarios: readonly Scenario[]): Promise<number> {
  const stand = await startStand(values.quick ? { drainIdleMs: 2_000 } : {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stand.close().finally(() => process.exit(1)));
  let failures = 0;
  print(COLUMNS.map(([title, width]) => title.padStart(width)).join(''));
  const runAndTell = async (scenario: Scenario): Promise<void> => {
    const line = await runOne(stand, scenario).catch((error: unknown) => {
      if (error instanceof MountRefused) return `not run: ${error.message}`;
      return error instanceof Error ? error : new Error(String(error));
    });
    if (line instanceof Error || (typeof line !== 'string' && line.faults.length > 0)) failures += 1;
    print(typeof line === 'string' || line instanceof Error ? unmeasured(scenario, line) : measured(line));
  };
  try {
    let begun = 0;
    for (const group of groupsOf(scenarios)) {
      begun += group.length;
      progress(`${begun} of ${scenarios.length}: ${group.map(({ name }) => name).join(', ')} …`);
      await Promise.all(group.map(runAndTell));
    }
  } finally {
    await stand.close();
  }
  print(failures === 0 ? 'Nothing lost, nothing twice, nothing felt.' : `${failures} scenarios failed.`);
  return failures === 0 ? 0 : 1;
}

/** In the short form some at a time, which says the same of all but how long a call takes. */
function groupsOf(scenarios: readonly Scenario[]): readonly (readonly Scenario[])[] {
  if (!values.quick) return scenarios.map((scenario) => [scenario]);
  const together = scenarios.filter(({ alone }) => !alone);
  const groups = Array.from({ length: Math.ceil(together.length / QUICK_TOGETHER) }, (_, at) =>
    together.slice(at * QUICK_TOGETHER, (at + 1) * QUICK_TOGETHER),
  );
  return [...scenarios.filter(({ alone }) => alone).map((scenario) => [scenario]), ...groups];
}

function measured(line: Line): string {
  const cells = COLUMNS.map(([, width, cell]) => String(cell(line)).padStart(width)).join('');
  return `${cells}  ${line.faults.length === 0 ? 'ok' : `FAULT: ${line.faults.join('; ')}`}`;
}

function unmeasured({ name }: Scenario, why: string | Error): string {
  return `${name.padStart(22)}  ${typeof why === 'string' ? why : `FAULT: ${why.stack}`}`;
}

/** @throws MountRefused when the scenario cannot be run here */
async function runOne(stand: Stand, scenario: Scenario): Promise<Line> {
  const { quick } = values;
  const form = quick ? 'quick' : 'whole';
  const begun_ms = performance.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'glassway-fault-'));
  const relay = await startRelay(stand.up.consoleUrl);
  const own: StandProxy[] = [];
  const unmount = scenario.diskBytes === undefined ? () => {} : mountDisk(dataDir, [`size=${scenario.diskBytes}`]);
  try {
    for (let i = 0; i < (scenario.proxies ?? 1); i += 1) own.push(await stand.addProxy(dataDir, relay.url, scenario));
    const proxies = scenario.withUp ? [...own, stand.upProxy] : own;
    let turn = 0;
    const load = new Load(scenario.name, () => {
      turn += 1;
      return turn % 2 === 0 ? proxies.map(({ url }) => url) : proxies.map(({ url }) => url).reverse();
    });
    load.start(RATE[form]);
    await sleep(BASELINE_MS[form]);
    const p99Before_ms = load.takeP99();
    const [proxy] = proxies;
    if (proxy === undefined) throw new Error('a scenario has at least one proxy');
    const world: World = { stand, relay, load, proxies, proxy, dataDir, quick };
    try {
      await scenario.run(world);
    } finally {
      relay.mode = 'pass';
      await load.stop();
    }
    const p99_ms = load.takeP99();
    const verdict = await judge(world, scenario);
    const codes = await Promise.all(own.map((each) => each.kill('SIGTERM')));
    const faults = codes.some((code) => code !== 0) ? [...verdict.faults, `the proxy stopped with ${codes.join()}`] : verdict.faults;
    return { ...verdict, faults, p99Before_ms, p99_ms, seconds: Math.round((performance.now() - begun_ms) / 1_000) };
  } finally {
    await Promise.all(own.map((each) => stand.removeProxy(each)));
    await relay.close();
    unmount();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function print(line: string): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
  process.stdout.write(`${line}\n`);
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${text}`);
}
