/**
 * The proxy's first process where it has several workers: holds the shared port (node:cluster, alike on Linux and macOS),
 * starts the workers, replaces those that die, answers the operators' port for all of them, and stops them together.
 * Carries no call itself; a dead worker's journal is shipped by the others.
 */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { AggregatorRegistry, Gauge, type MetricObject, type Registry } from 'prom-client';
import type { Settings } from '../contract/config.ts';
import { keptSecret } from '../contract/kept-secret.ts';
import { StartError } from '../contract/listen.ts';
import type { Log } from '../contract/log.ts';
import { workerCount } from '../contract/worker-settings.ts';
import { type Admin, startAdmin } from './admin.ts';
import { addressesOf, type ProxyOptions } from './main.ts';
import { joinReports, type ProxyReport } from './report.ts';
import type { FirstProcess } from './start.ts';
import { isReportAnswer, type ReportRequest, type WorkerReport } from './worker-messages.ts';

const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 10_000;
/** A worker that ran this long was fine: its successor starts at once. */
const SETTLED_MS = 30_000;
/** One that is slower to answer is left out of the answer. */
const REPORT_WAIT_MS = 2_000;
/** As prom-client says it of one process, and leaves out of an aggregate. */
const BEGIN = { name: 'process_start_time_seconds', help: 'Start time of the process since unix epoch in seconds.' };
const BEGAN = Math.round(Date.now() / 1000 - process.uptime());
/** Beyond the drain, for shipping what is left. */
const STOP_EXTRA_MS = 12_000;

/** @throws StartError when a port or the data folder cannot be had; then no worker is left */
export async function startWorkers(settings: Settings, { dataDir, version, log }: ProxyOptions): Promise<FirstProcess> {
  // Made before there are workers that would all make it at once.
  keptSecret(dataDir, 'fingerprint.key');
  // Workers take connections from the port themselves: those that nobody has taken yet survive a worker that is killed.
  // Handed out in turn by this process, which is Node's other way, one that is just on its way would hang for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const group = new WorkerGroup(workerCount(settings), settings.timeouts.drainMs + STOP_EXTRA_MS, log);
  const answers = { version, report: () => group.report(), metrics: async () => (await group.metrics()).metrics() };
  let admin: Admin | undefined;
  const stop = async (): Promise<void> => {
    await group.stop();
    admin?.close();
  };
  try {
    admin = await startAdmin(settings, dataDir, log, answers);
    await group.ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...addressesOf(settings), metrics: () => group.metrics(), stop };
}

interface Member {
  readonly worker: Worker;
  readonly started_ms: number;
  ready: boolean;
  /** What it said last: its counters outlive it. */
  last: MetricObject[];
}

class WorkerGroup {
  /** All are ready; rejects with what the first one said that could not start. */
  readonly ready: Promise<void>;
  readonly #count: number;
  readonly #stop_ms: number;
  readonly #log: Log;
  readonly #members = new Set<Member>();
  readonly #asked = new Map<number, (answer: WorkerReport) => void>();
  readonly #onReady = Promise.withResolvers<void>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  /** Counters of workers that are gone: a sum that shrank would look like a restart of everything. */
  #past: MetricObject[] = [];
  #lastId = 0;
  #failures = 0;
  #everReady = false;
  #stopping = false;

  constructor(count: number, stop_ms: number, log: Log) {
    this.#count = count;
    this.#stop_ms = stop_ms;
    this.#log = log;
    this.ready = this.#onReady.promise;
    this.ready.catch(() => {}); // awaited later
    for (let i = 0; i < count; i += 1) this.#start();
  }

