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

export async function startWorker(settings: Settings, { dataDir, log }: ProxyOptions): Promise<StartedProxy> {
  // Else Node ends a worker at once when its first process is gone, with all its calls; so it drains as any child does.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  const carrier = await startCarrier(shareOf(settings), { dataDir, log });
  const answer = async (message: unknown): Promise<void> => {
    if (!isReportRequest(message)) return;
    const metrics = await carrier.metrics.getMetricsAsJSON();
    const report: ReportAnswer = { type: 'report', id: message.id, report: carrier.report(), metrics };
    if (process.connected) process.send?.(report, undefined, undefined, () => {}); // the asker may be gone
  };
  process.on('message', (message) => void answer(message));
  return { ...addressesOf(settings), stop: () => carrier.stop() };
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
