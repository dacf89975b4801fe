/**
 * What the boards' JSON asks for beside what the console draws: an option, or a value of one, that is in neither list fails here.
 * Whoever adds one to a board either draws it (ingest/console/page/board/) and lists it in DRAWN, or says in PASSED_OVER why not.
 */
import { OUTCOMES } from '../../../contract/columns.ts';
import type { Board, Panel } from '../../../ingest/console/board-types.ts';
import { loadBoards } from '../../../ingest/console/boards.ts';
import { dependsOnRange } from '../../../ingest/console/page/board/asked.ts';
import { COLOUR_VARIABLES, fieldOf } from '../../../ingest/console/page/board/fields.ts';
import { CALC_TITLES } from '../../../ingest/console/page/board/series.ts';
import { UNIT_NAMES } from '../../../ingest/console/page/board/units.ts';

/** Any value is drawn. */
const ANY = Symbol('any value');
type Known = readonly unknown[] | typeof ANY;
type Options = Readonly<Record<string, Known>>;

const UNITS = UNIT_NAMES as readonly unknown[];
const COLOURS = Object.keys(COLOUR_VARIABLES);

/** By panel type, `*` for all: the option's place in the JSON, and the values that the console draws. */
const DRAWN: Readonly<Record<string, Options>> = {
  '*': {
    type: ['stat', 'timeseries', 'heatmap', 'bargauge', 'table', 'text', 'row'],
    id: ANY,
    title: ANY,
    description: ANY,
    'gridPos.x': ANY,
    'gridPos.y': ANY,
    'gridPos.w': ANY,
    'gridPos.h': ANY,
    interval: ANY,
    'targets.refId': ['A'],
    'targets.rawSql': ANY,
    'links.title': ANY,
    'links.url': ANY,
    'fieldConfig.defaults.unit': UNITS,
    'fieldConfig.defaults.decimals': ANY,
    'fieldConfig.overrides.matcher.id': ['byName'],
    'fieldConfig.overrides.matcher.options': ANY,
    'override displayName': ANY,
  },
  stat: {
    'fieldConfig.defaults.noValue': ANY,
    'fieldConfig.defaults.thresholds.mode': ['absolute'],
    'fieldConfig.defaults.thresholds.steps.color': COLOURS,
    'fieldConfig.defaults.thresholds.steps.value': ANY,
    'options.colorMode': ['value', 'none'],
    'options.reduceOptions.calcs': ['lastNotNull'],
    'options.reduceOptions.fields': ANY,
    'options.reduceOptions.values': [false],
  },
  timeseries: {
    'fieldConfig.defaults.min': ANY,
    'fieldConfig.defaults.custom.drawStyle': ['bars'],
    'fieldConfig.defaults.custom.showPoints': ['auto'],
    'fieldConfig.defaults.custom.spanNulls': [false],
    'fieldConfig.defaults.custom.stacking.mode': ['normal'],
    'fieldConfig.defaults.custom.thresholdsStyle.mode': ['dashed'],
    'fieldConfig.defaults.thresholds.mode': ['absolute'],
    'fieldConfig.defaults.thresholds.steps.color': COLOURS,
    'fieldConfig.defaults.thresholds.steps.value': ANY,
    'options.legend.calcs': Object.keys(CALC_TITLES),
    'options.legend.placement': ['bottom'],
    'options.legend.showLegend': [true],
    'options.legend.sortDesc': [true],
    'options.tooltip.mode': ['multi'],
    'options.tooltip.sort': ['desc'],
  },
  heatmap: {
    'options.calculate': [false],
    'options.cellGap': [1],
    'options.color.exponent': ANY,
    'options.color.reverse': [false],
    'options.color.mode': ['scheme'],
    'options.filterValues.le': [1e-9],
    'options.legend.show': [true],
    'options.rowsFrame.layout': ['le'],
    'options.rowsFrame.value': ANY,
    'options.selectionMode': ['x'],
    'options.tooltip.mode': ['single'],
    'options.yAxis.axisPlacement': ['left'],
    'options.yAxis.unit': UNITS,
  },
  bargauge: {
    'fieldConfig.defaults.min': [0],
    'options.orientation': ['horizontal'],
    'options.displayMode': ['basic'],
    'options.showUnfilled': [true],
    'options.legend.showLegend': [false],
    'options.reduceOptions.calcs': ['lastNotNull'],
    'options.reduceOptions.fields': [''],
    'options.reduceOptions.values': [true],
    'options.reduceOptions.limit': ANY,
  },
  table: {
    'fieldConfig.defaults.noValue': ['–'],
    'options.showHeader': [true],
    'options.cellHeight': ['sm'],
    'options.footer.show': [false],
    'options.sortBy.displayName': ANY,
    'options.sortBy.desc': [true],
    'override unit': UNITS,
    'override decimals': ANY,
    'override custom.width': ANY,
    'override links': ANY,
    'override thresholds': ANY,
  },
  text: { 'options.content': ANY, 'options.mode': ['markdown'] },
};

