/**
 * What the proxy says of one call, and how a batch of such records travels to ingest.
 * A record is the `calls` row without the columns that ingest fills, plus the few facts that
 * are not columns. It is plain JSON: one record a line in a batch.
 */
import { CALL_COLUMNS, type CallColumn, type CaptureMode, COST_SOURCES, OUTCOMES, USAGE_SOURCES, unknownValue } from './columns.ts';

/** The TypeScript value that stands for a ClickHouse type in JSONEachRow. */
type ValueOf<Type extends string> = Type extends `Nullable(${infer Inner})`
  ? ValueOf<Inner> | null
  : Type extends `LowCardinality(${infer Inner})`
    ? ValueOf<Inner>
    : Type extends 'Bool'
      ? boolean
      : Type extends `UInt${string}` | `Float${string}`
        ? number
        : Type extends `Map(${string}, Float64)`
          ? Record<string, number>
          : Type extends `Map(${string}`
            ? Record<string, string>
            : string;

type ColumnsFrom<Side extends 'proxy' | 'ingest'> = {
  [C in Extract<CallColumn, { from: Side }> as C['name']]: ValueOf<C['type']>;
};

/** The proxy's part of a row. `started_at` is `YYYY-MM-DD hh:mm:ss.ffffff`, UTC. */
export type ProxyColumns = ColumnsFrom<'proxy'>;
/** Ingest's part of a row. `cost_usd` is a decimal string, so that no cent is lost to binary floats. */
export type IngestColumns = ColumnsFrom<'ingest'>;
/** A whole row of table `calls`, as inserted with FORMAT JSONEachRow. */
export type CallRow = ProxyColumns & IngestColumns;

/** The captured bodies of a call whose project asks for them. Text in UTF-8, cut at the configured limit. */
export interface CapturedBodies {
  readonly capture: Exclude<CaptureMode, 'metadata'>;
  readonly request: string;
  readonly response: string;
}

/** The version of the record's shape; ingest accepts this one and older ones. */
export const RECORD_VERSION = 4;

export interface CallRecord extends ProxyColumns {
  /** RECORD_VERSION of the proxy that wrote it. */
  v: number;
  /** What the provider itself says the call cost, in US dollars, where it says so. */
  provider_cost_usd?: number;
  bodies?: CapturedBodies;
}

/** The route and headers by which a batch reaches ingest: `POST`, newline-delimited JSON, gzip or as it is. */
export const BATCH_PATH = '/v1/batches';
export const BATCH_CONTENT_TYPE = 'application/x-ndjson';
/** Stable over retries: it becomes ClickHouse's insert_deduplication_token. At most 128 characters of [A-Za-z0-9._:-]. */
export const BATCH_ID_HEADER = 'x-glassway-batch-id';
/**
 * How long ago the batch was first sent: whole seconds, or `unknown`; absent on the first try. From
 * BATCH_LOOKUP_SECONDS on ClickHouse may have forgotten its token, and ingest looks which records are there.
 */
export const BATCH_AGE_HEADER = 'x-glassway-batch-age';
export const BATCH_LOOKUP_SECONDS = 300;
export const BATCH_ROWS_MAX = 10_000;
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;

/** Ingest's answer to a batch: 200 once ClickHouse has committed it. */
export interface BatchAnswer {
  readonly batch_id: string;
  readonly accepted: number;
  /** Records that are not valid and were set aside; the rest of the batch is in. `line` counts from 1. */
  readonly rejected: readonly { readonly line: number; readonly reason: string }[];
}

/** How the reason begins when it is the record's version that ingest does not know. */
export const VERSION_FAULT = 'v: ';

const UINT64_SAFE_MAX = Number.MAX_SAFE_INTEGER;
const STRING_CHARS_MAX = 64 * 1024;
const ENUMS: Partial<Record<string, readonly string[]>> = {
  outcome: OUTCOMES,
  usage_source: USAGE_SOURCES,
  cost_source: COST_SOURCES,
};
const STARTED_AT = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/;

type Check = (value: unknown) => string | undefined;

