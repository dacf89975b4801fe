/**
 * Writes a batch's rows so that they are there exactly once, however often the batch is sent.
 * Takes encoded rows and the batch's id; returns when ClickHouse has committed all of them and their
 * rollups, with the rows that it cannot take at all. Throws a Refusal when the batch should come again.
 *
 * Each table gets one block per batch with a token made of the batch's id. First `calls`, then `bodies`:
 * if we die in between, a call lacks its captured text until the batch comes again, and then `calls`
 * recognises the token, its rollup is completed if that was cut short, and the bodies go in. The other
 * way round a batch that never came again would leave private text in `bodies` that no call leads to.
 *
 * ClickHouse remembers a table's last 10,000 tokens. A batch that comes again after so long that its token may be
 * forgotten is looked up by its rows' keys, and only what is not there is inserted.
 *
 * On a cluster a batch goes whole to the shard that its id says, through the table that stands for all of them.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings } from '@clickhouse/client';
import { errorText } from './error-text.ts';
import { createLookup, INSERTS_REMEMBERED, type LookupTable } from './lookup.ts';
import { Refusal } from './refusal.ts';
import { type EncodedRow, INSERT_COLUMNS, INSERT_FORMAT } from './row.ts';
import { inPieces } from './row-bytes.ts';
import { shardOf } from './topology.ts';

export interface RejectedRow {
  readonly line: number;
  readonly reason: string;
}

export interface WriterDeps {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Told the seconds that each insert took. */
  readonly onInsert: (seconds: number) => void;
  /** After how many inserts a token may be forgotten. */
  readonly insertsRemembered?: number;
  /** How many shards there are; missing: one server. */
  readonly shards?: (() => Promise<number>) | undefined;
}

export interface BatchRows {
  readonly id: string;
  readonly calls: readonly EncodedRow[];
  readonly bodies: readonly EncodedRow[];
  readonly mayBeForgotten: boolean;
}

export type Writer = (batch: BatchRows) => Promise<readonly RejectedRow[]>;

interface Search {
  readonly shard: number | undefined;
  splitsLeft: number;
  refusedLeft: number;
  anyInserted: boolean;
}

const SETTINGS: ClickHouseSettings = {
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  async_insert: 0,
  wait_end_of_query: 1,
  // One block per insert, or the token would stand for its first block only: no parallel parsing in
  // pieces of 10 MB, and sizes beyond any batch (BATCH_ROWS_MAX, BATCH_BYTES_MAX).
  input_format_parallel_parsing: 0,
  max_insert_block_size: '1048576',
  min_insert_block_size_rows: '1048576',
  min_insert_block_size_bytes: '1073741824',
  max_insert_threads: '1',
  date_time_input_format: 'basic',
  // A proxy with a broken clock may spread a batch over many months; that is no reason to lose it.
  max_partitions_per_insert_block: '0',
};

/**
 * Into a Distributed table: answered when the shard has committed, not when this node has put it aside. By the network even
 * to itself, so that a batch goes the same way through whichever node it comes.
 */
const SHARD_SETTINGS: ClickHouseSettings = { distributed_foreground_insert: 1, prefer_localhost_replica: 0 };

/**
 * ClickHouse's codes for "this row is not what the table takes" (src/Common/ErrorCodes.cpp). Only these are about
 * the data; everything else, known or not, is about the server or the way there, and the batch should come again.
 */
const DATA_ERROR_CODES: ReadonlySet<string> = new Set([
  '6', // CANNOT_PARSE_TEXT
  '25', // CANNOT_PARSE_ESCAPE_SEQUENCE
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '38', // CANNOT_PARSE_DATE
  '41', // CANNOT_PARSE_DATETIME
  '53', // TYPE_MISMATCH
  '69', // ARGUMENT_OUT_OF_BOUND
  '70', // CANNOT_CONVERT_TYPE
  '72', // CANNOT_PARSE_NUMBER
  '117', // INCORRECT_DATA
  '131', // TOO_LARGE_STRING_SIZE
  '321', // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  '349', // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  '407', // DECIMAL_OVERFLOW
  '469', // VIOLATED_CONSTRAINT
]);

/** NO_SUCH_COLUMN_IN_TABLE: whatever the rows are. */
const NO_SUCH_COLUMN_CODE = '16';

/**
 * How far the rows that ClickHouse refuses are searched for. When so many are refused and not one is taken,
 * or so many cuts were not enough, it is the table that does not fit, not the rows.
 */
const REFUSED_ROWS_MAX = 16;
const SPLITS_MAX = 128;

