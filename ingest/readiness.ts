/**
 * Whether ingest can do its work: the tables are there and ClickHouse answers. Brings the tables about in
 * the background, trying again with growing pauses for as long as it takes, so that ingest may start before
 * its database. Never throws.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../contract/log.ts';
import { errorText } from './error-text.ts';

export interface ReadinessDeps {
  readonly migrate: () => Promise<void>;
  /** Rejects when ClickHouse does not answer. */
  readonly ping: () => Promise<void>;
  readonly log: Log;
}

export interface Readiness {
  /** The tables are there. */
  isMigrated(): boolean;
  /** Why ingest is not ready now; undefined: it is. Asks ClickHouse. */
  reason(): Promise<string | undefined>;
  /** Ends the background work; resolves when it has ended. */
  stop(): Promise<void>;
}

const RETRY_MS_FIRST = 100;
const RETRY_MS_MAX = 5_000;

export function startReadiness({ migrate, ping, log }: ReadinessDeps): Readiness {
  const stopping = new AbortController();
  let migrated = false;
  let lastFault = 'the migrations have not run yet';
  /** One question at a time, however many probes ask. */
  let asking: Promise<string | undefined> | undefined;

  const bringAbout = async (): Promise<void> => {
    for (let pauseMs = RETRY_MS_FIRST; !stopping.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await migrate();
        migrated = true;
        return;
      } catch (error) {
        const fault = errorText(error);
        if (fault !== lastFault) log('warn', `ClickHouse is not ready: ${fault}; trying again`);
        lastFault = fault;
      }
      // Half of the pause is chance, so that several ingests do not come at once.
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = bringAbout();

  const ask = async (): Promise<string | undefined> => {
    if (!migrated) return `migrations: ${lastFault}`;
    try {
      await ping();
      return undefined;
    } catch (error) {
      return `ClickHouse: ${errorText(error)}`;
    }
  };

  return {
    isMigrated: () => migrated,
    reason: () => {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
