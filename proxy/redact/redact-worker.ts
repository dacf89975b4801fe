/**
 * The redacting thread: takes a RedactJob, answers its RedactAnswer, one at a time. Keeps nothing of what it has read.
 */
import { parentPort } from 'node:worker_threads';
import { leaveEnvironmentOutOfReports } from '../../contract/reports.ts';
import { THREAD_READY } from '../job-thread.ts';
import { createRedaction, type RedactJob } from './job.ts';

leaveEnvironmentOutOfReports();

const redact = createRedaction();

parentPort?.on('message', (job: RedactJob) => parentPort?.postMessage(redact(job)));
parentPort?.postMessage(THREAD_READY);
