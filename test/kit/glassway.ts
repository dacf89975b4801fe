/**
 * A whole Glassway as a user starts it: the real command in a process of its own, on free ports and a
 * data folder of its own. Gives its addresses and a reader of its rows, and ends what it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { endAtLast } from './leftovers.ts';
import { freePorts } from './ports.ts';
import { collect, type Ended, runScript } from './processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const READY_MS = 60_000;

export interface Ports {
  readonly proxy: number;
  readonly ingest: number;
  readonly clickhouseHttp: number;
  readonly clickhouseNative: number;
  readonly proxyAdmin: number;
  readonly mockProvider: number;
}

/** A port for each, none of them in use. */
export async function glasswayPorts(): Promise<Ports> {
  const [proxy = 0, ingest = 0, clickhouseHttp = 0, clickhouseNative = 0, proxyAdmin = 0, mockProvider = 0] = await freePorts(6);
  return { proxy, ingest, clickhouseHttp, clickhouseNative, proxyAdmin, mockProvider };
}

export interface GlasswayOptions {
  /** Settings besides `listen`, as in glassway.yaml. */
  readonly settings?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  /** Reuse these, to start again on the same data. */
  readonly ports?: Ports;
  readonly dataDir?: string;
  readonly command?: readonly string[];
}

export interface RunningGlassway {
  readonly process: ChildProcess;
  readonly ports: Ports;
  readonly dataDir: string;
  readonly proxyUrl: string;
  readonly consoleUrl: string;
  /** Everything it has printed. */
  output(): string;
  /** Runs SQL as the read-only user that everybody on the machine has. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Waits until a query gives at least `count` rows. */
  rows(sql: string, count: number): Promise<Record<string, unknown>[]>;
  /** Ends it as a terminal would, and gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const scratch: string[] = [];
const removeScratch = () => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
};
// Registered with the test file that imports this, since Jest's workers see no `exit` of the process; the fault
// tests run without Jest.
if (typeof afterAll === 'function') afterAll(removeScratch);
else process.on('exit', removeScratch);

export function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'glassway-test-'));
  scratch.push(dir);
  return dir;
}

/** Starts the command without waiting for anything but its end; for what must fail. */
export function runToEnd(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runScript(join(ROOT, 'cli/main.ts'), args, { cwd: scratchDir(), env: { ...process.env, ...env } });
}

export async function startGlassway(options: GlasswayOptions = {}): Promise<RunningGlassway> {
  const ports = options.ports ?? (await glasswayPorts());
  const dataDir = options.dataDir ?? join(scratchDir(), 'data');
  const configFile = join(scratchDir(), 'glassway.yaml');
  // JSON is YAML.
  // Nobody comes back on an idle connection, so that none is waited for.
  const timeouts = { drainIdleMs: 0, ...(options.settings?.['timeouts'] as object | undefined) };
  writeFileSync(configFile, JSON.stringify({ listen: ports, ...options.settings, timeouts }));
  const args = [join(ROOT, 'cli/main.ts'), ...(options.command ?? ['up']), '--config', configFile, '--data', dataDir];
  const child = spawn(process.execPath, args, {
    cwd: scratchDir(),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const consoleUrl = `http://127.0.0.1:${ports.ingest}`;
  const clickhouseUrl = `http://127.0.0.1:${ports.clickhouseHttp}`;
  const query = async (sql: string): Promise<Record<string, unknown>[]> => {
    const answer = await fetch(`${clickhouseUrl}/?database=glassway&default_format=JSONEachRow&output_format_json_quote_64bit_integers=0`, {
      method: 'POST',
      body: sql,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const running: RunningGlassway = {
    process: child,
    ports,
    dataDir,
    proxyUrl: `http://127.0.0.1:${ports.proxy}`,
    consoleUrl,
    output,
    query,
    rows: (sql, count) =>
      waitFor(`${count} rows of ${sql}`, async () => {
        const found = await query(sql);
        return found.length >= count ? found : undefined;
      }),
    async stop(signal = 'SIGINT') {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit');
      child.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
  endAtLast(() => running.stop());
  try {
    await waitFor('Glassway to be ready', async () => {
      if (child.exitCode !== null) throw new Error(`glassway ended with ${child.exitCode}:\n${output()}`);
      return output().includes('Ctrl-C stops everything') ? true : undefined;
    });
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output()}`);
  }
  return running;
}

/** Whether it answers well, and soon. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Polls until `probe` gives a value; fails with `what` after a minute. */
export async function waitFor<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const until_ms = performance.now() + READY_MS;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > until_ms) throw new Error(`waited ${READY_MS / 1_000} s in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
