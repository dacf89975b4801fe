/**
 * Turns a checked and priced record into the JSON that ClickHouse reads: a row of `calls` and,
 * where the project captures them, a row of `bodies`. Pure.
 */
import type { CallRecord, IngestColumns } from '../contract/record.ts';
import type { Cost } from './price.ts';

/** A row ready to be sent, and the line of the batch that it came from. */
export interface EncodedRow {
  readonly line: number;
  readonly json: string;
  /** What tells this row from every other of its table. */
  readonly key: RowKey;
}

export interface RowKey {
  readonly startedAt: string;
  /** Of a call: its proxy and its number there. Of bodies: their call's id. */
  readonly owner: string;
  readonly number: number;
}

export function callKey({ started_at, proxy_id, seq }: CallRecord): RowKey {
  return { startedAt: started_at, owner: proxy_id, number: seq };
}

export function bodiesKey({ started_at, id }: CallRecord): RowKey {
  return { startedAt: started_at, owner: id, number: 0 };
}

/** Who writes a row, and when. */
export type Written = Pick<IngestColumns, 'ingested_at' | 'ingest_id'>;

/** JSON.stringify writes half a surrogate pair as `\udxxx`; ClickHouse refuses the row for it. */
const LONE_SURROGATE_MARK = '\\ud';

/** `ingestedAt` as ClickHouse reads it: `YYYY-MM-DD hh:mm:ss.fff`, UTC. */
export function encodeCall(record: CallRecord, cost: Cost, written: Written): string {
  // `undefined` keeps a key out of the JSON.
  return encode({ ...record, ...cost, ...written, v: undefined, provider_cost_usd: undefined, bodies: undefined });
}

export function encodeBodies(record: CallRecord): string | undefined {
  if (record.bodies === undefined) return undefined;
  const { request, response, capture } = record.bodies;
  return encode({ id: record.id, project: record.project, started_at: record.started_at, request, response, capture });
}

export function clickhouseTime(time: Date): string {
  return time.toISOString().replace('T', ' ').slice(0, -1);
}

function encode(row: Record<string, unknown>): string {
  const json = JSON.stringify(row);
  return json.includes(LONE_SURROGATE_MARK) ? JSON.stringify(wellFormed(row)) : json;
}

/** Replaces half surrogate pairs with U+FFFD in every string, keys of a map included. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
}
