/**
 * Export of spans, put together: one span per call, after its row is safe. `begin` before a batch's rows are made, `add`
 * for each, `open` before they are inserted, `commit` after; a batch whose insert failed is left with `end` alone. Costs
 * nothing where nothing is exported, and never waits for a receiver. What crashes and dead receivers keep back is
 * exported later (late.ts), from the table.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { ConfigError, type ConfigFault, durationSeconds, type Settings } from '../../contract/config.ts';
import type { Log } from '../../contract/log.ts';
import { exportResource } from '../../contract/otlp/resource.ts';
import { createSender } from '../../contract/otlp/sender.ts';
import { type Environment, notAccepted, pairs, readVariable } from '../../contract/otlp/variables.ts';
import type { Conventions } from '../../contract/otlp-settings.ts';
import type { CallRecord } from '../../contract/record.ts';
import type { Cost } from '../price.ts';
import { createRouting, type Destination, destinationsOf, type RouteName, type Routing, routesOf } from './destinations.ts';
import { createSampler, wantsNextConventions } from './environment.ts';
import { startLate } from './late.ts';
import { Ledger, type Slot } from './ledger.ts';
import { Outbox, type SpanResult } from './outbox.ts';
import { tracesOf } from './signals.ts';
import { createMakeSpan, hasSpan } from './span.ts';
import type { SpanCall } from './span-call.ts';
import { createStoredCalls } from './stored-calls.ts';

/** One batch's spans. */
export interface BatchSpans {
  add(line: number, record: CallRecord, cost: Cost): void;
  /** Records that spans are to come, before any row is inserted. */
  open(): Promise<void>;
  /** The rows are there, those of `refused` aside. */
  commit(refused: readonly { readonly line: number }[]): void;
  /** Always last. Without `commit` before it, it is not known whether the rows are there. */
  end(): void;
}

export interface TraceExport {
  begin(ingestedAt_ms: number): BatchSpans;
  readonly queuedSpans: () => number;
  readonly openSlots: () => number;
  stop(limit_ms: number): Promise<void>;
}

export interface TraceExportOptions {
  readonly settings: Settings;
  readonly env: Environment;
  readonly version: string;
  readonly ingestId: string;
  readonly client: ClickHouseClient;
  readonly onSpans: (result: SpanResult, count: number) => void;
  /** The tables are there. */
  readonly isReady: () => boolean;
  readonly log: Log;
}

const NO_SPANS: BatchSpans = { add: () => undefined, open: async () => undefined, commit: () => undefined, end: () => undefined };
const NO_EXPORT: TraceExport = { begin: () => NO_SPANS, queuedSpans: () => 0, openSlots: () => 0, stop: async () => undefined };
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.41.1';

/** What making and routing spans takes, for ingest and for the command that sends them again. */
export interface ExportParts {
  readonly destinations: readonly Destination[];
  readonly routing: Routing;
  readonly outboxes: ReadonlyMap<RouteName, Outbox>;
  readonly all: readonly Outbox[];
  readonly isExported: (call: SpanCall) => boolean;
  readonly textProjects: ReadonlySet<string>;
}

/**
 * @throws ConfigError with every fault of settings and variables
 */
export function exportParts({
  settings,
  env,
  version,
  ingestId,
  onSpans,
  log,
}: Omit<TraceExportOptions, 'client' | 'isReady'>): ExportParts {
  const faults: ConfigFault[] = [];
  const destinations = destinationsOf(settings.otlp, env);
  const isSampled = createSampler(env, (fault) => faults.push(fault));
  const spansMax = positive(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, faults);
  const linger_ms = positive(env, 'OTEL_BSP_SCHEDULE_DELAY', 1_000, faults);
  const unreadable = pairs(readVariable(env, 'OTEL_RESOURCE_ATTRIBUTES'));
  if (unreadable !== undefined) faults.push({ at: 'OTEL_RESOURCE_ATTRIBUTES', problem: unreadable });
  if (destinations.length > 0 && faults.length > 0) throw new ConfigError('The trace export', faults);
  const { traces, projects } = settings;
  const conventions: Conventions = wantsNextConventions(env) ? 'next' : traces.conventions;
  const scope = { name: 'glassway', version, schemaUrl: SCHEMA_URL };
  const maker = { resource: exportResource(version, ingestId), scope, conventions, messages: traces.messages };
  const makeSpan = createMakeSpan(maker);
  const signal = tracesOf(maker);
  const outboxes = new Map<RouteName, Outbox>();
  const all = destinations.map((destination) => {
    const outbox = new Outbox({
      name: `the trace receiver ${destination.name}`,
      sender: createSender(destination.target, signal),
      makeSpan,
      queueSpansMax: traces.queueSpans,
      queueBytesMax: traces.queueBytes,
      batchSpansMax: spansMax,
      linger_ms,
      onSpans,
      say: log,
    });
    for (const route of routesOf(destination)) outboxes.set(route, outbox);
    return outbox;
  });
  const captured = Object.entries(projects).filter(([, { capture }]) => capture !== 'metadata');
  return {
    destinations,
    routing: createRouting(destinations),
    outboxes,
    all,
    isExported: (call) => hasSpan(call) && isSampled(call),
    textProjects: new Set(traces.messages ? captured.map(([name]) => name) : []),
  };
}

