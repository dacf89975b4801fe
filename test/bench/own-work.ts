/**
 * `npm run bench:own`: what Glassway's own work costs a call and a streamed event, without network, client or provider:
 * checks, identity, tap, extraction, record, journal on disk, batches. Processor time of the process, step by step; the
 * least of many rounds, which is steady to a few per cent on a machine that does other things too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { loadSettings } from '../../contract/config.ts';
import { NO_KEYS } from '../../contract/key-ring.ts';
import { createAdmit } from '../../proxy/admit.ts';
import { upstreamTable } from '../../proxy/config.ts';
import { HeldBytes } from '../../proxy/estimate/held-bytes.ts';
import { createIdentify, type Identity } from '../../proxy/identify.ts';
import { openJournal } from '../../proxy/journal.ts';
import { createRouter, type Route } from '../../proxy/route.ts';
import { checkStrictly } from '../../proxy/strictness.ts';
import { CallTap } from '../../proxy/tap.ts';
import { CALL, EVENTS, RESPONSE_HEADERS, STREAM_CALL, STREAM_HEADERS, WHOLE } from './own-work-call.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '150' } } });
const ROUNDS = Number(values.rounds);
/** Calls that are under way together: a step is measured over all of them, since clocks are no finer. */
const TOGETHER = 200;
const STREAMS_TOGETHER = 50;
const STREAMS_HELD = 5_000;
const EVENTS_HELD = 3;

const dir = mkdtempSync(join(tmpdir(), 'glassway-own-'));
const settings = loadSettings({ env: {} });
const journal = openJournal({
  root: join(dir, 'journal'),
  proxyId: 'bench-0123456789ab',
  fsync: 'second',
  bytesMax: settings.journal.bytesMax,
  memory: { records: 1_000, bytes: 1e7 },
  log: (_level, message) => process.stderr.write(`${message}\n`),
});
const identify = createIdentify(Buffer.alloc(32, 7));
const route = createRouter(upstreamTable(settings), settings.defaultUpstream);
const admit = createAdmit({ keysRequired: false, keys: NO_KEYS, host: '127.0.0.1', hosts: [], origins: [] });
const strictness = { headersMax: settings.limits.headersMax, urlBytesMax: settings.limits.urlBytes };
const heldBytes = new HeldBytes();
const gzipAsync = promisify(gzip);

interface Opened {
  readonly identity: Identity;
  readonly route: Route;
}

/** Microseconds of processor time, all threads. */
function cpu_us(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

class Steps {
  readonly least = new Map<string, number>();
  #begun_us = 0;

  begin(): void {
    this.#begun_us = cpu_us();
  }

  end(step: string, units: number): void {
    const each_us = (cpu_us() - this.#begun_us) / units;
    this.least.set(step, Math.min(this.least.get(step) ?? Number.POSITIVE_INFINITY, each_us));
    this.#begun_us = cpu_us();
  }
}

function requestOf({ url, rawHeaders }: typeof CALL): IncomingMessage {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers[(rawHeaders[i] as string).toLowerCase()] = rawHeaders[i + 1] as string;
  return { httpVersion: '1.1', method: 'POST', url, rawHeaders, headers } as unknown as IncomingMessage;
}

function openCall(req: IncomingMessage): Opened {
  checkStrictly(req, strictness);
  const caller = admit(req.headers, req.url ?? '');
  const found = route(req.url ?? '', req.rawHeaders);
  return { identity: identify(req.rawHeaders, found.query, caller.project), route: found };
}

function openTap(req: IncomingMessage, { identity, route }: Opened): CallTap {
  return new CallTap({
    identity,
    route,
    method: 'POST',
    requestHeaders: req.rawHeaders,
    heldKey: undefined,
    bodyBytesMax: settings.limits.bodyBytes,
    capture: 'metadata',
    captureBytesMax: settings.limits.captureBytes,
    heldBytes,
    count: (_job, done) => done(undefined),
    redact: () => {},
    begin: (call) => journal.start(call),
    whenWritten: (done) => journal.whenWritten(done),
    write: () => journal.write(),
    draft: (seq, record, done) => journal.draft(seq, record, done),
    emit: (seq, record, _limited, done) => journal.finish(seq, record, done),
    giveUp: () => process.stderr.write('given up\n'),
    fault: (error) => process.stderr.write(`${String(error)}\n`),
  });
}

const nothing = (): void => {};
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_each, index) => make(index));

