/** Lint of the committed dashboards and alert rules: what Grafana's own dashboard-linter asks for, and what ours need besides. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { INGEST_METRICS, PROXY_METRICS } from '../../../contract/events.ts';
import { ALERTS_FILE, alertsText, DATASOURCE_UID, RULES } from '../../../dashboards/alerts.ts';
import { DASHBOARDS, textOf } from '../../../dashboards/index.ts';
import { type DashboardJson, type PanelJson, readDashboards } from '../../kit/dashboards.ts';

const dashboards = readDashboards();
const boards = [...dashboards] as [string, DashboardJson][];
const panels = boards.flatMap(([board, { panels: all }]) =>
  all.map((panel): [string, PanelJson, DashboardJson] => [
    `${board} / ${panel.id} ${panel.title}`,
    panel,
    dashboards.get(board) as DashboardJson,
  ]),
);
const shown = panels.filter(([, { type }]) => type !== 'row');
const asking = shown.filter(([, { targets }]) => targets !== undefined);
const GRAFANA_VARIABLES = ['__url_time_range', '__all_variables', '__value', '__field', '__rate_interval'];

test('the committed files are what the TypeScript makes: if not, run npm run dashboards', () => {
  expect([...dashboards.keys()].sort()).toEqual(Object.keys(DASHBOARDS).sort());
  for (const [name, dashboard] of Object.entries(DASHBOARDS))
    expect(readFileSync(new URL(`../../../dashboards/json/${name}.json`, import.meta.url), 'utf8')).toBe(textOf(dashboard));
  expect(readFileSync(ALERTS_FILE, 'utf8')).toBe(alertsText());
});

test('boards are of the classic schema 42, with addresses and titles of their own', () => {
  expect(boards.map(([, { schemaVersion }]) => schemaVersion)).toEqual(boards.map(() => 42));
  expect(new Set(boards.map(([, { uid }]) => uid)).size).toBe(boards.length);
  expect(new Set(boards.map(([, { title }]) => title)).size).toBe(boards.length);
  expect(boards.filter(([, { editable }]) => editable)).toEqual([]);
});

test.each(boards)('%s: panels have ids of their own, and none lies on another or beside the grid', (_, { panels: all }) => {
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const taken = new Map<string, number>();
  for (const { id, gridPos } of all) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect([id, taken.get(`${x},${y}`)]).toEqual([id, undefined]);
        taken.set(`${x},${y}`, id);
      }
  }
});

test.each(shown)('%s asks a question in its description', (_, { title, description = '' }) => {
  expect(title).not.toBe('');
  expect(description).toMatch(/\?/);
});

test.each(asking)('%s has a unit, a data source from a variable, and queries that can be told apart', (_, panel) => {
  expect(panel.fieldConfig?.defaults.unit).toMatch(/./);
  expect(panel.datasource?.uid).toBe('${datasource}');
  const refIds = panel.targets?.map(({ refId }) => refId) ?? [];
  expect(new Set(refIds).size).toBe(refIds.length);
  for (const target of panel.targets ?? []) {
    expect(target.datasource).toEqual(panel.datasource);
    expect(target.rawSql).toMatch(/./);
    expect(target).toMatchObject({ editorType: 'sql', format: panel.type === 'timeseries' || panel.type === 'heatmap' ? 0 : 1 });
  }
});

test.each(asking.filter(([, { type }]) => type === 'timeseries'))('%s has a legend', (_, { options }) => {
  expect(options?.legend?.showLegend).toBe(true);
});

test.each(panels.filter(([, { fieldConfig }]) => fieldConfig?.defaults.thresholds))('%s has thresholds that rise', (_, { fieldConfig }) => {
  const [base, ...steps] = fieldConfig?.defaults.thresholds?.steps.map(({ value }) => value) ?? [];
  expect(base).toBeNull();
  expect(steps).toEqual([...steps].sort((a, b) => Number(a) - Number(b)));
});

test.each(boards)('%s: variables are labelled, read anew when the range changes, and the data source comes first', (_, { templating }) => {
  const [first, ...others] = templating.list;
  expect(first).toMatchObject({ type: 'datasource', name: 'datasource', label: 'Data source', query: 'grafana-clickhouse-datasource' });
  for (const variable of others) {
    expect(variable.label).toMatch(/./);
    if (variable.type === 'query') expect(variable).toMatchObject({ refresh: 2, datasource: { uid: '${datasource}' } });
  }
});

test.each(boards)('%s: every variable that is used is there', (_, dashboard) => {
  const defined = dashboard.templating.list.map(({ name }) => name);
  const text = JSON.stringify(dashboard);
  const used = [...text.matchAll(/\$\{(\w+)[^}]*\}|\$(?!__)(\w+)/g)].map(([, braced, bare]) => braced ?? bare);
  // Links may name a variable of the board they lead to; Grafana leaves out what this one does not have.
  expect([...new Set(used)].filter((name) => !defined.includes(name ?? '') && !GRAFANA_VARIABLES.includes(name ?? ''))).toEqual([]);
});

test('links lead to boards that exist, keep the time range, and set variables that the board has', () => {
  const urls = [...JSON.stringify([...dashboards]).matchAll(/"url":"([^"]+)"/g)]
    .map(([, url]) => url ?? '')
    .filter((url) => !url.startsWith('/explore?'));
  expect(urls.length).toBeGreaterThan(50);
  for (const url of new Set(urls)) {
    const [, uid, query = ''] = /^\/d\/([\w-]+)(?:\?(.+))?$/.exec(url) ?? [];
    const target = [...dashboards.values()].find((dashboard) => dashboard.uid === uid);
    expect([url, target?.uid]).toEqual([url, uid]);
    const set = [...query.matchAll(/(?:^|&)var-(\w+)=/g)].map(([, name]) => name);
    expect(target?.templating.list.map(({ name }) => name)).toEqual(expect.arrayContaining(set));
    if (query !== '') expect(query).toContain('${__url_time_range}');
  }
  for (const { links } of dashboards.values()) for (const link of links) expect(link).toMatchObject({ keepTime: true, includeVars: true });
});

test('no query names a database, a data source or anything of one installation', () => {
  const queries = asking.flatMap(([, { targets }]) => targets ?? []).map(({ rawSql = '' }) => rawSql);
  for (const sql of queries) expect(sql).not.toMatch(/glassway\.|localhost|127\.0\.0\.1|SETTINGS/i);
});

test('queries about the running processes use names of the catalogue only', () => {
  const known: string[] = [...Object.values(PROXY_METRICS), ...Object.values(INGEST_METRICS)].map(({ name }) => name);
  const queries = asking.flatMap(([, { targets }]) => targets ?? []).map(({ rawSql = '' }) => rawSql);
  const used = queries.flatMap((sql) => sql.match(/glassway_\w+/g) ?? []).map((name) => name.replace(/_bucket$/, ''));
  expect(used.length).toBeGreaterThan(8);
  expect(used.filter((name) => !known.includes(name))).toEqual([]);
});

test('alert rules name the provisioned data source and a board that exists, and their text its labels', () => {
  const datasources = parse(
    readFileSync(new URL('../../../deploy/grafana/provisioning/datasources/glassway.yaml', import.meta.url), 'utf8'),
  ) as {
    datasources: { uid: string; type: string; jsonData: { port: unknown } }[];
  };
  expect(datasources.datasources).toMatchObject([
    {
      uid: DATASOURCE_UID,
      type: 'grafana-clickhouse-datasource',
      jsonData: { host: expect.any(String), port: expect.any(Number), protocol: 'native', defaultDatabase: 'glassway' },
    },
  ]);
  expect(new Set(RULES.map(({ uid }) => uid)).size).toBe(RULES.length);
  for (const { summary, sql } of RULES)
    for (const [, label] of summary.matchAll(/\$labels\.(\w+)/g)) expect(sql).toMatch(new RegExp(`\\b${label}\\b`));
});