const PROXY_CHECKS: readonly (readonly [string, Check])[] = CALL_COLUMNS.filter((column) => column.from === 'proxy').map(
  (column) => [column.name, checkFor(column)] as const,
);
/** Columns that older records do not have: not known. */
const LATER_COLUMNS = CALL_COLUMNS.flatMap((column) => ('since' in column ? [column] : []));
const KNOWN_KEYS: ReadonlySet<string> = new Set([...PROXY_CHECKS.map(([name]) => name), 'v', 'provider_cost_usd', 'bodies']);

/**
 * Checks one parsed line of a batch. Gives the record, or the reason why it is none:
 * which field, what it is and what it should be.
 */
export function parseRecord(value: unknown): { record: CallRecord } | { reason: string } {
  if (!isObject(value)) return { reason: `a record is a JSON object, got ${show(value)}` };
  const version = value['v'];
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version > RECORD_VERSION)
    return { reason: `${VERSION_FAULT}${show(version)}, want an integer from 1 to ${RECORD_VERSION}` };
  const fields: Record<string, unknown> = version === RECORD_VERSION ? value : { ...laterDefaults(version), ...value };
  for (const [name, check] of PROXY_CHECKS) {
    const fault = check(fields[name]);
    if (fault !== undefined) return { reason: `${name}: ${show(fields[name])}, want ${fault}` };
  }
  const cost = value['provider_cost_usd'];
  if (cost !== undefined && !(typeof cost === 'number' && Number.isFinite(cost) && cost >= 0))
    return { reason: `provider_cost_usd: ${show(cost)}, want a number ≥ 0` };
  const bodies = value['bodies'];
  if (bodies !== undefined && !isBodies(bodies))
    return { reason: 'bodies: want { capture: redacted | full, request: string, response: string }' };
  for (const key of Object.keys(value))
    if (!KNOWN_KEYS.has(key)) return { reason: `${show(key)}: no such field in a record of version ${version}` };
  return { record: fields as unknown as CallRecord };
}

function laterDefaults(version: number): Record<string, unknown> {
  return Object.fromEntries(LATER_COLUMNS.filter(({ since }) => version < since).map(({ name, type }) => [name, unknownValue(type)]));
}

function checkFor(column: CallColumn): Check {
  const accepted = ENUMS[column.name];
  if (accepted) return (v) => (typeof v === 'string' && accepted.includes(v) ? undefined : `one of ${accepted.join(', ')}`);
  const { type } = column;
  if (type.startsWith('DateTime64'))
    return (v) => (typeof v === 'string' && STARTED_AT.test(v) ? undefined : 'YYYY-MM-DD hh:mm:ss.ffffff in UTC');
  if (type.includes('UInt'))
    return checkInteger(type.includes('UInt16') ? 0xffff : type.includes('UInt8') ? 0xff : UINT64_SAFE_MAX, type.startsWith('Nullable'));
  if (type.includes('Float32'))
    return (v) => (v === null || (typeof v === 'number' && Number.isFinite(v) && v >= 0) ? undefined : 'milliseconds ≥ 0, or null');
  if (type === 'Bool') return (v) => (typeof v === 'boolean' ? undefined : 'true or false');
  if (type.startsWith('Map') && type.endsWith('Float64)')) return (v) => (isNumberMap(v) ? undefined : 'an object of numbers');
  if (type.startsWith('Map')) return (v) => (isStringMap(v) ? undefined : 'an object of strings');
  return (v) => (typeof v === 'string' && v.length <= STRING_CHARS_MAX ? undefined : `a string of at most ${STRING_CHARS_MAX} characters`);
}

function checkInteger(max: number, nullable: boolean): Check {
  const want = `an integer from 0 to ${max}${nullable ? ', or null' : ''}`;
  return (v) => ((nullable && v === null) || (typeof v === 'number' && Number.isInteger(v) && v >= 0 && v <= max) ? undefined : want);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStringMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((v) => typeof v === 'string');
}

function isNumberMap(value: unknown): value is Record<string, number> {
  return isObject(value) && Object.values(value).every((v) => typeof v === 'number' && Number.isFinite(v));
}

function isBodies(value: unknown): value is CapturedBodies {
  return (
    isObject(value) &&
    (value['capture'] === 'redacted' || value['capture'] === 'full') &&
    typeof value['request'] === 'string' &&
    typeof value['response'] === 'string'
  );
}

/** A value as it may stand in an error message: short, and on one line. */
function show(value: unknown): string {
  const text = value === undefined ? 'missing' : (JSON.stringify(value) ?? typeof value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
