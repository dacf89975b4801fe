/**
 * Shuts the door on who comes, and leaves it open for who is at it: from then on the kernel drops the first packet of each new
 * connection to a listening socket, while those that it has taken already can still be accepted. A client that is turned away
 * asks again after a second (RFC 6298 §2.1), when the socket is closed, and is refused: it knows that nothing was sent. Without
 * this, connections that the kernel takes between our last accept(2) and close(2) are reset with the call that is on them.
 *
 * Linux only; Node has no such option, hence the call into libc.
 */
import { readdirSync } from 'node:fs';
import { addressOf, callLibc } from '../contract/libc.ts';

/** asm-generic/socket.h. */
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_ACCEPTCONN = 30;
/** sockaddr_storage; family and port are its first 16 bits each (netinet/in.h). */
const ADDRESS_BYTES = 128;
/** AF_INET, AF_INET6. */
const FAMILIES: readonly number[] = [2, 10];
/** RFC 9293 §3.1: the flags' byte of a TCP header, and SYN in it. */
const FLAGS_AT = 13;
const SYN = 0x02;
/**
 * linux/filter.h, `struct sock_filter`: code, jump if true, jump if false, operand. A filter on a TCP socket sees packets from
 * their TCP header on; it gives how many bytes of a packet are kept.
 */
const DROP_SYN: readonly (readonly [code: number, ifTrue: number, ifFalse: number, operand: number])[] = [
  [0x30, 0, 0, FLAGS_AT], // load the byte there
  [0x45, 0, 1, SYN], // is any of these bits set?
  [0x06, 0, 0, 0], // drop it
  [0x06, 0, 0, 0xffff_ffff], // keep all of it
];

/** Says whether it could. Never throws. */
export function turnAwayNew(port: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const file = listeningFile(port);
    return file !== undefined && attach(file);
  } catch {
    return false; // no libc that we can reach
  }
}

/** The listening socket is this process's own, or one that workers share. */
function listeningFile(port: number): number | undefined {
  return readdirSync('/dev/fd')
    .map(Number)
    .find((file) => portOf(file) === port && isListening(file));
}

/** Undefined: no socket of the internet. */
function portOf(file: number): number | undefined {
  const address = Buffer.alloc(ADDRESS_BYTES);
  if (callLibc('getsockname', file, address, int(ADDRESS_BYTES)) !== 0) return undefined;
  return FAMILIES.includes(address.readUInt16LE(0)) ? address.readUInt16BE(2) : undefined;
}

function isListening(file: number): boolean {
  const answer = int(0);
  return callLibc('getsockopt', file, SOL_SOCKET, SO_ACCEPTCONN, answer, int(answer.length)) === 0 && answer.readInt32LE(0) === 1;
}

function attach(file: number): boolean {
  const filter = Buffer.alloc(DROP_SYN.length * 8);
  for (const [at, [code, ifTrue, ifFalse, operand]] of DROP_SYN.entries()) {
    filter.writeUInt16LE(code, at * 8);
    filter.writeUInt8(ifTrue, at * 8 + 2);
    filter.writeUInt8(ifFalse, at * 8 + 3);
    filter.writeUInt32LE(operand, at * 8 + 4);
  }
  // `struct sock_fprog`: length, and after padding a pointer.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(DROP_SYN.length, 0);
  program.writeBigUInt64LE(addressOf(filter), 8);
  return callLibc('setsockopt', file, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) === 0;
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
