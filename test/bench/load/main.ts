/**
 * The load generator: `node load/main.ts '<LoadOrder as JSON>'`, a process of its own with the provider in it.
 * Says `begin` and `end {…}` on standard output, so that whoever started it can look at the contender's
 * processor time at just these moments. Three ways of loading: as fast as answers come, at a fixed rate whether
 * answers come or not, and streams that stay open.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentiles } from '../stats.ts';
import { Connection, type Reply } from './connection.ts';
import type { LoadOrder, LoadResult } from './order.ts';
import { startProvider } from './provider.ts';

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;
const request = makeRequest(order);
/** So many connections are opened before the contender gets a pause to take them. */
const CONNECT_AT_ONCE = 200;

const state = { measuring: false, begin_ms: 0, end_ms: 0, calls: 0, events: 0, failed: 0, faults: new Set<string>() };
const latencies_ms: number[] = [];
const firsts_ms: number[] = [];

function say(word: string, value?: object): void {
  process.stdout.write(`${word}${value === undefined ? '' : ` ${JSON.stringify(value)}`}\n`);
}

function makeRequest({ path, headers, stream, port }: LoadOrder): Buffer {
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
    temperature: 0.2,
    messages: [
      { role: 'system', content: 'You answer briefly and name your sources.' },
      { role: 'user', content: 'What did the quarterly report say about this? '.repeat(16) },
    ],
  });
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    'accept: application/json',
    'content-type: application/json',
    'user-agent: OpenAI/JS 6.1.0',
    'authorization: Bearer sk-bench-0123456789abcdef',
    'x-stainless-lang: js',
    'x-stainless-runtime: node',
    'accept-language: *',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** `since_ms`: when the call was meant to go out. */
function count(reply: Reply, since_ms: number): void {
  if (!state.measuring) return;
  state.calls += 1;
  state.events += reply.events;
  if (reply.status !== 200) fail(`status ${reply.status}`);
  latencies_ms.push(performance.now() - since_ms);
  firsts_ms.push(reply.first_ms - since_ms);
}

function fail(reason: string): void {
  state.failed += 1;
  if (state.faults.size < 10) state.faults.add(reason);
}

/** Each connection sends its next call as soon as it has an answer. */
function loadClosed(): void {
  const open = (): void => {
    new Connection(order.port, next, (reason) => {
      fail(reason);
      setTimeout(open, 50);
    });
  };
  const next = (connection: Connection): void => {
    const sent_ms = performance.now();
    connection.send(request, (reply) => {
      count(reply, sent_ms);
      next(connection);
    });
  };
  for (let i = 0; i < order.connections; i += 1) open();
}

/**
 * Calls go out at their times whether earlier ones were answered or not, and their latency counts from the time at
 * which they were meant to go out: a contender that stalls is not asked less meanwhile. The loop spins instead of
 * sleeping, since timers are exact to a millisecond only.
 */
function loadOpen(rate: number): void {
  const idle: Connection[] = [];
  const due_ms: number[] = [];
  const start_ms = performance.now();
  let sent = 0;
  const serve = (connection: Connection): void => {
    const meant_ms = due_ms.shift();
    if (meant_ms === undefined) idle.push(connection);
    else send(connection, meant_ms);
  };
  const send = (connection: Connection, meant_ms: number): void => {
    connection.send(request, (reply) => {
      count(reply, meant_ms);
      serve(connection);
    });
  };
  const open = (): Connection =>
    new Connection(order.port, serve, (reason) => {
      fail(reason);
      setTimeout(open, 50);
    });
  for (let i = 0; i < order.connections; i += 1) open();
  const spin = (): void => {
    const now_ms = performance.now();
    for (let meant_ms = start_ms + (sent * 1000) / rate; meant_ms <= now_ms; meant_ms = start_ms + (sent * 1000) / rate) {
      sent += 1;
      const connection = idle.pop();
      if (connection) send(connection, meant_ms);
      else due_ms.push(meant_ms);
    }
    setImmediate(spin);
  };
  spin();
}

/** Opens all streams, not all in the same instant; each that ends is begun again. */
async function loadStreams(): Promise<() => number> {
  const connections: Connection[] = [];
  const begin = (connection: Connection): void => {
    const sent_ms = performance.now();
    connection.send(request, (reply) => {
      count(reply, sent_ms);
      begin(connection);
    });
  };
  for (let i = 0; i < order.connections; i += 1) {
    connections.push(new Connection(order.port, begin, fail));
    if (i % CONNECT_AT_ONCE === CONNECT_AT_ONCE - 1) await sleep(100);
    else if (order.spread_ms > 0) await sleep(order.spread_ms);
  }
  return () => connections.reduce((sum, connection) => sum + connection.events, 0);
}

async function main(): Promise<void> {
  if (order.provider) await startProvider(order.provider);
  let running = (): number => 0;
  if (order.stream) running = await loadStreams();
  else if (order.rate === undefined) loadClosed();
  else loadOpen(order.rate);
  await sleep(order.warmup_s * 1000);
  say('begin');
  const before = running();
  state.measuring = true;
  state.begin_ms = performance.now();
  await sleep(order.duration_s * 1000);
  state.measuring = false;
  state.end_ms = performance.now();
  const seconds = (state.end_ms - state.begin_ms) / 1000;
  const result: LoadResult = {
    seconds,
    calls: state.calls,
    events: state.events + running() - before,
    failed: state.failed,
    faults: [...state.faults],
    latency_ms: percentiles(latencies_ms),
    first_ms: percentiles(firsts_ms),
  };
  say('end', result);
  process.exit(0);
}

// Whoever started this is gone.
process.stdin.on('end', () => process.exit(1)).resume();

await main();
