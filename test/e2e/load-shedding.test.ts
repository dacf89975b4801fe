/**
 * Many large batches at once, with ClickHouse standing still: ingest refuses for now what is beyond its share, before
 * its memory grows, and in the end has every record once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { BATCH_BYTES_MAX, BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH } from '../../contract/record.ts';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { scratchDir, waitFor } from '../kit/glassway.ts';
import { freePorts } from '../kit/ports.ts';
import { watchMemory } from '../kit/process-memory.ts';
import { sampleRecord } from '../unit/ingest/sample.ts';

const MAIN = resolve(import.meta.dirname, '../../cli/main.ts');
const BATCHES = 12;
const RECORDS = 100;
/** A quarter of what all of them would take at once, and twice what is measured (ingest/budget.ts). */
const GROWN_BYTES_MAX = 600 * 1024 ** 2;

let clickhouse: TestClickHouse;
let ingest: ChildProcess;
let url: string;

beforeAll(async () => {
  clickhouse = await startTestClickHouse();
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  const env = {
    CLICKHOUSE_URL: clickhouse.url,
    CLICKHOUSE_USER: clickhouse.writer.username,
    CLICKHOUSE_PASSWORD: clickhouse.writer.password,
    GLASSWAY_LISTEN_INGEST: String(port),
  };
  ingest = spawn(process.execPath, [MAIN, 'ingest', '--data', join(scratchDir(), 'data')], {
    cwd: scratchDir(),
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  await waitFor('ingest to be ready', async () => {
    try {
      return (await fetch(`${url}/readyz`)).ok || undefined;
    } catch {
      return undefined;
    }
  });
});
afterAll(async () => {
  const exited = once(ingest, 'exit');
  ingest.kill('SIGTERM');
  await exited;
  await clickhouse?.stop();
});

/** Nearly as large as a batch may be, and small on the wire. */
function largeBatch(number: number): Uint8Array<ArrayBuffer> {
  const bodies = { capture: 'full', request: 'x'.repeat(BATCH_BYTES_MAX / RECORDS - 4_000), response: '' } as const;
  const records = Array.from({ length: RECORDS }, (_, seq) =>
    JSON.stringify(sampleRecord({ id: `shed-${number}-${seq}`, project: 'shed', proxy_id: `shed-${number}`, seq: seq + 1, bodies })),
  );
  return new Uint8Array(gzipSync(records.join('\n')));
}

interface Refused {
  readonly status: number;
  readonly retryAfter: string | null;
}

/** Sends as the shipper does: until it is taken. Gives what it was refused with before. */
async function deliver(number: number): Promise<readonly Refused[]> {
  const body = largeBatch(number);
  const refused: Refused[] = [];
  for (;;) {
    // An idle connection may be closed while this process is busy with its batches: that is no answer.
    const answer = await fetch(`${url}${BATCH_PATH}`, {
      method: 'POST',
      headers: { 'content-type': BATCH_CONTENT_TYPE, 'content-encoding': 'gzip', [BATCH_ID_HEADER]: `shed-${number}` },
      body,
    }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return refused;
    if (answer !== undefined) refused.push({ status: answer.status, retryAfter: answer.headers.get('retry-after') });
    await sleep(250 + Math.random() * 250);
  }
}

test('a gzip bomb is refused without its memory being taken', async () => {
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(512 * 1024 ** 2)));
  const grown_bytes = watchMemory(ingest.pid as number);
  const answer = await fetch(`${url}${BATCH_PATH}`, {
    method: 'POST',
    headers: { 'content-type': BATCH_CONTENT_TYPE, 'content-encoding': 'gzip', [BATCH_ID_HEADER]: 'bomb' },
    body: bomb,
  });
  expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: 'batch_too_large' } }]);
  expect(grown_bytes()).toBeLessThan(200 * 1024 ** 2);
});

test('what is beyond its share is refused with Retry-After, its memory stays bounded, and every record is there once', async () => {
  const grown_bytes = watchMemory(ingest.pid as number);
  const pid = clickhouse.pid() as number;
  process.kill(pid, 'SIGSTOP');
  const deliveries = Array.from({ length: BATCHES }, (_, number) => deliver(number));
  await sleep(3_000);
  process.kill(pid, 'SIGCONT');
  const refused = (await Promise.all(deliveries)).flat();
  expect(refused.length).toBeGreaterThan(BATCHES / 2);
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
  expect(refused.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
  expect(grown_bytes()).toBeLessThan(GROWN_BYTES_MAX);
  const answer = await clickhouse.client.query({
    query: "SELECT toUInt32(count()) AS calls, toUInt32(uniqExact(id)) AS ids FROM calls WHERE project = 'shed'",
    format: 'JSONEachRow',
  });
  expect(await answer.json()).toEqual([{ calls: BATCHES * RECORDS, ids: BATCHES * RECORDS }]);
}, 180_000);
