/**
 * In which order a list is shown, and where it goes on. Pages are cut by key, not by number: a page begins after the last
 * row that was shown, so that rows which arrive meanwhile neither shift nor repeat anything.
 * What is not known comes last, whatever the direction; what is equal is told apart by the list's own last columns.
 */
import { BadParameter } from './bad-parameter.ts';

export interface Key {
  readonly sql: string;
  readonly type: string;
}

/** How a list may be sorted. */
export interface Listing<Name extends string> {
  /** Null: by the last columns alone. */
  readonly keys: Readonly<Record<Name, Key | null>>;
  /** What tells rows of the same value apart, newest first. None is ever NULL. */
  readonly last: readonly Key[];
}

const TIME = "DateTime64(6, 'UTC')";
const COST = 'Decimal(18, 9)';

export const CALLS_LISTING = {
  keys: {
    time: null,
    cost: { sql: 'cost_usd', type: COST },
    duration: { sql: 'duration_ms', type: 'Float32' },
    ttft: { sql: 'ttft_ms', type: 'Float32' },
    input: { sql: 'input_tokens', type: 'UInt64' },
    output: { sql: 'output_tokens', type: 'UInt64' },
    tokens: {
      sql: 'if(input_tokens IS NULL AND output_tokens IS NULL, NULL, ifNull(input_tokens, 0) + ifNull(output_tokens, 0))',
      type: 'UInt64',
    },
  },
  last: [
    { sql: 'started_at', type: TIME },
    { sql: 'id', type: 'String' },
  ],
} as const satisfies Listing<string>;

/** Of the columns that sessions-query.ts makes. */
export const SESSIONS_LISTING = {
  keys: {
    time: null,
    calls: { sql: 'calls', type: 'UInt64' },
    errors: { sql: 'errors', type: 'UInt64' },
    cost: { sql: 'cost', type: 'Decimal(38, 9)' },
    input: { sql: 'input_tokens', type: 'UInt64' },
    output: { sql: 'output_tokens', type: 'UInt64' },
    duration: { sql: 'span_ms', type: 'Int64' },
  },
  last: [
    { sql: 'last_at', type: TIME },
    { sql: 'project', type: 'String' },
    { sql: 'session_id', type: 'String' },
  ],
} as const satisfies Listing<string>;

export const DIRECTIONS = ['desc', 'asc'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface Order<Name extends string = string> {
  readonly listing: Listing<Name>;
  readonly sort: Name;
  readonly direction: Direction;
}

/** The last row that was shown: what it is sorted by (null: not known), then its last columns, all as text. */
export type Cursor = readonly (string | null)[];

/** To be selected with each row: its cursor. */
export function cursorSql({ listing, sort }: Order): string {
  const key = listing.keys[sort] ?? null;
  return `[${[key === null ? 'NULL' : `toString(${key.sql})`, ...listing.last.map(({ sql }) => `toString(${sql})`)].join(', ')}]::Array(Nullable(String))`;
}

export function orderSql({ listing, sort, direction }: Order): string {
  const key = listing.keys[sort] ?? null;
  const word = direction.toUpperCase();
  const last = (way: string): string => listing.last.map(({ sql }) => `${sql} ${way}`).join(', ');
  return key === null ? last(word) : `${key.sql} ${word} NULLS LAST, ${last('DESC')}`;
}

/** The condition for rows after the cursor, and its parameters. */
export function afterSql(
  { listing, sort, direction }: Order,
  [value = null, ...last]: Cursor,
): { sql: string; params: Record<string, unknown> } {
  const params = Object.fromEntries(last.map((text, index) => [`cursor_${index}`, text]));
  const columns = `(${listing.last.map(({ sql }) => sql).join(', ')})`;
  const reached = `(${listing.last.map(({ type }, index) => `{cursor_${index}:${type}}`).join(', ')})`;
  const key = listing.keys[sort] ?? null;
  const beyond = direction === 'desc' ? '<' : '>';
  if (key === null) return { sql: `${columns} ${beyond} ${reached}`, params };
  if (value === null) return { sql: `(${key.sql} IS NULL AND ${columns} < ${reached})`, params };
  const at = `{cursor_value:${key.type}}`;
  return {
    sql: `(${key.sql} ${beyond} ${at} OR ${key.sql} IS NULL OR (${key.sql} = ${at} AND ${columns} < ${reached}))`,
    params: { ...params, cursor_value: value },
  };
}

export function formatCursor({ sort, direction }: Order, cursor: Cursor): string {
  return Buffer.from(JSON.stringify([sort, direction, ...cursor])).toString('base64url');
}

const STORED_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/;
const NUMBER = /^\d{1,29}(\.\d{1,12})?(e[+-]?\d{1,3})?$/;

export function parseCursor(name: string, text: string, { listing, sort, direction }: Order): Cursor {
  const refused = new BadParameter(name, text, "the value of `next` from the previous page's answer, with the same sort and order");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw refused;
  }
  if (!Array.isArray(parsed) || parsed.length !== listing.last.length + 3) throw refused;
  const [ofSort, ofDirection, value, ...last]: unknown[] = parsed;
  if (ofSort !== sort || ofDirection !== direction) throw refused;
  const key = listing.keys[sort] ?? null;
  if (value !== null && (key === null || !fits(value, key.type))) throw refused;
  if (!last.every((each, index) => fits(each, listing.last[index]?.type ?? ''))) throw refused;
  return [value, ...last] as Cursor;
}

function fits(value: unknown, type: string): value is string {
  if (typeof value !== 'string') return false;
  return type === 'String' || (type === TIME ? STORED_TIME : NUMBER).test(value);
}
