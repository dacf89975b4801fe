/**
 * Which way the proxy starts: one process, or several workers that share its port, or one of those workers.
 * Only what the way needs is loaded.
 */
import cluster from 'node:cluster';
import type { Settings } from '../contract/config.ts';
import { workerCount } from '../contract/worker-settings.ts';
import type { ProxyOptions } from './main.ts';

export interface StartedProxy {
  readonly url: string;
  readonly adminUrl: string;
  stop(): Promise<unknown>;
}

/** @throws StartError when a port or the data folder cannot be had */
export async function startConfigured(settings: Settings, options: ProxyOptions): Promise<StartedProxy> {
  if (cluster.isWorker) return (await import('./worker.ts')).startWorker(settings, options);
  if (workerCount(settings) > 1) return (await import('./workers.ts')).startWorkers(settings, options);
  return (await import('./main.ts')).startProxy(settings, options);
}
