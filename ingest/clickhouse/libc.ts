/**
 * What the ClickHouse process needs of the C library: a pipe, and hanging up on clients. Numbers are those of Linux and
 * macOS; each line cites its header.
 */
import { readdirSync } from 'node:fs';
import { callLibc } from '../../contract/libc.ts';

/** sys/socket.h. */
const SHUT_RDWR = 2;
const ADDRESS_FAMILIES: Partial<Record<NodeJS.Platform, readonly number[]>> = { linux: [2, 10], darwin: [2, 30] };
/** sockaddr_storage. */
const ADDRESS_BYTES = 128;

/** Both ends of a new pipe(2). */
export function createPipe(): { readEnd: number; writeEnd: number } {
  const ends = Buffer.alloc(8);
  if (callLibc('pipe', ends) !== 0) throw new Error('pipe(2) failed: too many open files');
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** Shuts down every connection that this process has accepted on one of `ports`; its listening sockets stay. */
export function hangUpClients(ports: readonly number[]): void {
  for (const name of readdirSync('/dev/fd')) {
    const file = Number(name);
    // No peer: not a socket, or one that listens.
    if (callLibc('getpeername', file, Buffer.alloc(ADDRESS_BYTES), lengthOf(ADDRESS_BYTES)) !== 0) continue;
    const address = Buffer.alloc(ADDRESS_BYTES);
    if (callLibc('getsockname', file, address, lengthOf(ADDRESS_BYTES)) !== 0) continue;
    if (isInternet(address) && ports.includes(address.readUInt16BE(2))) callLibc('shutdown', file, SHUT_RDWR);
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
