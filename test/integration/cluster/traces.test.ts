/** The ledger of trace export on a ClickHouse of two shards: each ingest through a node of its own. */
import type { Ingest } from '../../../ingest/main.ts';
import type { TestClickHouse } from '../../kit/clickhouse.ts';
import { CLUSTER_READER, CLUSTER_WRITER, startTestCluster, TEST_CLUSTER, type TestCluster } from '../../kit/cluster.ts';
import { ingestSettings, startTestIngest, until } from '../../kit/ingest.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { otlpEntry, postRecords, slotStates, spanIdsOf, tracedRecord } from '../../kit/trace-export.ts';

let cluster: TestCluster;
let receiver: OtlpReceiver;

beforeAll(async () => {
  cluster = await startTestCluster();
  receiver = await startOtlpReceiver();
}, 120_000);
afterAll(async () => {
  await receiver?.stop();
  await cluster?.stop();
});

async function ingestAt(node: number): Promise<Ingest> {
  const logins = { writer: CLUSTER_WRITER, reader: CLUSTER_READER } as unknown as TestClickHouse;
  const settings = await ingestSettings(logins, {}, cluster.urls[node]);
  return startTestIngest({
    ...settings,
    clickhouse: { ...settings.clickhouse, cluster: TEST_CLUSTER, nodes: [...cluster.urls] },
    otlp: [otlpEntry(['checkout'], receiver.httpUrl, { timeoutMs: 500 })],
    traces: { ...settings.traces, takeOverAfterSeconds: 2 },
  });
}

test('what one ingest could not export before it stopped, another reads from all shards, once, and says so for all', async () => {
  const [client] = cluster.clients;
  if (client === undefined) throw new Error('a cluster has a node');
  receiver.manners = { status: 503 };
  const first = await ingestAt(0);
  const batches = Array.from({ length: 6 }, () => [tracedRecord(), tracedRecord()]);
  for (const batch of batches) await postRecords(first.url, batch);
  await first.stop();
  const answer = await client.query({
    query: 'SELECT toUInt32(uniqExact(_shard_num)) AS shards FROM glassway.calls',
    format: 'JSONEachRow',
  });
  expect(await answer.json()).toEqual([{ shards: 2 }]);
  expect(receiver.spans).toEqual([]);
  receiver.manners = {};
  const others = [await ingestAt(1), await ingestAt(0)];
  try {
    await until('all arrive', () => new Set(spanIdsOf(receiver)).size === 12);
    await until('no slot is open, whichever node is asked', async () => {
      const states = await Promise.all(cluster.clients.map((each) => slotStates(each)));
      return states.every((state) => state['open'] === undefined && (state['done'] ?? 0) > 0);
    });
    expect(spanIdsOf(receiver).sort()).toEqual(
      batches
        .flat()
        .map(({ span_id }) => span_id)
        .sort(),
    );
    const next = tracedRecord();
    await postRecords(others[0]?.url ?? '', [next]);
    await until('a new one arrives', () => spanIdsOf(receiver).includes(next.span_id));
  } finally {
    for (const ingest of others) await ingest.stop();
  }
});
