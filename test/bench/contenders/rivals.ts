/**
 * Other gateways, installed beside the project into a folder of the system's for temporary files, once: they are
 * measured, never depended on. Throws what went wrong where they cannot be had.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(tmpdir(), 'glassway-bench-rivals');
const PORTKEY = '@portkey-ai/gateway@1.15.2';
const LITELLM = 'litellm[proxy]==1.108.7';
const INSTALL_MS_MAX = 400_000;

/** Its server's script. */
export function portkeyEntry(): string {
  const entry = join(ROOT, 'portkey/node_modules/@portkey-ai/gateway/build/start-server.js');
  once('portkey', entry, (dir) => {
    writeFileSync(join(dir, 'package.json'), '{"private":true}');
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', PORTKEY], dir);
  });
  return entry;
}

/** Its command. */
export function litellmCommand(): string {
  const command = join(ROOT, 'litellm/bin/litellm');
  once('litellm', command, (dir) => {
    run('python3', ['-m', 'venv', dir], dir);
    run(join(dir, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', LITELLM], dir);
  });
  return command;
}

const failures = new Map<string, Error>();

function once(name: string, result: string, install: (dir: string) => void): void {
  const failure = failures.get(name);
  if (failure) throw failure;
  if (existsSync(result)) return;
  try {
    const dir = join(ROOT, name);
    mkdirSync(dir, { recursive: true });
    process.stderr.write(`installing ${name} for comparison into ${dir} …\n`);
    install(dir);
    if (!existsSync(result)) throw new Error(`${name} was installed, but ${result} is not there`);
  } catch (error) {
    const failed = error instanceof Error ? error : new Error(String(error));
    failures.set(name, failed);
    throw failed;
  }
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error, stderr } = spawnSync(command, args, { cwd, timeout: INSTALL_MS_MAX, encoding: 'utf8' });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${stderr.trim().split('\n').at(-1)?.slice(0, 200)}`);
}
