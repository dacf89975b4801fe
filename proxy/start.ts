/**
 * Which way the proxy starts: one process, or several workers that share its port, or one of those workers. And whether its
 * health goes out over OTLP, where OpenTelemetry's variables say so. Only what the way needs is loaded.
 */
import cluster from 'node:cluster';
import type { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import type { Settings } from '../contract/config.ts';
import type { ReadHealth } from '../contract/otlp/health-export.ts';
import type { MetricsExport } from '../contract/otlp/metrics-export.ts';
import { readMetricsVariables } from '../contract/otlp/metrics-variables.ts';
import { workerCount } from '../contract/worker-settings.ts';
import type { ProxyOptions } from './main.ts';

export interface StartedProxy {
  readonly url: string;
  readonly adminUrl: string;
  stop(): Promise<unknown>;
}

/** The first process of a proxy, which can say how all of it is. */
export interface FirstProcess extends StartedProxy {
  readonly metrics: () => Promise<Registry>;
}

/** How long a stopping proxy waits for a receiver of its last metrics. */
const LAST_METRICS_MS_MAX = 2_000;

/** @throws StartError when a port or the data folder cannot be had, ConfigError for a variable of OpenTelemetry's */
export async function startConfigured(settings: Settings, options: ProxyOptions): Promise<StartedProxy> {
  if (cluster.isWorker) return (await import('./worker.ts')).startWorker(settings, options);
  const startHealth = await loadHealthExport(options);
  const proxy = await startFirst(settings, options);
  if (startHealth === undefined) return proxy;
  const health = startHealth(async () => (await proxy.metrics()).getMetricsAsJSON());
  return {
    ...proxy,
    async stop() {
      const stopped = await proxy.stop();
      await health.stop(LAST_METRICS_MS_MAX);
      return stopped;
    },
  };
}

/** Loaded before there are calls that would have to wait for it. */
async function loadHealthExport({ version, log }: ProxyOptions): Promise<((read: ReadHealth) => MetricsExport) | undefined> {
  const variables = readMetricsVariables(process.env);
  if (variables === undefined) return undefined;
  const { startHealthExport } = await import('../contract/otlp/health-export.ts');
  return (read) => startHealthExport({ ...variables, scope: { name: 'glassway.proxy', version }, instanceId: uuidv7(), read, log });
}

async function startFirst(settings: Settings, options: ProxyOptions): Promise<FirstProcess> {
  if (workerCount(settings) > 1) return (await import('./workers.ts')).startWorkers(settings, options);
  return (await import('./main.ts')).startProxy(settings, options);
}
