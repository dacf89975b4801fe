/**
 * The boards' names and addresses, and links between them that keep the time range and every variable.
 * `uid`s are contracts with whoever bookmarked a board: never changed.
 */
import { type DashboardLink, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';

export const BOARDS = {
  overview: { uid: 'glassway-overview', title: 'Glassway / Overview' },
  cost: { uid: 'glassway-cost', title: 'Glassway / Cost' },
  latency: { uid: 'glassway-latency', title: 'Glassway / Latency' },
  errors: { uid: 'glassway-errors', title: 'Glassway / Errors' },
  project: { uid: 'glassway-project', title: 'Glassway / Project' },
  calls: { uid: 'glassway-calls', title: 'Glassway / Calls' },
  pipeline: { uid: 'glassway-pipeline', title: 'Glassway / Pipeline' },
} as const;
export type BoardName = keyof typeof BOARDS;

/** What every board of calls is filtered by. */
const SHARED = ['datasource', 'project', 'provider', 'model'] as const;

/** The same view on another board. */
export function to(board: BoardName): string {
  return `/d/${BOARDS[board].uid}?\${__url_time_range}&\${__all_variables}`;
}

/** A value that Grafana puts in: of a table's cell, or the label that names a line. */
export const CELL = '__value.raw';
export const labelOf = (column: string): string => `__field.labels.${column}`;

/**
 * Another board about one value, everything else kept: a variable named twice would get both values. `others` are
 * variables that the board it stands on has besides those that all have.
 */
export function toValue(board: BoardName, variable: string, value: string, others: readonly string[] = []): string {
  const kept = [...SHARED, ...others].filter((name) => name !== variable).map((name) => `\${${name}:queryparam}`);
  return `/d/${BOARDS[board].uid}?\${__url_time_range}&${kept.join('&')}&var-${variable}=\${${value}:percentencode}`;
}

export function linkTo(board: BoardName): DashboardLink {
  return { ...LINK, title: BOARDS[board].title.replace('Glassway / ', ''), url: to(board) };
}

/** The row of links at the top of each board. */
export function boardLinks(here: BoardName): DashboardLink[] {
  return (Object.keys(BOARDS) as BoardName[])
    .filter((board) => board !== here)
    .map((board) => ({
      ...LINK,
      title: BOARDS[board].title.replace('Glassway / ', ''),
      url: `/d/${BOARDS[board].uid}`,
      keepTime: true,
      includeVars: true,
    }));
}

const LINK = {
  type: DashboardLinkType.Link,
  icon: 'dashboard',
  tooltip: '',
  tags: [],
  asDropdown: false,
  targetBlank: false,
  includeVars: false,
  keepTime: false,
};
