/**
 * One supervised child process of `glassway up`: started, awaited until it says that it is ready, started
 * again when it dies, stopped on request. In a process group of its own, so that a Ctrl-C at the terminal
 * reaches the parent only and the parent keeps the order; it ends by itself when the parent is gone.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { StartError } from '../contract/listen.ts';
import type { Log } from '../contract/log.ts';
import { faultText } from '../proxy/fault-text.ts';

const RESTART_MIN_MS = 200;
const RESTART_MAX_MS = 10_000;
/** A child that ran this long was fine: its next restart is quick again. */
const SETTLED_MS = 30_000;

/** What a child says to its parent. */
export type ChildMessage = { readonly type: 'ready' } | { readonly type: 'failed'; readonly message: string };

export interface SupervisedChild {
  /** Resolves when it is ready the first time; rejects with a StartError when it says that it cannot start. */
  readonly ready: Promise<void>;
  /** SIGTERM, then SIGKILL after `limit_ms`. */
  stop(limit_ms: number): Promise<void>;
}

export function superviseChild(options: {
  name: string;
  script: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  log: Log;
}): SupervisedChild {
  const { name, log } = options;
  let stopping = false;
  let child: ChildProcess | undefined;
  let restartTimer: NodeJS.Timeout | undefined;
  let restarts = 0;
  const first = Promise.withResolvers<void>();
  let everReady = false;

  const start = () => {
    const started_ms = performance.now();
    let failure = '';
    const running = fork(options.script, options.args, {
      env: options.env,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child = running;
    running.on('message', (message: ChildMessage) => {
      if (message.type === 'ready') {
        everReady = true;
        first.resolve();
      } else failure = message.message;
    });
    running.once('error', (error) => {
      failure = error.message;
    });
    running.once('exit', (code, signal) => {
      child = undefined;
      if (stopping) return;
      const how = failure === '' ? `ended with ${signal ?? `exit code ${code}`}` : failure;
      if (!everReady) {
        first.reject(new StartError(failure === '' ? `The ${name} process ${how} before it was ready.` : failure));
        return;
      }
      if (performance.now() - started_ms > SETTLED_MS) restarts = 0;
      const wait_ms = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** restarts);
      restarts += 1;
      log('error', `the ${name} process ${how}; it is started again in ${wait_ms} ms`);
      restartTimer = setTimeout(start, wait_ms);
    });
  };
  start();

  return {
    ready: first.promise,
    async stop(limit_ms) {
      stopping = true;
      clearTimeout(restartTimer);
      const running = child;
      if (running === undefined) return;
      const exited = once(running, 'exit');
      running.kill('SIGTERM');
      const limit = setTimeout(() => {
        log('warn', `the ${name} process did not stop within ${limit_ms} ms and is killed`);
        running.kill('SIGKILL');
      }, limit_ms);
      await exited;
      clearTimeout(limit);
    },
  };
}

/**
 * The child's side: runs a service, tells the parent (if there is one), and stops on SIGTERM, SIGINT or when
 * the parent is gone. Resolves with the exit code.
 */
export async function runService(start: () => Promise<{ stop(): Promise<unknown> }>, log: Log): Promise<number> {
  // Node would print the error with all its fields, and with them what it was reading.
  process.on('uncaughtException', (error) => {
    log('error', `the process ends with a fault of its own: ${faultText(error)}`);
    process.exit(1);
  });
  const stopRequested = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
    if (process.send) process.once('disconnect', () => resolve('the parent is gone'));
  });
  let service: { stop(): Promise<unknown> };
  try {
    service = await start();
  } catch (error) {
    if (!(error instanceof StartError) || process.send === undefined) throw error;
    await tellParent({ type: 'failed', message: error.message });
    // The open channel would keep this process alive.
    process.disconnect();
    return 1;
  }
  await tellParent({ type: 'ready' });
  // Node writes it at the end of a process, which may be a kill.
  flushCompileCache();
  const reason = await stopRequested;
  if (process.send === undefined) log('info', `stopping (${reason})`);
  await service.stop();
  if (process.connected) process.disconnect();
  return 0;
}

async function tellParent(message: ChildMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}