/** The rows of `calls` and `bodies` that ClickHouse refuses for what they are; the others are committed. */
export function createWriter(deps: WriterDeps): Writer {
  const { client, database, onInsert, insertsRemembered = INSERTS_REMEMBERED } = deps;
  const insert = async (table: LookupTable, rows: readonly EncodedRow[], token: string, shard: number | undefined): Promise<void> => {
    const startedMs = performance.now();
    const result = await client.exec({
      // With its columns: one that the table lacks is an error, not a value dropped in silence.
      query: `INSERT INTO ${database}.${table} (${INSERT_COLUMNS[table].join()}) FORMAT ${INSERT_FORMAT}`,
      values: Readable.from(inPieces(rows), { objectMode: false }),
      clickhouse_settings: {
        ...SETTINGS,
        ...(shard === undefined ? {} : { ...SHARD_SETTINGS, insert_shard_id: String(shard) }),
        insert_deduplication_token: token,
      },
    });
    await finished(result.stream.resume());
    onInsert((performance.now() - startedMs) / 1000);
  };

  /**
   * Inserts all rows that can be inserted. A row that ClickHouse refuses would keep its whole batch out for ever, so the
   * batch is halved until that row stands alone. Each part has a token of its own, made of its lines: sent again, the same
   * batch fails and splits in the same way.
   */
  const insertOrSplit = async (table: LookupTable, rows: readonly EncodedRow[], token: string, search: Search): Promise<RejectedRow[]> => {
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return [];
    try {
      await insert(table, rows, token, search.shard);
      search.anyInserted = true;
      return [];
    } catch (error) {
      if (codeOf(error) === NO_SUCH_COLUMN_CODE) throw new Refusal('schema_mismatch', describe(error), { cause: error });
      if (!isDataError(error)) throw new Refusal('insert_failed', describe(error), { cause: error });
      const alone = first === last;
      if (alone) search.refusedLeft -= 1;
      else search.splitsLeft -= 1;
      if (search.splitsLeft < 0 || (search.refusedLeft < 0 && !search.anyInserted))
        throw new Refusal('schema_mismatch', describe(error), { cause: error });
      if (alone) return [{ line: first.line, reason: `${table}: ClickHouse refuses it (${describe(error)})` }];
    }
    const middle = rows.length >> 1;
    const rejected: RejectedRow[] = [];
    for (const half of [rows.slice(0, middle), rows.slice(middle)])
      rejected.push(...(await insertOrSplit(table, half, `${token}:${half[0]?.line}-${half.at(-1)?.line}`, search)));
    return rejected;
  };

  const findAbsent = createLookup({ client, database, insertsRemembered });
  /** The whole of a batch lies on one shard, the same whenever it comes, which knows its token. */
  const shardFor = async ({ id }: BatchRows): Promise<number | undefined> => {
    if (deps.shards === undefined) return undefined;
    return shardOf(id, await deps.shards().catch(failed));
  };
  const write = async (table: LookupTable, rows: readonly EncodedRow[], batch: BatchRows): Promise<RejectedRow[]> => {
    if (rows.length === 0) return [];
    const shard = await shardFor(batch);
    const search = { shard, splitsLeft: SPLITS_MAX, refusedLeft: REFUSED_ROWS_MAX, anyInserted: false };
    const absent = batch.mayBeForgotten ? await findAbsent(table, rows, shard).catch(failed) : rows;
    const token = absent.length === rows.length ? `${batch.id}:${table}` : `${batch.id}:${table}:${linesHash(absent)}`;
    return insertOrSplit(table, absent, token, search);
  };
  return async (batch) => {
    const rejected = await write('calls', batch.calls, batch);
    const refused = new Set(rejected.map((row) => row.line));
    const kept = batch.bodies.filter((row) => !refused.has(row.line));
    rejected.push(...(await write('bodies', kept, batch)));
    return rejected;
  };
}

function failed(error: unknown): never {
  throw new Refusal('insert_failed', describe(error), { cause: error });
}

/** The same lines missing again are the same insert again. */
function linesHash(rows: readonly EncodedRow[]): string {
  return createHash('sha256')
    .update(rows.map(({ line }) => line).join())
    .digest('hex')
    .slice(0, 16);
}

export function isDataError(error: unknown): boolean {
  return DATA_ERROR_CODES.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof ClickHouseError ? error.code : '';
}

/** The server's code and the driver's words, without the data that a parse error quotes. */
function describe(error: unknown): string {
  if (error instanceof ClickHouseError) return `ClickHouse error ${error.code}${error.type ? ` ${error.type}` : ''}`;
  return errorText(error);
}
