/**
 * Finds the calls whose cost is another at today's prices, and writes the new cost into `calls`. Reads rows in day-long
 * pieces; stages the changes in ClickHouse, then changes the rows there, so that neither side holds more than a chunk.
 * A change sets a cost and adds nothing: applied twice it is the same. Rows that arrive meanwhile are not touched.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallRow } from '../../contract/record.ts';
import type { PricedColumns } from '../billed.ts';
import type { Pricer } from '../price.ts';
import { CHANGES_TABLE, clickhouseSecond, command, daysWithCalls, monthOf, rows, type Scope } from './scope.ts';

/** What the new prices change, for one project and model. */
export interface Difference {
  readonly project: string;
  readonly provider: string;
  readonly model: string;
  calls: number;
  changed: number;
  /** Sums over the calls with a known cost; how many have none is beside them. */
  beforeUsd: number;
  afterUsd: number;
  unpricedBefore: number;
  unpricedAfter: number;
}

export interface Found {
  readonly differences: readonly Difference[];
  readonly chunks: readonly Chunk[];
  readonly calls: number;
  readonly changed: number;
}

/** Changes that go into one statement: of one partition, and few enough for the server's memory. */
export interface Chunk {
  readonly number: number;
  readonly month: string;
  readonly from: string;
  to: string;
  rows: number;
}

const CHUNK_ROWS_MAX = 200_000;
const INSERT_ROWS = 10_000;
const POLL_MS = 100;
/** Projects and models are the users' to name; beyond so many they are shown together. */
const DIFFERENCES_MAX = 10_000;
const OTHERS = '(others)';
const NANO = 1e-9;

const COLUMNS = [
  ...[
    'id',
    'project',
    'started_at',
    'upstream',
    'path',
    'provider',
    'request_model',
    'response_model',
    'outcome',
    'usage_source',
    'usage_raw',
  ],
  ...['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens'],
  ...['input_audio_tokens', 'output_audio_tokens', 'input_image_tokens', 'service_tier', 'cost_usd', 'cost_source'],
].join(', ');
/** What tells a row from all others; `id` alone is the caller's to choose. */
const KEY = "concat(proxy_id, ' ', toString(seq), ' ', toString(toUnixTimestamp64Micro(started_at)), ' ', id)";

type ScannedRow = PricedColumns & Pick<CallRow, 'id' | 'cost_usd' | 'cost_source'> & { readonly key: string };

/** Prices every call of the scope anew. With `stage`, writes what differs into the staging table. */
export async function findChanges(scope: Scope, price: Pricer['price'], stage: boolean): Promise<Found> {
  const differences = new Map<string, Difference>();
  const staging = new Staging(scope, stage);
  let calls = 0;
  for (const day of await daysWithCalls(scope, { from: scope.since, to: scope.until })) {
    for await (const batch of scan(scope, clickhouseSecond(day.from), clickhouseSecond(day.to)))
      for (const row of batch) {
        calls += 1;
        const next = price(row);
        const changed = !sameUsd(row.cost_usd, next.cost_usd) || row.cost_source !== next.cost_source;
        note(differences, row, changed ? next.cost_usd : row.cost_usd, changed);
        if (changed) await staging.add(row, `${next.cost_usd ?? ''}\n${next.cost_source}\n${next.price_version}`);
      }
    scope.signal.throwIfAborted();
  }
  await staging.flush();
  const list = [...differences.values()].filter(({ changed }) => changed > 0);
  const changed = list.reduce((sum, difference) => sum + difference.changed, 0);
  return { differences: list, chunks: staging.chunks, calls, changed };
}

async function* scan(scope: Scope, from: string, to: string): AsyncGenerator<ScannedRow[]> {
  const answer = await scope.client.query({
    query: `SELECT ${KEY} AS key, ${COLUMNS} FROM {database:Identifier}.calls
      WHERE started_at >= {from:String} AND started_at < {to:String} AND cost_source != 'provider'
        ${scope.project === undefined ? '' : 'AND project = {project:String}'}
      ORDER BY started_at`,
    query_params: { database: scope.database, from, to, project: scope.project },
    format: 'JSONEachRow',
    abort_signal: scope.signal,
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      output_format_json_quote_decimals: 1,
      max_bytes_before_external_sort: '268435456',
    },
  });
  for await (const batch of answer.stream<ScannedRow>()) yield batch.map((row) => row.json());
}

