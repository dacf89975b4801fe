/**
 * The answers by which ingest refuses a batch: one table of code → status → whether to come back.
 * The shipper takes 408, 429 and 5xx for "again later" and every other 4xx for "never", so a status
 * here decides whether data is kept: only what no retry can mend may be 4xx.
 */
export interface RefusalEntry {
  readonly status: number;
  /** Seconds for `Retry-After`; missing: the same batch will never be taken. */
  readonly retryAfterSeconds?: number;
  readonly message: string;
}

export const REFUSALS = {
  invalid_batch_id: { status: 400, message: 'The batch id is missing or not valid.' },
  invalid_encoding: { status: 400, message: 'The body is not what its Content-Encoding says.' },
  not_ndjson: { status: 400, message: 'The body is not newline-delimited JSON.' },
  incomplete_body: { status: 408, message: 'The body ended before it was complete.' },
  batch_too_large: { status: 413, message: 'The batch has too many bytes.' },
  too_many_rows: { status: 413, message: 'The batch has too many records.' },
  unsupported_type: { status: 415, message: 'The Content-Type is not supported.' },
  unsupported_encoding: { status: 415, message: 'The Content-Encoding is not supported.' },
  overloaded: { status: 503, retryAfterSeconds: 1, message: 'Too many batches are in work.' },
  not_ready: { status: 503, retryAfterSeconds: 2, message: 'The database is not ready yet.' },
  record_too_new: {
    status: 503,
    retryAfterSeconds: 10,
    message: 'The records are of a later release: upgrade ingest before proxies. They wait until then.',
  },
  stopping: { status: 503, retryAfterSeconds: 2, message: 'Ingest is shutting down.' },
  insert_failed: { status: 503, retryAfterSeconds: 2, message: 'ClickHouse did not take the batch.' },
  schema_mismatch: { status: 503, retryAfterSeconds: 30, message: 'ClickHouse refuses valid records: its tables do not fit this version.' },
  internal: { status: 500, retryAfterSeconds: 5, message: 'Ingest failed on this batch.' },
} as const satisfies Record<string, RefusalEntry>;

export type RefusalCode = keyof typeof REFUSALS;

/** A refusal on its way to the shipper. `detail` says what was wrong here, and what would be right. */
export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, detail: string, options?: ErrorOptions) {
    super(`${REFUSALS[code].message} ${detail}`.trim(), options);
    this.name = 'Refusal';
    this.code = code;
  }

  get status(): number {
    return REFUSALS[this.code].status;
  }

  get retryAfterSeconds(): number | undefined {
    const entry: RefusalEntry = REFUSALS[this.code];
    return entry.retryAfterSeconds;
  }
}
