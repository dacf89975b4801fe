/**
 * The embedded ClickHouse: starts it in a process of its own, says when it can be used, starts it again
 * when it dies, stops it cleanly. Takes where its data lies and where it listens; gives its URL and its
 * two users. Fails with a ClickHouseStartError that says what is wrong and what would be right; after
 * the first start it never gives up. When this process dies in any way, ClickHouse goes down with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { resolveLibchdb } from 'chdb/libchdb';
import {
  type EngineFiles,
  type EngineOptions,
  MEMORY_BYTES_MIN,
  READER_USERNAME,
  systemErrorCode,
  WRITER_USERNAME,
  writeEngineFiles,
} from './files.ts';
import { SERVER_FAULTS, type ServerFault, type ServerOrders, type ServerReport } from './orders.ts';

export interface EmbeddedClickHouseOptions extends EngineOptions {
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** How long a start may take; recovery after a crash reads every part's header. */
  readonly startMsMax?: number;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type ClickHouseState = 'starting' | 'ready' | 'restarting' | 'stopped';

export interface EmbeddedClickHouse {
  /** The HTTP interface, for `createClient({ url })`. */
  readonly url: string;
  readonly host: string;
  readonly httpPort: number;
  readonly nativePort: number;
  readonly database: string;
  /** May do everything inside the database, and nothing outside. */
  readonly writer: Credentials;
  /** May read the database, within limits. */
  readonly reader: Credentials;
  readonly logFile: string;
  state(): ClickHouseState;
  /** How often it died and was started again. */
  restarts(): number;
  /** Its process, while there is one. */
  pid(): number | undefined;
  /** Ends when the process has. May be called more than once. */
  stop(): Promise<void>;
}

export type ClickHouseStartFault =
  | ServerFault
  | 'data_folder_unwritable'
  | 'memory_cap_too_small'
  | 'platform_unsupported'
  | 'start_timeout'
  | 'died_at_start';

/** Why the embedded ClickHouse did not start; the message is for the operator. */
export class ClickHouseStartError extends Error {
  readonly fault: ClickHouseStartFault;

  constructor(fault: ClickHouseStartFault, message: string, options?: ErrorOptions) {
    super(`ClickHouse cannot start: ${message}`, options);
    this.name = 'ClickHouseStartError';
    this.fault = fault;
  }
}

const START_MS_MAX = 120_000;
const READY_POLL_MS = 20;
const PING_MS_MAX = 2_000;
/** Closing the channel, then SIGTERM, then SIGKILL. */
const STOP_MS_MAX = 10_000;
const TERM_MS_MAX = 3_000;
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 10_000;
/** After this long in service the next death counts as the first. */
const RESTART_FORGET_MS = 60_000;
const STDERR_CHARS_MAX = 8 * 1024;

/** The process gets no more of the environment than it needs: keys of providers are none of its business. */
const ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'NODE_OPTIONS'];

const WHAT_WOULD_BE_RIGHT: Readonly<Record<ServerFault, string>> = {
  data_folder_in_use: 'stop it, or give this one a folder of its own (--data)',
  port_in_use: 'end what listens there, or set listen.clickhouseHttp and listen.clickhouseNative',
  cannot_listen: 'set listen.host, listen.clickhouseHttp and listen.clickhouseNative to an address and ports of this machine',
  library_unusable: 'install again with `npm ci`, or set CLICKHOUSE_URL to use a ClickHouse server',
};

/** Starts it and waits until it answers. */
export async function startEmbeddedClickHouse(options: EmbeddedClickHouseOptions): Promise<EmbeddedClickHouse> {
  if (options.memoryBytes < MEMORY_BYTES_MIN)
    throw new ClickHouseStartError(
      'memory_cap_too_small',
      `a memory cap of ${options.memoryBytes} bytes; want at least ${MEMORY_BYTES_MIN} (clickhouse.memoryBytes)`,
    );
  const library = findLibrary();
  const files = prepareFiles(options);
  const supervisor = new Supervisor(options, files, library);
  await supervisor.start();
  return {
    url: supervisor.url,
    host: options.host,
    httpPort: options.httpPort,
    nativePort: options.nativePort,
    database: options.database,
    writer: supervisor.writer,
    reader: { username: READER_USERNAME, password: '' },
    logFile: files.logFile,
    state: () => supervisor.state,
    restarts: () => supervisor.restarts,
    pid: () => supervisor.pid,
    stop: () => supervisor.stop(),
  };
}

function findLibrary(): string {
  try {
    return resolveLibchdb().path;
  } catch (cause) {
    throw new ClickHouseStartError(
      'platform_unsupported',
      `no ClickHouse library for ${process.platform}-${process.arch}. It comes with npm for Linux (glibc) and macOS, x64 and arm64; ` +
        'install again with `npm ci` if this is one of them, else set CLICKHOUSE_URL to use a ClickHouse server',
      { cause },
    );
  }
}

