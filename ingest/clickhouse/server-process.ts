/**
 * The process in which the embedded ClickHouse runs: takes its orders as one JSON argument, locks the
 * data folder, checks the ports, loads libchdb and hands it a thread. It lives as long as the channel
 * to its parent: when that closes, because the parent asked or because it died, ClickHouse stops
 * cleanly and the process ends. Reports what keeps it from starting as a message; never restarts itself.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataType, load, open } from 'ffi-rs';
import { flock, openLibc } from '../../contract/libc.ts';
import { createPipe, hangUpClients } from './libc.ts';
import { HOLD_PLACEHOLDER, SERVER_EXIT, type ServerFault, type ServerOrders, type ServerReport } from './orders.ts';

/** An engine that is being stopped by its predecessor's death still holds the folder for a moment. */
const LOCK_WAIT_MS = 3_000;
/** New clients may still come until the engine has closed its ears. */
const HANG_UP_EVERY_MS = 50;
/** A stop that takes longer has hung; the parent may be gone, so nobody else would end it. */
const STOP_MS_MAX = 30_000;

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
    if (release === undefined) return;
    release();
    // The engine waits for its clients to go, and clients keep connections open for minutes.
    const ports = orders.ports.map(({ port }) => port);
    setInterval(() => hangUpClients(ports), HANG_UP_EVERY_MS);
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
  if (stopAsked) return SERVER_EXIT.stopped;
  await runEngine(orders.commandLine.map((argument) => (argument === HOLD_PLACEHOLDER ? hold.path : argument)));
  return stopAsked ? SERVER_EXIT.stopped : SERVER_EXIT.unasked;
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
    openLibc();
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
  while (!flock(file)) {
    if (Date.now() >= deadline) {
      const holder = readFileSync(path, 'utf8').trim();
      throw new Fault(
        'data_folder_in_use',
        `the data folder ${dirname(dirname(path))} is in use by another Glassway that is running${holder === '' ? '' : ` (process ${holder})`}`,
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
  const { readEnd, writeEnd } = createPipe();
  return { path: `/dev/fd/${readEnd}`, release: () => closeSync(writeEnd) };
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

try {
  process.exitCode = await main(JSON.parse(process.argv[2] ?? '') as ServerOrders);
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  await report(error);
  process.exitCode = SERVER_EXIT.fault;
}
// The channel to the parent and the engine's threads would keep the process.
process.exit();
