/**
 * How often one address may show a wrong key at the sign-in: a fixed number in a window, counted from its first. Says how long to
 * wait; keeps a bounded number of addresses, of which the one that has been quiet longest goes first. A right key costs
 * nothing. Keys are 256 random bits, which nobody guesses: this spares the log and whoever reads it, and the processor.
 */
import { isIPv6 } from 'node:net';

export interface LoginLimit {
  /** Seconds until this address may try again; 0: now. */
  wait_s(address: string): number;
  failed(address: string): void;
}

export interface LoginLimitOptions {
  readonly failuresMax?: number;
  readonly window_ms?: number;
  readonly addressesMax?: number;
  readonly now_ms?: () => number;
}

interface Failures {
  readonly since_ms: number;
  readonly count: number;
}

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 10_000;

export function createLoginLimit(options: LoginLimitOptions = {}): LoginLimit {
  const { failuresMax = FAILURES_MAX, window_ms = WINDOW_MS, addressesMax = ADDRESSES_MAX, now_ms = () => performance.now() } = options;
  const known = new Map<string, Failures>();

  function current(address: string): Failures | undefined {
    const failures = known.get(networkOf(address));
    return failures !== undefined && now_ms() - failures.since_ms < window_ms ? failures : undefined;
  }

  return {
    wait_s(address) {
      const failures = current(address);
      if (failures === undefined || failures.count < failuresMax) return 0;
      return Math.max(1, Math.ceil((failures.since_ms + window_ms - now_ms()) / 1_000));
    },
    failed(address) {
      const { since_ms, count } = current(address) ?? { since_ms: now_ms(), count: 0 };
      const network = networkOf(address);
      // Put last: a Map gives its entries in the order in which they came.
      known.delete(network);
      known.set(network, { since_ms, count: count + 1 });
      if (known.size > addressesMax) known.delete(known.keys().next().value as string);
    },
  };
}

/** Of IPv6 the 64 bits that one site has (RFC 6177): who has one address has all of them. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [before = '', after] = plain.replace(/%.*$/, '').split('::');
  const groups = before.split(':').filter(Boolean);
  const missing = after === undefined ? 0 : 8 - groups.length - after.split(':').filter(Boolean).length;
  const whole = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(after ?? '').split(':').filter(Boolean)];
  return whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
