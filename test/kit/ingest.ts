/** Ingests for tests: in this process, in front of an embedded ClickHouse, with a way to send them batches. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSettings, type Settings } from '../../contract/config.ts';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH, type BatchAnswer, type CallRecord } from '../../contract/record.ts';
import { type Ingest, startIngest } from '../../ingest/main.ts';
import type { TestClickHouse } from './clickhouse.ts';
import { endAtLast } from './leftovers.ts';
import { freePorts } from './ports.ts';

export async function ingestSettings(clickhouse: TestClickHouse, changes: Partial<Settings> = {}, url = clickhouse.url): Promise<Settings> {
  const [port] = await freePorts(1);
  const settings = loadSettings({
    file: '/dev/null',
    env: {
      CLICKHOUSE_URL: url,
      CLICKHOUSE_USER: clickhouse.writer.username,
      CLICKHOUSE_PASSWORD: clickhouse.writer.password,
      GLASSWAY_CLICKHOUSE_READ_USERNAME: clickhouse.reader.username,
      GLASSWAY_CLICKHOUSE_READ_PASSWORD: clickhouse.reader.password,
      GLASSWAY_LISTEN_INGEST: String(port),
    },
  });
  return { ...settings, ...changes };
}

export async function startTestIngest(settings: Settings, log: (level: string, message: string) => void = () => {}): Promise<Ingest> {
  const ingest = await startIngest(settings, { version: '0.0.0-test', log });
  endAtLast(() => ingest.stop()); // which may be called twice
  for (let tries = 0; tries < 300; tries += 1) {
    const response = await fetch(`${ingest.url}/readyz`);
    await response.arrayBuffer();
    if (response.status === 200) return ingest;
    await sleep(50);
  }
  throw new Error('ingest did not become ready');
}

export async function postBatch(
  ingestUrl: string,
  id: string,
  records: readonly CallRecord[],
): Promise<{ status: number; body: BatchAnswer }> {
  const response = await fetch(`${ingestUrl}${BATCH_PATH}`, {
    method: 'POST',
    headers: { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: id },
    body: records.map((record) => JSON.stringify(record)).join('\n'),
  });
  return { status: response.status, body: (await response.json()) as BatchAnswer };
}

/** Asks until it is so, for half a minute at most. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit_ms = 30_000): Promise<void> {
  const end = performance.now() + limit_ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await sleep(50);
  }
}
