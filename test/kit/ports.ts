/**
 * Ports for servers that a test starts in processes of their own. They are taken from below the range that the
 * kernel hands out by itself (net.ipv4.ip_local_port_range), so that between the finding and the use no outgoing
 * connection and no `listen(0)` of a test beside takes them.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const LOWEST = 10_000;
/** Linux hands out ports from 32768 on. */
const BEYOND = 32_768;

/** `count` ports of loopback on which nobody listens, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (BEYOND - LOWEST));
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
