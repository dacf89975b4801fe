/** What tests of trace export begin with: entries of `otlp`, records with ids of their own, what arrived, what is still open. */
import { randomBytes } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import type { OtlpEntry } from '../../contract/otlp-settings.ts';
import type { CallRecord } from '../../contract/record.ts';
import { clickhouseTime } from '../../ingest/row.ts';
import { sampleRecord } from '../unit/ingest/sample.ts';
import { postBatch } from './ingest.ts';
import type { OtlpReceiver } from './otlp-receiver.ts';

let calls = 0;

export const otlpEntry = (projects: string[], endpoint: string, rest: Partial<OtlpEntry> = {}): OtlpEntry => ({
  projects,
  endpoint,
  protocol: 'http/protobuf',
  headers: {},
  compression: 'none',
  timeoutMs: 2_000,
  ...rest,
});

/** A call of just now. */
export function tracedRecord(changes: Partial<CallRecord> = {}): CallRecord {
  calls += 1;
  return sampleRecord({
    id: `call-${calls}`,
    seq: calls,
    started_at: `${clickhouseTime(new Date()).slice(0, 19)}.000001`,
    trace_id: randomBytes(16).toString('hex'),
    span_id: randomBytes(8).toString('hex'),
    ...changes,
  });
}

/** Throws when they are not all taken. */
export async function postRecords(ingestUrl: string, records: readonly CallRecord[]): Promise<void> {
  const { status, body } = await postBatch(ingestUrl, `batch-${records[0]?.id}`, records);
  if (status !== 200 || body.accepted !== records.length) throw new Error(`${status} ${JSON.stringify(body)}`);
}

export const spanIdsOf = (receiver: OtlpReceiver): string[] => receiver.spans.map(({ spanId }) => spanId);

/** Of all ingests, by state. */
export async function slotStates(client: ClickHouseClient, database = 'glassway'): Promise<Readonly<Record<string, number>>> {
  const answer = await client.query({
    query: `SELECT state, toUInt32(count()) AS slots FROM (
        SELECT argMax(state, updated_at) AS state FROM ${database}.trace_exports WHERE route != '' GROUP BY slot, ingest_id, route)
      GROUP BY state`,
    format: 'JSONEachRow',
  });
  const rows = await answer.json<{ state: string; slots: number }>();
  return Object.fromEntries(rows.map(({ state, slots }) => [state, slots]));
}
