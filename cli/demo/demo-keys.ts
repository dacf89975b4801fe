/**
 * Keys for the demo where the proxy asks for one: one for each of its projects, written into the proxy's keys file,
 * gone from it when the demo ends, however it ends; of one that was killed they expire soon after it would have ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KEYS_LOOK_MS } from '../../contract/key-ring.ts';
import { createKey } from '../../contract/keys.ts';
import { StartError } from '../../contract/listen.ts';
import { changeKeys } from '../change-keys.ts';
import { DEMO_PROJECTS } from './projects.ts';

export interface DemoKeys {
  /** By project. */
  readonly keys: ReadonlyMap<string, string>;
  /** Takes them out of the file. Doing it twice does nothing. @throws StartError */
  remove(): void;
}

const NAME = 'glassway demo';
/** For the calls under way at the end, and for clocks that differ. */
const EXPIRES_AFTER_MS = 5 * 60_000;
const LOOKS_MAX = 10;

/** @throws StartError when the file cannot be written */
export function makeDemoKeys(path: string, minutes: number, now: Date): DemoKeys {
  const expires_at = new Date(now.getTime() + minutes * 60_000 + EXPIRES_AFTER_MS).toISOString();
  const made = DEMO_PROJECTS.map(({ name: project }) => ({
    project,
    ...createKey({ use: 'calls', project, name: NAME, expires_at }, now),
  }));
  const ids = new Set(made.map(({ entry }) => entry.id));
  const isOver = (expires?: string): boolean => expires !== undefined && Date.parse(expires) < now.getTime();
  changeKeys(path, (keys) => [
    ...keys.filter(({ name, expires_at: expires }) => name !== NAME || !isOver(expires)),
    ...made.map(({ entry }) => entry),
  ]);
  let removed = false;
  const remove = (): void => {
    if (removed) return;
    removed = true;
    process.off('exit', remove);
    changeKeys(path, (keys) => keys.filter(({ id }) => !ids.has(id)));
  };
  // A second Ctrl-C ends the process without coming back.
  process.once('exit', remove);
  return { keys: new Map(made.map(({ project, key }) => [project, key])), remove };
}

/**
 * Until every process of the proxy has read them.
 * @param refusal how the proxy refuses a call with this key; undefined: it does not
 * @throws StartError when it reads another file
 */
export async function waitForKeys({ keys }: DemoKeys, path: string, refusal: (key: string) => Promise<string | undefined>): Promise<void> {
  const key = [...keys.values()].at(-1) ?? '';
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    // Each process looks by itself: after this long all have, once one has.
    await sleep(KEYS_LOOK_MS);
    if ((await refusal(key)) !== 'key_invalid') return sleep(KEYS_LOOK_MS);
  }
  throw new StartError(
    `The proxy asks for keys, and does not read those in ${path}. Start the demo on the proxy's machine with its --data and --config (access.keysFile).`,
  );
}
