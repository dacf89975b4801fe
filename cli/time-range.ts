/** The time range that a command is given: moments in UTC, or how long ago. */
import { durationSeconds } from '../contract/durations.ts';
import { StartError } from '../contract/listen.ts';

const MOMENT = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?$/;

/** @throws StartError that says what a time looks like */
export function timeRange(given: { readonly since: string; readonly until?: string }, now: Date): { since: Date; until: Date } {
  const since = moment('--since', given.since, now);
  const until = given.until === undefined ? now : moment('--until', given.until, now);
  if (since >= until) throw new StartError(`--since ${given.since} is not before --until ${given.until ?? 'now'}.`);
  return { since, until };
}

function moment(option: string, text: string, now: Date): Date {
  if (/^[1-9]\d{0,3}[hd]$/.test(text)) return new Date(now.getTime() - durationSeconds(text) * 1_000);
  const iso = text.length === 10 ? `${text}T00:00:00Z` : `${text.replace(' ', 'T').replace(/Z$/, '')}Z`;
  const time = MOMENT.test(text) ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(time))
    throw new StartError(
      `${option} ${JSON.stringify(text)} is not accepted: want 2026-11-01, 2026-11-01T08:30Z (UTC), or how long ago: 12h, 30d.`,
    );
  return new Date(time);
}
