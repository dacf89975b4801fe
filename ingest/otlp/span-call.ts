/** What a span is made of: a row as it was inserted, or as it is read again, and the call's text where it was kept. */
import type { CallRow, CapturedBodies } from '../../contract/record.ts';

export type SpanCall = Omit<CallRow, 'ingested_at' | 'ingest_id' | 'cost_usd'> & {
  /** As decimal text from ingest, as a number from the table. */
  readonly cost_usd: string | number | null;
  readonly bodies?: CapturedBodies | undefined;
};
