/**
 * Reads the API for a component: keeps the last answer while the next one is on its way, cancels what
 * nobody waits for, tries again by itself after a failure, and stands still while the tab is hidden.
 */

import type { ErrorAnswer } from '../api-types.ts';
import { useEffect, useState } from '../vendor/preact.js';

export interface LoadError {
  readonly code: ErrorAnswer['error']['code'] | 'console_unreachable';
  readonly message: string;
}

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: LoadError | undefined;
  /** The data belong to another address than the one that is asked for now. */
  readonly stale: boolean;
  /** When the data came, in the browser's clock. */
  readonly loadedAtMs: number | undefined;
}

/** Dispatched on the window to have everything that is shown read anew at once. */
export const RELOAD = 'glassway-reload';
const RETRY_MS = 3000;
const REQUEST_MS_MAX = 30_000;

export async function load<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]), credentials: 'same-origin' });
  } catch (error) {
    if (signal.aborted) throw error;
    throw {
      code: 'console_unreachable',
      message: 'Glassway does not answer. Is it still running? Start it with: npm start',
    } satisfies LoadError;
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body as T;
  const { error } = (body ?? {}) as Partial<ErrorAnswer>;
  if (error?.code === 'login_required') signIn();
  throw error ?? { code: 'internal', message: `Glassway answered with status ${response.status}.` };
}

let signingIn = false;

/** The session is over: sign in, and come back to this view. Every panel learns it, and a second leaving would break off the first. */
function signIn(): void {
  if (signingIn) return;
  signingIn = true;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** A fault of the question does not go away by asking again. */
function isLasting(error: LoadError): boolean {
  return (
    error.code === 'bad_parameter' || error.code === 'not_found' || error.code === 'host_not_allowed' || error.code === 'login_required'
  );
}

/**
 * @param path what to read; null reads nothing
 * @param everySeconds how often to read anew; 0 for once
 * @param wanted whether anybody sees it: until then nothing is read, and what is there stays
 */
export function useLoaded<T>(path: string | null, everySeconds: number, wanted = true): Loaded<T> {
  const [state, setState] = useState<{ path: string | null } & Omit<Loaded<T>, 'stale'>>({
    path: null,
    data: undefined,
    error: undefined,
    loadedAtMs: undefined,
  });
  useEffect(() => {
    if (path === null || !wanted) return;
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (ms: number): void => {
      timer = setTimeout(() => void run(), ms);
    };
    const run = async (): Promise<void> => {
      if (document.hidden) {
        again(1000);
        return;
      }
      try {
        const data = await load<T>(path, stopped.signal);
        if (stopped.signal.aborted) return;
        setState({ path, data, error: undefined, loadedAtMs: Date.now() });
        if (everySeconds > 0) again(everySeconds * 1000);
      } catch (thrown) {
        if (stopped.signal.aborted) return;
        const error = toLoadError(thrown);
        setState((before) => ({ ...before, path, data: before.path === path ? before.data : undefined, error }));
        if (!isLasting(error)) again(RETRY_MS);
      }
    };
    const reload = (): void => {
      clearTimeout(timer);
      void run();
    };
    // What came into sight again may still be fresh.
    const ageMs = state.path === path && state.loadedAtMs !== undefined && !state.error ? Date.now() - state.loadedAtMs : undefined;
    if (ageMs === undefined) void run();
    else if (everySeconds > 0) again(Math.max(0, everySeconds * 1000 - ageMs));
    addEventListener(RELOAD, reload);
    return () => {
      stopped.abort();
      clearTimeout(timer);
      removeEventListener(RELOAD, reload);
    };
  }, [path, everySeconds, wanted]);
  const stale = state.path !== path;
  return { data: state.data, error: stale ? undefined : state.error, stale, loadedAtMs: state.loadedAtMs };
}

export function toLoadError(thrown: unknown): LoadError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const { code, message } = thrown;
    if (typeof code === 'string' && typeof message === 'string') return { code: code as LoadError['code'], message };
  }
  return { code: 'internal', message: thrown instanceof Error ? thrown.message : String(thrown) };
}
