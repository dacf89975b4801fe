/**
 * Runs one SELECT for the console: always with bound parameters, with limits on time and
 * rows, and cancelled when `signal` says that nobody waits for the answer any more.
 * Gives the rows or columns, or throws a ReadError that says in a person's words what to do.
 */
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import type { ErrorAnswer } from './api-types.ts';
import type { Column } from './board-types.ts';

/** Makes a reader that sees one database. */
export type Read = <Row>(sql: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<Row[]>;

/** The same for many rows: lines of JSON as ClickHouse writes them, in pieces, with 64-bit numbers and decimals whole. */
export type ReadLines = (
  sql: string,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  format: 'JSONEachRow' | 'JSONCompactEachRow',
) => AsyncIterable<readonly string[]>;

const QUERY_SECONDS_MAX = 15;
/** ClickHouse counts the time in which a slow reader keeps it waiting. */
const LINES_SECONDS_MAX = 120;
const LINES_MAX = 100_000;
const ROWS_READ_MAX = 1_000_000_000;

/**
 * https://clickhouse.com/docs/operations/settings/query-complexity
 * Memory is left to the user's profile: it knows the machine, and may forbid to ask for more.
 */
const LIMITS = {
  max_execution_time: QUERY_SECONDS_MAX,
  timeout_overflow_mode: 'throw',
  max_result_rows: '20000',
  result_overflow_mode: 'throw',
  max_rows_to_read: String(ROWS_READ_MAX),
  // Otherwise a query whose browser is gone runs on to its end.
  cancel_http_readonly_queries_on_client_close: 1,
  output_format_json_quote_64bit_integers: 0,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_denormals: 0,
} as const;

export class ReadError extends Error {
  readonly status: number;
  readonly code: ErrorAnswer['error']['code'];

  constructor(status: number, code: ErrorAnswer['error']['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ReadError';
    this.status = status;
    this.code = code;
  }
}

export function createRead(client: ClickHouseClient, database: string): Read {
  return async <Row>(sql: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal) =>
    explained(database, signal, async () => {
      const result = await client.query({
        query: sql,
        query_params: { ...params, database },
        format: 'JSONEachRow',
        // `sum(cost_usd) AS cost_usd` names its result like the column without shadowing it.
        clickhouse_settings: { ...LIMITS, prefer_column_name_to_alias: 1 },
        abort_signal: signal,
      });
      return await result.json<Row>();
    });
}

/** Reads a statement of the dashboards: its tables stand without a database, so the client's own must be `database`. */
export type ReadColumns = (sql: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<Column[]>;

export function createReadColumns(client: ClickHouseClient, database: string): ReadColumns {
  return async (sql, params, signal) =>
    explained(database, signal, async () => {
      const result = await client.query({
        query: sql,
        query_params: { ...params },
        format: 'JSONCompact',
        clickhouse_settings: { ...LIMITS, date_time_output_format: 'iso' },
        abort_signal: signal,
      });
      const { meta = [], data } = await result.json<readonly unknown[]>();
      return meta.map(({ name, type }, at) =>
        toColumn(
          name,
          type,
          data.map((row) => row[at]),
        ),
      );
    });
}

function toColumn(name: string, type: string, values: readonly unknown[]): Column {
  const plain = type.replace(/^(?:Nullable|LowCardinality)\(+(?:Nullable\()?/, '');
  if (/^Date/.test(plain))
    return { name, kind: 'time', values: values.map((value) => (value === null ? null : Date.parse(String(value)))) };
  if (/^(?:U?Int|Float|Bool)/.test(plain))
    return { name, kind: 'number', values: values.map((value) => (value === null ? null : Number(value))) };
  return { name, kind: 'text', values: values.map((value) => (value === null ? null : String(value))) };
}

async function explained<T>(database: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    throw explain(error, database);
  }
}

export function createReadLines(client: ClickHouseClient, database: string): ReadLines {
  return async function* readLines(sql, params, signal, format) {
    try {
      const result = await client.query({
        query: sql,
        query_params: { ...params, database },
        format,
        clickhouse_settings: {
          ...LIMITS,
          prefer_column_name_to_alias: 1,
          max_execution_time: LINES_SECONDS_MAX,
          max_result_rows: String(LINES_MAX),
          date_time_output_format: 'iso',
          // CSV is read back from these lines, and a double would round; JSON goes out as it comes.
          output_format_json_quote_decimals: format === 'JSONEachRow' ? 0 : 1,
          output_format_json_quote_64bit_integers: format === 'JSONEachRow' ? 0 : 1,
        },
        abort_signal: signal,
      });
      // The client heeds the signal until the headers are there; what comes after them is cut off here.
      signal.addEventListener('abort', () => result.close(), { once: true });
      if (signal.aborted) result.close();
      for await (const rows of result.stream()) yield rows.map((row) => row.text);
      signal.throwIfAborted();
    } catch (error) {
      signal.throwIfAborted();
      throw explain(error, database);
    }
  };
}

type Explanation = readonly [status: number, code: ErrorAnswer['error']['code'], message: string];

const TOO_HEAVY = 'Choose a shorter time range or a single project.';

/** ClickHouse's own error names → what it means for whoever looks at the console. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  TIMEOUT_EXCEEDED: [504, 'query_too_heavy', `ClickHouse did not finish within ${QUERY_SECONDS_MAX} s. ${TOO_HEAVY}`],
  TOO_SLOW: [504, 'query_too_heavy', `ClickHouse expects this question to take too long. ${TOO_HEAVY}`],
  MEMORY_LIMIT_EXCEEDED: [503, 'query_too_heavy', `ClickHouse has not enough memory for this question. ${TOO_HEAVY}`],
  TOO_MANY_ROWS: [503, 'query_too_heavy', `This question reads more rows than the console may. ${TOO_HEAVY}`],
  TOO_MANY_ROWS_OR_BYTES: [503, 'query_too_heavy', `This answer has more rows than the console may show. ${TOO_HEAVY}`],
  TOO_MANY_SIMULTANEOUS_QUERIES: [503, 'clickhouse_unavailable', 'ClickHouse is busy with too many queries; this page tries again.'],
  UNKNOWN_DATABASE: [
    503,
    'clickhouse_unavailable',
    'ClickHouse has no database %s yet. Ingest creates it when it starts; if it stays so, /readyz says why.',
  ],
  UNKNOWN_TABLE: [
    503,
    'clickhouse_unavailable',
    'Tables are missing in ClickHouse database %s. Ingest creates them when it starts; if it stays so, /readyz says why.',
  ],
  UNKNOWN_IDENTIFIER: [
    503,
    'clickhouse_unavailable',
    'The tables in ClickHouse database %s are of another version. Restart ingest: it brings them up to date.',
  ],
  AUTHENTICATION_FAILED: [
    503,
    'clickhouse_unavailable',
    "ClickHouse refuses the console's user. Check clickhouse.readUsername and clickhouse.readPassword.",
  ],
  ACCESS_DENIED: [503, 'clickhouse_unavailable', "The console's ClickHouse user may not read database %s. Grant it SELECT."],
  SETTING_CONSTRAINT_VIOLATION: [
    503,
    'clickhouse_unavailable',
    `The console's ClickHouse user must be allowed max_execution_time = ${QUERY_SECONDS_MAX} and max_rows_to_read = ${ROWS_READ_MAX}: widen its constraints.`,
  ],
  READONLY: [
    503,
    'clickhouse_unavailable',
    "The console's ClickHouse user must be allowed to set limits: give it readonly = 2 instead of 1.",
  ],
};

function explain(error: unknown, database: string): ReadError {
  if (error instanceof ClickHouseError) {
    const known = EXPLANATIONS[error.type ?? ''];
    if (known) return new ReadError(known[0], known[1], known[2].replace('%s', database), { cause: error });
    return new ReadError(500, 'internal', `ClickHouse cannot answer: ${error.type ?? 'error'} (code ${error.code}).`, { cause: error });
  }
  const reason = error instanceof Error ? ('code' in error ? String(error.code) : error.message) : String(error);
  return new ReadError(
    503,
    'clickhouse_unavailable',
    `ClickHouse cannot be reached (${reason}). Calls still pass through the proxy. Check that ClickHouse runs, and its address in the settings (clickhouse.url).`,
    { cause: error },
  );
}
