/**
 * One process of the embedded ClickHouse, from its start to its end, as the supervisor sees it: whether
 * it runs, how it ended, what it said. Ends it by closing the channel between the two, and insists when
 * that is not enough. Never starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SERVER_FAULTS, type ServerOrders, type ServerReport } from './orders.ts';

/** Closing the channel, then SIGTERM, then SIGKILL. */
const STOP_MS_MAX = 10_000;
const TERM_MS_MAX = 3_000;
const STDERR_CHARS_MAX = 8 * 1024;

const SOURCE_OPTIONS_WITH_VALUE = ['--import', '--require', '-r', '--conditions', '-C'];
const SOURCE_OPTIONS = /^(--import|--require|-r|--conditions|-C|--experimental-strip-types)(=|$)/;

/** The process gets no more of the environment than it needs: keys of providers are none of its business. */
const ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'NODE_OPTIONS'];

/** One process from its start to its end. */
export class ServerChild {
  readonly exited: Promise<void>;
  running = true;
  report: ServerReport | undefined;
  /** How it ended: a code or a signal. */
  ending = '';
  readonly #process: ChildProcess;
  #stderr = '';

  constructor(orders: ServerOrders) {
    const script = fileURLToPath(new URL('./server-process.ts', import.meta.url));
    this.#process = spawn(process.execPath, [...nodeOptions(), script, JSON.stringify(orders)], {
      // In a session of its own, so that the terminal's Ctrl-C reaches only this process, which stops its parts in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: Object.fromEntries(ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    });
    this.#process.on('message', (message) => {
      if (isReport(message)) this.report = message;
    });
    this.exited = this.#end();
  }

  /** Its exit, the last of its standard error and the last of its messages: these come in any order. */
  async #end(): Promise<void> {
    const child = this.#process;
    const channel = new Promise((resolve) => child.once('disconnect', resolve));
    const stderr = new Promise((resolve) => child.stderr?.once('close', resolve));
    await new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.ending = error.message;
        // Also emitted for a signal that cannot be sent; only without a process id was there never a process.
        if (child.pid === undefined) resolve();
      });
      child.once('exit', (code, signal) => {
        this.ending = signal ?? `exit code ${code}`;
        resolve();
      });
    });
    if (child.pid !== undefined) await Promise.all([channel, stderr]);
    this.running = false;
  }

  get pid(): number | undefined {
    return this.running ? this.#process.pid : undefined;
  }

  get lastWords(): string {
    return this.#stderr.trim();
  }

  /** Asks by closing the channel, then insists. */
  async end(log: (level: 'warn', message: string) => void): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    if (await this.#endsWithin(STOP_MS_MAX)) return;
    log('warn', `ClickHouse did not stop within ${STOP_MS_MAX / 1000} s; sending SIGTERM`);
    this.#process.kill('SIGTERM');
    if (await this.#endsWithin(TERM_MS_MAX)) return;
    log('warn', 'ClickHouse did not stop on SIGTERM; sending SIGKILL');
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    const cancel = new AbortController();
    const waiting = delay(milliseconds, undefined, { signal: cancel.signal }).catch(() => {});
    await Promise.race([this.exited, waiting]);
    cancel.abort();
    return !this.running;
  }
}

/** What this Node was told about reading source; nothing of its debugger or its tests. */
function nodeOptions(): string[] {
  const { execArgv } = process;
  return execArgv.filter((option, index) => SOURCE_OPTIONS.test(option) || SOURCE_OPTIONS_WITH_VALUE.includes(execArgv[index - 1] ?? ''));
}

function isReport(message: unknown): message is ServerReport {
  return (
    typeof message === 'object' &&
    message !== null &&
    'fault' in message &&
    'message' in message &&
    typeof message.message === 'string' &&
    SERVER_FAULTS.some((fault) => fault === message.fault)
  );
}
