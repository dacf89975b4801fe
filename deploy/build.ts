/**
 * Makes `dist/`, the form in which Glassway is published: JavaScript, because Node takes no types off inside
 * node_modules, and beside it everything that is read at run time (migrations, the console's page, dashboards),
 * whole folders at a time and under the same names. Takes the source tree; gives `dist/`, which it empties first.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const PROJECT = join(ROOT, 'deploy', 'tsconfig.build.json');
/** The browser's files: served as they are, their types taken off by the console itself. */
const PAGE = join('ingest', 'console', 'page');
/** Beside the compiled folders: what somebody who has only the package needs for Grafana. */
const EXTRA_FOLDERS = [join('deploy', 'grafana')];
/** A relative path to a source file in a string: imports, and what is given to `new URL`. */
const SOURCE_PATH = /(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g;

function compiledFolders(): string[] {
  const { include } = JSON.parse(readFileSync(PROJECT, 'utf8')) as { include: string[] };
  return include.map((folder) => basename(folder));
}

function build(): void {
  rmSync(DIST, { recursive: true, force: true });
  execFileSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', PROJECT], { stdio: 'inherit' });
  for (const folder of compiledFolders()) copyAssets(folder);
  for (const folder of EXTRA_FOLDERS) cpSync(join(ROOT, folder), join(DIST, folder), { recursive: true });
  for (const file of filesOf(DIST)) if (file.endsWith('.js')) nameCompiledFiles(file);
  const { name, version, type, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify({ name, version, type, engines }, null, 2)}\n`);
  chmodSync(join(DIST, 'cli', 'main.js'), 0o755);
}

/** Everything but the sources that were compiled and what only the compiler reads. */
function copyAssets(folder: string): void {
  for (const file of filesOf(join(ROOT, folder))) {
    const path = relative(ROOT, file);
    const isPage = path.startsWith(PAGE);
    if ((path.endsWith('.ts') && !isPage) || path.endsWith('.d.ts') || basename(path) === 'tsconfig.json') continue;
    mkdirSync(dirname(join(DIST, path)), { recursive: true });
    cpSync(file, join(DIST, path));
  }
}

/** The compiler rewrites imports only; children and workers are started by `new URL('./x.ts', import.meta.url)`. */
function nameCompiledFiles(file: string): void {
  const code = readFileSync(file, 'utf8');
  const renamed = code.replace(SOURCE_PATH, (whole, quote: string, path: string) =>
    existsSync(join(dirname(file), `${path}.js`)) ? `${quote}${path}.js${quote}` : whole,
  );
  if (renamed !== code) writeFileSync(file, renamed);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

build();
