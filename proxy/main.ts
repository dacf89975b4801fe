/**
 * The proxy as a running process: takes settings, listens for calls and for its operators, and stops in
 * order: no new calls, the running ones to their end, the records to ingest. Runs without ingest too.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { keysFile } from '../contract/auth-settings.ts';
import { readClientTls } from '../contract/client-tls.ts';
import type { Settings } from '../contract/config.ts';
import { keptSecret } from '../contract/kept-secret.ts';
import { openKeyRing } from '../contract/key-ring.ts';
import { listen, reachableHost } from '../contract/listen.ts';
import type { Log } from '../contract/log.ts';
import { startAdmin } from './admin.ts';
import { createProxyApp } from './app.ts';
import { upstreamTable } from './config.ts';
import { createDrain } from './drain.ts';
import { startAdoption } from './journal/adopt.ts';
import { type Journal, openJournal } from './journal.ts';
import { createProxyMetrics, type ProxyMetrics } from './metrics.ts';
import { readProviderKeys } from './provider-keys.ts';
import { type ProxyReport, reportOf } from './report.ts';
import { type IngestLink, type Shipper, startShipper } from './ship.ts';

export interface RunningProxy {
  readonly url: string;
  readonly adminUrl: string;
  readonly metrics: () => Promise<Registry>;
  /** Stops accepting, waits for calls in flight and for the records' shipping; says how many records were left behind. */
  stop(): Promise<{ recordsLost: number }>;
}

const FLUSH_MS = 10_000;

export interface ProxyOptions {
  readonly dataDir: string;
  readonly version: string;
  readonly log: Log;
}

/** What carries calls, without its operators' port: workers share one. */
export interface Carrier {
  report(): ProxyReport;
  readonly metrics: Registry;
  /** Stops accepting, waits for calls in flight and for the records' shipping; says how many records were left behind. */
  stop(): Promise<{ recordsLost: number }>;
}

/** @throws StartError when a port or the data folder cannot be had */
export async function startProxy(settings: Settings, options: ProxyOptions): Promise<RunningProxy> {
  const carrier = await startCarrier(settings, options);
  const answers = { version: options.version, report: carrier.report, metrics: () => carrier.metrics.metrics() };
  const admin = await startAdmin(settings, options.dataDir, options.log, answers).catch(async (error: unknown) => {
    await carrier.stop();
    throw error;
  });
  return {
    ...addressesOf(settings),
    metrics: async () => carrier.metrics,
    async stop() {
      const stopped = await carrier.stop();
      admin.close();
      return stopped;
    },
  };
}

export function addressesOf({ listen: { host, proxy, proxyAdmin } }: Settings): Pick<RunningProxy, 'url' | 'adminUrl'> {
  const at = `http://${reachableHost(host)}`;
  return { url: `${at}:${proxy}`, adminUrl: `${at}:${proxyAdmin}` };
}

