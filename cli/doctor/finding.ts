/** What a check of `glassway doctor` says, and what all checks are given. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Settings } from '../../contract/config.ts';

export type Status = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly check: string;
  readonly status: Status;
  readonly message: string;
  /** What to do about it; of every finding that is not ok. */
  readonly mend?: string;
}

export interface Patient {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly version: string;
  readonly writer: ClickHouseClient;
  readonly reader: ClickHouseClient;
  /** Of proxy, its operators' port, and ingest. */
  readonly urls: { readonly proxy: string; readonly admin: string; readonly ingest: string };
  /** A project key, for a proxy that asks for one. */
  readonly key: string | undefined;
}

export type Check = (patient: Patient) => Promise<readonly Finding[]>;

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message });
export const warn = (check: string, message: string, mend: string): Finding => ({ check, status: 'warn', message, mend });
export const fail = (check: string, message: string, mend: string): Finding => ({ check, status: 'fail', message, mend });
export const skip = (check: string, message: string, mend: string): Finding => ({ check, status: 'skip', message, mend });

export async function rows<Row>(client: ClickHouseClient, query: string, query_params: Record<string, unknown> = {}): Promise<Row[]> {
  const answer = await client.query({
    query,
    query_params,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return answer.json<Row>();
}
