/**
 * What the export of spans costs ingest: processor time a call without it and over each protocol, in fresh processes that
 * take turns. The receivers take everything and are no part of the figure, nor is ClickHouse, whose own work for the ledger
 * is a few rows a minute.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH, type CallRecord } from '../../contract/record.ts';
import { startTestClickHouse, type TestClickHouse } from '../kit/clickhouse.ts';
import { until } from '../kit/ingest.ts';
import { startOtlpReceiver } from '../kit/otlp-receiver.ts';
import { freePorts } from '../kit/ports.ts';
import { sampleRecord } from '../unit/ingest/sample.ts';
import type { Figures, Part } from './parts/index.ts';
import { median } from './stats.ts';

const BATCH_ROWS = 500;
/** The first batches compile; they are not measured. */
const WARM_CALLS = 20 * BATCH_ROWS;
/** Of /proc/<pid>/stat: `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
/** What is still under way when the last batch is answered belongs to it. */
const AFTER_MS = 3_000;
const WAYS = ['none', 'http/protobuf', 'http/json', 'grpc'] as const;
type Way = (typeof WAYS)[number];

export const measureExport: Part = async ({ quick, tell }) => {
  const [rounds, calls] = quick ? [1, 20_000] : [3, 30_000];
  const http = await startSink();
  const grpc = await startOtlpReceiver();
  const clickhouse = await startTestClickHouse();
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const spent = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const way of WAYS)
        spent
          .get(way)
          ?.push(await measure({ clickhouse, way, calls, endpoint: way === 'grpc' ? grpc.grpcUrl : endpoint, id: `${round}-${way}` }));
      tell(`round ${round + 1} of ${rounds}: ${WAYS.map((way) => `${way} ${spent.get(way)?.at(-1)?.toFixed(1)} µs`).join(', ')}`);
    }
  } finally {
    await clickhouse.stop();
    await grpc.stop();
    http.close();
  }
  const of = (way: Way): number => median(spent.get(way) ?? []);
  const figures = (way: Way): Figures => ({ cpu_us: of(way), export_us: way === 'none' ? undefined : of(way) - of('none') });
  return { rows: new Map(WAYS.map((way) => [way === 'none' ? 'without export' : way, figures(way)])) };
};

async function startSink(): Promise<Server> {
  const server = createServer((request, response) => request.resume().once('end', () => response.end()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

interface Measurement {
  readonly clickhouse: TestClickHouse;
  readonly way: Way;
  readonly calls: number;
  readonly endpoint: string;
  readonly id: string;
}

/** Microseconds of ingest's processor time a call. */
async function measure({ clickhouse, way, calls, endpoint, id }: Measurement): Promise<number> {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const ingest = spawn(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), 'ingest'], {
    cwd: clickhouse.dataDir,
    stdio: 'ignore',
    env: {
      ...process.env,
      GLASSWAY_LISTEN_INGEST: String(port),
      CLICKHOUSE_URL: clickhouse.url,
      CLICKHOUSE_USER: clickhouse.writer.username,
      CLICKHOUSE_PASSWORD: clickhouse.writer.password,
      OTEL_METRICS_EXPORTER: 'none',
      ...(way !== 'none' && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: way }),
    },
  });
  const pid = ingest.pid as number;
  try {
    await until('ingest is ready', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);
    await send(url, `${id}-warm`, WARM_CALLS);
    const before = cpuMs(pid);
    await send(url, id, calls);
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    const spent_ms = cpuMs(pid) - before;
    if (way !== 'none') await checkSent(url, calls + WARM_CALLS);
    return (spent_ms * 1_000) / calls;
  } finally {
    ingest.kill();
    await once(ingest, 'exit');
  }
}

async function checkSent(url: string, calls: number): Promise<void> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sent = Number(/glassway_ingest_spans_total\{result="sent"\} (\d+)/.exec(text)?.[1]);
  if (sent !== calls) throw new Error(`${sent} spans were sent, not ${calls}`);
}

async function send(url: string, id: string, calls: number): Promise<void> {
  for (let from = 0; from < calls; from += BATCH_ROWS) {
    const answer = await fetch(`${url}${BATCH_PATH}`, {
      method: 'POST',
      headers: { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: `${id.replace('/', '-')}-${from}` },
      body: Array.from({ length: BATCH_ROWS }, (_, index) => JSON.stringify(record(id, from + index))).join('\n'),
    });
    if (answer.status !== 200) throw new Error(await answer.text());
    await answer.arrayBuffer();
  }
}

/** A streamed call with about all that a span says. */
function record(run: string, seq: number): CallRecord {
  return sampleRecord({
    id: `${run}-${seq}`,
    project: `project-${seq % 10}`,
    started_at: `${new Date().toISOString().slice(0, 19).replace('T', ' ')}.000000`,
    stream: true,
    cache_read_tokens: 512,
    reasoning_tokens: 0,
    ttft_ms: 250.5,
    answer_ttft_ms: 250.5,
    max_gap_ms: 20,
    output_chunks: 101,
    user_id: `user-${seq % 400}`,
    session_id: `session-${seq % 900}`,
    trace_id: randomBytes(16).toString('hex'),
    span_id: randomBytes(8).toString('hex'),
    request_parameters: { temperature: 0.7, max_tokens: 512 },
    response_id: `chatcmpl-${seq}`,
    system_fingerprint: 'fp_44709d6fcb',
    server_address: 'api.openai.com',
    server_port: 443,
    key_fingerprint: 'abcdef01',
    sdk: 'OpenAI/JS 7.57.0',
    proxy_id: `bench-${run}`,
    seq,
  });
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