export function createTraceExport(options: TraceExportOptions): TraceExport {
  const parts = exportParts(options);
  if (parts.destinations.length === 0) return NO_EXPORT;
  const { settings, client, ingestId, log, onSpans, isReady } = options;
  const { traces, clickhouse } = settings;
  const { routing, outboxes } = parts;
  const ledger = new Ledger({ client, database: clickhouse.database, ingestId, takeOverAfter_s: traces.takeOverAfterSeconds });
  const late = startLate({
    ...parts,
    ledger,
    stored: createStoredCalls({ client, database: clickhouse.database, textProjects: parts.textProjects }),
    within_s: durationSeconds(traces.resendWithin),
    spansPerSecond: traces.resendSpansPerSecond,
    takeOverAfter_s: traces.takeOverAfterSeconds,
    onSpans,
    isReady,
    log,
  });
  log(
    'info',
    `spans go to ${parts.destinations.map(({ name, projects }) => `${name}${projects ? ` (${projects.join(', ')})` : ''}`).join(', ')}`,
  );

  return {
    queuedSpans: () => parts.all.reduce((sum, outbox) => sum + outbox.queuedSpans, 0),
    openSlots: () => ledger.openSlots,
    begin(ingestedAt_ms) {
      const second = ledger.begin(ingestedAt_ms);
      const byRoute = new Map<RouteName, { line: number; call: SpanCall }[]>();
      let slots: Map<RouteName, Slot> | undefined;
      let settled = false;
      return {
        add(line, record, cost) {
          const route = routing.routeOf(record.project);
          if (!outboxes.has(route)) return;
          const call: SpanCall = { ...record, ...cost };
          if (!parts.isExported(call)) return;
          const waiting = byRoute.get(route);
          if (waiting) waiting.push({ line, call });
          else byRoute.set(route, [{ line, call }]);
        },
        async open() {
          slots = new Map([...byRoute].map(([route, waiting]) => [route, ledger.enter(second, route, waiting.length)]));
          await Promise.all([...slots.values()].map((slot) => slot.opened));
        },
        commit(refused) {
          settled = true;
          const lost = new Set(refused.map(({ line }) => line));
          for (const [route, waiting] of byRoute) {
            const slot = slots?.get(route) as Slot;
            const outbox = outboxes.get(route) as Outbox;
            for (const { line, call } of waiting) {
              if (lost.has(line)) slot.settle();
              else outbox.offer(call, slot);
            }
          }
        },
        end() {
          if (!settled) for (const [route, slot] of slots ?? []) slot.doubt(byRoute.get(route)?.length ?? 0);
          ledger.end(second);
        },
      };
    },
    async stop(limit_ms) {
      await late.stop();
      await Promise.all(parts.all.map((outbox) => outbox.drain(limit_ms)));
      await ledger.leave().catch((error: unknown) => log('warn', `open slots could not be handed over: ${String(error)}`));
    },
  };
}

function positive(env: Environment, name: string, fallback: number, faults: ConfigFault[]): number {
  const text = readVariable(env, name);
  if (text === '') return fallback;
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0)) faults.push({ at: name, problem: notAccepted(text, 'a whole number above 0') });
  return value;
}
