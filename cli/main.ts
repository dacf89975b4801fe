#!/usr/bin/env node
/**
 * The command line: takes arguments and environment, runs one command, exits 0 or 1. Every error that a
 * person can cause is one clear message; anything else is a fault of ours and shows its stack.
 */
import './node-version.ts';
import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Settings } from '../contract/config.ts';
import { reachableHost, StartError } from '../contract/listen.ts';
import { createLog } from '../contract/log.ts';
import { leaveEnvironmentOutOfReports } from '../contract/reports.ts';
import { makeNothingOld } from '../contract/young-garbage.ts';
import { runService } from './child.ts';
import type { DoctorArguments } from './doctor/command.ts';
import type { EraseArguments } from './erase.ts';
import type { CreateKeyArguments } from './keys.ts';
import type { RepriceArguments } from './reprice.ts';
import type { ResendArguments } from './resend.ts';
import { VERSION } from './version.ts';

leaveEnvironmentOutOfReports();
makeNothingOld();

// What is loaded from here on is compiled once for all starts: half of what a start takes. Children read the variable.
const compiled = enableCompileCache().directory;
if (compiled !== undefined) process.env['NODE_COMPILE_CACHE'] ??= compiled;

/** A second interrupt this long after the first is meant: stop at once. Sooner, it is npm passing the first one on. */
const FORCE_AFTER_MS = 1_500;

interface CommonOptions {
  readonly config?: string;
  readonly data: string;
}

async function settingsOf(options: CommonOptions): Promise<Settings> {
  const { checkUpstreams } = await import('../proxy/config.ts');
  const { checkPatterns } = await import('../proxy/redact/patterns.ts');
  const { loadSettings } = await import('../contract/config.ts');
  return loadSettings({ file: options.config, env: process.env, checks: [checkUpstreams, checkPatterns] });
}

/** Aborted by the first SIGINT or SIGTERM; a later one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let first_ms = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (first_ms === 0) {
        first_ms = performance.now();
        controller.abort();
      } else if (performance.now() - first_ms > FORCE_AFTER_MS) {
        process.stderr.write('  Stopped without waiting.\n');
        process.exit(1);
      }
    });
  }
  return controller.signal;
}

/** What every command that works on stored calls takes. */
async function onStoredCalls<Arguments extends CommonOptions>(options: Arguments) {
  return {
    settings: await settingsOf(options),
    dataDir: resolve(options.data),
    arguments: options,
    signal: stopSignal(),
    out: process.stdout,
  };
}

const program = new Command('glassway')
  .description(
    'A see-through AI gateway: calls pass through untouched; what each cost, how long it took and how it failed lands in ClickHouse.',
  )
  .version(VERSION)
  .showHelpAfterError('(run with --help for the options)');

function command(name: string, description: string): Command {
  return withCommonOptions(program.command(name).description(description));
}

function withCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--config <file>', 'configuration file (default: glassway.yaml if present)').env('GLASSWAY_CONFIG'))
    .addOption(new Option('--data <dir>', 'data folder').env('GLASSWAY_DATA').default('.glassway'));
}

command('up', 'run everything: proxy, ingest, console, and an embedded ClickHouse unless CLICKHOUSE_URL is set').action(
  async (options: CommonOptions) => {
    const settings = await settingsOf(options);
    const { up } = await import('./up.ts');
    const { DEFAULT_CONFIG_FILE } = await import('../contract/config.ts');
    const configFile = options.config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
    await up({ settings, dataDir: resolve(options.data), configFile, signal: stopSignal() });
  },
);

command('proxy', 'run the proxy alone').action(async (options: CommonOptions) => {
  process.title = cluster.isWorker ? 'glassway proxy worker' : 'glassway proxy';
  const settings = await settingsOf(options);
  const log = createLog('proxy');
  const { startConfigured } = await import('../proxy/start.ts');
  process.exitCode = await runService(async () => {
    const proxy = await startConfigured(settings, { dataDir: resolve(options.data), version: VERSION, log });
    if (process.send === undefined)
      log(
        'info',
        `calls on ${proxy.url}, operators on ${proxy.adminUrl}, records to ${settings.ingestUrl ?? 'nowhere yet (ingestUrl is not set)'}`,
      );
    return proxy;
  }, log);
});

