/**
 * Listening, with errors that say which setting is at fault and what to do.
 */
import type { Server } from 'node:net';

/** Glassway cannot start; the message is for the person at the terminal. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}

/** What to say for the errors that people meet. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process',
  EACCES: 'needs rights that this user does not have',
  EADDRNOTAVAIL: 'cannot be had: this machine has no such address',
};

/**
 * How many connections may wait to be accepted; the kernel takes it down to its own limit (net.core.somaxconn, 4,096 on Linux).
 * Node's 511 are too few for clients that all come back at once to a process that just had no time: what overflows waits
 * for seconds at best, and is reset at worst.
 */
const BACKLOG = 65_535;

/** @throws StartError that names the setting, the address and the reason */
export async function listen(server: Server, host: string, port: number, setting: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error & { code?: string }) => {
      const reason = REASONS[error.code ?? ''] ?? `cannot be listened on: ${error.message}`;
      reject(
        new StartError(`Port ${port} on ${host} (${setting}) ${reason}. Stop what uses it, or set ${setting} to another port.`, {
          cause: error,
        }),
      );
    };
    server.once('error', onError);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(bare);
}

/** How a URL names, on this machine, what listens on `host`. */
export function reachableHost(host: string): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return reachable.includes(':') ? `[${reachable}]` : reachable;
}
