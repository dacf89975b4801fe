/**
 * One of the proxy's workers: carries calls that come in on the shared port, with a journal of its own, and tells the
 * first process how it is when asked. Its share of what is bounded for the whole proxy is its part of it.
 */
import cluster from 'node:cluster';
import type { Settings } from '../contract/config.ts';
import { workerCount } from '../contract/worker-settings.ts';
import { addressesOf, type ProxyOptions, startCarrier } from './main.ts';
import type { StartedProxy } from './start.ts';
import { isReportRequest, type ReportAnswer } from './worker-messages.ts';

/** What a journal needs at least, as in the settings. */
const JOURNAL_BYTES_MIN = 1024 ** 2;
/** The id of the last report, which counts what ended while the worker stopped. */
const UNASKED = 0;

export async function startWorker(settings: Settings, { dataDir, log }: ProxyOptions): Promise<StartedProxy> {
  // Else Node ends a worker at once when its first process is gone, with all its calls; so it drains as any child does.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  const carrier = await startCarrier(shareOf(settings), { dataDir, log });
  const tell = async (id: number): Promise<void> => {
    const metrics = await carrier.metrics.getMetricsAsJSON();
    const report: ReportAnswer = { type: 'report', id, report: carrier.report(), metrics };
    if (process.connected) await new Promise<void>((resolve) => process.send?.(report, undefined, undefined, () => resolve())); // the asker may be gone
  };
  process.on('message', (message) => {
    if (isReportRequest(message)) void tell(message.id);
  });
  return {
    ...addressesOf(settings),
    async stop() {
      const stopped = await carrier.stop();
      await tell(UNASKED);
      return stopped;
    },
  };
}

function shareOf(settings: Settings): Settings {
  const workers = workerCount(settings);
  const share = (whole: number, min: number): number => Math.max(min, Math.floor(whole / workers));
  const { journal, limits } = settings;
  return {
    ...settings,
    journal: { ...journal, bytesMax: share(journal.bytesMax, JOURNAL_BYTES_MIN) },
    limits: { ...limits, queueRecords: share(limits.queueRecords, 1), queueBytes: share(limits.queueBytes, 1024) },
  };
}
