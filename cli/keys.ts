/**
 * `glassway keys`: makes, lists and revokes keys by writing the keys file, which running proxies and ingests read anew
 * by themselves. A key is printed once, at its making; afterwards nobody can say what it was.
 */
import { readKeys } from '../contract/key-ring.ts';
import { createKey, KEY_USES, type KeyEntry, type KeyUse } from '../contract/keys.ts';
import { StartError } from '../contract/listen.ts';
import { changeKeys } from './change-keys.ts';
import { textTable } from './text-table.ts';

export interface CreateKeyArguments {
  readonly project?: string;
  readonly for: string;
  readonly name?: string;
  readonly expires?: string;
}

const COLUMNS = ['id', 'for', 'project', 'name', 'made', 'expires', 'state'].map((title) => ({ title, align: 'left' as const }));
const DAY_MS = 86_400_000;

/** What to print. @throws StartError that says what would be right */
export function createKeyIn(path: string, wanted: CreateKeyArguments, now: Date): string {
  const use = KEY_USES.find((known) => known === wanted.for);
  if (use === undefined) throw new StartError(`--for ${wanted.for} is not known; want one of ${KEY_USES.join(', ')}.`);
  const project = projectOf(use, wanted.project);
  const expires_at = wanted.expires === undefined ? undefined : expiry(wanted.expires, now);
  const { key, entry } = createKey({ use, project, name: wanted.name ?? '', expires_at }, now);
  changeKeys(path, (keys) => [...keys, entry]);
  return [
    `${key}`,
    '',
    `Shown this once; ${path} keeps a hash of it. ${HOW[use]}`,
    ...(expires_at === undefined ? [] : [`It expires at ${expires_at}.`]),
    '',
  ].join('\n');
}

const HOW: Readonly<Record<KeyUse, string>> = {
  calls: 'Send it as the header x-glassway-key, or as the API key where upstreams.<name>.apiKey is set.',
  console: 'Sign in to the console with it, or send it as Authorization: Bearer.',
  metrics: 'Give it to Prometheus as Authorization: Bearer for /metrics.',
};

export function listKeysIn(path: string, now: Date): string {
  const keys = readKeys(path);
  if (keys.length === 0) return `No key in ${path}.\n`;
  const rows = keys.map((key) => [
    key.id,
    key.use,
    key.project ?? '',
    key.name,
    key.created_at.slice(0, 10),
    key.expires_at?.slice(0, 10) ?? 'never',
    state(key, now),
  ]);
  return `${textTable(COLUMNS, rows)}\n`;
}

/** Takes an id, or the key itself from whoever found it somewhere. */
export function revokeKeyIn(path: string, idOrKey: string, now: Date): string {
  const id = /^gw[kcm]_([0-9a-f]{12})_/.exec(idOrKey)?.[1] ?? idOrKey;
  const found = readKeys(path).find((key) => key.id === id);
  if (found === undefined) throw new StartError(`No key has the id ${id}; \`glassway keys list\` shows those in ${path}.`);
  if (found.revoked_at !== undefined) return `${id} was revoked at ${found.revoked_at}.\n`;
  changeKeys(path, (keys) => keys.map((key) => (key.id === id ? { revoked_at: now.toISOString(), ...key } : key)));
  return `${id} (${found.use}${found.project === undefined ? '' : `, project ${found.project}`}) opens nothing any more: within a second where ${path} is read.\n`;
}

function projectOf(use: KeyUse, project: string | undefined): string | undefined {
  if (use !== 'calls') {
    if (project !== undefined) throw new StartError(`A key for ${use} is for every project: leave --project out.`);
    return undefined;
  }
  if (project === undefined) throw new StartError('A key for calls decides their project: want --project NAME.');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (!/^[^\u0000-\u001f\u007f-\u009f]{1,128}$/u.test(project)) throw new StartError('--project wants 1 to 128 printable characters.');
  return project;
}

/** `90d`, `12h`, or the first day on which it no longer holds. */
function expiry(text: string, now: Date): string {
  const span = /^([1-9]\d{0,4})([hd])$/.exec(text);
  const time_ms = span ? now.getTime() + Number(span[1]) * (span[2] === 'd' ? DAY_MS : DAY_MS / 24) : dayStart(text);
  if (!(time_ms > now.getTime())) throw new StartError(`--expires ${text} is not in the future; want 90d, 12h or a date: 2027-01-31.`);
  return new Date(time_ms).toISOString();
}

function dayStart(text: string): number {
  const time_ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return new Date(time_ms || 0).toISOString().startsWith(text) ? time_ms : Number.NaN;
}

function state(key: KeyEntry, now: Date): string {
  if (key.revoked_at !== undefined) return `revoked ${key.revoked_at.slice(0, 10)}`;
  return key.expires_at !== undefined && Date.parse(key.expires_at) <= now.getTime() ? 'expired' : 'good';
}