function prepareFiles(options: EngineOptions): EngineFiles {
  try {
    return writeEngineFiles(options);
  } catch (cause) {
    throw new ClickHouseStartError(
      'data_folder_unwritable',
      `the data folder ${options.dataDir} cannot be written (${systemErrorCode(cause)}); want a folder that this user may write (--data)`,
      { cause },
    );
  }
}

class Supervisor {
  readonly url: string;
  readonly writer: Credentials;
  state: ClickHouseState = 'starting';
  restarts = 0;
  readonly #options: EmbeddedClickHouseOptions;
  readonly #orders: ServerOrders;
  readonly #logFile: string;
  readonly #stopping = new AbortController();
  #child: ServerChild | undefined;
  #stopped: Promise<void> | undefined;
  #supervision: Promise<void> | undefined;

  constructor(options: EmbeddedClickHouseOptions, files: EngineFiles, library: string) {
    this.#options = options;
    this.#logFile = files.logFile;
    this.url = `http://${addressOf(options.host)}:${options.httpPort}`;
    this.writer = { username: WRITER_USERNAME, password: files.writerPassword };
    this.#orders = {
      library,
      lockFile: files.lockFile,
      host: options.host,
      ports: [
        { name: 'ClickHouse HTTP', port: options.httpPort },
        { name: 'ClickHouse native', port: options.nativePort },
      ],
      commandLine: files.commandLine,
    };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const child = await this.#launch();
    this.state = 'ready';
    this.#supervision = this.#supervise(child);
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#stopping.abort();
      await this.#child?.end(this.#options.log);
      await this.#supervision;
      this.state = 'stopped';
    })();
    return this.#stopped;
  }

  /** A child that answers, or a ClickHouseStartError and no child. */
  async #launch(): Promise<ServerChild> {
    const child = new ServerChild(this.#orders);
    this.#child = child;
    const startMsMax = this.#options.startMsMax ?? START_MS_MAX;
    const deadline = Date.now() + startMsMax;
    while (child.running) {
      if (this.#stopping.signal.aborted || Date.now() >= deadline) {
        await child.end(this.#options.log);
        throw new ClickHouseStartError('start_timeout', `it did not answer within ${startMsMax / 1000} s; see ${this.#logFile}`);
      }
      if (await ping(this.url, this.writer)) return child;
      await Promise.race([child.exited, delay(READY_POLL_MS)]);
    }
    await child.exited;
    throw this.#explain(child);
  }

  #explain(child: ServerChild): ClickHouseStartError {
    if (child.report === undefined)
      return new ClickHouseStartError(
        'died_at_start',
        `its process ended (${child.ending}); its last words, more in ${this.#logFile}:\n${child.lastWords}`,
      );
    const { fault, message } = child.report;
    return new ClickHouseStartError(fault, `${message}; ${WHAT_WOULD_BE_RIGHT[fault]}`);
  }

  /** Runs until stop: waits for the child's end, starts the next one. */
  async #supervise(first: ServerChild): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stopping;
    let child: ServerChild | undefined = first;
    let readySince = Date.now();
    let failures = 0;
    for (;;) {
      if (child !== undefined) {
        await child.exited;
        if (signal.aborted) return;
        if (Date.now() - readySince >= RESTART_FORGET_MS) failures = 0;
        log('error', `ClickHouse died (${child.ending}); starting it again. ${child.lastWords}`.trim());
      }
      this.state = 'restarting';
      const waitMs = Math.min(RESTART_MS_MIN * 2 ** failures, RESTART_MS_MAX);
      failures += 1;
      await delay(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        child = await this.#launch();
        readySince = Date.now();
        this.restarts += 1;
        this.state = 'ready';
        log('info', 'ClickHouse is back');
      } catch (error) {
        if (signal.aborted) return;
        child = undefined;
        log('error', error instanceof Error ? error.message : String(error));
      }
    }
  }
}

/** One process from its start to its end. */
class ServerChild {
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
  async end(log: EmbeddedClickHouseOptions['log']): Promise<void> {
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

/** The options that this Node was started with and that matter to how it reads source, not those of its debugger. */
function nodeOptions(): string[] {
  return process.execArgv.filter(
    (option, index, all) =>
      /^(--import|--require|-r|--loader|--experimental-strip-types|--conditions|-C)\b/.test(option) ||
      /^(--import|--require|-r|--loader|--conditions|-C)$/.test(all[index - 1] ?? ''),
  );
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

/** Whether the server answers the writer: an unknown server on the same port would not. */
function ping(url: string, writer: Credentials): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'x-clickhouse-user': writer.username, 'x-clickhouse-key': writer.password };
    const probe = request(`${url}/?query=SELECT%201`, { headers, agent: false, timeout: PING_MS_MAX }, (response) => {
      response.resume();
      once(response, 'end').then(
        () => resolve(response.statusCode === 200),
        () => resolve(false),
      );
    });
    probe.once('timeout', () => probe.destroy());
    probe.once('error', () => resolve(false));
    probe.end();
  });
}

/** Where to reach a server that listens on `host`, as it stands in a URL. */
function addressOf(host: string): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return reachable.includes(':') ? `[${reachable}]` : reachable;
}
