/**
 * A proxy in the test's own process, as `glassway proxy` makes it but on a port that the system chooses, with
 * an ingest that the test can script. Upstreams are given by name; everything else has its default.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { loadSettings, type Settings } from '../../contract/config.ts';
import type { KeyRing } from '../../contract/key-ring.ts';
import { BATCH_ID_HEADER, type CallRecord, parseRecord } from '../../contract/record.ts';
import { createProxyApp, type ProxyApp } from '../../proxy/app.ts';
import { checkUpstreams, upstreamTable } from '../../proxy/config.ts';
import { type Journal, openJournal } from '../../proxy/journal.ts';
import { createProxyMetrics, type ProxyMetrics } from '../../proxy/metrics.ts';
import type { ProviderKeys } from '../../proxy/provider-keys.ts';
import { checkPatterns } from '../../proxy/redact/patterns.ts';
import { startShipper } from '../../proxy/ship.ts';
import { endAtLast } from './leftovers.ts';
import { closeServer, listenOnLoopback } from './upstream.ts';

const WAIT_MS_MAX = 8_000;

/** Waits for something that must come; the message says what did not. */
export async function waitFor(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end_ms = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error(`waited ${WAIT_MS_MAX} ms in vain: ${what}`);
    await sleep(5);
  }
}

/** One attempt to deliver a batch. */
export interface SeenBatch {
  readonly id: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly records: readonly CallRecord[];
  readonly at_ms: number;
  /** What it was answered with; 0: the connection was cut. */
  readonly status: number;
}

export interface IngestAnswer {
  /** 0: cut the connection instead. */
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export interface FakeIngest {
  readonly url: string;
  /** Every attempt, in order. */
  readonly batches: SeenBatch[];
  /** Replaces what the following attempts are answered with. */
  answer: (attempt: number, records: readonly CallRecord[], id: string) => IngestAnswer | Promise<IngestAnswer>;
  /** Records of the batches that were answered 200. */
  records(): CallRecord[];
  close(): Promise<void>;
}

export async function startFakeIngest(): Promise<FakeIngest> {
  const batches: SeenBatch[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('error', () => {});
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const text = (req.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
      const records = text.split('\n').map((line) => JSON.parse(line) as CallRecord);
      const id = String(req.headers[BATCH_ID_HEADER]);
      void (async () => {
        const answer = await ingest.answer(batches.length + 1, records, id);
        batches.push({ id, headers: req.headers, text, records, at_ms: performance.now(), status: answer.status });
        if (answer.status === 0) {
          req.socket.destroy();
          return;
        }
        res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
        res.end(JSON.stringify(answer.body ?? { batch_id: id, accepted: records.length, rejected: [] }));
      })();
    });
  });
  const port = await listenOnLoopback(server);
  const ingest: FakeIngest = {
    url: `http://127.0.0.1:${port}`,
    batches,
    answer: () => ({ status: 200 }),
    records: () => batches.filter((batch) => batch.status === 200).flatMap((batch) => batch.records),
    close: endAtLast(async () => {
      server.closeAllConnections();
      await closeServer(server);
    }),
  };
  return ingest;
}

/** Settings as from a file. */
export function settingsFrom(file: Record<string, unknown>): Settings {
  const folder = mkdtempSync(join(tmpdir(), 'glassway-test-'));
  try {
    const path = join(folder, 'glassway.yaml');
    writeFileSync(path, JSON.stringify(file)); // JSON is YAML
    return loadSettings({ file: path, env: {}, checks: [checkUpstreams, checkPatterns] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface TestProxy {
  readonly origin: string;
  readonly port: number;
  readonly app: ProxyApp;
  readonly journal: Journal;
  readonly journalDir: string;
  readonly metrics: ProxyMetrics;
  readonly ingest: FakeIngest;
  /** Messages that the proxy logged as errors: faults of ours. */
  readonly errors: string[];
  /** Waits for this many records at ingest; fails when there are more. Each is checked as ingest checks it. */
  records(count: number): Promise<CallRecord[]>;
  /** The one record of a call. */
  record(): Promise<CallRecord>;
  close(): Promise<void>;
}

/** Names of upstreams, with where each goes. */
export type UpstreamOrigins = Readonly<
  Record<string, string | { readonly baseUrl: string; readonly dialect?: string; readonly provider?: string }>
>;

export interface TestProxyOptions {
  readonly withoutDisk?: boolean;
  readonly keys?: KeyRing;
  readonly providerKeys?: ProviderKeys;
}

export async function startTestProxy(
  upstreams: UpstreamOrigins,
  overrides: Record<string, unknown> = {},
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const entries = Object.entries(upstreams).map(([name, entry]) => [name, typeof entry === 'string' ? { baseUrl: entry } : entry]);
  const settings = settingsFrom({ upstreams: Object.fromEntries(entries), ...overrides });
  const folder = mkdtempSync(join(tmpdir(), 'glassway-test-'));
  const errors: string[] = [];
  const log = (level: string, message: string) => {
    if (level === 'error') errors.push(message);
  };
  const { fsync, bytesMax } = settings.journal;
  const memory = { records: settings.limits.queueRecords, bytes: settings.limits.queueBytes };
  const journal = openJournal({
    root: options.withoutDisk ? undefined : join(folder, 'journal'),
    proxyId: 'test-proxy',
    fsync,
    bytesMax,
    memory,
    log,
  });
  const metrics = createProxyMetrics(journal);
  journal.onLoss((reason, records) => metrics.recordsDropped.inc({ reason }, records));
  const app = createProxyApp({
    settings,
    upstreams: upstreamTable(settings),
    fingerprintKey: Buffer.alloc(32, 7),
    journal,
    metrics,
    log,
    ...options,
  });
  const port = await listenOnLoopback(app.server);
  const ingest = await startFakeIngest();
  const shipper = startShipper({ ingestUrl: ingest.url, source: journal, metrics, log });
  const records = async (count: number) => {
    await waitFor(`${count} records at ingest`, () => ingest.records().length >= count);
    const found = ingest.records();
    for (const record of found) {
      const checked = parseRecord(record);
      if ('reason' in checked) throw new Error(`ingest would refuse the record: ${checked.reason}`);
    }
    if (found.length > count) throw new Error(`${found.length} records where ${count} calls were made`);
    return found;
  };
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    app,
    journal,
    journalDir: join(folder, 'journal', 'test-proxy'),
    metrics,
    ingest,
    errors,
    records,
    record: async () => (await records(1))[0] as CallRecord,
    close: endAtLast(async () => {
      app.cutOff();
      const closed = closeServer(app.server);
      await app.close();
      await closed;
      await shipper.stop();
      journal.close();
      await ingest.close();
      rmSync(folder, { recursive: true, force: true });
    }),
  };
}

/** The value of a counter or gauge; 0 when it was never touched. */
export async function metricValue(metrics: ProxyMetrics, name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await metrics.registry.getSingleMetric(name)?.get();
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return metric.values
    .filter((entry) => Object.entries(labels).every(([key, value]) => entry.labels[key] === value))
    .reduce((sum, entry) => sum + entry.value, 0);
}
