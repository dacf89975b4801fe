/**
 * The canary test as it runs: plants secrets in calls of every endpoint in every mode of capture, kills proxy, ingest and
 * engine among them, and searches everything that was written or is said. Gives what was found, and what shows that the search
 * would have found it. As a program (`node test/kit/canary/run.ts`) it prints hits: for the
 * leaks that are planted in a copy.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createKeyIn } from '../../../cli/keys.ts';
import { CAPTURE_MODES, type CaptureMode } from '../../../contract/columns.ts';
import { type RunningGlassway, scratchDir, startGlassway, waitFor } from '../glassway.ts';
import { commandOf, tree } from '../processes.ts';
import { Canaries } from './canaries.ts';
import { type Call, endpointCalls } from './endpoints.ts';
import { credentialCalls, errorCalls, heldKeyCalls, nameCalls, realtimeEvents, unknownCalls } from './extras.ts';
import { type Place, pages, placesBelow, tables } from './places.ts';
import { createPlanter, type Planter } from './planter.ts';
import { CALL_HEADER, type CanaryProvider, type CanaryReceiver, startCanaryProvider, startCanaryReceiver } from './provider.ts';

/** A value that is meant to be kept: what the search finds proves that it looks there. */
export const KEPT = 'control-5f2c9a71e0';
/** Opens nothing but a provider, and has no issuer's shape. */
export const HELD_KEY = 'violet/harbour+kettle-of_the.north-4711';
const PARTS = { proxy: /^glassway proxy/, ingest: /^glassway ingest/, engine: /server-process/ } as const;
type PartName = keyof typeof PARTS;
/** Which is killed after each seventh of the calls: each at several points, in all modes at once. */
const KILLS: readonly (readonly PartName[])[] = [['proxy'], ['ingest'], ['engine'], ['proxy', 'ingest'], ['engine'], ['proxy']];
/** One is enough to have a journal to read: a leak that is always there needs no more. */
const QUICK_KILLS: typeof KILLS = [['ingest']];
const AT_ONCE = 6;

export interface CanaryReport {
  readonly planted: number;
  readonly calls: number;
  readonly hits: readonly string[];
  /** Kinds of places in which the control value was found. */
  readonly searched: ReadonlySet<string>;
  /** Everything that was searched. */
  readonly places: readonly string[];
  readonly glassway: RunningGlassway;
  readonly provider: CanaryProvider;
  stop(): Promise<void>;
}

interface Stand {
  readonly glassway: RunningGlassway;
  readonly provider: CanaryProvider;
  readonly receiver: CanaryReceiver;
  readonly canaries: Canaries;
  readonly printed: () => Buffer;
  readonly reports: string;
  answered: number;
  sent: number;
}

export interface CanaryOptions {
  readonly quick?: boolean;
}

export async function runCanaries({ quick = false }: CanaryOptions = {}): Promise<CanaryReport> {
  const stand = await startStand();
  const { glassway, canaries, provider, receiver } = stand;
  const own = Object.fromEntries(CAPTURE_MODES.map((mode) => [mode, ownKey(stand, mode)]));
  const planters = CAPTURE_MODES.map((mode) => createPlanter(canaries, mode));
  const calls = interleaved(planters.map((planter) => callsOf(planter, own)));
  const places = await sendAll(stand, calls, quick ? QUICK_KILLS : KILLS);
  for (const planter of planters) await speak(stand, planter);
  await waitFor('every call to be a row', async () => {
    const [row] = await glassway.query('SELECT toFloat64(count()) AS n FROM calls');
    return Number(row?.['n']) >= stand.answered ? true : undefined;
  });
  await waitFor(
    'spans and metrics to be exported',
    () => ['traces', 'metrics'].every((kind) => receiver.received.some(({ path }) => path.includes(kind))) || undefined,
  );
  places.push(
    ...(await tables(glassway)),
    ...(await pages(glassway)),
    ...receiver.received.map(({ path, bytes }) => ({ name: `export ${path}`, bytes })),
    { name: 'output', bytes: stand.printed() },
    ...placesBelow(glassway.dataDir),
    ...placesBelow(stand.reports).map(({ name, bytes }) => ({ name: `report ${name}`, bytes })),
  );
  const control = new Canaries();
  control.keep(KEPT, 'tag');
  return {
    planted: canaries.planted.length,
    calls: stand.answered,
    hits: places.flatMap(({ name, bytes }) => canaries.search(bytes).map((where) => `${name}: ${where}`)),
    searched: new Set(places.filter(({ bytes }) => control.search(bytes).length > 0).map(({ name }) => name.replace(/\d+/g, '#'))),
    places: places.map(({ name }) => name),
    glassway,
    provider,
    async stop() {
      await glassway.stop();
      await provider.close();
      await receiver.close();
    },
  };
}

