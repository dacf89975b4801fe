/**
 * The C library's calls that Node does not offer, by ffi-rs. Nothing is loaded before it is opened or called; numbers in the
 * arguments are C's `int`. Constants are the callers', each with the header that they cite.
 */
import { DataType, load, open } from 'ffi-rs';

/** glibc, musl, macOS. */
const LIBRARIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`],
  darwin: ['libSystem.B.dylib'],
};
/** sys/file.h: LOCK_EX | LOCK_NB; the same on Linux and macOS. */
const LOCK_EXCLUSIVE_NOW = 2 | 4;

/** This platform's C library is not where we look for it. */
export class LibcUnavailable extends Error {}

let opened = false;

/** @throws LibcUnavailable */
export function openLibc(): void {
  if (opened) return;
  for (const path of LIBRARIES[process.platform] ?? []) {
    try {
      open({ library: 'libc', path });
      opened = true;
      return;
    } catch {
      // the next one
    }
  }
  throw new LibcUnavailable(`no C library on ${process.platform} ${process.arch} in ${LIBRARIES[process.platform] ?? 'any place known'}`);
}

/** @throws LibcUnavailable */
export function callLibc(funcName: string, ...values: readonly (number | Buffer)[]): number {
  openLibc();
  const paramsType = values.map((value) => (typeof value === 'number' ? DataType.I32 : DataType.U8Array));
  return load({ library: 'libc', funcName, retType: DataType.I32, paramsType, paramsValue: [...values] });
}

/**
 * Where a buffer's bytes are, for a structure that points to them; the caller keeps the buffer for as long.
 * @throws LibcUnavailable
 */
export function addressOf(buffer: Buffer): bigint {
  openLibc();
  // string.h: gives its first argument back.
  const paramsType = [DataType.U8Array, DataType.U8Array, DataType.BigInt];
  const address = load({ library: 'libc', funcName: 'memmove', retType: DataType.BigInt, paramsType, paramsValue: [buffer, buffer, 0n] });
  return BigInt.asUintN(64, address.valueOf());
}

/**
 * Takes an exclusive flock(2) on an open file, or says that another process has it.
 * @throws LibcUnavailable
 */
export function flock(file: number): boolean {
  return callLibc('flock', file, LOCK_EXCLUSIVE_NOW) === 0;
}
