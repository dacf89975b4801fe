/**
 * Tables to take away: `GET /export/calls` and `/export/sessions`, as CSV or JSON, with the filters and the order of the page.
 * Streams rows as ClickHouse gives them, at most EXPORT_ROWS_MAX; how many there are and whether they are all is in the file's
 * name and in headers. An answer that breaks off ends the connection, so that half a file is never taken for a whole one.
 */
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { CALL_COLUMNS } from '../../contract/columns.ts';
import { CALLS_LISTING, type Listing, type Order, orderSql, SESSIONS_LISTING } from './order.ts';
import { type Cell, csvLine } from './page/csv.ts';
import type { Params } from './params.ts';
import type { ReadLines } from './read.ts';
import { SESSION_SQL } from './sessions-query.ts';
import { type Scope, source } from './source.ts';

export const EXPORT_ROWS_MAX = 50_000;
export const EXPORT_FORMATS = ['csv', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

interface Table {
  readonly listing: Listing<string>;
  readonly columns: readonly string[];
  /** FROM and what follows, given that of the scope; ordered and limited by the caller. */
  readonly from: (source: string) => string;
}

const SESSION_COLUMNS = {
  project: 'project',
  session_id: 'session_id',
  first_at: 'first_at',
  last_at: 'last_at',
  duration_ms: 'span_ms',
  calls: 'calls',
  errors: 'errors',
  cost_usd: 'cost',
  unpriced_calls: 'unpriced_calls',
  input_tokens: 'input_tokens',
  output_tokens: 'output_tokens',
  cache_read_tokens: 'cache_read_tokens',
  users: 'user_count',
  models: 'models',
} as const;

/** The columns are those of table `calls`; what is exported today is read the same way tomorrow. */
export const EXPORTS = {
  calls: { listing: CALLS_LISTING, columns: CALL_COLUMNS.map(({ name }) => name), from: (sql) => sql },
  sessions: {
    listing: SESSIONS_LISTING,
    columns: Object.entries(SESSION_COLUMNS).map(([name, column]) => (name === column ? name : `${column} AS ${name}`)),
    from: (sql) => `(SELECT ${SESSION_SQL} FROM ${sql} AND session_id != '' GROUP BY project, session_id)`,
  },
} as const satisfies Readonly<Record<string, Table>>;
export type ExportName = keyof typeof EXPORTS;

export interface Export {
  readonly name: ExportName;
  readonly format: ExportFormat;
  readonly scope: Scope;
  readonly order: Order;
}

export function exportOf(name: ExportName, params: Params, scope: Scope): Export {
  const format = params.choice('format', EXPORT_FORMATS, 'csv');
  const table: Table = EXPORTS[name];
  return { name, format, scope, order: params.order(table.listing) };
}

/** Throws before the first byte if the question cannot be answered; after it, the connection is cut. */
export async function sendExport(readLines: ReadLines, wanted: Export, response: Response): Promise<void> {
  const { name, format, scope, order } = wanted;
  const { sql, params } = source(scope);
  const table: Table = EXPORTS[name];
  const from = table.from(sql);
  const [counted] = await scope.read<{ rows: number }>(`SELECT count() AS rows FROM ${from}`, params, scope.signal);
  const rows = counted?.rows ?? 0;
  const chunks = readLines(
    `SELECT ${table.columns.join(', ')} FROM ${from} ORDER BY ${orderSql(order)} LIMIT ${EXPORT_ROWS_MAX}`,
    params,
    scope.signal,
    format === 'csv' ? 'JSONCompactEachRow' : 'JSONEachRow',
  )[Symbol.asyncIterator]();
  let chunk = await chunks.next();
  const columns = table.columns.map((column) => column.replace(/^.* AS /, ''));
  setHeaders(response, wanted, rows);
  const write = FORMATS[format](columns);
  const text = async function* (): AsyncGenerator<string> {
    yield write.head;
    for (; !chunk.done; chunk = await chunks.next()) yield chunk.value.map(write.row).join('');
    yield write.tail;
  };
  // Whatever goes wrong from here on cuts the connection: that is all that is left to say it with.
  await pipeline(text, response).catch(() => response.destroy());
}

/** How each format is put together from ClickHouse's lines, without a line of JSON being read when JSON is asked for. */
const FORMATS: Readonly<
  Record<ExportFormat, (columns: readonly string[]) => { head: string; row: (line: string) => string; tail: string }>
> = {
  csv: (columns) => ({ head: csvLine(columns), row: (line) => csvLine(JSON.parse(line) as Cell[]), tail: '' }),
  json: () => {
    let rows = 0;
    return {
      head: '[',
      row: (line) => `${rows++ === 0 ? '\n' : ',\n'}${line}`,
      tail: '\n]\n',
    };
  },
};

const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = { csv: 'text/csv; charset=utf-8; header=present', json: 'application/json' };

function setHeaders(response: Response, { name, format, scope }: Export, rows: number): void {
  const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replaceAll(':', '').concat('Z');
  const size = rows > EXPORT_ROWS_MAX ? `first-${EXPORT_ROWS_MAX}-of-${rows}` : `${rows}-rows`;
  response.status(200).set({
    'content-type': CONTENT_TYPES[format],
    'content-disposition': `attachment; filename="glassway-${name}-${stamp(scope.range.fromMs)}-${stamp(scope.range.toMs)}-${size}.${format}"`,
    'cache-control': 'no-store',
    'x-glassway-export-rows': String(Math.min(rows, EXPORT_ROWS_MAX)),
    'x-glassway-export-rows-found': String(rows),
    'x-glassway-export-rows-max': String(EXPORT_ROWS_MAX),
  });
}