class Staging {
  readonly chunks: Chunk[] = [];
  readonly #scope: Scope;
  readonly #active: boolean;
  #pending: { chunk: number; key: string; value: string }[] = [];

  constructor(scope: Scope, active: boolean) {
    this.#scope = scope;
    this.#active = active;
  }

  async add(row: ScannedRow, value: string): Promise<void> {
    if (!this.#active) return;
    const month = monthOf(new Date(`${row.started_at.slice(0, 10)}T00:00:00Z`));
    let chunk = this.chunks.at(-1);
    if (chunk === undefined || chunk.month !== month || chunk.rows >= CHUNK_ROWS_MAX) {
      chunk = { number: this.chunks.length, month, from: row.started_at, to: row.started_at, rows: 0 };
      this.chunks.push(chunk);
    }
    chunk.rows += 1;
    chunk.to = row.started_at;
    this.#pending.push({ chunk: chunk.number, key: row.key, value });
    if (this.#pending.length >= INSERT_ROWS) await this.flush();
  }

  async flush(): Promise<void> {
    const values = this.#pending;
    this.#pending = [];
    if (values.length > 0)
      await this.#scope.client.insert({ table: `${this.#scope.database}.${CHANGES_TABLE}`, values, format: 'JSONEachRow' });
  }
}

/** Writes one chunk of changes into `calls` and returns when every row has its new cost. */
export async function applyChunk(scope: Scope, chunk: Chunk): Promise<void> {
  const of = `FROM ${scope.database}.${CHANGES_TABLE} WHERE chunk = ${chunk.number}`;
  // A constant table from key to value, hashed by the server once for each part.
  const value = `splitByChar('\\n', transform(${KEY}, (SELECT groupArray(key) FROM (SELECT key ${of} ORDER BY key)), (SELECT groupArray(value) FROM (SELECT key, value ${of} ORDER BY key)), ''))`;
  await command(
    scope,
    `ALTER TABLE {database:Identifier}.calls UPDATE
       cost_usd = toDecimal64OrNull(${value}[1], 9), cost_source = ${value}[2], price_version = ${value}[3]
     IN PARTITION ID '${chunk.month}'
     WHERE started_at >= '${chunk.from}' AND started_at <= '${chunk.to}' AND ${KEY} IN (SELECT key ${of})
     SETTINGS mutations_sync = 0`,
  );
  for (;;) {
    const [state] = await rows<{ pending: number; fault: string }>(
      scope,
      `SELECT countIf(NOT is_done) AS pending, anyIf(latest_fail_reason, NOT is_done AND latest_fail_reason != '') AS fault
       FROM system.mutations WHERE database = {database:String} AND table = 'calls' AND position(command, {mark:String}) > 0`,
      { mark: CHANGES_TABLE },
    );
    if (state === undefined || state.pending === 0) return;
    if (state.fault !== '') throw new Error(`ClickHouse cannot change the rows: ${state.fault.slice(0, 300)}`);
    await sleep(POLL_MS, undefined, { signal: scope.signal });
  }
}

function note(differences: Map<string, Difference>, row: ScannedRow, nextUsd: string | null, changed: boolean): void {
  const model = row.response_model || row.request_model;
  let key = `${row.project}\n${row.provider}\n${model}`;
  let names = { project: row.project, provider: row.provider, model };
  if (!differences.has(key) && differences.size >= DIFFERENCES_MAX) {
    key = OTHERS;
    names = { project: OTHERS, provider: OTHERS, model: OTHERS };
  }
  const entry = differences.get(key) ?? { ...names, calls: 0, changed: 0, beforeUsd: 0, afterUsd: 0, unpricedBefore: 0, unpricedAfter: 0 };
  differences.set(key, entry);
  entry.calls += 1;
  if (changed) entry.changed += 1;
  entry.beforeUsd += Number(row.cost_usd ?? 0);
  entry.afterUsd += Number(nextUsd ?? 0);
  if (row.cost_usd === null) entry.unpricedBefore += 1;
  if (nextUsd === null) entry.unpricedAfter += 1;
}

/** ClickHouse writes decimals without trailing zeros. A cost that stays keeps its `price_version`: that is what it was computed with. */
function sameUsd(a: string | null, b: string | null): boolean {
  return a === null || b === null ? a === b : Math.abs(Number(a) - Number(b)) < NANO / 2;
}
