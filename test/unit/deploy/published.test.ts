/** What the published package would lack: found in the sources, so that nobody has to install it to see. */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../../..');
const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
/** Imports that stay after the types are off, and the modules that children and workers start. */
const IMPORTED =
  /(?:^import\s+(?!type\b)(?:[^'"();]*?\sfrom\s+)?|^export\s+(?!type\b)[^'"();]*?\sfrom\s+|\bimport\(|new URL\((?='\.))'([^'\n]+)'/gm;

/** Every module that the command line can come to, with the packages it imports. */
function walk(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen;
  const bare: string[] = [];
  seen.set(file, bare);
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
    if (!name.startsWith('.')) bare.push(name);
    else if (name.endsWith('.ts')) walk(join(dirname(file), name), seen);
  }
  return seen;
}

const modules = walk(join(ROOT, 'cli/main.ts'));

test('whatever the command line can come to is a dependency, not a development dependency', () => {
  expect(modules.size).toBeGreaterThan(100);
  const missing = [...modules].flatMap(([file, names]) =>
    names
      .filter((name) => !isBuiltin(name) && !name.includes(':'))
      .map((name) => (name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]))
      .filter((name) => name !== undefined && dependencies[name] === undefined)
      .map((name) => `${relative(ROOT, file)} imports ${name}`),
  );
  expect(missing).toEqual([]);
});

test('no module of the command line lies outside the folders that the build compiles', () => {
  const { include } = JSON.parse(readFileSync(join(ROOT, 'deploy/tsconfig.build.json'), 'utf8')) as { include: string[] };
  const compiled = include.map((folder) => resolve(ROOT, 'deploy', folder));
  expect([...modules.keys()].filter((file) => !compiled.some((folder) => file.startsWith(`${folder}/`)))).toEqual([]);
});

test('the folders that the build takes whole are all those that hold sources', () => {
  const { include } = JSON.parse(readFileSync(join(ROOT, 'deploy/tsconfig.build.json'), 'utf8')) as { include: string[] };
  const holds = (folder: string) => readdirSync(join(ROOT, folder), { recursive: true }).some((name) => String(name).endsWith('.ts'));
  const folders = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$|test$|deploy$|coverage$)/.test(entry.name) && holds(entry.name))
    .map((entry) => `../${entry.name}`);
  expect([...include].sort()).toEqual(folders.sort());
});