function wholeCalls(steps: Steps): void {
  const requests = times(TOGETHER, () => requestOf(CALL));
  const bodies = times(TOGETHER, () => Buffer.from(CALL.body));
  const answers = times(TOGETHER, () => Buffer.from(WHOLE));
  steps.begin();
  const opened = requests.map(openCall);
  steps.end('checks, route, identity', TOGETHER);
  const taps = requests.map((req, i) => openTap(req, opened[i] as Opened));
  steps.end('tap opens, start in the journal', TOGETHER);
  for (const [i, tap] of taps.entries()) {
    tap.requestData(bodies[i] as Buffer);
    tap.requestEnd();
    tap.dispatched();
  }
  steps.end('request', TOGETHER);
  for (const tap of taps) {
    tap.responseHeaders(200, RESPONSE_HEADERS);
    tap.headersSent();
  }
  steps.end('answer, headers', TOGETHER);
  for (const [i, tap] of taps.entries()) tap.responseData(answers[i] as Buffer);
  steps.end('answer, body', TOGETHER);
  for (const tap of taps) tap.end({ kind: 'complete' }, nothing);
  steps.end('end, record in the journal', TOGETHER);
}

/** Bytes that an open stream holds of ours, once its first events have gone by: its tap, and what it and the journal keep of it. */
async function bytesPerStream(): Promise<number> {
  const used = async (): Promise<number> => {
    // What finalizers hold goes with the second.
    for (let i = 0; i < 2; i += 1) {
      await nextTurn();
      globalThis.gc?.();
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = await used();
  const taps = times(STREAMS_HELD, () => {
    const req = requestOf(STREAM_CALL);
    const tap = openTap(req, openCall(req));
    tap.requestData(Buffer.from(STREAM_CALL.body));
    tap.requestEnd();
    tap.dispatched();
    tap.responseHeaders(200, STREAM_HEADERS);
    tap.headersSent();
    for (const event of EVENTS.slice(0, EVENTS_HELD)) tap.responseData(Buffer.from(event));
    return tap;
  });
  const bytes = ((await used()) - before) / STREAMS_HELD;
  for (const tap of taps) tap.end({ kind: 'complete' }, nothing);
  return bytes;
}

function streams(steps: Steps): void {
  const requests = times(STREAMS_TOGETHER, () => requestOf(STREAM_CALL));
  const taps = requests.map((req) => openTap(req, openCall(req)));
  for (const tap of taps) {
    tap.requestData(Buffer.from(STREAM_CALL.body));
    tap.requestEnd();
    tap.dispatched();
    tap.responseHeaders(200, STREAM_HEADERS);
    tap.headersSent();
  }
  const events = EVENTS.map((event) => times(STREAMS_TOGETHER, () => Buffer.from(event)));
  steps.begin();
  for (const each of events) for (const [i, tap] of taps.entries()) tap.responseData(each[i] as Buffer);
  steps.end('event of a stream', STREAMS_TOGETHER * EVENTS.length);
  for (const tap of taps) tap.end({ kind: 'complete' }, nothing);
  steps.end('end of a stream', STREAMS_TOGETHER);
}

async function ship(steps: Steps): Promise<void> {
  while (journal.records > 0) {
    steps.begin();
    const batch = await journal.take();
    if (batch === undefined) break;
    if (batch.rows >= TOGETHER * 5) steps.end('batch read', batch.rows);
    await gzipAsync(batch.body, { level: constants.Z_BEST_SPEED });
    if (batch.rows >= TOGETHER * 5) steps.end('batch compressed, for an ingest elsewhere', batch.rows);
    journal.acknowledge(batch);
  }
}

const steps = new Steps();
for (let round = 0; round < ROUNDS; round += 1) {
  wholeCalls(steps);
  streams(new Steps());
  if (round > ROUNDS / 3) streams(steps);
  if (round % 10 === 9) await ship(steps);
}
/** What is no part of a whole call to an ingest on the same machine. */
const APART = new Set(['event of a stream', 'end of a stream', 'batch compressed, for an ingest elsewhere']);
const total = [...steps.least].reduce((sum, [name, us]) => sum + (APART.has(name) ? 0 : us), 0);
for (const [name, us] of steps.least) process.stdout.write(`${us.toFixed(2).padStart(7)} µs  ${name}\n`);
process.stdout.write(`${total.toFixed(2).padStart(7)} µs  a call in all\n`);
if (globalThis.gc) process.stdout.write(`${((await bytesPerStream()) / 1024).toFixed(1).padStart(7)} KB  an open stream holds\n`);
journal.close();
rmSync(dir, { recursive: true, force: true });
