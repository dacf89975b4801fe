/**
 * What the console can show, in the order of its navigation. A board is drawn from the file of the same
 * name in dashboards/json; the other views are the console's own. Keys stand in links: never renamed.
 */

export interface ViewEntry {
  readonly label: string;
  readonly group: 'Boards' | 'Explore' | 'Set up';
  /** The name of the board in dashboards/json that this view draws. */
  readonly board?: string;
  /** Shows figures of a time range, so that range, refresh and filters are offered. */
  readonly timed: boolean;
  /** Is reached from within this other view, and not by the navigation. */
  readonly partOf?: string;
}

export const VIEWS = {
  overview: { label: 'Overview', group: 'Boards', board: 'overview', timed: true },
  cost: { label: 'Cost', group: 'Boards', board: 'cost', timed: true },
  latency: { label: 'Latency', group: 'Boards', board: 'latency', timed: true },
  errors: { label: 'Errors', group: 'Boards', board: 'errors', timed: true },
  project: { label: 'Project', group: 'Boards', board: 'project', timed: true },
  latest: { label: 'Latest calls', group: 'Boards', board: 'calls', timed: true },
  pipeline: { label: 'Pipeline', group: 'Boards', board: 'pipeline', timed: true },
  calls: { label: 'Calls', group: 'Explore', timed: true },
  sessions: { label: 'Sessions', group: 'Explore', timed: true },
  session: { label: 'Session', group: 'Explore', timed: false, partOf: 'sessions' },
  connect: { label: 'Connect', group: 'Set up', timed: false },
} as const satisfies Readonly<Record<string, ViewEntry>>;

export type View = keyof typeof VIEWS;
export const VIEW_NAMES = Object.keys(VIEWS) as View[];
export const FIRST_VIEW: View = 'overview';

export function viewEntry(view: View): ViewEntry {
  return VIEWS[view];
}
