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

test.each(boards)('%s: says what it is about, is found by its tag, and shows the time up to now', (_, dashboard) => {
  expect(dashboard.description).toMatch(/.{40}/);
  expect(dashboard).toMatchObject({
    tags: ['glassway'],
    refresh: '1m',
    time: { from: expect.stringMatching(/^now-(6h|24h|7d)$/), to: 'now' },
  });
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

/** Of Grafana's (packages/grafana-data/src/valueFormats/categories.ts), those that our figures need; another is a slip of the pen until it is here. */
const UNITS = ['none', 'string', 'short', 'percentunit', 'currencyUSD', 'bytes', 'ms', 's', 'reqpm', 'dateTimeAsLocal', 'bool_yes_no'];
const propertyOf = (panel: PanelJson, column: string, id: string) =>
  panel.fieldConfig?.overrides.find(({ matcher }) => matcher.options === column)?.properties.find((property) => property.id === id)?.value;

test.each(asking)('%s: its units are Grafana’s', (_, { fieldConfig }) => {
  const set = (fieldConfig?.overrides ?? []).flatMap(({ properties }) => properties.filter(({ id }) => id === 'unit'));
  const units = [fieldConfig?.defaults.unit, ...set.map(({ value }) => value)];
  expect(units.filter((unit) => !UNITS.includes(String(unit)))).toEqual([]);
});

/** Where the way ends: everything that is known of one call. */
const LAST = /One call$/;

test.each(asking.filter(([name]) => !LAST.test(name)))('%s leads on: by its own link, or by what stands in its cells', (_, panel) => {
  const ofCells = (panel.fieldConfig?.overrides ?? []).filter(({ properties }) => properties.some(({ id }) => id === 'links'));
  expect((panel.links ?? []).length + ofCells.length).toBeGreaterThan(0);
});

test.each(asking.filter(([, { type }]) => type === 'stat' || type === 'bargauge'))(
  '%s has colours of its own or none, never Grafana’s, which turn red at 80',
  (_, { type, options, fieldConfig }) => {
    const steps = fieldConfig?.defaults.thresholds?.steps ?? [];
    if (type === 'bargauge') expect(steps.length).toBeGreaterThan(1);
    else expect(options?.colorMode).toBe(steps.length > 1 ? 'value' : 'none');
  },
);

test('a figure that a tile judges is judged alike in every tile, table and chart of every board', () => {
  const judged = new Map<string, unknown>();
  for (const [, { options, fieldConfig }] of asking.filter(([, { type }]) => type === 'stat')) {
    const column = options?.reduceOptions?.fields?.replace(/^\/\^(.+)\$\/$/, '$1') ?? '';
    const steps = fieldConfig?.defaults.thresholds?.steps;
    if (judged.has(column)) expect([column, steps]).toEqual([column, judged.get(column)]);
    judged.set(column, steps);
  }
  expect(judged.get('error_rate')).toBeDefined();
  const cells = asking
    .filter(([, { type }]) => type === 'table')
    .flatMap(([name, panel]) => (panel.fieldConfig?.overrides ?? []).map(({ matcher: { options: column } }) => ({ name, panel, column })));
  for (const { name, panel, column } of cells.filter((cell) => judged.get(cell.column) !== undefined)) {
    expect([name, column, propertyOf(panel, column, 'thresholds')]).toEqual([
      name,
      column,
      { mode: 'absolute', steps: judged.get(column) },
    ]);
    expect([name, column, propertyOf(panel, column, 'custom.cellOptions')]).toEqual([name, column, { type: 'color-text' }]);
  }
  // What is left of a limit has no tile; it is what its table is read for.
  for (const column of ['left_share', 'left_share_min', 'limited_calls', 'limited_minutes'])
    expect(cells.filter((cell) => cell.column === column && propertyOf(cell.panel, column, 'thresholds') === undefined)).toEqual([]);
});

test.each(asking.filter(([, { type, fieldConfig }]) => type === 'timeseries' && fieldConfig?.defaults.displayName))(
  '%s: each line has the colour of its name, and leads to what it is about',
  (_, { fieldConfig }) => {
    const label = /labels\.(\w+)\}$/.exec(fieldConfig?.defaults.displayName ?? '')?.[1] ?? '';
    expect(fieldConfig?.defaults.color).toEqual({ mode: 'palette-classic-by-name' });
    if (['project', 'provider', 'model', 'outcome'].includes(label))
      expect(fieldConfig?.defaults.links?.[0]?.url).toContain(`&var-${label}=\${__field.labels.${label}:percentencode}`);
  },
);

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

test.each(boards)('%s: each variable is used, and a value that is clicked leaves the others as they are', (_, dashboard) => {
  const names = dashboard.templating.list.map(({ name }) => name);
  const text = JSON.stringify(dashboard.panels);
  for (const name of names) expect([name, new RegExp(`\\$\\{?${name}\\b`).test(text)]).toEqual([name, true]);
  for (const [, url = ''] of text.matchAll(/"url":"([^"]+)"/g)) {
    const [, uid, set] = /^\/d\/([\w-]+)\?.*&var-(\w+)=\$\{__/.exec(url) ?? [];
    const target = [...dashboards.values()].find((each) => each.uid === uid)?.templating.list.map(({ name }) => name) ?? [];
    // What call is open is not a filter.
    const shared = names.filter((name) => target.includes(name) && name !== set && name !== 'call');
    expect([url, shared.filter((name) => uid !== undefined && !url.includes(`\${${name}:queryparam}`))]).toEqual([url, []]);
  }
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
  for (const { todo } of RULES) expect(todo).toMatch(/.{60}/);
  for (const { summary, sql } of RULES)
    for (const [, label] of summary.matchAll(/\$labels\.(\w+)/g)) expect(sql).toMatch(new RegExp(`\\b${label}\\b`));
});
