/**
 * Writes down, every few seconds, how ingest and the proxies are: their own metrics, into table `health`, which board Pipeline
 * is drawn from, so that it needs nothing beside Glassway. Takes ingest's own metrics and where the proxies' operators' port
 * is; a name that stands for several proxies (a headless service) is asked at each of its addresses. What cannot be read or
 * written is left out: the next one says how things are. Never delays a batch.
 */
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import type { ClickHouseClient } from '@clickhouse/client';
import { request } from 'undici';
import { INGEST_METRICS, type MetricEntry, PROXY_METRICS } from '../../contract/events.ts';
import type { Log } from '../../contract/log.ts';
import { errorText } from '../error-text.ts';
import { readExposition, type Sample } from './exposition.ts';

export interface HealthOptions {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Ingest's port, to tell it from others on its machine. */
  readonly port: number;
  readonly own: () => Promise<Sample[]>;
  /** Missing: nobody said where the proxies are. */
  readonly proxyAdminUrl: string | undefined;
  /** What the proxies know ingest by. */
  readonly secret: string | undefined;
  readonly isReady: () => boolean;
  readonly log: Log;
}

const EVERY_MS = 15_000;
const RETRY_MS = 1_000;
const ASK_MS_MAX = 5_000;
const WRITE_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 1024 ** 2;
/** Proxies beyond so many are not asked. */
const ADDRESSES_MAX = 200;

export interface Health {
  stop(): Promise<void>;
}

export function startHealth(options: HealthOptions): Health {
  const { log } = options;
  let troubles = '';
  let stopping = false;
  let begun = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const round = async (): Promise<void> => {
    if (!options.isReady()) return;
    const { samples, trouble } = await readAll(options);
    const written = await write(options, begun ? samples : [...samples, beginning(options.port)]);
    begun ||= written === '';
    const said = [trouble, written].filter((text) => text !== '').join('; ');
    // Once, and again when it is another.
    if (said !== '' && said !== troubles) log('warn', `health of the pipeline: ${said}`);
    troubles = said;
  };
  let running = Promise.resolve();
  const next = (ms: number): void => {
    timer = setTimeout(() => {
      running = round().finally(() => {
        if (!stopping) next(options.isReady() ? EVERY_MS : RETRY_MS);
      });
    }, ms);
  };
  next(0);
  return {
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await running;
    },
  };
}

interface Told extends Sample {
  readonly instance: string;
  /** When its process began, which is from when counters count: seconds since 1970; 0: it does not say. */
  readonly began: number;
  /** Seconds since 1970; missing: now. */
  readonly at?: number;
}

const ownName = (port: number): string => `${hostname()}:${port}`;
const OWN_BEGIN = Math.round(Date.now() / 1000 - process.uptime());
/** Prometheus' own name for it: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics */
const BEGIN: MetricEntry = { name: 'process_start_time_seconds', type: 'gauge', help: '', labels: [] };

/** Before its first samples a process was not there: what they count, it has counted since. */
function beginning(port: number): Told {
  const at = Math.floor((Date.now() - EVERY_MS) / 1000);
  return { metric: INGEST_METRICS.ready.name, instance: ownName(port), label: '', value: 0, began: OWN_BEGIN, at };
}

async function readAll({ own, port, proxyAdminUrl, secret }: HealthOptions): Promise<{ samples: Told[]; trouble: string }> {
  const mine = (await own()).map((sample) => ({ ...sample, instance: ownName(port), began: OWN_BEGIN }));
  if (proxyAdminUrl === undefined) return { samples: mine, trouble: '' };
  try {
    const answers = await Promise.allSettled((await addressesOf(new URL(proxyAdminUrl))).map((url) => askProxy(url, secret)));
    const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failed = answers.find((answer) => answer.status === 'rejected');
    return { samples: [...mine, ...told], trouble: failed === undefined ? '' : errorText(failed.reason) };
  } catch (error) {
    return { samples: mine, trouble: errorText(error) };
  }
}

async function addressesOf(url: URL): Promise<URL[]> {
  const found = await lookup(url.hostname.replace(/^\[|\]$/g, ''), { all: true });
  return found.slice(0, ADDRESSES_MAX).map(({ address, family }) => {
    const at = new URL(url);
    at.hostname = family === 6 ? `[${address}]` : address;
    return at;
  });
}

const ENTRIES: readonly MetricEntry[] = [...Object.values(PROXY_METRICS), BEGIN];

async function askProxy(url: URL, secret: string | undefined): Promise<Told[]> {
  const answer = await request(new URL('/metrics', url), {
    headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
    signal: AbortSignal.timeout(ASK_MS_MAX),
  });
  if (answer.statusCode !== 200) {
    await answer.body.dump();
    throw new Error(`the proxy at ${url.host} answers ${answer.statusCode} on /metrics`);
  }
  let text = '';
  for await (const piece of answer.body.setEncoding('utf8')) {
    text += String(piece);
    if (text.length > ANSWER_BYTES_MAX) throw new Error(`what answers at ${url.host} is no proxy of Glassway`);
  }
  const samples = readExposition(text, ENTRIES);
  const began = Math.round(samples.find(({ metric }) => metric === BEGIN.name)?.value ?? 0);
  return samples.filter(({ metric }) => metric !== BEGIN.name).map((sample) => ({ ...sample, instance: url.host, began }));
}

/** Gives what went wrong, or ''. */
async function write({ client, database }: HealthOptions, samples: readonly Told[]): Promise<string> {
  const at = Math.floor(Date.now() / 1000);
  try {
    await client.insert({
      table: `${database}.health`,
      values: samples.map((sample) => ({ at, ...sample })),
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplicate: 0 },
      abort_signal: AbortSignal.timeout(WRITE_MS_MAX),
    });
    return '';
  } catch (error) {
    return errorText(error);
  }
}
