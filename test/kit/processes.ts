/** The processes of a running Glassway, by Linux's /proc. */
import { readFileSync } from 'node:fs';
import type { RunningGlassway } from './glassway.ts';

/** Processes below a process, by /proc; its own id first. */
export function tree(pid: number): number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return [pid, ...children.flatMap(tree)];
}

/** The child whose command line has these words. */
export function childNamed(glassway: RunningGlassway, command: string): number {
  const found = tree(glassway.process.pid as number).find((pid) =>
    new RegExp(`${command}`).test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')),
  );
  if (found === undefined) throw new Error(`no process ${command}`);
  return found;
}
