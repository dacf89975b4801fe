/** The parts that put a contender under load. Their shapes are in the README; the numbers here are what figures depend on. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSignedCertificate } from '../../kit/tls.ts';
import { BARE, type Contender, DIRECT, GLASSWAY, missing, NGINX, PORTKEY, RIVALS, scratchDirs } from '../contenders/index.ts';
import { alternate, type Load, type Measured, type MeasureOptions, measure, WHOLE_ANSWERS } from '../measure.ts';
import { median } from '../stats.ts';
import type { Figures, Part, PartContext } from './index.ts';

const CONNECTIONS = 64;
const RATE = 500;
/** 100 streams of one event each 20 ms: 5,000 events a second. */
const STREAM: Omit<Load, 'warmup_s' | 'duration_s'> = {
  stream: true,
  rate: undefined,
  connections: 100,
  spread_ms: 5,
  chunks: 100,
  interval_ms: 20,
  tls: undefined,
};
/** Streams that hardly move, as when many people watch a slow model. */
const SLOW_STREAM = { ...STREAM, spread_ms: 0, chunks: 100_000, interval_ms: 5_000 };
const SLOW_STREAMS = 1_000;
const SLOW_STREAMS_MAX = 10_000;
/** A proxied stream takes two sockets; the rest is for everything else that a process has open. */
const FILES_SPARE = 120;
const SOAK_CALLS = 1_000_000;
const SOAK_CALLS_QUICK = 200_000;
/** On a machine that is busy with other things it ends with fewer calls. */
const SOAK_SECONDS_MAX = 600;
const SOAK_WARMUP_S = 15;
const KB_PER_MB = 1_024;

const present = (contenders: readonly Contender[], { tell }: PartContext): Contender[] =>
  contenders.filter((contender) => {
    const why = missing(contender);
    if (why !== undefined) tell(`${contender.name} is left out: ${why}`);
    return why === undefined;
  });

/** The medians of each contender's runs. */
async function compare(
  contenders: readonly Contender[],
  rounds: number,
  context: PartContext,
  run: (contender: Contender) => Promise<Measured>,
  figures: (measured: Measured) => Figures,
): Promise<Map<string, Figures>> {
  const once = async (contender: Contender): Promise<Figures> => {
    const measured = await run(contender);
    if (measured.failed > 0) context.tell(`${contender.name}: ${measured.failed} calls failed (${measured.faults.join(', ')})`);
    return figures(measured);
  };
  const results = await alternate(present(contenders, context), rounds, once, context.tell);
  return new Map([...results].map(([name, runs]) => [name, medians(runs)]));
}

function medians(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.flatMap((run) => (run[name] === undefined ? [] : [run[name]])))]));
}

export const throughput: Part = async (context) => {
  const rows = await compare(
    [NGINX, BARE, GLASSWAY],
    context.quick ? 1 : 3,
    context,
    (contender) => measure(contender, fast(context)),
    whole,
  );
  return { rows, yardstick: BARE.name };
};

/** Once each: they are far away from the yardstick, or their distance is no goal. */
export const rivals: Part = async (context) => ({
  rows: await compare(RIVALS, 1, context, (contender) => measure(contender, fast(context)), whole),
  yardstick: BARE.name,
});

const fast = ({ quick }: PartContext): Load => ({
  ...WHOLE_ANSWERS,
  connections: CONNECTIONS,
  warmup_s: quick ? 4 : 15,
  duration_s: quick ? 3 : 6,
});

function whole({ calls_s, cpu_us_per_call, latency_ms, memory_kb }: Measured): Figures {
  return {
    calls_s,
    cpu_us_per_call: cpu_us_per_call > 0 ? cpu_us_per_call : undefined,
    p50_ms: latency_ms.p50,
    p99_ms: latency_ms.p99,
    memory_mb: memory_kb > 0 ? memory_kb / KB_PER_MB : undefined,
  };
}

export const latency: Part = async (context) => {
  const { quick } = context;
  const load = { ...WHOLE_ANSWERS, connections: CONNECTIONS, rate: RATE, warmup_s: quick ? 3 : 10, duration_s: quick ? 4 : 8 };
  const contenders = quick ? [DIRECT, BARE, GLASSWAY] : [DIRECT, NGINX, BARE, GLASSWAY, PORTKEY];
  const figures = ({ latency_ms }: Measured) => ({ p50_ms: latency_ms.p50, p90_ms: latency_ms.p90, p99_ms: latency_ms.p99 });
  const rows = await compare(contenders, quick ? 1 : 2, context, (contender) => measure(contender, load), figures);
  return { rows: withAdded(rows, ['p50_ms', 'p99_ms']), yardstick: BARE.name };
};

/** What a contender adds to what the provider takes without one. */
function withAdded(rows: ReadonlyMap<string, Figures>, names: readonly string[]): Map<string, Figures> {
  const direct = rows.get(DIRECT.name) ?? {};
  return new Map(
    [...rows].map(([name, figures]) => {
      const added = names.map((each) => [`added_${each}`, name === DIRECT.name ? undefined : (figures[each] ?? 0) - (direct[each] ?? 0)]);
      return [name, { ...figures, ...Object.fromEntries(added) }];
    }),
  );
}