const STANDARD = "Grafana's own standard, and what the console does";
const ONE_SOURCE = 'the console has but one place to read from, and asks for rows of one shape';
/** What the console does without, and why that is right. */
const PASSED_OVER: Readonly<Record<string, Readonly<Record<string, readonly [values: Known, why: string]>>>> = {
  '*': {
    'datasource.type': [ANY, ONE_SOURCE],
    'datasource.uid': [ANY, ONE_SOURCE],
    'targets.datasource.type': [ANY, ONE_SOURCE],
    'targets.datasource.uid': [ANY, ONE_SOURCE],
    'targets.editorType': [['sql'], ONE_SOURCE],
    'targets.format': [[0, 1], ONE_SOURCE],
    'targets.queryType': [['table', 'timeseries'], ONE_SOURCE],
    transparent: [[false], STANDARD],
    repeatDirection: [['h'], 'says something only with `repeat`, which no board has'],
    'links.type': [['link'], STANDARD],
    'links.icon': [['dashboard'], 'an arrow is drawn'],
    'links.tooltip': [[''], STANDARD],
    'links.asDropdown': [[false], STANDARD],
    'links.targetBlank': [[false], STANDARD],
    'links.includeVars': [[false], 'the address says which variables go along'],
    'links.keepTime': [[false], 'the address says that the time goes along'],
  },
  row: { collapsed: [[false], STANDARD] },
  stat: {
    'options.graphMode': [['none'], STANDARD],
    'options.justifyMode': [['auto'], STANDARD],
    'options.orientation': [['auto'], STANDARD],
    'options.textMode': [['auto'], STANDARD],
    'options.wideLayout': [[true], 'of several values beside one another; ours have one'],
    'options.showPercentChange': [[false], 'of a series in one range; the console compares with the range before'],
    'options.percentChangeColorMode': [['standard'], 'as above'],
  },
  timeseries: {
    'fieldConfig.defaults.displayName': [ANY, 'the label that it takes is the name of the line: checked below'],
    'fieldConfig.defaults.color.mode': [['palette-classic-by-name'], 'what a name stands for has its colour everywhere (palette.ts)'],
    'override color': [ANY, 'outcomes have the colours of the theme (palette.ts)'],
    'fieldConfig.defaults.links.title': [ANY, 'the tables beside the charts lead to what a line is about'],
    'fieldConfig.defaults.links.url': [ANY, 'as above'],
    'fieldConfig.defaults.links.targetBlank': [[false], STANDARD],
    'fieldConfig.defaults.custom.fillOpacity': [[0, 80], 'bars are filled and lines are not'],
    'fieldConfig.defaults.custom.lineWidth': [[0, 2], 'bars have no outline; the theme has a width for lines'],
    'fieldConfig.defaults.custom.stacking.group': [['A'], 'there is but one group'],
    'options.legend.displayMode': [['table'], 'the same figures stand beside each name, headed by what they are'],
    'options.legend.sortBy': [['Total', 'Mean'], 'always the first of the figures: checked below'],
  },
  heatmap: {
    'options.color.scheme': [['Blues'], "the theme's own shades"],
    'options.color.fill': [['blue'], 'of another mode'],
    'options.color.steps': [[64], 'shades are continuous'],
    'options.exemplars.color': [ANY, 'there are none'],
    'options.showValue': [['auto'], 'Grafana writes values where a cell has room for them; the pointer tells them here'],
  },
  bargauge: {
    'options.valueMode': [['color'], 'values have the colour of text'],
    'options.namePlacement': [['auto'], STANDARD],
    'options.sizing': [['auto'], STANDARD],
    'options.minVizHeight': [[16], 'a bar has the height of its line'],
    'options.maxVizHeight': [[300], 'a bar has the height of its line'],
    'options.minVizWidth': [[8], STANDARD],
    'options.legend.displayMode': [['list'], 'there is no legend'],
    'options.legend.placement': [['bottom'], 'there is no legend'],
    'fieldConfig.defaults.thresholds.mode': [['absolute'], 'bars have the colour of bars; the tile beside them says what it means'],
    'fieldConfig.defaults.thresholds.steps.color': [COLOURS, 'as above'],
    'fieldConfig.defaults.thresholds.steps.value': [ANY, 'as above'],
    'fieldConfig.defaults.noValue': [['No calls'], 'without rows the panel says that there is nothing'],
  },
  table: {
    'fieldConfig.defaults.custom.align': [['auto'], STANDARD],
    'fieldConfig.defaults.custom.inspect': [[false], STANDARD],
    'fieldConfig.defaults.custom.filterable': [[true], 'values lead to the list of calls, which filters by anything'],
    'override custom.cellOptions': [ANY, 'text in the colour of the thresholds, which is what they are for'],
    'override color': [ANY, 'as above'],
    'override mappings': [ANY, 'an outcome is a badge of its own'],
    'options.frameIndex': [[0], ONE_SOURCE],
    'options.showTypeIcons': [[false], STANDARD],
    'options.footer.countRows': [[false], STANDARD],
  },
};

