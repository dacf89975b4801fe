/**
 * ClickHouse for commands that write into it: the configured server, or the embedded one that `glassway up` runs on this
 * data folder. Gives a client that answers, or a StartError that says what would be right.
 */
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import { writerLogin } from './writer-login.ts';

/** A month of calls is read and changed in one request each. */
const REQUEST_MS_MAX = 3_600_000;

/** @throws StartError when nothing answers there */
export async function connectAsWriter(settings: Settings, dataDir: string, application: string): Promise<ClickHouseClient> {
  const client = createClient({
    ...writerLogin(settings, dataDir),
    application,
    request_timeout: REQUEST_MS_MAX,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const answer = await client.ping({ select: true });
  if (answer.success) return client;
  await client.close();
  throw new StartError(
    `ClickHouse does not answer (${answer.error.message}). Start glassway up in another terminal, or set CLICKHOUSE_URL.`,
    {
      cause: answer.error,
    },
  );
}
