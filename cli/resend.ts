/**
 * `glassway traces resend`: exports the spans of stored calls again, with the ids that they always had. Takes settings and
 * options as typed, and OpenTelemetry's variables; gives the exit code: 0 when everything arrived, 1 when something did not.
 * Receivers that know a span already get it twice: it is the same span.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import type { Environment } from '../contract/otlp/variables.ts';
import { type ExportParts, exportParts } from '../ingest/otlp/export.ts';
import type { Outbox } from '../ingest/otlp/outbox.ts';
import { type CallRange, createStoredCalls, type StoredCalls } from '../ingest/otlp/stored-calls.ts';
import { timeRange } from './time-range.ts';
import { VERSION } from './version.ts';
import { writerLogin } from './writer-login.ts';

export interface ResendArguments {
  readonly since: string;
  readonly until?: string;
  readonly project?: string;
  readonly dryRun?: boolean;
}

export interface ResendCommand {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly arguments: ResendArguments;
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly out: NodeJS.WritableStream;
}

const REQUEST_MS_MAX = 600_000;
const TRIES = 5;
const PROGRESS_MS = 2_000;
const number = (count: number): string => count.toLocaleString('en-US');

/** What one run did. */
interface Tally {
  sent: number;
  refused: number;
}

export async function runResend(options: ResendCommand): Promise<number> {
  const { settings, env, signal } = options;
  const { since, until } = timeRange(options.arguments, new Date());
  const { project, dryRun = false } = options.arguments;
  const say = (text: string): void => {
    options.out.write(`${text}\n`);
  };
  const tally: Tally = { sent: 0, refused: 0 };
  const parts = exportParts({
    settings,
    env,
    version: VERSION,
    ingestId: 'resend',
    onSpans: (result, count) => {
      if (result === 'resent') tally.sent += count;
      if (result === 'refused') tally.refused += count;
    },
    log: (_level, message) => say(message),
  });
  const routes = [...parts.outboxes.keys()].filter((route) => project === undefined || route === parts.routing.routeOf(project));
  if (routes.length === 0)
    throw new StartError(
      `There is no destination${project === undefined ? '' : ` for project ${project}`}: set OTEL_EXPORTER_OTLP_ENDPOINT, or otlp in the settings.`,
    );
  const client = createClient({
    ...writerLogin(settings, options.dataDir),
    application: 'glassway-traces',
    request_timeout: REQUEST_MS_MAX,
    log: { level: ClickHouseLogLevel.OFF },
  });
  try {
    const answer = await client.ping({ select: true });
    if (!answer.success)
      throw new StartError(
        `ClickHouse does not answer (${answer.error.message}). Start glassway up in another terminal, or set CLICKHOUSE_URL.`,
        {
          cause: answer.error,
        },
      );
    const stored = createStoredCalls({ client, database: settings.clickhouse.database, textProjects: parts.textProjects });
    const ranges = routes.map((route) => ({
      outbox: parts.outboxes.get(route) as Outbox,
      range: rangeOf(parts, route, { since, until, project }),
    }));
    const counts = await Promise.all(ranges.map(({ range }) => stored.count(range)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    say(
      `${number(total)} calls from ${since.toISOString()} to ${until.toISOString()}; destinations: ${parts.destinations.map(({ name }) => name).join(', ')}.`,
    );
    if (dryRun || total === 0) return 0;
    for (const { outbox, range } of ranges)
      if (!(await resendRange({ ...options, parts, stored, outbox, range, tally, total, say }))) return 1;
    say(
      `${number(tally.sent)} spans sent${tally.refused > 0 ? `, ${number(tally.refused)} refused` : ''}; the others are not sampled, or have no ids.`,
    );
    return tally.refused > 0 ? 1 : 0;
  } finally {
    await Promise.all(parts.all.map((outbox) => outbox.drain(0)));
    await client.close();
    if (signal.aborted) say('Stopped. The same command with a later --since goes on.');
  }
}

function rangeOf(
  { routing }: ExportParts,
  route: string,
  { since, until, project }: { since: Date; until: Date; project: string | undefined },
): CallRange {
  const part = routing.condition(route);
  const one =
    project === undefined ? { sql: '', params: {} } : { sql: ' AND project = {onlyProject:String}', params: { onlyProject: project } };
  return {
    sql: `c.started_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND c.started_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AND ${part.sql}${one.sql}`,
    params: { since_ms: since.getTime(), until_ms: until.getTime(), ...part.params, ...one.params },
  };
}

interface RangeRun extends ResendCommand {
  readonly parts: ExportParts;
  readonly stored: StoredCalls;
  readonly outbox: Outbox;
  readonly range: CallRange;
  readonly tally: Tally;
  readonly total: number;
  readonly say: (text: string) => void;
}

/** False: stopped, or the receiver did not take them after several tries. */
async function resendRange({ parts, stored, outbox, range, tally, total, settings, signal, say }: RangeRun): Promise<boolean> {
  let saidAt_ms = performance.now();
  for await (const page of stored.pages(range)) {
    const calls = page.filter(parts.isExported);
    const started_ms = performance.now();
    for (let tries = 1; !(await outbox.exportNow(calls)); tries += 1) {
      if (tries >= TRIES || signal.aborted) {
        say(`Gave up after ${number(tally.sent)} spans; the last call tried began at ${calls[0]?.started_at}.`);
        return false;
      }
      while (!outbox.mayTry && !signal.aborted) await sleep(100);
    }
    if (signal.aborted) return false;
    if (performance.now() - saidAt_ms > PROGRESS_MS) {
      say(`${number(tally.sent)} of at most ${number(total)}, up to ${page.at(-1)?.started_at}`);
      saidAt_ms = performance.now();
    }
    await sleep(Math.max(0, (calls.length / settings.traces.resendSpansPerSecond) * 1_000 - (performance.now() - started_ms)));
  }
  return true;
}
