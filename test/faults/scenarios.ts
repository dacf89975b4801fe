/**
 * What is done to a running Glassway: the one table of the fault tests. Each entry does its harm while calls run at
 * a steady rate; what must hold afterwards is the same for all (run.ts), but for the two things an entry may say.
 */
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isReady, waitFor } from '../kit/glassway.ts';
import type { Load } from './load.ts';
import { mountDisk } from './mount.ts';
import type { Relay, RelayMode } from './relay.ts';
import type { Stand, StandProxy } from './stand.ts';
import { tearJournals } from './tear.ts';

export interface Scenario {
  readonly name: string;
  /** The proxy itself is killed, so that calls through it break for their clients. */
  readonly breaksCalls?: boolean;
  /** Where the proxy keeps its journal: a disk of this size. */
  readonly diskBytes?: number;
  readonly proxies?: number;
  /** Processes of each proxy. */
  readonly workers?: number;
  /** The proxy of the `glassway up` that ingest and ClickHouse belong to takes calls too. */
  readonly withUp?: boolean;
  /** The proxy runs as a user whom the rights of files bind. */
  readonly unprivileged?: boolean;
  /** The proxy's `journal` settings. */
  readonly journal?: Readonly<Record<string, unknown>>;
  /** What it does others would feel, so that none runs beside it. */
  readonly alone?: boolean;
  /** Left out of the short form, because another scenario has the same way through the code, or it takes minutes. */
  readonly onlyWhole?: boolean;
  readonly run: (world: World) => Promise<void>;
}

export interface World {
  readonly stand: Stand;
  /** Between this scenario's proxies and ingest. */
  readonly relay: Relay;
  readonly load: Load;
  /** Those that calls go to. */
  readonly proxies: readonly StandProxy[];
  /** The first of them. */
  readonly proxy: StandProxy;
  readonly dataDir: string;
  readonly quick: boolean;
}

const KILLS = { quick: 2, whole: 20 };

/** Kills with enough time in between that things have gone on again, at a moment of no regularity. */
async function killing({ quick }: World, kill: () => Promise<void>, killsQuick = KILLS.quick): Promise<void> {
  for (let kills = 0; kills < (quick ? killsQuick : KILLS.whole); kills += 1) {
    await sleep(300 + Math.random() * 700);
    await kill();
  }
  await sleep(500);
}

/** Ingest behaves like this for a while, and for at least one batch, and then as it should. */
const ingestThat =
  (mode: RelayMode, whole_ms = 10_000) =>
  async ({ relay, quick }: World) => {
    const before = relay.harmDone;
    relay.mode = mode;
    await sleep(quick ? 1_500 : whole_ms);
    await waitFor(`a batch to meet an ingest that is "${mode}"`, () => relay.harmDone > before || undefined);
    relay.mode = 'pass';
  };

/** So that no scenario passes because the disk never failed. */
async function journalFailed({ adminUrl }: StandProxy): Promise<void> {
  await waitFor('the journal to notice', async () =>
    (await (await fetch(`${adminUrl}/metrics`)).text()).includes('glassway_proxy_journal_ok 0') ? true : undefined,
  );
}

async function killPart({ stand }: World, part: 'ingest' | 'clickhouse'): Promise<void> {
  const pid = stand.pidOf(part);
  process.kill(pid, 'SIGKILL');
  await waitFor(`${part} to be back`, async () => {
    try {
      return (stand.pidOf(part) !== pid && (await isReady(`${stand.up.consoleUrl}/readyz`))) || undefined;
    } catch {
      return undefined; // not started again yet
    }
  });
}