async function startStand(): Promise<Stand> {
  const [provider, receiver] = await Promise.all([startCanaryProvider(), startCanaryReceiver()]);
  const canaries = new Canaries();
  canaries.keep(HELD_KEY, 'the key that Glassway holds');
  const { UPSTREAMS } = await import('../../../proxy/providers/index.ts');
  const upstreams = Object.fromEntries(
    Object.values(UPSTREAMS)
      .filter(({ name }) => !name.startsWith('demo-'))
      .map(({ name }) => [name, { baseUrl: provider.url, ...(name === 'groq' && { apiKey: { env: 'CANARY_HELD_KEY' } }) }]),
  );
  const reports = scratchDir();
  const glassway = await startGlassway({
    settings: { upstreams, projects: Object.fromEntries(CAPTURE_MODES.map((mode) => [mode, { capture: mode }])) },
    env: {
      CANARY_HELD_KEY: HELD_KEY,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      // Whatever Node may write about a process that dies or is asked.
      NODE_OPTIONS: `--report-on-signal --report-uncaught-exception --report-on-fatalerror --report-directory=${reports}`,
    },
  });
  const pieces: Buffer[] = [Buffer.from(glassway.output())];
  for (const output of [glassway.process.stdout, glassway.process.stderr]) output?.on('data', (piece: Buffer) => pieces.push(piece));
  return { glassway, provider, receiver, canaries, printed: () => Buffer.concat(pieces), reports, answered: 0, sent: 0 };
}

function ownKey({ glassway, canaries }: Stand, mode: CaptureMode): string {
  const printed = createKeyIn(join(glassway.dataDir, 'keys.json'), { project: mode, for: 'calls' }, new Date());
  return canaries.keep(/^gwk_\S+/.exec(printed)?.[0] ?? '', `${mode}: Glassway's own key`);
}

interface ModeCall extends Call {
  readonly mode: CaptureMode;
}

function callsOf(planter: Planter, own: Readonly<Record<string, string>>): ModeCall[] {
  const calls = [
    ...endpointCalls(planter),
    ...credentialCalls(planter),
    ...errorCalls(planter),
    ...nameCalls(planter),
    ...unknownCalls(planter),
    ...heldKeyCalls(planter, { own, held: HELD_KEY }),
  ];
  return calls.map((call) => ({ ...call, mode: planter.mode }));
}

/** One of each mode after the other, so that every kill meets all. */
function interleaved(lists: readonly (readonly ModeCall[])[]): ModeCall[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat();
}

/** Sends them, a few at once, and gives what was on the disk around each kill. */
async function sendAll(stand: Stand, calls: readonly ModeCall[], kills: typeof KILLS): Promise<Place[]> {
  const places: Place[] = [];
  let next = 0;
  const killAt = kills.map((parts, at) => ({ parts, at: Math.floor(((at + 1) * calls.length) / (kills.length + 1)) }));
  const work = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) {
      const running = send(stand, calls[at] as ModeCall);
      const kill = killAt.find((each) => each.at === at);
      if (kill !== undefined) places.push(...(await killParts(stand, kill.parts)));
      await running;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return places;
}

