/**
 * The embedded ClickHouse: starts it in a process of its own, says when it can be used, starts it again
 * when it dies, stops it cleanly. Takes where its data lies and where it listens; gives its URL and its
 * two users. Fails with a ClickHouseStartError that says what is wrong and what would be right; after
 * the first start it never gives up. When this process dies in any way, ClickHouse goes down with it.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { resolveLibchdb } from 'chdb/libchdb';
import { reachableHost, StartError } from '../../contract/listen.ts';
import {
  type EngineFiles,
  type EngineOptions,
  MEMORY_BYTES_MIN,
  READER_USERNAME,
  systemErrorCode,
  WRITER_USERNAME,
  writeEngineFiles,
} from './files.ts';
import type { ServerFault, ServerOrders } from './orders.ts';
import { ServerChild } from './server-child.ts';

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
export class ClickHouseStartError extends StartError {
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
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 10_000;
/** After this long in service the next death counts as the first. */
const RESTART_FORGET_MS = 60_000;

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
    this.url = `http://${reachableHost(options.host)}:${options.httpPort}`;
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
