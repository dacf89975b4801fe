/**
 * `glassway erase`: takes a user's, a session's or a project's calls out of everything that Glassway keeps on this machine
 * and in ClickHouse, and proves it: a table of what was found before and after. Gives the exit code: 0 when nothing
 * remains, 1 when something does or nobody confirmed.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import { type Erasure, type Found, openErasure } from '../ingest/erase/erase.ts';
import { SUBJECT_COLUMNS, type Subject } from '../ingest/erase/subject.ts';
import type { Scope } from '../ingest/reprice/scope.ts';
import { type IsErased, searchJournals } from '../proxy/journal/erase.ts';
import { textTable } from './text-table.ts';
import { connectAsWriter } from './writer-client.ts';

export interface EraseArguments {
  readonly user?: string;
  readonly session?: string;
  readonly project?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export interface EraseCommand {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly arguments: EraseArguments;
  readonly signal: AbortSignal;
  readonly input: NodeJS.ReadStream;
  readonly out: NodeJS.WritableStream;
}

/** A running proxy ships within a second and removes what it has shipped within another; a call takes as long as it takes. */
const SHIPPED_MS_MAX = 60_000;
const POLL_MS = 250;

export async function runErase(options: EraseCommand): Promise<number> {
  const { settings, signal, out } = options;
  const say = (text: string): void => {
    out.write(`${text}\n`);
  };
  const subject = subjectOf(options.arguments);
  const { dryRun = false, yes = false } = options.arguments;
  if (!(dryRun || yes || options.input.isTTY))
    throw new StartError('Nobody is here to confirm: add --yes to erase, or --dry-run to look only.');
  if (settings.clickhouse.cluster !== undefined)
    throw new StartError(
      'Calls of a cluster (clickhouse.cluster) cannot be erased by this command: it changes rows and exchanges partitions, which Distributed tables do not ' +
        'take. Run it against each node without clickhouse.cluster in a database of its own, or delete from x_local ON CLUSTER by hand: docs/privacy.md.',
    );
  const client = await connectAsWriter(settings, options.dataDir, 'glassway-erase');
  const scope: Scope = {
    client,
    database: settings.clickhouse.database,
    since: new Date(0),
    until: subject.until,
    project: undefined,
    signal,
  };
  const journals = new Journals(settings.journal.dir ?? join(options.dataDir, 'journal'), subject);
  try {
    const erasure = await openErasure(scope, subject, { say });
    try {
      const before = [...(await erasure.look()), ...journals.look()];
      say(`${describe(subject)}\n\n${placesTable(before)}\n`);
      if (dryRun) return 0;
      if (total(before) === 0) {
        say('Nothing is there to erase.');
        return 0;
      }
      if (!(yes || (await ask(options)))) return 1;
      return await eraseAll(erasure, journals, before, { say, signal });
    } finally {
      await erasure.close();
    }
  } catch (error) {
    if (signal.aborted) throw new StartError('Stopped. What is gone stays gone; run the same command again to finish.', { cause: error });
    throw error;
  } finally {
    await client.close();
  }
}

async function eraseAll(
  erasure: Erasure,
  journals: Journals,
  before: readonly Found[],
  { say, signal }: { readonly say: (text: string) => void; readonly signal: AbortSignal },
): Promise<number> {
  journals.erase();
  await journals.waitUntilShipped(say, signal);
  const { sumsKept, oldParts } = await erasure.erase();
  const after = [...(await erasure.look()), ...journals.look(), { place: 'old files of ClickHouse', rows: oldParts }];
  say(`\n${placesTable(before, after)}\n`);
  if (sumsKept > 0)
    say(
      `${sumsKept} minutes and hours keep their sums, which name nobody: retention has taken some of their calls, so that they cannot be made anew.`,
    );
  say(
    'Not reached from here: backups and snapshots of ClickHouse, spans that were exported already, journals of proxies on other machines.',
  );
  if (total(after) > 0) {
    say('Not everything is gone: what still runs or waits must end first. Run the same command again.');
    return 1;
  }
  say('Nothing of it is left.');
  return 0;
}

