/**
 * The process in which the embedded ClickHouse runs: takes its orders as one JSON argument, locks the
 * data folder, checks the ports, loads libchdb and hands it a thread. It lives as long as the channel
 * to its parent: when that closes, because the parent asked or because it died, ClickHouse stops
 * cleanly and the process ends. Reports what keeps it from starting as a message; never restarts itself.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { DataType, load, open } from 'ffi-rs';
import { HOLD_PLACEHOLDER } from './files.ts';

/** What the parent orders, as the process's only argument. */
export interface ServerOrders {
  readonly library: string;
  readonly lockFile: string;
  readonly host: string;
  readonly ports: readonly { readonly name: 'HTTP' | 'native'; readonly port: number }[];
  readonly commandLine: readonly string[];
}

export type ServerFault = 'data_folder_in_use' | 'port_in_use' | 'cannot_listen' | 'library_unusable';

/** What the process tells the parent before it gives up. */
export interface ServerReport {
  readonly fault: ServerFault;
  readonly message: string;
}

/** The engine returned although nobody had asked it to stop. */
export const EXIT_UNASKED = 70;
const EXIT_FAULT = 1;
/** An engine that is being stopped by its predecessor's death still holds the folder for a moment. */
const LOCK_WAIT_MS = 3_000;
/** A stop that takes longer has hung; the parent may be gone, so nobody else would end it. */
const STOP_MS_MAX = 30_000;

const LIBC: Partial<Record<NodeJS.Platform, string>> = { linux: 'libc.so.6', darwin: 'libSystem.B.dylib' };
/** <sys/file.h>, the same on Linux and macOS: LOCK_EX | LOCK_NB. */
const LOCK_EXCLUSIVE_NOW = 2 | 4;

class Fault extends Error {
  readonly fault: ServerFault;

  constructor(fault: ServerFault, message: string) {
    super(message);
    this.name = 'Fault';
    this.fault = fault;
  }
}

async function main(orders: ServerOrders): Promise<number> {
  let stopAsked = false;
  let release: (() => void) | undefined;
  const stop = () => {
    if (stopAsked) return;
    stopAsked = true;
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_MS_MAX).unref();
    release?.();
  };
  process.on('disconnect', stop);
  process.on('SIGTERM', stop);
  // The terminal's Ctrl-C is for the parent, which ends its parts in order.
  process.on('SIGINT', () => {});
  yieldToProxy();
  openLibraries(orders.library);
  await lockFolder(orders.lockFile);
  for (const { name, port } of orders.ports) await checkPort(name, port, orders.host);
  const hold = createHold();
  release = hold.release;
  if (stopAsked) return 0;
  await runEngine(orders.commandLine.map((argument) => (argument === HOLD_PLACEHOLDER ? hold.path : argument)));
  return stopAsked ? 0 : EXIT_UNASKED;
}

/** Calls come before their bookkeeping when both want the processor. */
function yieldToProxy(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed in some sandboxes; then it runs at normal priority.
  }
}

function openLibraries(library: string): void {
  try {
    open({ library: 'libc', path: LIBC[process.platform] ?? 'libc' });
    open({ library: 'libchdb', path: library });
  } catch (error) {
    throw new Fault('library_unusable', `${library} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * flock(2): the kernel drops it with the process, however that ends, so a lock can never be stale.
 * The file says whose it is, for the message; it is not deleted, as that would unlock it for a third.
 */
async function lockFolder(path: string): Promise<void> {
  const file = openSync(path, 'a+', 0o600);
  const deadline = Date.now() + LOCK_WAIT_MS;
  while (callLibc('flock', [file, LOCK_EXCLUSIVE_NOW]) !== 0) {
    if (Date.now() >= deadline) {
      const holder = readFileSync(path, 'utf8').trim();
      throw new Fault(
        'data_folder_in_use',
        `another Glassway that is running${holder === '' ? '' : ` (process ${holder})`} uses this data folder`,
      );
    }
    await delay(50);
  }
  ftruncateSync(file);
  writeSync(file, `${process.ppid}\n`);
}

/** Before the engine does, because its own word on it is an exception in a log file. */
function checkPort(name: string, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.message;
      if (code === 'EADDRINUSE') reject(new Fault('port_in_use', `port ${port} on ${host} is in use (wanted for ${name})`));
      else reject(new Fault('cannot_listen', `cannot listen on ${host}, port ${port}, for ${name} (${code})`));
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/**
 * A pipe that the engine reads as a file of statements and that never says anything: its end is the
 * order to stop. Not standard input, which Node makes a socket, and sockets cannot be opened by path.
 */
function createHold(): { path: string; release: () => void } {
  const ends = Buffer.alloc(8);
  if (load({ library: 'libc', funcName: 'pipe', retType: DataType.I32, paramsType: [DataType.U8Array], paramsValue: [ends] }) !== 0)
    throw new Fault('library_unusable', 'no pipe can be made: too many open files');
  const [readEnd, writeEnd] = [ends.readInt32LE(0), ends.readInt32LE(4)];
  return { path: `/dev/fd/${readEnd}`, release: () => closeSync(writeEnd) };
}

function callLibc(name: string, integers: readonly number[]): number {
  const paramsType = integers.map(() => DataType.I32);
  return load({ library: 'libc', funcName: name, retType: DataType.I32, paramsType, paramsValue: [...integers] });
}

/** Ends when the engine does. Its result is a pointer that says nothing here: errors go to its log. */
async function runEngine(commandLine: readonly string[]): Promise<void> {
  await load({
    library: 'libchdb',
    funcName: 'chdb_query_cmdline',
    retType: DataType.BigInt,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [commandLine.length, [...commandLine]],
    runInNewThread: true,
  });
}

function report(fault: Fault): Promise<void> {
  const message: ServerReport = { fault: fault.fault, message: fault.message };
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

if (import.meta.main) {
  try {
    process.exitCode = await main(JSON.parse(process.argv[2] ?? '') as ServerOrders);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    await report(error);
    process.exitCode = EXIT_FAULT;
  }
  // The channel to the parent, the engine's threads and static state would all keep the process.
  process.exit();
}
