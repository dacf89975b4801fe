/**
 * The counting thread: takes a CountJob, answers its TokenCounts, one at a time. Loads a tokenizer's tables
 * (some 40 MB) when a model first needs them. Keeps nothing of what it has counted.
 */
import { parentPort } from 'node:worker_threads';
import { leaveEnvironmentOutOfReports } from '../../contract/reports.ts';
import { THREAD_READY } from '../job-thread.ts';
import { type Encoding, encodingOf } from './encoding.ts';
import { type CountJob, countJob } from './job.ts';

leaveEnvironmentOutOfReports();

type Tokenizer = Pick<typeof import('gpt-tokenizer/encoding/o200k_base'), 'countTokens'>;

const LOADERS: Readonly<Record<Encoding, () => Promise<Tokenizer>>> = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base'),
};
/** Text that spells a special token is text: without this the library throws. */
const PLAIN = { disallowedSpecial: new Set<string>() };

parentPort?.on('message', (job: CountJob) => {
  void (async () => {
    const encoding = encodingOf(job.model);
    const { countTokens } = await LOADERS[encoding]();
    parentPort?.postMessage(countJob(job, (piece) => countTokens(piece, PLAIN)));
  })();
});

parentPort?.postMessage(THREAD_READY);
