/**
 * Turns a checked and priced record into the JSON that ClickHouse reads, an array in the order of INSERT_COLUMNS: a row
 * of `calls` and, where the project captures them, a row of `bodies`. Pure.
 */
import { CALL_COLUMNS } from '../contract/columns.ts';
import type { CallRecord, IngestColumns } from '../contract/record.ts';
import type { Cost } from './price.ts';

/** A row ready to be sent, and the line of the batch that it came from. */
export interface EncodedRow {
  readonly line: number;
  /** Its JSON with a newline, as RowBytes keeps it. */
  readonly bytes: Buffer;
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

/** JSON without the columns' names is half as long; ClickHouse reads it faster, and it is made in half the time. */
export const INSERT_FORMAT = 'JSONCompactEachRow';
export const INSERT_COLUMNS = {
  calls: CALL_COLUMNS.map(({ name }) => name),
  bodies: ['id', 'project', 'started_at', 'request', 'response', 'capture'],
} as const satisfies Record<string, readonly string[]>;

const COST_COLUMNS: ReadonlySet<string> = new Set<keyof Cost>(['cost_usd', 'cost_source', 'price_version']);

/** Compiled from the table of columns: looking up each of them by name takes as long as everything else here. */
const callValues = new Function(
  ...['record', 'cost', 'written'],
  `return [${CALL_COLUMNS.map(({ name, from }) => `${from === 'proxy' ? 'record' : COST_COLUMNS.has(name) ? 'cost' : 'written'}.${name}`)}]`,
) as (record: CallRecord, cost: Cost, written: Written) => unknown[];

export function encodeCall(record: CallRecord, cost: Cost, written: Written): string {
  return encode(callValues(record, cost, written));
}

export function encodeBodies(record: CallRecord): string | undefined {
  if (record.bodies === undefined) return undefined;
  const { request, response, capture } = record.bodies;
  return encode([record.id, record.project, record.started_at, request, response, capture]);
}

/** As ClickHouse reads it: `YYYY-MM-DD hh:mm:ss.fff`, UTC. */
export function clickhouseTime(time: Date): string {
  return time.toISOString().replace('T', ' ').slice(0, -1);
}

function encode(row: readonly unknown[]): string {
  const json = JSON.stringify(row);
  return json.includes(LONE_SURROGATE_MARK) ? JSON.stringify(wellFormed(row)) : json;
}

/** Replaces half surrogate pairs with U+FFFD in every string, keys of a map included. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
}