/** Each value in a panel with the option that it is of; the places in lists are left out. */
function* optionsOf(value: unknown, place: string): Generator<readonly [option: string, value: unknown]> {
  if (Array.isArray(value)) for (const each of value) yield* optionsOf(each, place);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) {
      // Its keys are the names of what it overrides.
      if (key === 'properties')
        for (const { id, value: set } of each as readonly { id: string; value: unknown }[]) yield [`override ${id}`, set];
      else yield* optionsOf(each, place === '' ? key : `${place}.${key}`);
    }
  else yield [place, value];
}

const boards = [...loadBoards()];
const panels = boards.flatMap(([name, { panels: all }]) => all.map((panel) => [`${name} / ${panel.title}`, panel] as const));
const isKnown = (known: Known | undefined, value: unknown): boolean => known === ANY || known?.includes(value) === true;

test.each(panels)('%s asks for nothing that the console passes over without a reason', (_, panel) => {
  const unknown = [...optionsOf(panel, '')].filter(
    ([option, value]) =>
      ![panel.type, '*'].some((type) => isKnown(DRAWN[type]?.[option], value) || isKnown(PASSED_OVER[type]?.[option]?.[0], value)),
  );
  expect(unknown).toEqual([]);
});

test('neither list names what no board asks for', () => {
  const asked = new Set(
    panels.flatMap(([, panel]) => [...optionsOf(panel, '')].flatMap(([option]) => [`${panel.type} ${option}`, `* ${option}`])),
  );
  const named = [DRAWN, PASSED_OVER].flatMap((list) =>
    Object.entries(list).flatMap(([type, options]) => Object.keys(options).map((option) => `${type} ${option}`)),
  );
  expect(named.filter((option) => !asked.has(option))).toEqual([]);
});

const ofType = (type: string) => panels.filter(([, panel]) => panel.type === type);
const columnNamed = ({ targets = [] }: Panel, name: string): boolean =>
  targets.some(({ rawSql = '' }) => new RegExp(`\\b${name}\\b`).test(rawSql));

test.each(ofType('timeseries'))(
  '%s: names its lines by a column, and its legend is sorted by its first figure, as the console does it',
  (_, panel) => {
    const { displayName } = panel.fieldConfig?.defaults ?? {};
    const label = /^\$\{__field\.labels\.(\w+)\}$/.exec(displayName ?? '')?.[1];
    if (displayName !== undefined) expect([label, columnNamed(panel, label ?? '')]).toEqual([label, true]);
    const { sortBy, calcs = [] } = panel.options?.legend ?? {};
    const [first] = calcs;
    expect(sortBy).toBe(CALC_TITLES[first as keyof typeof CALC_TITLES]);
  },
);

test.each(panels.filter(([, panel]) => panel.fieldConfig?.overrides.length))(
  '%s: each override is of a column that it has, and is read',
  (_, panel) => {
    for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
      // The colour of a line of that name.
      if (properties.every(({ id }) => id === 'color') && panel.type === 'timeseries') {
        expect(OUTCOMES).toContain(matcher.options);
        continue;
      }
      expect([matcher.options, columnNamed(panel, matcher.options)]).toEqual([matcher.options, true]);
      const field = fieldOf(panel, matcher.options);
      for (const { id, value } of properties) {
        if (id === 'displayName') expect(field.title).toBe(value);
        if (id === 'unit') expect(field.unit).toBe(value);
        if (id === 'custom.width') expect(field.widthPx).toBe(value);
        if (id === 'links') expect(field.links).toBe(value);
        if (id === 'thresholds') expect([field.coloured, field.thresholds]).toEqual([true, (value as { steps: unknown }).steps]);
      }
    }
  },
);

test('one moment on one chart is shown on the others of all boards', () => {
  // `graphTooltip` 1: board/crosshair.ts.
  expect(boards.map(([, board]) => (board as Board & { graphTooltip: number }).graphTooltip)).toEqual(boards.map(() => 1));
});

test('what stands for a month is not compared with the range before', () => {
  const alone = ofType('stat').filter(([, panel]) => !dependsOnRange(panel));
  expect(alone.map(([name]) => name)).toEqual(['cost / Forecast for this month', 'cost / This month so far']);
});