command('ingest', 'run ingest and the console; needs CLICKHOUSE_URL').action(async (options: CommonOptions) => {
  process.title = 'glassway ingest';
  const settings = await settingsOf(options);
  const log = createLog('ingest');
  const { startIngest } = await import('../ingest/main.ts');
  process.exitCode = await runService(async () => {
    const ingest = await startIngest(settings, { version: VERSION, dataDir: resolve(options.data), log });
    if (process.send === undefined) log('info', `batches and console on ${ingest.url}, ClickHouse at ${settings.clickhouse.url}`);
    return ingest;
  }, log);
});

command('migrate', 'create or update the tables of the ClickHouse at CLICKHOUSE_URL, then end').action(async (options: CommonOptions) => {
  const settings = await settingsOf(options);
  const { migrateOnce } = await import('../ingest/main.ts');
  const { applied, version } = await migrateOnce(settings, { version: VERSION, log: createLog('migrate') });
  process.stdout.write(`Schema version ${version}; ${applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`}.\n`);
});

command('demo', 'send synthetic traffic through a running Glassway to a built-in mock provider')
  .option('--rate <calls>', 'calls a second', '5')
  .option('--minutes <minutes>', 'how long', '10')
  .option('--seed <number>', 'what makes runs repeatable', '1')
  .action(async (options: CommonOptions & { rate: string; minutes: string; seed: string }) => {
    const settings = await settingsOf(options);
    const { parseDemoOptions, runDemo } = await import('./demo/command.ts');
    const { rate, minutes, seed } = parseDemoOptions(options);
    const { keysFile } = await import('../contract/auth-settings.ts');
    const { proxy, ingest, mockProvider } = settings.listen;
    const host = reachableHost(settings.listen.host);
    process.exitCode = await runDemo({
      proxyUrl: `http://${host}:${proxy}`,
      consoleUrl: `http://${host}:${ingest}`,
      keysFile: keysFile(settings, resolve(options.data)),
      mockHost: '127.0.0.1',
      mockPort: mockProvider,
      rate,
      minutes,
      seed,
      out: process.stdout,
      signal: stopSignal(),
    });
  });

command('prices', 'show what a model costs, and why')
  .argument('<model>', 'as calls name it')
  .option('--provider <name>', 'as in column provider: openai, anthropic, aws.bedrock, …; default: all')
  .action(async (model: string, options: CommonOptions & { provider?: string }) => {
    const settings = await settingsOf(options);
    const [{ explainPrices }, { todaysPrices }] = await Promise.all([import('./prices.ts'), import('./today-prices.ts')]);
    const answer = explainPrices(await todaysPrices(settings), { model, provider: options.provider, at: new Date() });
    process.stdout.write(`${answer.text}\n`);
    process.exitCode = answer.known ? 0 : 1;
  });

command('reprice', "compute stored calls' costs anew with today's prices; shows the difference before it writes")
  .requiredOption('--since <time>', 'from when: 2026-11-01, 2026-11-01T08:30Z (UTC), or how long ago: 12h, 30d')
  .option('--until <time>', 'until when, default: now')
  .option('--project <name>', 'this project only')
  .option('--dry-run', 'show the difference and write nothing')
  .option('--yes', 'write without asking')
  .action(async (options: CommonOptions & RepriceArguments) => {
    const { runReprice } = await import('./reprice.ts');
    process.exitCode = await runReprice({ ...(await onStoredCalls(options)), input: process.stdin });
  });

command('backfill', 'make the sums that dashboards read know of calls that are older than they, as after an upgrade')
  .option('--dry-run', 'show what is missing and write nothing')
  .action(async (options: CommonOptions & { dryRun?: boolean }) => {
    const settings = await settingsOf(options);
    const { runBackfill } = await import('./backfill.ts');
    process.exitCode = await runBackfill({
      settings,
      dataDir: resolve(options.data),
      dryRun: options.dryRun ?? false,
      signal: stopSignal(),
      out: process.stdout,
    });
  });

