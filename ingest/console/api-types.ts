/**
 * The shapes of the console's query API, shared by the server and the page (types only).
 * NULL means not known, as in table `calls`; times are ISO 8601 in UTC, `times` of a series are
 * seconds since 1970. A share or rate is left to the page: the API gives the counts.
 */
import type { Outcome } from '../../contract/columns.ts';
import type { CallRow, CapturedBodies } from '../../contract/record.ts';
import type { CostStory } from '../cost-types.ts';

/** Sums over some calls. */
export interface Summary {
  readonly calls: number;
  /** Calls that failed: every outcome but `ok` and `client_abort`, which is the caller's own wish. */
  readonly errors: number;
  /** Sum over the calls with a known cost; NULL when no call has one. */
  readonly cost_usd: number | null;
  /** Calls whose tokens are known but not their price. */
  readonly unpriced_calls: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
}

export interface Period {
  readonly from: string;
  readonly to: string;
}

/** A model's calls whose tokens are known and whose price is not: their spend is missing from every sum. */
export interface UnpricedModel {
  readonly provider: string;
  readonly model: string;
  readonly calls: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
}

export interface UnpricedAnswer extends Period {
  /** Most calls first; `more_models` says whether there are others. */
  readonly models: readonly UnpricedModel[];
  readonly more_models: boolean;
}

/** A call as the list shows it. */
export type CallSummary = Pick<
  CallRow,
  | 'id'
  | 'project'
  | 'provider'
  | 'operation'
  | 'upstream'
  | 'path'
  | 'request_model'
  | 'response_model'
  | 'stream'
  | 'status'
  | 'outcome'
  | 'error_type'
  | 'finish_reason'
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_read_tokens'
  | 'reasoning_tokens'
  | 'usage_source'
  | 'duration_ms'
  | 'ttfb_ms'
  | 'ttft_ms'
  | 'answer_ttft_ms'
  | 'overhead_ms'
  | 'user_id'
  | 'session_id'
  | 'trace_id'
  | 'tags'
  | 'sdk'
> & {
  /** ISO 8601, UTC, microseconds. */
  readonly started_at: string;
  readonly cost_usd: number | null;
};

export interface CallsAnswer extends Period {
  readonly calls: readonly CallSummary[];
  /** What to pass as `cursor` for the calls after these; NULL when there are none. */
  readonly next: string | null;
}

/** Calls by outcome for each bucket of time, and what all of them add up to. */
export interface HistogramAnswer extends Period {
  readonly bucket_seconds: number;
  readonly times: readonly number[];
  readonly outcomes: Readonly<Partial<Record<Outcome, readonly number[]>>>;
  readonly total: Summary;
}

/** Values to filter by, most calls first. */
export interface ValuesAnswer extends Period {
  readonly values: readonly FacetValue[];
  readonly more: boolean;
}

export interface CallAnswer {
  readonly call: CallRow;
  readonly bodies: CapturedBodies | null;
  /** How its cost comes about at the prices in use now; NULL when the console was given no prices. */
  readonly price: CostStory | null;
  /** NULL when the call is in no session. */
  readonly session: CallSession | null;
  /** Where the APM shows its trace; NULL when it has none, or `console.traceUrl` is not set. */
  readonly trace_url: string | null;
}

export interface CallLink {
  readonly id: string;
  readonly started_at: string;
}

/** A call's place in its session, from 1. */
export interface CallSession {
  readonly place: number;
  readonly calls: number;
  readonly previous: CallLink | null;
  readonly next: CallLink | null;
}

export interface SessionSummary extends Summary {
  readonly project: string;
  readonly session_id: string;
  readonly cache_read_tokens: number | null;
  /** When its first and its last call began. */
  readonly first_at: string;
  readonly last_at: string;
  /** From the first call's beginning to the last end. */
  readonly span_ms: number;
  /** A few of them by name; the counts are of all. */
  readonly users: readonly string[];
  readonly user_count: number;
  readonly models: readonly string[];
  readonly model_count: number;
}

export interface SessionsAnswer extends Period {
  readonly sessions: readonly SessionSummary[];
  readonly next: string | null;
}

export interface SessionAnswer {
  readonly session: SessionSummary;
  /** In order; `more` says whether there are others after them. */
  readonly calls: readonly CallSummary[];
  readonly more: boolean;
}

export interface FacetValue {
  readonly value: string;
  readonly calls: number;
}

export interface StatusAnswer {
  readonly version: string;
  readonly proxy_url: string;
  /** Whether callers must show a key of their own. */
  readonly needs_key: boolean;
  /** Whether any call has ever been kept. */
  readonly has_calls: boolean;
  /** What to show when nobody chose a range: a day, or less while all calls are younger. As parameter `range` takes it. */
  readonly default_range: string;
}

/** What the loss meter says (ingest/loss.ts). */
export interface CallLoss {
  /** Rows that it looked at. */
  readonly calls: number;
  /** Numbers without a row. */
  readonly missing: number;
  /** Rows beyond the first of their number. */
  readonly duplicates: number;
  /** The proxies concerned, worst first. */
  readonly proxies: readonly { readonly proxy_id: string; readonly calls: number; readonly missing: number; readonly duplicates: number }[];
}
export type LossAnswer = CallLoss & { readonly window_seconds: number; readonly grace_seconds: number };

export interface ErrorAnswer {
  readonly error: {
    readonly code:
      | 'bad_parameter'
      | 'not_found'
      | 'clickhouse_unavailable'
      | 'query_too_heavy'
      | 'internal'
      | 'host_not_allowed'
      | 'login_required';
    /** What is wrong and what to do about it, for a person. */
    readonly message: string;
  };
}
