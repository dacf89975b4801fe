/**
 * A Dockerfile without a container engine: does its COPY, RUN and WORKDIR steps in folders of the file system, one for each
 * stage. Takes the file, the build context and a folder; gives for the wanted stage its root and what a container would be
 * started with. Base images are not fetched: a stage begins empty, or as a copy of the stage that it names.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface Stage {
  readonly root: string;
  readonly workdir: string;
  readonly env: Record<string, string>;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  /** Folder → owner, as its `chown` steps say. */
  readonly owners: Record<string, string>;
}

type Draft = { -readonly [Key in keyof Stage]: Stage[Key] };
type Instruction = readonly [word: string, rest: string];

export function runDockerfile(options: { file: string; context: string; folder: string; target: string; env: NodeJS.ProcessEnv }): Stage {
  const stages = new Map<string, Draft>();
  const wanted = neededStages(readInstructions(options.file), options.target);
  let stage: Draft | undefined;
  for (const [word, rest] of wanted) {
    if (word === 'FROM') {
      const [image = '', , name = ''] = rest.split(/\s+/);
      stage = begin(join(options.folder, name), stages.get(image));
      stages.set(name, stage);
    } else if (stage !== undefined) step(stage, word, rest, stages, options);
  }
  const made = stages.get(options.target);
  if (made === undefined) throw new Error(`the Dockerfile has no stage ${options.target}`);
  return made;
}

/** The stages that the target is made of, in their order; the rest is not built, as with BuildKit. */
function neededStages(instructions: readonly Instruction[], target: string): Instruction[] {
  const stages: { name: string; base: string; lines: Instruction[] }[] = [];
  for (const line of instructions) {
    const [image = '', , name = ''] = line[1].split(/\s+/);
    if (line[0] === 'FROM') stages.push({ name, base: image, lines: [line] });
    else stages.at(-1)?.lines.push(line);
  }
  const needed = new Set<string>();
  const need = (name: string): void => {
    const stage = stages.find((each) => each.name === name);
    if (stage === undefined || needed.has(name)) return;
    needed.add(name);
    need(stage.base);
    for (const [, rest] of stage.lines) need(/--from=(\S+)/.exec(rest)?.[1] ?? '');
  };
  need(target);
  return stages.filter(({ name }) => needed.has(name)).flatMap(({ lines }) => lines);
}

function readInstructions(file: string): Instruction[] {
  return readFileSync(file, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      return [word, rest];
    });
}

function begin(root: string, base: Draft | undefined): Draft {
  mkdirSync(root, { recursive: true });
  // Hard links: the copy of a stage costs no disk, and what is deleted in it stays in the other.
  if (base !== undefined) execFileSync('cp', ['-al', `${base.root}/.`, root]);
  return base === undefined
    ? { root, workdir: '/', env: {}, user: 'root', entrypoint: [], command: [], healthcheck: [], owners: {} }
    : { ...base, env: { ...base.env }, owners: { ...base.owners }, root };
}

function step(
  stage: Draft,
  word: string,
  rest: string,
  stages: ReadonlyMap<string, Draft>,
  { context, env }: { context: string; env: NodeJS.ProcessEnv },
): void {
  const inside = (path: string) => join(stage.root, resolve(stage.workdir, path));
  if (word === 'WORKDIR') {
    stage.workdir = resolve(stage.workdir, rest);
    mkdirSync(inside('.'), { recursive: true });
  } else if (word === 'COPY') copy(rest, { inside, context, stages });
  else if (word === 'RUN') run(stage, rest, env);
  else if (word === 'ENV') for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) stage.env[name] = value;
  else if (word === 'USER') stage.user = rest;
  else if (word === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest) as string[];
  else if (word === 'CMD') stage.command = JSON.parse(rest) as string[];
  else if (word === 'HEALTHCHECK') stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
  else if (word !== 'EXPOSE' && word !== 'VOLUME') throw new Error(`a step that is not known here: ${word} ${rest}`);
}

function copy(
  rest: string,
  { inside, context, stages }: { inside: (path: string) => string; context: string; stages: ReadonlyMap<string, Draft> },
): void {
  const words = rest.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? stages.get(words.shift()?.slice('--from='.length) ?? '') : undefined;
  const to = words.pop() ?? '';
  for (const source of words) {
    if (from !== undefined) {
      mkdirSync(dirname(inside(to)), { recursive: true });
      execFileSync('cp', ['-al', join(from.root, source), inside(to)]);
    } else if (source === '.') copyContext(context, inside(to));
    else cpSync(join(context, source), join(inside(to), source));
  }
}

/** As .dockerignore says, of which we use names and `*` only. */
function copyContext(context: string, to: string): void {
  const ignored = readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((pattern) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`));
  for (const name of readdirSync(context))
    if (!ignored.some((pattern) => pattern.test(name)))
      cpSync(join(context, name), join(to, name), { recursive: true, verbatimSymlinks: true });
}

/** Steps of the root user outside of the work folder are an image's alone: what they make is made inside the stage, and whose it is only noted. */
function run(stage: Draft, command: string, env: NodeJS.ProcessEnv): void {
  const folder = join(stage.root, stage.workdir);
  const [chown = '', owner = '', folders = ''] = /chown (\S+)((?: \/\S+)+)/.exec(command) ?? [];
  for (const path of folders.split(' ').filter(Boolean)) stage.owners[path] = owner;
  const script = (chown === '' ? command : command.replace(chown, 'true')).replace(/(\s)(\/(?:data|keys)\b)/g, `$1${stage.root}$2`);
  execFileSync('sh', ['-ec', script], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  if (!existsSync(folder)) throw new Error(`${folder} is gone after: ${command}`);
}
