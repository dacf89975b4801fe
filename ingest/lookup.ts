/**
 * Which rows of a batch are in their table already: for batches that come again after so long that ClickHouse may
 * have forgotten their token. Takes the rows, gives those to insert. All of them when the token is surely still
 * remembered: then the insert changes nothing, and completes a rollup that a kill had cut short.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { EncodedRow, RowKey } from './row.ts';

export type LookupTable = 'calls' | 'bodies';

/** Nine tenths of `non_replicated_deduplication_window` (migrations 0001 to 0003). */
export const INSERTS_REMEMBERED = 9_000;
/** What tells a table's rows apart, as in RowKey. */
const KEYS: Readonly<Record<LookupTable, string>> = {
  calls: 'proxy_id AS owner, toFloat64(seq) AS number',
  bodies: 'id AS owner, toFloat64(0) AS number',
};
/** Parameters travel in the URL, which is at most 1 MiB long (`http_max_uri_size`); an id has at most 128 characters. */
const OWNERS_AT_ONCE = 1_000;
/** Part names are `<partition>_<first insert>_<last insert>_<level>`: inserts are counted per table. */
const FIRST_INSERT = "toFloat64(toUInt64OrZero(splitByChar('_', _part)[2]))";
/**
 * On a cluster, where replicated tables count per partition, inserts are told apart by who sent them and when they came.
 * Bodies say neither; they have no rollup to complete either, so that what is missing of them is all that matters.
 */
const ARRIVED: Readonly<Record<LookupTable, string>> = { calls: 'toFloat64(toUnixTimestamp64Milli(ingested_at))', bodies: 'toFloat64(0)' };

interface FoundRow {
  readonly startedAt: string;
  readonly owner: string;
  readonly number: number;
  /** Which insert it came with, by number or on a cluster by time. */
  readonly insert: number;
  readonly shard: number;
}

export interface LookupDeps {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly insertsRemembered: number;
}

export function createLookup({ client, database, insertsRemembered }: LookupDeps) {
  /** `shard`: where these rows belong on a cluster. */
  return async (table: LookupTable, rows: readonly EncodedRow[], shard: number | undefined): Promise<readonly EncodedRow[]> => {
    const wanted = new Set(rows.map(({ key }) => keyText(key)));
    const times = rows.map(({ key }) => key.startedAt).sort();
    const owners = [...new Set(rows.map(({ key }) => key.owner))];
    const order =
      shard === undefined ? `${FIRST_INSERT} AS insert, toUInt32(0) AS shard` : `${ARRIVED[table]} AS insert, _shard_num AS shard`;
    const query = `SELECT toString(started_at) AS startedAt, ${KEYS[table]}, ${order}
      FROM {database:Identifier}.${table}
      WHERE started_at >= {first:DateTime64(6, 'UTC')} AND started_at <= {last:DateTime64(6, 'UTC')} AND owner IN {owners:Array(String)}`;
    const present: FoundRow[] = [];
    for (let at = 0; at < owners.length; at += OWNERS_AT_ONCE) {
      const params = { database, first: times[0], last: times.at(-1), owners: owners.slice(at, at + OWNERS_AT_ONCE) };
      const found = await select<FoundRow>(query, params);
      present.push(...found.filter((row) => wanted.has(keyText(row))));
    }
    if (present.length === 0 || (await areRemembered(table, present, shard))) return rows;
    const there = new Set(present.map(keyText));
    return rows.filter(({ key }) => !there.has(keyText(key)));
  };

  async function areRemembered(table: LookupTable, present: readonly FoundRow[], shard: number | undefined): Promise<boolean> {
    const first = present.reduce((least, { insert }) => Math.min(least, insert), Number.POSITIVE_INFINITY);
    if (shard === undefined) return isRemembered(table, first);
    // Another shard has them when shards were added since: the token is known there, and would not be here.
    return table === 'calls' && present.every((row) => row.shard === shard) && (await isRememberedByShard(first));
  }

  async function isRemembered(table: LookupTable, firstInsert: number): Promise<boolean> {
    const [last] = await select<{ insert: number }>(
      'SELECT toFloat64(max(max_block_number)) AS insert FROM system.parts WHERE database = {database:String} AND table = {table:String}',
      { database, table },
    );
    return last !== undefined && last.insert - firstInsert < insertsRemembered;
  }

  /** The inserts of all shards are more than those of one. */
  async function isRememberedByShard(arrived_ms: number): Promise<boolean> {
    const [since] = await select<{ inserts: number }>(
      `SELECT toFloat64(uniqExact(proxy_id, ingested_at)) AS inserts FROM {database:Identifier}.calls
       WHERE ingested_at >= fromUnixTimestamp64Milli({arrived:Int64}) AND started_at >= fromUnixTimestamp64Milli({arrived:Int64}) - toIntervalDay(7)`,
      { database, arrived: arrived_ms },
    );
    return since !== undefined && since.inserts < insertsRemembered;
  }

  async function select<Row>(query: string, query_params: Record<string, unknown>): Promise<Row[]> {
    const answer = await client.query({ query, query_params, format: 'JSONEachRow' });
    return answer.json<Row>();
  }
}

function keyText({ startedAt, owner, number }: RowKey): string {
  return `${startedAt} ${number} ${owner}`;
}