/** @throws StartError when the port or the data folder cannot be had */
export async function startCarrier(settings: Settings, options: Pick<ProxyOptions, 'dataDir' | 'log'>): Promise<Carrier> {
  const { log } = options;
  const upstreams = upstreamTable(settings);
  const providerKeys = readProviderKeys(settings, upstreams, process.env);
  const keys = openKeyRing(keysFile(settings, options.dataDir), log);
  const link: IngestLink = { secret: settings.access.ingestSecret, tls: readClientTls(settings.access.shipperTls) };
  const id = proxyId();
  const root = settings.journal.dir ?? join(options.dataDir, 'journal');
  const journal = openJournal({
    root,
    proxyId: id,
    fsync: settings.journal.fsync,
    bytesMax: settings.journal.bytesMax,
    memory: { records: settings.limits.queueRecords, bytes: settings.limits.queueBytes },
    log,
  });
  const metrics = createProxyMetrics(journal);
  const losses: Record<string, number> = {};
  const lose = (reason: string, records: number) => {
    losses[reason] = (losses[reason] ?? 0) + records;
    metrics.recordsDropped.inc({ reason }, records);
  };
  journal.onLoss(lose);
  journal.onFault((code) => metrics.journalFaults.inc({ code }));
  const fingerprintKey = keptSecret(options.dataDir, 'fingerprint.key');
  const app = createProxyApp({ settings, upstreams, fingerprintKey, journal, metrics, log, keys, providerKeys });
  const drain = createDrain(app.server, app.plain);
  const state = { accepting: true };
  try {
    await listen(app.server, settings.listen.host, settings.listen.proxy, 'listen.proxy');
  } catch (error) {
    app.server.close();
    await app.close();
    journal.close();
    throw error;
  }
  const shipping =
    settings.ingestUrl === undefined
      ? undefined
      : startShipping({
          ingestUrl: settings.ingestUrl,
          link,
          journal,
          root,
          proxyId: id,
          bytesMax: settings.journal.bytesMax,
          metrics,
          lose,
          log,
        });
  return {
    report: () => reportOf({ journal, accepting: state.accepting, ingestUrl: settings.ingestUrl, losses }),
    metrics: metrics.registry,
    async stop() {
      state.accepting = false;
      const { drainIdleMs, drainMs } = settings.timeouts;
      await drain({ idle_ms: Math.min(drainIdleMs, drainMs), limit_ms: drainMs, cutOff: app.cutOff, log });
      // The server's `close` comes when its last socket is given up; the socket's own, in which the call's record is
      // made, at the end of that turn of the event loop. So the turn after that one is waited for.
      await nextTurn();
      await nextTurn();
      await app.close();
      keys.close();
      await shipping?.stop();
      const waiting = journal.records;
      const recordsLost = journal.close();
      if (recordsLost > 0) {
        lose('stopped', recordsLost);
        log('error', `${recordsLost} records could be neither shipped nor written to the disk, and are lost`);
      } else if (waiting > 0) log('info', `${waiting} records wait in ${root} for the next proxy`);
      return { recordsLost };
    },
  };
}

interface ShippingOptions {
  readonly ingestUrl: string;
  readonly link: IngestLink;
  readonly journal: Journal;
  readonly root: string;
  readonly proxyId: string;
  readonly bytesMax: number;
  readonly metrics: ProxyMetrics;
  readonly lose: (reason: string, records: number) => void;
  readonly log: Log;
}

/** Ships the own journal, and beside it those that dead processes left. */
function startShipping({ ingestUrl, link, journal, root, proxyId, bytesMax, metrics, lose, log }: ShippingOptions): {
  stop(): Promise<void>;
} {
  const own = startShipper({ ingestUrl, link, source: journal, metrics, log });
  let adopted: Shipper | undefined;
  const adoption = startAdoption({
    root,
    proxyId,
    async shipAll(source) {
      adopted = startShipper({ ingestUrl, link, source, metrics, log });
      const shipped = await adopted.drained();
      await adopted.stop();
      return shipped;
    },
    onAdopt(unfinished) {
      metrics.journalsAdopted.inc();
      metrics.callsCutOff.inc(unfinished);
    },
    onLoss: lose,
    bytesMax,
    log,
  });
  return {
    async stop() {
      // What is on disk the next proxy ships just as well: only what is not is worth waiting for.
      await own.flush(performance.now() + FLUSH_MS, journal.state.memoryRecords > 0);
      const adoptionStopped = adoption.stop();
      await Promise.all([own.stop(), adopted?.stop()]);
      await adoptionStopped;
    },
  };
}

/** Which process carried a call: the host's name for the reader, randomness for uniqueness. */
function proxyId(): string {
  const host =
    hostname()
      .replace(/[^A-Za-z0-9-]/g, '-')
      .slice(0, 40) || 'proxy';
  return `${host}-${randomBytes(6).toString('hex')}`;
}
