/**
 * What is known of a call before the provider has answered, and the record that is made of it when nothing
 * more will ever be known: the process that carried it died, and the money may be spent.
 */
import { CALL_COLUMNS, unknownValue } from '../../contract/columns.ts';
import type { CallRecord, ProxyColumns } from '../../contract/record.ts';
import { RECORD_VERSION } from '../../contract/record.ts';

export type StartColumns = Pick<
  ProxyColumns,
  | 'id'
  | 'project'
  | 'started_at'
  | 'upstream'
  | 'provider'
  | 'operation'
  | 'method'
  | 'path'
  | 'user_id'
  | 'session_id'
  | 'trace_id'
  | 'span_id'
  | 'parent_span_id'
  | 'tags'
  | 'key_fingerprint'
  | 'sdk'
>;

/** `error_type` of a call whose proxy died before it was over. */
export const PROXY_DIED = 'proxy_died';

/** What a column says when nobody knows. */
const UNKNOWN: Record<string, unknown> = Object.fromEntries(
  CALL_COLUMNS.filter(({ from }) => from === 'proxy').map(({ name, type }) => [name, unknownValue(type)]),
);

export function unfinishedRecord(start: StartColumns & Pick<CallRecord, 'seq' | 'proxy_id'>, errorType: string): CallRecord {
  return { ...UNKNOWN, v: RECORD_VERSION, ...start, outcome: 'gateway_error', error_type: errorType, usage_source: 'none' } as CallRecord;
}
