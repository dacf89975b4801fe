/**
 * The few calls of the C library that Node does not offer and the ClickHouse process needs: flock, pipe,
 * and hanging up on clients. Numbers are those of Linux and macOS; each line cites its header.
 * Loads nothing until openLibc is called; only server-process.ts calls it.
 */
import { readdirSync } from 'node:fs';
import { DataType, load, open } from 'ffi-rs';

const LIBRARIES: Partial<Record<NodeJS.Platform, string>> = { linux: 'libc.so.6', darwin: 'libSystem.B.dylib' };
/** sys/file.h: LOCK_EX | LOCK_NB. */
const LOCK_EXCLUSIVE_NOW = 2 | 4;
/** sys/socket.h. */
const SHUT_RDWR = 2;
const ADDRESS_FAMILIES: Partial<Record<NodeJS.Platform, readonly number[]>> = { linux: [2, 10], darwin: [2, 30] };
/** sockaddr_storage. */
const ADDRESS_BYTES = 128;

type Argument = number | Buffer;

export function openLibc(): void {
  open({ library: 'libc', path: LIBRARIES[process.platform] ?? 'libc' });
}

/** Takes an exclusive flock(2) on an open file, or says that another process has it. */
export function lockFile(file: number): boolean {
  return call('flock', file, LOCK_EXCLUSIVE_NOW) === 0;
}

/** Both ends of a new pipe(2). */
export function createPipe(): { readEnd: number; writeEnd: number } {
  const ends = Buffer.alloc(8);
  if (call('pipe', ends) !== 0) throw new Error('pipe(2) failed: too many open files');
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** Shuts down every connection that this process has accepted on one of `ports`; its listening sockets stay. */
export function hangUpClients(ports: readonly number[]): void {
  for (const name of readdirSync('/dev/fd')) {
    const file = Number(name);
    // No peer: not a socket, or one that listens.
    if (call('getpeername', file, Buffer.alloc(ADDRESS_BYTES), lengthOf(ADDRESS_BYTES)) !== 0) continue;
    const address = Buffer.alloc(ADDRESS_BYTES);
    if (call('getsockname', file, address, lengthOf(ADDRESS_BYTES)) !== 0) continue;
    if (isInternet(address) && ports.includes(address.readUInt16BE(2))) call('shutdown', file, SHUT_RDWR);
  }
}

/** netinet/in.h: the family is 16 bits on Linux; on macOS 8, after a length. The port follows at 2 in both. */
function isInternet(address: Buffer): boolean {
  const family = process.platform === 'darwin' ? address.readUInt8(1) : address.readUInt16LE(0);
  return ADDRESS_FAMILIES[process.platform]?.includes(family) ?? false;
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes);
  return length;
}

function call(funcName: string, ...values: readonly Argument[]): number {
  const paramsType = values.map((value) => (typeof value === 'number' ? DataType.I32 : DataType.U8Array));
  return load({ library: 'libc', funcName, retType: DataType.I32, paramsType, paramsValue: [...values] });
}
