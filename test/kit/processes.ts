/** Processes as the tests meet them: run to their end with what they said, or looked at by Linux's /proc. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { RunningGlassway } from './glassway.ts';
import { endAtLast } from './leftovers.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Ended {
  readonly code: number | null;
  /** Everything it has printed, errors among it. */
  readonly output: string;
}

/** A script of this tree, by the Node that runs this. */
export async function runScript(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  endAtLast(() => endProcess(child, 'SIGTERM'));
  const output = collect(child);
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output: output() };
}

/** What a process prints from now on, the last of it. */
export function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-64 * 1024);
    });
  return () => text;
}

/** Resolves when it is gone; at once when it is already. */
export async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Processes below a process; its own id first. */
export function tree(pid: number): number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return [pid, ...children.flatMap(tree)];
}

/** Its command line; '' when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Not gone, and no zombie that only waits to be asked for its exit code. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The child whose command line has these words. */
export function childNamed(glassway: RunningGlassway, command: string): number {
  const found = tree(glassway.process.pid as number).find((pid) => new RegExp(command).test(commandOf(pid)));
  if (found === undefined) throw new Error(`no process ${command}`);
  return found;
}