export const streams: Part = async (context) => {
  const { quick } = context;
  const load = { ...STREAM, warmup_s: quick ? 4 : 8, duration_s: quick ? 4 : 8 };
  const contenders = quick ? [DIRECT, BARE, GLASSWAY] : [DIRECT, NGINX, BARE, GLASSWAY, PORTKEY];
  const figures = (measured: Measured) => ({
    events_s: measured.events / measured.seconds,
    cpu_us_per_event: measured.cpu_us_per_event > 0 ? measured.cpu_us_per_event : undefined,
    first_p50_ms: measured.first_ms.p50,
    first_p99_ms: measured.first_ms.p99,
  });
  const rows = await compare(contenders, quick ? 1 : 2, context, (contender) => measure(contender, load), figures);
  return { rows: withAdded(rows, ['first_p50_ms']), yardstick: BARE.name };
};

const perStream = (count: number) => (measured: Measured) => ({
  streams: count,
  failed: measured.failed,
  memory_mb: measured.memory_kb / KB_PER_MB,
  kb_per_stream: (measured.memory_kb - measured.memory_idle_kb) / count,
});

export const memory: Part = async (context) => {
  const load = { ...SLOW_STREAM, connections: SLOW_STREAMS, warmup_s: 4, duration_s: 6 };
  const contenders = [NGINX, BARE, GLASSWAY, PORTKEY];
  const rows = await compare(contenders, 1, context, (contender) => measure(contender, load), perStream(SLOW_STREAMS));
  return { rows, yardstick: BARE.name };
};

/** As many as the system's limit on open files allows, up to 10,000. */
export const slowStreams: Part = async (context) => {
  const files = Number(execFileSync('sh', ['-c', 'ulimit -Hn']).toString().trim());
  const count = Number.isNaN(files) ? SLOW_STREAMS_MAX : Math.min(SLOW_STREAMS_MAX, Math.floor((files - FILES_SPARE) / 2));
  const load = { ...SLOW_STREAM, connections: count, warmup_s: 8, duration_s: 10 };
  const rows = await compare([BARE, GLASSWAY], 1, context, (contender) => measure(contender, load), perStream(count));
  const notes = count < SLOW_STREAMS_MAX ? [`${count} streams: this system allows ${files} open files to a process.`] : [];
  return { rows, yardstick: BARE.name, notes };
};

export const tls: Part = async (context) => {
  const certificate = selfSignedCertificate();
  const dir = mkdtempSync(join(tmpdir(), 'glassway-bench-'));
  scratchDirs.push(dir);
  const ca = join(dir, 'ca.pem');
  writeFileSync(ca, certificate.cert);
  const load = { ...WHOLE_ANSWERS, tls: certificate, connections: CONNECTIONS, warmup_s: 10, duration_s: 5 };
  const rows = await compare([NGINX, BARE, GLASSWAY], 1, context, (contender) => measure(contender, load, { ca }), whole);
  return { rows, yardstick: BARE.name };
};

/** Load and provider share the processors with the workers where there are but two. */
export const workers: Part = async (context) => {
  const load = { ...WHOLE_ANSWERS, connections: CONNECTIONS, warmup_s: 10, duration_s: 6 };
  const contenders = [1, 2].flatMap((count) => [BARE, GLASSWAY].map((contender) => withWorkers(contender, count)));
  const rows = await compare(contenders, 1, context, (contender) => measure(contender, load, { unpinned: true }), whole);
  const callsOf = (name: string, count: number) => rows.get(`${name}, ${count}`)?.['calls_s'] ?? Number.NaN;
  const gain = ({ name }: Contender) => callsOf(name, 2) / callsOf(name, 1);
  const [bare, ours] = [gain(BARE), gain(GLASSWAY)];
  return {
    rows,
    notes: [`Two against one: bare ${bare.toFixed(2)}, Glassway ${ours.toFixed(2)}, which is ${(ours / bare).toFixed(2)} of bare's.`],
  };
};

function withWorkers(contender: Contender, count: number): Contender {
  return {
    name: `${contender.name}, ${count}`,
    start: (options) => contender.start({ ...options, ...(count > 1 && { workers: count }) }),
  };
}

/** Memory while a million calls go by: the median of each fifth of the time. */
export const soak: Part = async ({ quick, tell }) => {
  const load = { ...WHOLE_ANSWERS, connections: CONNECTIONS };
  const seen_mb: number[] = [];
  const options: MeasureOptions = { onSecond: ({ memory_kb }) => seen_mb.push(memory_kb / KB_PER_MB) };
  // How long a million takes is known from a short run.
  const pace = await measure(GLASSWAY, { ...load, warmup_s: 6, duration_s: 4 });
  const duration_s = Math.min(SOAK_SECONDS_MAX, Math.ceil((quick ? SOAK_CALLS_QUICK : SOAK_CALLS) / pace.calls_s));
  tell(`about ${Math.round(pace.calls_s)} calls/s: ${duration_s} s …`);
  const measured = await measure(GLASSWAY, { ...load, warmup_s: SOAK_WARMUP_S, duration_s }, options);
  tell(`${measured.calls} calls in ${measured.seconds.toFixed(0)} s`);
  const steady = seen_mb.slice(SOAK_WARMUP_S);
  const fifth = Math.floor(steady.length / 5);
  const fifths = [0, 1, 2, 3, 4].map((index) => [`fifth_${index + 1}_mb`, median(steady.slice(index * fifth, (index + 1) * fifth))]);
  return { rows: new Map([[GLASSWAY.name, { calls: measured.calls, ...Object.fromEntries(fifths) }]]) };
};
