/** One command of Glassway as a process of its own, of this tree or of another release's: started, awaited, ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { isReady, waitFor } from './glassway.ts';
import { endAtLast } from './leftovers.ts';
import { endProcess, tree } from './processes.ts';

const MAIN = resolve(import.meta.dirname, '../../cli/main.ts');

export interface Part {
  readonly url: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** What it has logged as its own faults. */
  readonly errors: readonly string[];
  start(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface PartOptions {
  readonly folder: string;
  readonly name: string;
  readonly command: 'proxy' | 'ingest';
  readonly config: object;
  readonly url: string;
  readonly readyUrl: string;
  /** Another release's command line; missing: this one's. */
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function definePart({ folder, name, command, config, url, readyUrl, main = MAIN, env = {} }: PartOptions): Part {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  let child: ChildProcess | undefined;
  const errors: string[] = [];
  return {
    url,
    errors,
    get pid() {
      if (child?.pid === undefined) throw new Error(`${name} does not run`);
      return child.pid;
    },
    async start() {
      const args = [main, command, '--config', file, '--data', join(folder, name)];
      const running = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
      child = running;
      endAtLast(() => endProcess(running, 'SIGKILL'));
      createInterface({ input: running.stderr }).on('line', (line) => {
        process.stderr.write(`${line}\n`);
        if (/^\S+ error /.test(line)) errors.push(line);
      });
      await waitFor(name, async () => {
        if (running.exitCode !== null) throw new Error(`${name} ended with ${running.exitCode}`);
        return (await isReady(readyUrl)) ? true : undefined;
      });
    },
    async kill(signal) {
      // With its workers, which would let their calls end.
      if (signal === 'SIGKILL' && child?.pid !== undefined) for (const pid of tree(child.pid).slice(1)) process.kill(pid, signal);
      await endProcess(child, signal);
    },
  };
}
