/**
 * What the export of spans costs ingest: processor time a call with and without, in fresh processes that take turns. Run it
 * alone: `npm run bench:otlp -- [--calls 20000] [--rounds 3]`. The receiver takes everything and is no part of the figure,
 * nor is ClickHouse, whose own work for the ledger is a few rows a minute.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CALL_COLUMNS, unknownValue } from '../../contract/columns.ts';
import { RECORD_VERSION } from '../../contract/record.ts';
import { startTestClickHouse } from '../kit/clickhouse.ts';
import { until } from '../kit/ingest.ts';
import { freePorts } from '../kit/ports.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '3' } } });
const CALLS = Number(values.calls);
const ROUNDS = Number(values.rounds);
const BATCH_ROWS = 500;
/** Of /proc/<pid>/stat: `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const WAYS = { none: undefined, 'http/protobuf': 'http/protobuf', 'http/json': 'http/json', grpc: 'grpc' } as const;

const receiver = createServer((request, response) => request.resume().once('end', () => response.end()));
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
const { startOtlpReceiver } = await import('../kit/otlp-receiver.ts');
const grpcReceiver = await startOtlpReceiver();
const clickhouse = await startTestClickHouse();

const results = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round += 1)
  for (const way of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
    const perCall_us = await measure(way, `${round}-${way.replace('/', '-')}`);
    results.set(way, [...(results.get(way) ?? []), perCall_us]);
  }
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
const base = median(results.get('none') ?? []);
process.stdout.write(
  `ingest's processor time a call, median of ${ROUNDS} fresh processes, ${CALLS} calls each in batches of ${BATCH_ROWS}\n`,
);
for (const [way, list] of results)
  process.stdout.write(
    `  ${way.padEnd(14)} ${median(list).toFixed(1)} µs${way === 'none' ? '' : `  (+${(median(list) - base).toFixed(1)})`}   ${list.map((each) => each.toFixed(1)).join(' ')}\n`,
  );
await clickhouse.stop();
await grpcReceiver.stop();
receiver.close();

async function measure(way: keyof typeof WAYS, id: string): Promise<number> {
  const protocol = WAYS[way];
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
      ...(protocol && {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: protocol === 'grpc' ? grpcReceiver.grpcUrl : `${endpoint}/v1/traces`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      }),
    },
  });
  const pid = ingest.pid as number;
  await until('ingest is ready', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);
  // The first batches compile; they are not measured.
  await send(url, `${id}-warm`, 10 * BATCH_ROWS);
  const before = cpu_ms(pid);
  await send(url, id, CALLS);
  // What is still under way when the last batch is answered belongs to it.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const spent_ms = cpu_ms(pid) - before;
  if (protocol) await checkSent(url);
  ingest.kill();
  await once(ingest, 'exit');
  return (spent_ms * 1_000) / CALLS;
}

async function checkSent(url: string): Promise<void> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sent = Number(/glassway_ingest_spans_total\{result="sent"\} (\d+)/.exec(text)?.[1]);
  if (sent !== CALLS + 10 * BATCH_ROWS) throw new Error(`${sent} spans were sent, not ${CALLS + 10 * BATCH_ROWS}`);
}

async function send(url: string, id: string, calls: number): Promise<void> {
  for (let from = 0; from < calls; from += BATCH_ROWS) {
    const answer = await fetch(`${url}/v1/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-glassway-batch-id': `${id}-${from}` },
      body: Array.from({ length: BATCH_ROWS }, (_, index) => JSON.stringify(record(`${id}-${from + index}`, from + index))).join('\n'),
    });
    if (answer.status !== 200) throw new Error(await answer.text());
    await answer.arrayBuffer();
  }
}

function record(id: string, seq: number): Record<string, unknown> {
  return {
    ...Object.fromEntries(CALL_COLUMNS.filter(({ from }) => from === 'proxy').map(({ name, type }) => [name, unknownValue(type)])),
    v: RECORD_VERSION,
    id,
    project: `project-${seq % 10}`,
    started_at: `${new Date().toISOString().slice(0, 19).replace('T', ' ')}.000000`,
    upstream: 'openai',
    provider: 'openai',
    operation: 'chat',
    method: 'POST',
    path: '/v1/chat/completions',
    request_model: 'gpt-4o',
    response_model: 'gpt-4o-2024-08-06',
    stream: true,
    status: 200,
    outcome: 'ok',
    finish_reason: 'stop',
    input_tokens: 1_000 + (seq % 100),
    output_tokens: 100,
    cache_read_tokens: 512,
    reasoning_tokens: 0,
    usage_source: 'provider',
    usage_raw: '{"prompt_tokens":1000,"completion_tokens":100}',
    duration_ms: 812.5,
    ttfb_ms: 200.25,
    ttft_ms: 250.5,
    answer_ttft_ms: 250.5,
    overhead_ms: 0.25,
    max_gap_ms: 20,
    output_chunks: 101,
    request_bytes: 4_000,
    response_bytes: 20_000,
    user_id: `user-${seq % 400}`,
    session_id: `session-${seq % 900}`,
    trace_id: randomBytes(16).toString('hex'),
    span_id: randomBytes(8).toString('hex'),
    request_parameters: { temperature: 0.7, max_tokens: 512 },
    response_id: `chatcmpl-${seq}`,
    system_fingerprint: 'fp_44709d6fcb',
    server_address: 'api.openai.com',
    server_port: 443,
    tags: { team: 'pay' },
    key_fingerprint: 'abcdef01',
    sdk: 'OpenAI/JS 7.57.0',
    proxy_id: `bench-${id.split('-')[0]}`,
    seq,
  };
}

function cpu_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
