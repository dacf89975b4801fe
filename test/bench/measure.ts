/**
 * One measurement: a fresh contender, a fresh generator with the provider in it, the contender's processor time and
 * memory read at the moments at which the generator says that it begins and ends.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { glasswayPorts } from '../kit/glassway.ts';
import type { Contender, StartOptions } from './contenders/index.ts';
import type { LoadOrder, LoadResult } from './load/order.ts';
import type { ProviderOptions } from './load/provider.ts';
import { start, type Usage, usageOf } from './processes.ts';

const LOAD = join(import.meta.dirname, 'load/main.ts');

export type Load = Omit<LoadOrder, 'port' | 'path' | 'headers' | 'provider'> & Pick<ProviderOptions, 'chunks' | 'interval_ms' | 'tls'>;

export const WHOLE_ANSWERS = { stream: false, rate: undefined, spread_ms: 0, chunks: 0, interval_ms: 0, tls: undefined } as const;

export interface Measured extends LoadResult {
  readonly calls_s: number;
  /** The contender's, all its processes and threads together, for each call and for each streamed event. */
  readonly cpu_us_per_call: number;
  readonly cpu_us_per_event: number;
  /** Before the load, and at its end. */
  readonly memory_idle_kb: number;
  readonly memory_kb: number;
}

export interface MeasureOptions extends Omit<StartOptions, 'providerPort' | 'tls'> {
  /** Called every second while the load runs. */
  readonly onSecond?: (usage: Usage) => void;
}

export async function measure(contender: Contender, load: Load, options: MeasureOptions = {}): Promise<Measured> {
  const providerPort = (await glasswayPorts()).mockProvider;
  const running = await contender.start({ ...options, providerPort, tls: load.tls !== undefined });
  const { chunks, interval_ms, tls, ...rest } = load;
  const order: LoadOrder = {
    ...rest,
    port: running.port,
    path: running.path,
    headers: running.headers,
    provider: { port: providerPort, chunks, interval_ms, tls },
  };
  const none = { cpu_ms: 0, memory_kb: 0 };
  const usage = (): Usage => (running.pid === 0 ? none : usageOf(running.pid));
  const idle = usage();
  const generator = start(process.execPath, [LOAD, JSON.stringify(order)], { core: options.unpinned ? 'any' : 'load', pipeOut: true });
  const everySecond = setInterval(() => options.onSecond?.(usage()), 1_000);
  try {
    let before = none;
    let after = none;
    let result: LoadResult | undefined;
    const lines = createInterface({ input: generator.process.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      if (line === 'begin') before = usage();
      else if (line.startsWith('end ')) {
        after = usage();
        result = JSON.parse(line.slice(4)) as LoadResult;
      }
    });
    const limit = setTimeout(() => generator.process.kill('SIGKILL'), (load.warmup_s + load.duration_s) * 1_000 + SPARE_MS);
    await once(lines, 'close');
    clearTimeout(limit);
    if (result === undefined) throw new Error(`the load generator ended without a result: ${generator.output()}`);
    const cpu_us = (after.cpu_ms - before.cpu_ms) * 1_000;
    return {
      ...result,
      calls_s: result.calls / result.seconds,
      cpu_us_per_call: cpu_us / result.calls,
      cpu_us_per_event: cpu_us / result.events,
      memory_idle_kb: idle.memory_kb,
      memory_kb: after.memory_kb,
    };
  } finally {
    clearInterval(everySecond);
    await generator.stop();
    await running.stop();
  }
}

/** What a contender may take beyond the time of its load: to start, to open all streams, to end. */
const SPARE_MS = 60_000;

/**
 * Each contender once, then all again in the other order: what the machine does meanwhile falls on all alike.
 * A contender that fails is told of and left out of the rest.
 */
export async function alternate<T>(
  contenders: readonly Contender[],
  rounds: number,
  run: (contender: Contender) => Promise<T>,
  tell: (message: string) => void,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(contenders.map(({ name }) => [name, []]));
  const failed = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      if (failed.has(contender.name)) continue;
      tell(`${contender.name}${rounds > 1 ? `, round ${round + 1} of ${rounds}` : ''} …`);
      try {
        const result = await run(contender);
        results.get(contender.name)?.push(result);
      } catch (error) {
        failed.add(contender.name);
        tell(`${contender.name} is left out: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  for (const name of failed) if (results.get(name)?.length === 0) results.delete(name);
  return results;
}
