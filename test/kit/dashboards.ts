/**
 * The committed dashboards as Grafana would use them: each query of each panel and variable with its SQL, and that SQL expanded
 * for a time range and a choice of variables. Reads dashboards/json only, never the TypeScript it was made from.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { bucketMs } from '../../dashboards/interval.ts';
import { type Expansion, expand } from '../../dashboards/macros.ts';
import type { Board, Target as BoardTarget, Panel, Variable } from '../../ingest/console/board-types.ts';

/** What Grafana reads of a board besides what the console does. */
export interface Target extends BoardTarget {
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly editorType?: string;
  readonly format?: number;
  readonly queryType?: string;
}
export interface PanelJson extends Panel {
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
}
export interface VariableJson extends Variable {
  readonly datasource?: { readonly uid: string };
  readonly refresh?: number;
}
export interface DashboardJson extends Board {
  readonly tags: readonly string[];
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly schemaVersion: number;
  readonly editable: boolean;
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly links: readonly { readonly url: string; readonly keepTime: boolean; readonly includeVars: boolean }[];
}

const JSON_FOLDER = new URL('../../dashboards/json/', import.meta.url);

export function readDashboards(): Map<string, DashboardJson> {
  const files = readdirSync(JSON_FOLDER).filter((file) => file.endsWith('.json'));
  return new Map(
    files.map((file) => [file.slice(0, -'.json'.length), JSON.parse(readFileSync(new URL(file, JSON_FOLDER), 'utf8')) as DashboardJson]),
  );
}

export interface PanelQuery {
  readonly name: string;
  readonly board: string;
  readonly panel: PanelJson;
  readonly target: Target;
  readonly sql: string;
}

/** Every query of ClickHouse, named `board / panel`. */
export function panelQueries(): PanelQuery[] {
  return [...readDashboards()].flatMap(([board, { panels }]) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).flatMap((target) =>
        target.rawSql === undefined ? [] : [{ name: `${board} / ${panel.id} ${panel.title}`, board, panel, target, sql: target.rawSql }],
      ),
    ),
  );
}

const PANEL_POINTS = 1000;
const BUCKET_MIN_MS = 60_000;

export interface Choice {
  readonly from: Date;
  readonly to: Date;
  /** Missing: All. */
  readonly projects?: readonly string[];
  readonly variables?: Expansion['variables'];
}

export function expandFor(sql: string, { from, to, projects, variables = {} }: Choice): string {
  const all = { all: [] };
  return expand(sql, {
    from,
    to,
    intervalMs: bucketMs(to.getTime() - from.getTime(), PANEL_POINTS, BUCKET_MIN_MS),
    variables: {
      project: projects ?? all,
      provider: all,
      model: all,
      outcome: all,
      tag_key: 'env',
      objective: '0.995',
      user: '',
      session: '',
      cost_min: '',
      duration_min: '',
      call: '',
      ...variables,
    },
  });
}
