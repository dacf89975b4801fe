/**
 * `npm run apm-away -- [--minutes 10] [--rate 5]`: a real Glassway under a low load whose trace receiver goes away for so
 * long, with ingest killed in the middle of it. Says what arrived once the receiver is back: every call's span at least
 * once, and never two span ids for a call. Exits with 1 when that is not so. The automatic test does it within seconds.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startGlassway } from '../kit/glassway.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../kit/otlp-receiver.ts';
import { childNamed } from '../kit/processes.ts';
import { startUpstream } from '../kit/upstream.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '5' } } });
const AWAY_MS = Number(values.minutes) * 60_000;
const BETWEEN_MS = 1_000 / Number(values.rate);
/** With the receiver there, before and after. */
const AROUND_MS = 20_000;
const ALL_BACK_MS_MAX = 300_000;
const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, message: { role: 'assistant', content: 'It rains.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 },
});

const provider = await startUpstream((response) => void response.setHeader('content-type', 'application/json').end(ANSWER));
let receiver = await startOtlpReceiver();
const port = Number(new URL(receiver.httpUrl).port);
const arrived: ReceivedSpan[] = [];
const glassway = await startGlassway({
  settings: { upstreams: { openai: { baseUrl: provider.origin } } },
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.httpUrl, OTEL_METRICS_EXPORTER: 'none' },
});

const began_ms = Date.now();
const tell = (message: string): void =>
  void process.stdout.write(`${String(Math.round((Date.now() - began_ms) / 1_000)).padStart(5)} s  ${message}\n`);
const spans = (): ReceivedSpan[] => [...arrived, ...receiver.spans];
const ingest = (): number => childNamed(glassway, 'glassway ingest');
let memory_mb = 0;
let made = 0;
let failed = 0;

async function call(): Promise<void> {
  made += 1;
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Weather?' }] });
  const headers = { 'content-type': 'application/json', 'x-glassway-project': 'away' };
  const answer = await fetch(`${glassway.proxyUrl}/openai/v1/chat/completions`, { method: 'POST', headers, body });
  if (!answer.ok) failed += 1;
  await answer.arrayBuffer();
}

async function load(for_ms: number): Promise<void> {
  const until_ms = Date.now() + for_ms;
  while (Date.now() < until_ms) {
    await call();
    memory_mb = Math.max(memory_mb, residentMb());
    await sleep(BETWEEN_MS);
  }
}

function residentMb(): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${ingest()}/status`, 'utf8'))?.[1]) / 1_024;
  } catch {
    return 0; // between two of them
  }
}

try {
  await load(AROUND_MS);
  tell(`${made} calls, ${spans().length} spans; the receiver goes away`);
  arrived.push(...receiver.spans);
  await receiver.stop();
  await load(AWAY_MS / 2);
  tell(`${made} calls; ingest is killed`);
  process.kill(ingest(), 'SIGKILL');
  await load(AWAY_MS / 2);
  receiver = await startOtlpReceiver({ port });
  tell(`${made} calls, ${spans().length} spans; the receiver is back`);
  await load(AROUND_MS);
  const back_ms = Date.now();
  let rows: { id: string; span_id: string }[] = [];
  const missing = (): number => {
    const seen = new Set(spans().map(({ spanId }) => spanId));
    return rows.filter(({ span_id }) => !seen.has(span_id)).length;
  };
  do {
    await sleep(1_000);
    rows = (await glassway.query('SELECT id, span_id FROM calls')) as typeof rows;
  } while ((rows.length < made || missing() > 0) && Date.now() - back_ms < ALL_BACK_MS_MAX);
  const idsOf = Map.groupBy(spans(), ({ attributes }) => attributes.get('glassway.call.id')?.stringValue);
  const twoIds = [...idsOf.values()].filter((list) => new Set(list.map(({ spanId }) => spanId)).size > 1).length;
  tell(`${made} calls (${failed} failed), ${rows.length} rows, ${missing()} without a span, ${twoIds} with two span ids`);
  tell(
    `${spans().length - idsOf.size} spans came twice; all were there ${Math.round((Date.now() - back_ms + AROUND_MS) / 1_000)} s after the receiver was back; ingest took up to ${Math.round(memory_mb)} MB`,
  );
  if (rows.length !== made || missing() > 0 || twoIds > 0) process.exitCode = 1;
} finally {
  await glassway.stop();
  await receiver.stop();
  await provider.close();
}
