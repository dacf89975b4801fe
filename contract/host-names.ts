/**
 * By which names this machine is asked, as the `Host` header says. A page on another site can make its own name resolve
 * to us (DNS rebinding) and would then read us as its own origin; such a request says that name.
 */
import { isIP } from 'node:net';
import { isLoopback } from './listen.ts';

/** `Host` without its port, brackets off, lower case; undefined when it is missing or no host. */
export function hostNameOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/?#@\\[\]]+))(?::\d*)?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** Addresses cannot be rebound, and a name without a dot is one of the local network: no page's own name is. */
export function isOwnName(name: string, further: ReadonlySet<string>): boolean {
  return isLoopback(name) || isIP(name) !== 0 || !name.includes('.') || further.has(name);
}
