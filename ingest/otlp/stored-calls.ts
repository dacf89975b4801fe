/**
 * Reads calls again from the table, in pages, for spans that are exported late: those of a slot, or of a time range. Gives
 * what a span is made of, captured text included where a project has it. Bounded in rows and, for text, in bytes.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { CALL_COLUMNS } from '../../contract/columns.ts';
import type { CapturedBodies } from '../../contract/record.ts';
import { SLOT_SECONDS, type SlotKey } from './ledger.ts';
import { batchesOf } from './outbox.ts';
import type { SpanCall } from './span-call.ts';

export interface CallRange {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface StoredCallsOptions {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Projects whose text is captured and exported. */
  readonly textProjects: ReadonlySet<string>;
}

type StoredCall = SpanCall & { readonly ingested_at: string; readonly ingest_id: string };
type StoredBodies = CapturedBodies & { readonly id: string; readonly startedAt: string };

const PAGE_ROWS = 5_000;
const TEXTS_AT_ONCE = 100;
const COLUMNS = CALL_COLUMNS.map(({ name }) => (name === 'started_at' ? 'toString(started_at) AS started_at' : name)).join(', ');
const SETTINGS = { output_format_json_quote_64bit_integers: 0, output_format_json_quote_decimals: 0 } as const;

/** The rows that one ingest wrote in a slot. */
export function slotRange({ second, ingestId }: SlotKey, part: CallRange): CallRange {
  return {
    sql: `ingest_id = {ingestId:String} AND ingested_at >= toDateTime64({second:UInt32}, 3, 'UTC') AND ingested_at < toDateTime64({second:UInt32} + ${SLOT_SECONDS}, 3, 'UTC') AND ${part.sql}`,
    params: { ingestId, second, ...part.params },
  };
}

export interface StoredCalls {
  /** Pages in the order of the table's key's time; each at most some thousand calls. */
  pages(range: CallRange): AsyncGenerator<readonly SpanCall[]>;
  count(range: CallRange): Promise<number>;
}

export function createStoredCalls({ client, database, textProjects }: StoredCallsOptions): StoredCalls {
  const select = async <Row>(query: string, params: Record<string, unknown>): Promise<Row[]> => {
    const answer = await client.query({
      query,
      query_params: { database, ...params },
      format: 'JSONEachRow',
      clickhouse_settings: SETTINGS,
    });
    return answer.json<Row>();
  };

  async function* pages(range: CallRange): AsyncGenerator<readonly SpanCall[]> {
    let after = { at: '1970-01-01 00:00:00.000000', proxy: '', seq: 0 };
    for (;;) {
      const rows = await select<StoredCall>(
        `SELECT ${COLUMNS} FROM {database:Identifier}.calls AS c
         WHERE ${range.sql} AND (c.started_at, c.proxy_id, c.seq) > (toDateTime64({at:String}, 6, 'UTC'), {proxy:String}, {seq:UInt64})
         ORDER BY c.started_at, c.proxy_id, c.seq LIMIT ${PAGE_ROWS}`,
        { ...range.params, ...after },
      );
      for (let from = 0; from < rows.length; from += TEXTS_AT_ONCE) {
        const some = rows.slice(from, from + TEXTS_AT_ONCE);
        const silent = some.every(({ project }) => !textProjects.has(project));
        if (silent && from === 0 && rows.every(({ project }) => !textProjects.has(project))) {
          yield rows;
          break;
        }
        if (silent) yield some;
        else for (const batch of batchesOf(some, TEXTS_AT_ONCE)) yield await withTexts(batch);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      after = { at: last.started_at, proxy: last.proxy_id, seq: last.seq };
    }
  }

  async function withTexts(calls: readonly SpanCall[]): Promise<SpanCall[]> {
    const wanted = calls.filter(({ project }) => textProjects.has(project));
    const times = wanted.map(({ started_at }) => started_at).sort();
    const found = await select<StoredBodies>(
      `SELECT id, toString(started_at) AS startedAt, request, response, capture FROM {database:Identifier}.bodies AS b
       WHERE project IN {projects:Array(String)} AND b.started_at >= toDateTime64({first:String}, 6, 'UTC')
         AND b.started_at <= toDateTime64({last:String}, 6, 'UTC') AND id IN {ids:Array(String)}`,
      {
        projects: [...new Set(wanted.map(({ project }) => project))],
        first: times[0],
        last: times.at(-1),
        ids: wanted.map(({ id }) => id),
      },
    );
    const texts = new Map(found.map((each) => [`${each.id} ${each.startedAt}`, each]));
    return calls.map((call) => ({ ...call, bodies: texts.get(`${call.id} ${call.started_at}`) }));
  }

  return {
    pages,
    async count(range) {
      const [row] = await select<{ calls: number }>(
        `SELECT count() AS calls FROM {database:Identifier}.calls AS c WHERE ${range.sql}`,
        range.params,
      );
      return row?.calls ?? 0;
    },
  };
}
