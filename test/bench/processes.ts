/**
 * Processes of a measurement: started on a core of their own where the system lets us (Linux, `taskset`), looked at
 * from outside (processor time, memory, the children's included), and ended by their ids.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** The contender's core, and that of load and provider. `any`: where the system puts it. */
export type Core = 'contender' | 'load' | 'any';

/** LiteLLM takes half a minute on a busy machine. */
const READY_MS_MAX = 120_000;
const STOP_MS = 8_000;
const CAN_PIN = process.platform === 'linux' && availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0;

export const isPinned = (): boolean => CAN_PIN;

export interface Started {
  readonly process: ChildProcess;
  readonly pid: number;
  /** What it has printed, the last of it. */
  output(): string;
  stop(): Promise<void>;
}

export function start(
  command: string,
  args: readonly string[],
  options: { core?: Core; env?: Record<string, string>; cwd?: string; pipeOut?: boolean } = {},
): Started {
  const { core = 'any' } = options;
  const pinned = CAN_PIN && core !== 'any';
  const line = pinned ? ['taskset', '-c', core === 'contender' ? '0' : '1', command, ...args] : [command, ...args];
  const child = spawn(line[0] as string, line.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let text = '';
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-8_000);
  };
  child.stderr?.on('data', keep);
  if (!options.pipeOut) child.stdout?.on('data', keep);
  child.stdin?.on('error', () => {}); // it may be gone
  running.add(child);
  child.once('exit', () => running.delete(child));
  return {
    process: child,
    pid: child.pid ?? 0,
    output: () => text,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const limit = setTimeout(() => killTree(child.pid ?? 0), STOP_MS);
      await exited;
      clearTimeout(limit);
    },
  };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) killTree(child.pid ?? 0);
});

/** Ours only: the child was made the leader of a process group. */
function killTree(pid: number): void {
  if (pid <= 0) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // gone
  }
}

/** Waits until something listens. */
export async function listening(port: number, started: Started): Promise<void> {
  const until_ms = performance.now() + READY_MS_MAX;
  while (!(await answers(port))) {
    if (started.process.exitCode !== null) throw new Error(`it ended with ${started.process.exitCode}: ${lastWords(started)}`);
    if (performance.now() > until_ms) throw new Error(`nothing listens on ${port} after ${READY_MS_MAX} ms: ${lastWords(started)}`);
    await sleep(20);
  }
}

function lastWords(started: Started): string {
  return started.output().trim().slice(-400);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface Usage {
  readonly cpu_ms: number;
  readonly memory_kb: number;
}

/** Of a process and all below it. */
export function usageOf(pid: number): Usage {
  return processTree(pid)
    .map((each) => (process.platform === 'linux' ? linuxUsage(each) : psUsage(each)))
    .reduce((sum, each) => ({ cpu_ms: sum.cpu_ms + each.cpu_ms, memory_kb: sum.memory_kb + each.memory_kb }), { cpu_ms: 0, memory_kb: 0 });
}

export function processTree(pid: number): number[] {
  let children: number[];
  try {
    children =
      process.platform === 'linux'
        ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
        : execFileSync('pgrep', ['-P', String(pid)])
            .toString()
            .trim()
            .split('\n')
            .filter(Boolean)
            .map(Number);
  } catch {
    children = []; // none, or gone
  }
  return [pid, ...children.flatMap(processTree)];
}

/** Nanoseconds on the processor, thread by thread: `stat` counts in ticks of 10 ms. */
function linuxUsage(pid: number): Usage {
  try {
    const cpu_ns = readdirSync(`/proc/${pid}/task`)
      .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
      .reduce((sum, each) => sum + each, 0);
    const memory_kb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    return { cpu_ms: cpu_ns / 1e6, memory_kb };
  } catch {
    return { cpu_ms: 0, memory_kb: 0 };
  }
}

function psUsage(pid: number): Usage {
  try {
    const [time = '', rss = '0'] = execFileSync('ps', ['-o', 'time=,rss=', '-p', String(pid)])
      .toString()
      .trim()
      .split(/\s+/);
    const seconds = time.split(/[-:]/).reduce((sum, part) => sum * 60 + Number(part), 0);
    return { cpu_ms: seconds * 1000, memory_kb: Number(rss) };
  } catch {
    return { cpu_ms: 0, memory_kb: 0 };
  }
}