  async report(): Promise<ProxyReport> {
    const reports = (await this.#askAll()).map(({ report }) => report);
    const joined = joinReports(reports);
    return { ...joined, ready: joined.ready && !this.#stopping, workers: { wanted: this.#count, ready: reports.length } };
  }

  async metrics(): Promise<Registry> {
    const answers = await this.#askAll();
    const registry: Registry = AggregatorRegistry.aggregate([...answers.map(({ metrics }) => metrics), this.#past]);
    // Of all together: counters go on when a worker is replaced.
    new Gauge({ ...BEGIN, registers: [registry] }).set(BEGAN);
    return registry;
  }

  /** All at once: each has its own calls to end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    await Promise.all([...this.#members].map((member) => this.#stopOne(member)));
  }

  async #stopOne({ worker }: Member): Promise<void> {
    if (worker.isDead()) return;
    const gone = once(worker, 'exit');
    worker.process.kill('SIGTERM');
    const limit = setTimeout(() => {
      this.#log('warn', `worker ${worker.process.pid} did not stop within ${this.#stop_ms} ms and is killed`);
      worker.process.kill('SIGKILL');
    }, this.#stop_ms);
    await gone;
    if (worker.isConnected()) await once(worker, 'disconnect');
    clearTimeout(limit);
  }

  #start(): void {
    const member: Member = { worker: cluster.fork(), started_ms: performance.now(), ready: false, last: [] };
    const { worker } = member;
    this.#members.add(member);
    let failure = '';
    worker.on('message', (message: unknown) => {
      if (isReportAnswer(message)) {
        member.last = message.metrics;
        this.#asked.get(message.id)?.(message);
      } else if (hasType(message, 'ready')) this.#onMemberReady(member);
      else if (hasType(message, 'failed')) failure = String(message['message']);
    });
    worker.once('error', (error) => {
      failure = error.message;
    });
    worker.once('exit', (code, signal) => {
      const leave = (): void => this.#onExit(member, failure || `ended with ${signal ?? `exit code ${code}`}`);
      // What it said last may be on its way still.
      if (worker.isConnected()) worker.once('disconnect', leave);
      else leave();
    });
  }

  #onMemberReady(member: Member): void {
    member.ready = true;
    if (this.#everReady || [...this.#members].filter(({ ready }) => ready).length < this.#count) return;
    this.#everReady = true;
    this.#onReady.resolve();
  }

  #onExit(member: Member, how: string): void {
    this.#members.delete(member);
    this.#past = sumOf([this.#past, member.last.filter(({ type }) => COUNTING.has(String(type)))]);
    if (this.#stopping) return;
    if (!this.#everReady) {
      this.#onReady.reject(new StartError(how));
      return;
    }
    this.#failures = performance.now() - member.started_ms > SETTLED_MS ? 0 : this.#failures + 1;
    const wait_ms = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** this.#failures);
    this.#log('error', `worker ${member.worker.process.pid} ${how}; another takes its place in ${wait_ms} ms`);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#start();
    }, wait_ms);
    this.#restarts.add(timer);
  }

  async #askAll(): Promise<WorkerReport[]> {
    const answers = await Promise.all([...this.#members].filter(({ ready }) => ready).map((member) => this.#ask(member)));
    return answers.filter((answer) => answer !== undefined);
  }

  #ask({ worker }: Member): Promise<WorkerReport | undefined> {
    if (!worker.isConnected()) return Promise.resolve(undefined);
    this.#lastId += 1;
    const request: ReportRequest = { type: 'report?', id: this.#lastId };
    return new Promise((resolve) => {
      const settle = (answer: WorkerReport | undefined): void => {
        clearTimeout(timer);
        this.#asked.delete(request.id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), REPORT_WAIT_MS);
      this.#asked.set(request.id, settle);
      worker.send(request, (error) => {
        if (error) settle(undefined);
      });
    });
  }
}

/** Prometheus' types that only ever grow. */
const COUNTING: ReadonlySet<string> = new Set(['counter', 'histogram']);

function sumOf(parts: MetricObject[][]): MetricObject[] {
  return AggregatorRegistry.aggregate(parts).getMetricsAsArray() as unknown as MetricObject[];
}

function hasType(message: unknown, type: string): message is Record<string, unknown> {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}