/** What this machine's proxies have not shipped yet, or could not. */
class Journals {
  readonly #root: string;
  readonly #isErased: IsErased;

  constructor(root: string, subject: Subject) {
    this.#root = root;
    const until = subject.until.toISOString().replace('T', ' ').slice(0, 23);
    const named = SUBJECT_COLUMNS.flatMap((column) => (subject[column] === undefined ? [] : [[column, subject[column]] as const]));
    this.#isErased = (columns) =>
      named.every(([column, value]) => columns[column] === value) &&
      typeof columns['started_at'] === 'string' &&
      columns['started_at'].slice(0, 23) < until;
  }

  look(): Found[] {
    return this.#found(false);
  }

  erase(): void {
    this.#found(true);
  }

  /** A running proxy's own are its to ship; then they are rows like others. */
  async waitUntilShipped(say: (text: string) => void, signal: AbortSignal): Promise<void> {
    const from_ms = performance.now();
    let said = false;
    while (total(this.look()) > 0 && performance.now() - from_ms < SHIPPED_MS_MAX) {
      if (!said) say('Waiting until running proxies have shipped what they hold of it, and running calls have ended.');
      said = true;
      await sleep(POLL_MS, undefined, { signal });
      this.erase(); // one of them may have died meanwhile
    }
  }

  #found(erase: boolean): Found[] {
    return searchJournals(this.#root, this.#isErased, erase).flatMap(({ proxyId, live, entries, deadLetters }) => [
      { place: `journal ${proxyId}${live ? ' (running)' : ''}`, rows: entries },
      ...(deadLetters > 0 ? [{ place: `dead letters of ${proxyId}`, rows: deadLetters }] : []),
    ]);
  }
}

/** @throws StartError when it says nobody */
function subjectOf({ user, session, project }: EraseArguments): Subject {
  if (user === undefined && session === undefined && project === undefined)
    throw new StartError('Whose calls? Want --user, --session or --project; several of them mean what they have in common.');
  for (const [option, value] of Object.entries({ user, session, project }))
    if (value === '')
      throw new StartError(
        `--${option} is empty: want what the calls say, as column ${option === 'project' ? option : `${option}_id`} has it.`,
      );
  return { project, user_id: user, session_id: session, until: new Date() };
}

function describe(subject: Subject): string {
  const names = SUBJECT_COLUMNS.flatMap((column) =>
    subject[column] === undefined ? [] : [`${column} ${JSON.stringify(subject[column])}`],
  );
  return `Calls of ${names.join(' and ')} that began before ${subject.until.toISOString()}:`;
}

function total(found: readonly Found[]): number {
  return found.reduce((sum, { rows }) => sum + rows, 0);
}

function placesTable(before: readonly Found[], after?: readonly Found[]): string {
  const columns = [
    { title: 'place', align: 'left' as const },
    { title: after === undefined ? 'found' : 'before', align: 'right' as const },
    ...(after === undefined ? [] : [{ title: 'after', align: 'right' as const }]),
  ];
  const places = [...new Set([...before, ...(after ?? [])].map(({ place }) => place))];
  const rowsOf = (found: readonly Found[], place: string): string => String(found.find((each) => each.place === place)?.rows ?? 0);
  return textTable(
    columns,
    places.map((place) => [place, rowsOf(before, place), ...(after === undefined ? [] : [rowsOf(after, place)])]),
  );
}

async function ask({ input, out, signal }: EraseCommand): Promise<boolean> {
  const terminal = createInterface({ input, output: out });
  try {
    return /^y(es)?$/i.test((await terminal.question('Erase this for good? [y/N] ', { signal })).trim());
  } finally {
    terminal.close();
  }
}
