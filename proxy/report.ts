/**
 * What a proxy says of itself on `/readyz`: of one process, and of several workers as one.
 */
import type { Journal } from './journal.ts';

export interface ProxyReport {
  readonly ready: boolean;
  readonly ingest_url: string | null;
  readonly queue_records: number;
  readonly queue_bytes: number;
  readonly journal: {
    readonly ok: boolean;
    readonly fault: string | null;
    readonly calls_in_flight: number;
    readonly records_in_memory: number;
    /** By reason. */
    readonly records_lost: Readonly<Record<string, number>>;
  };
  /** Of several: how many there should be, and how many say that they are well. */
  readonly workers?: { readonly wanted: number; readonly ready: number };
}

export interface ReportOptions {
  readonly journal: Journal;
  readonly accepting: boolean;
  readonly ingestUrl: string | undefined;
  readonly losses: Readonly<Record<string, number>>;
}

/** Ingest being away is no reason to send calls elsewhere, calls work without it; nor is a failing disk, records wait in memory. */
export function reportOf({ journal, accepting, ingestUrl, losses }: ReportOptions): ProxyReport {
  const { fault, inFlight, memoryRecords } = journal.state;
  return {
    ready: accepting,
    ingest_url: ingestUrl ?? null,
    queue_records: journal.records,
    queue_bytes: journal.bytes,
    journal: {
      ok: fault === undefined,
      fault: fault ?? null,
      calls_in_flight: inFlight,
      records_in_memory: memoryRecords,
      records_lost: losses,
    },
  };
}

/** Ready as long as one of them is: the others' connections go to it. */
export function joinReports(reports: readonly ProxyReport[]): ProxyReport {
  const sum = (read: (report: ProxyReport) => number): number => reports.reduce((total, report) => total + read(report), 0);
  const records_lost: Record<string, number> = {};
  for (const { journal } of reports)
    for (const [reason, records] of Object.entries(journal.records_lost)) records_lost[reason] = (records_lost[reason] ?? 0) + records;
  return {
    ready: reports.some(({ ready }) => ready),
    ingest_url: reports[0]?.ingest_url ?? null,
    queue_records: sum(({ queue_records }) => queue_records),
    queue_bytes: sum(({ queue_bytes }) => queue_bytes),
    journal: {
      ok: reports.every(({ journal }) => journal.ok),
      fault: reports.find(({ journal }) => journal.fault !== null)?.journal.fault ?? null,
      calls_in_flight: sum(({ journal }) => journal.calls_in_flight),
      records_in_memory: sum(({ journal }) => journal.records_in_memory),
      records_lost,
    },
  };
}