/** Has each say what Node says of a process, kills it, and reads what lies there then: the journal is full when ingest is gone. */
async function killParts({ glassway, reports }: Stand, parts: readonly PartName[]): Promise<Place[]> {
  const pids = tree(glassway.process.pid as number);
  const places: Place[] = [];
  for (const part of parts) {
    const found = pids.filter((pid) => PARTS[part].test(commandOf(pid)));
    if (found.length === 0) throw new Error(`there is no ${part}`);
    // The engine is no Node that reports: it would take the signal for its end.
    if (part !== 'engine') {
      for (const pid of found) process.kill(pid, 'SIGUSR2');
      for (const pid of found) await waitFor(`the report of ${part}`, () => hasReport(reports, pid) || undefined);
    }
    for (const pid of found) process.kill(pid, 'SIGKILL');
    await new Promise((done) => setTimeout(done, 50));
    places.push(...placesBelow(join(glassway.dataDir, 'journal')).map(({ name, bytes }) => ({ name: `journal ${name}`, bytes })));
  }
  return places;
}

/** Whether this process has written its report, to the end. */
function hasReport(dir: string, pid: number): boolean {
  return placesBelow(dir).some(({ name, bytes }) => name.includes(`.${pid}.`) && bytes.toString().trimEnd().endsWith('}'));
}

const ATTEMPTS_MAX = 300;

async function send(stand: Stand, { mode, method = 'POST', path, headers, body, answer }: ModeCall): Promise<void> {
  stand.sent += 1;
  const id = `canary-${stand.sent}`;
  stand.provider.answers.set(id, answer);
  // Its proxy may be dying: the call is made again until one takes it, as a load balancer would.
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    let begun = false;
    try {
      const response = await fetch(`${stand.glassway.proxyUrl}${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          [CALL_HEADER]: id,
          'x-glassway-project': mode,
          'x-glassway-tag-control': KEPT,
          ...headers,
        },
        ...(method !== 'GET' && { body }),
      });
      begun = true;
      await response.arrayBuffer();
      // What is refused before it is routed makes no row.
      if (response.headers.get('x-glassway-error') === null) stand.answered += 1;
      return;
    } catch {
      if (begun && answer.cut) return;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  throw new Error(`no proxy took ${path}`);
}

/** A realtime session with secrets on both sides. */
async function speak(stand: Stand, planter: Planter): Promise<void> {
  const { mode, secret, credential } = planter;
  const socket = new WebSocket(
    `${stand.glassway.proxyUrl.replace('http', 'ws')}/openai/v1/realtime?model=gpt-realtime`,
    ['realtime', `openai-insecure-api-key.${credential('realtime, subprotocol', 'key')}`],
    {
      headers: {
        authorization: `Bearer ${credential('realtime, key', 'key')}`,
        'x-glassway-project': mode,
        'x-glassway-tag-control': KEPT,
      },
    },
  );
  await once(socket, 'open');
  const ended = new Promise<void>((resolve) => {
    socket.on('message', (message) => {
      if (String(message).includes('the end')) resolve();
    });
  });
  const item = { content: [{ text: secret('realtime, input') }] };
  socket.send(JSON.stringify({ type: 'conversation.item.create', item, say: realtimeEvents(planter) }));
  await ended;
  socket.close();
  await once(socket, 'close');
  // The connection's row, and the response's.
  stand.answered += 2;
}

/** So many of one kind of place say enough. */
const PRINTED_MAX = 20;

async function printHits(): Promise<void> {
  const report = await runCanaries({ quick: true });
  await report.stop();
  const printed = new Map<string, number>();
  for (const hit of report.hits) {
    const place = hit.slice(0, hit.indexOf(':')).replace(/[\d][\da-f_-]*/g, '#');
    const count = (printed.get(place) ?? 0) + 1;
    printed.set(place, count);
    if (count <= PRINTED_MAX) process.stdout.write(`${hit}\n`);
  }
  process.exitCode = report.hits.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) await printHits();