const keys = program.command('keys').description('make, list and revoke the keys by which callers, readers and Prometheus are known');
const keysCommand = (name: string, description: string): Command => withCommonOptions(keys.command(name).description(description));
async function keysPath(options: CommonOptions): Promise<string> {
  const { keysFile } = await import('../contract/auth-settings.ts');
  return keysFile(await settingsOf(options), resolve(options.data));
}

keysCommand('create', 'make a key and show it, once')
  .option('--project <name>', 'whose calls it is for')
  .option('--for <use>', 'calls; console: whoever signs in, reads everything; metrics: /metrics only', 'calls')
  .option('--name <text>', 'who has it, for the list')
  .option('--expires <when>', '90d, 12h or a date; default: never')
  .action(async (options: CommonOptions & CreateKeyArguments) => {
    const { createKeyIn } = await import('./keys.ts');
    process.stdout.write(createKeyIn(await keysPath(options), options, new Date()));
  });

keysCommand('list', 'show all keys, without the keys themselves').action(async (options: CommonOptions) => {
  const { listKeysIn } = await import('./keys.ts');
  process.stdout.write(listKeysIn(await keysPath(options), new Date()));
});

keysCommand('revoke', 'from now on this key opens nothing')
  .argument('<id>', 'its id, or the key itself')
  .action(async (id: string, options: CommonOptions) => {
    const { revokeKeyIn } = await import('./keys.ts');
    process.stdout.write(revokeKeyIn(await keysPath(options), id, new Date()));
  });

command('doctor', 'check a deployment: every part, its tables, rights, clocks and disks, and a call through all of it')
  .option('--json', 'as JSON, for scripts')
  .option('--proxy-url <url>', 'where the proxy takes calls')
  .option('--admin-url <url>', "where the proxy's operators' port is")
  .option('--ingest-url <url>', 'where ingest is')
  .addOption(new Option('--key <key>', 'a project key, if the proxy asks for one'))
  .option('--no-call', 'without the test call')
  .action(async (options: CommonOptions & DoctorArguments) => {
    const settings = await settingsOf(options);
    const { runDoctor } = await import('./doctor/command.ts');
    const dataDir = resolve(options.data);
    process.exitCode = await runDoctor({ settings, dataDir, version: VERSION, arguments: options, out: process.stdout });
  });

const traces = program.command('traces').description("calls' spans");

withCommonOptions(traces.command('resend').description("export stored calls' spans again, to where ingest's settings and variables say"))
  .requiredOption('--since <time>', 'from when: 2026-11-01, 2026-11-01T08:30Z (UTC), or how long ago: 12h, 30d')
  .option('--until <time>', 'until when, default: now')
  .option('--project <name>', 'this project only')
  .option('--dry-run', 'count them and send nothing')
  .action(async (options: CommonOptions & ResendArguments) => {
    const { runResend } = await import('./resend.ts');
    process.exitCode = await runResend({ ...(await onStoredCalls(options)), env: process.env });
  });

command('erase', "delete a user's, a session's or a project's calls everywhere, and prove it")
  .option('--user <id>', 'calls of this user, as in column user_id')
  .option('--session <id>', 'calls of this session, as in column session_id')
  .option('--project <name>', 'calls of this project; with --user or --session: those in it')
  .option('--dry-run', 'show what is there and delete nothing')
  .option('--yes', 'delete without asking')
  .action(async (options: CommonOptions & EraseArguments) => {
    const { runErase } = await import('./erase.ts');
    process.exitCode = await runErase({ ...(await onStoredCalls(options)), input: process.stdin });
  });

try {
  await program.parseAsync();
} catch (error) {
  const { ConfigError } = await import('../contract/config.ts');
  if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
  process.stderr.write(`\n${error.message}\n\n`);
  process.exitCode = 1;
}