/** As an upgrade does. */
async function restartInTurn({ proxies, quick }: World, timesWhole: number): Promise<void> {
  for (let times = 0; times < (quick ? 1 : timesWhole); times += 1)
    for (const proxy of proxies) {
      const code = await proxy.kill('SIGTERM');
      if (code !== 0) throw new Error(`the proxy stopped with ${code}`);
      await proxy.start();
    }
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing', onlyWhole: true, run: ({ quick }) => sleep(quick ? 1_000 : 10_000) },
  { name: 'kill-ingest', alone: true, run: (world) => killing(world, () => killPart(world, 'ingest')) },
  { name: 'kill-clickhouse', alone: true, run: (world) => killing(world, () => killPart(world, 'clickhouse')) },
  {
    name: 'kill-proxy',
    breaksCalls: true,
    run: (world) =>
      killing(world, async () => {
        await world.proxy.kill('SIGKILL');
        await world.proxy.start();
      }),
  },
  { name: 'kill-all', alone: true, breaksCalls: true, run: (world) => killing(world, () => world.stand.killAll(), 1) },
  {
    name: 'clickhouse-stopped',
    alone: true,
    async run({ stand, quick }) {
      const pid = stand.pidOf('clickhouse');
      process.kill(pid, 'SIGSTOP');
      await sleep(quick ? 3_000 : 30_000);
      process.kill(pid, 'SIGCONT');
    },
  },
  { name: 'ingest-500', onlyWhole: true, run: ingestThat('500') },
  { name: 'ingest-garbage', run: ingestThat('garbage') },
  { name: 'ingest-never-answers', onlyWhole: true, run: ingestThat('never', 70_000) },
  { name: 'ingest-answers-lost', run: ingestThat('swallow') },
  {
    name: 'ingest-away',
    async run({ relay, load, quick }) {
      relay.mode = 'refuse';
      await load.burst(quick ? 800 : 20_000, 64);
      relay.mode = 'pass';
    },
  },
  {
    name: 'disk-full',
    diskBytes: 256 * 1024,
    async run({ relay, load, proxy, quick }) {
      relay.mode = 'refuse';
      await load.burst(quick ? 400 : 5_000, 64);
      await journalFailed(proxy);
      relay.mode = 'pass';
    },
  },
  {
    name: 'journal-blocked',
    async run({ dataDir, quick }) {
      renameSync(join(dataDir, 'journal'), join(dataDir, 'taken-away'));
      writeFileSync(join(dataDir, 'journal'), 'no folder can be made here');
      await sleep(quick ? 2_500 : 10_000);
      rmSync(join(dataDir, 'journal'));
    },
  },
  {
    name: 'journal-removed',
    async run({ relay, dataDir, quick }) {
      relay.mode = 'refuse';
      for (let times = 0; times < (quick ? 1 : 5); times += 1) {
        renameSync(join(dataDir, 'journal'), join(dataDir, `taken-away-${times}`));
        await waitFor('the folder to be made again', () => existsSync(join(dataDir, 'journal')) || undefined);
        await sleep(500);
      }
      relay.mode = 'pass';
    },
  },
  {
    name: 'journal-denied',
    unprivileged: true,
    journal: { bytesMax: 8 * 1024 ** 2 },
    async run({ relay, load, proxy, dataDir, quick }) {
      relay.mode = 'refuse';
      chmodSync(join(dataDir, 'journal'), 0);
      // More than one file's worth: what is open stays writable.
      await load.burst(quick ? 1_200 : 5_000, 64);
      await journalFailed(proxy);
      relay.mode = 'pass';
      await sleep(quick ? 1_000 : 10_000);
      chmodSync(join(dataDir, 'journal'), 0o700);
    },
  },
  {
    name: 'disk-read-only',
    async run({ proxy, dataDir, quick }) {
      // Over the journal's folder, as a disk that comes back read-only after a fault.
      const unmount = mountDisk(join(dataDir, 'journal'), ['ro']);
      await journalFailed(proxy);
      await sleep(quick ? 2_500 : 10_000);
      unmount();
    },
  },
  {
    name: 'journal-torn',
    breaksCalls: true,
    async run({ relay, proxy, dataDir, quick }) {
      relay.mode = 'refuse';
      for (let times = 0; times < (quick ? 1 : 10); times += 1) {
        await sleep(500);
        await proxy.kill('SIGKILL');
        tearJournals(join(dataDir, 'journal'));
        await proxy.start();
      }
      relay.mode = 'pass';
    },
  },
  { name: 'rolling-restart', proxies: 2, run: (world) => restartInTurn(world, 5) },
  { name: 'rolling-workers', proxies: 2, workers: 2, onlyWhole: true, run: (world) => restartInTurn(world, 5) },
  // With everything below it: ingest and ClickHouse are away meanwhile.
  { name: 'rolling-up', alone: true, withUp: true, onlyWhole: true, run: (world) => restartInTurn(world, 3) },
  {
    name: 'clock-back',
    async run({ relay, proxy, quick }) {
      relay.mode = '500';
      await sleep(500);
      process.kill(proxy.pid, 'SIGUSR2');
      await sleep(quick ? 1_000 : 10_000);
      relay.mode = 'pass';
    },
  },
  {
    name: 'slow-and-vanishing',
    alone: true,
    async run({ load, quick }) {
      for (let i = 0; i < (quick ? 60 : 500); i += 1) {
        load.call({ shape: String(2 * 1024 ** 2), pause_ms: quick ? 20 : 100 });
        load.call({ shape: String(2 * 1024 ** 2), vanish: true });
      }
      await sleep(quick ? 1_000 : 10_000);
    },
  },
];
