/** All boards, and the text of each file in json/: what Grafana is provisioned with and the tests compare. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { calls } from './calls.ts';
import { cost } from './cost.ts';
import { errors } from './errors.ts';
import { latency } from './latency.ts';
import type { BoardName } from './links.ts';
import { overview } from './overview.ts';
import { pipeline } from './pipeline.ts';
import { project } from './project.ts';

export const DASHBOARDS: Readonly<Record<BoardName, Dashboard>> = { overview, cost, latency, errors, project, calls, pipeline };

export const JSON_FOLDER = new URL('./json/', import.meta.url);

export function textOf(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
