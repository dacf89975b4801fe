/**
 * The few kinds of panel our boards are made of, over Grafana's own SDK. Takes the question a panel answers
 * (its description), its SQL and size; gives the panel with data source, units, legend and links in place.
 * Positions are the board's business: see board.ts.
 */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  type DashboardLink,
  FieldColorBuilder,
  FieldColorModeId,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { COLUMN_FORMATS, formatOf, OUTCOME_COLOURS } from './format.ts';
import { type BoardName, CELL, labelOf, linkTo, toValue } from './links.ts';
import { DATASOURCE } from './variables.ts';

export interface PanelOptions {
  readonly title: string;
  /** Which question the panel answers, and what to know about the answer. */
  readonly question: string;
  readonly width: number;
  readonly height?: number;
}
export interface SqlPanelOptions extends PanelOptions {
  readonly sql: string;
  /** Variables that a click on a value keeps besides those that all boards have. */
  readonly keep?: readonly string[];
}
interface LeadingOptions extends SqlPanelOptions {
  /** Where to look next. Of tables the cells say it. */
  readonly next: BoardName;
}

/** Below a minute the rollup has no buckets, and a bar of one call says nothing. */
const BUCKET_MIN = '1m';
const LEGEND_CALCS_OF_BARS = ['sum'];
const LEGEND_CALCS_OF_LINES = ['mean', 'max'];

export function statPanel(options: LeadingOptions & { readonly column: string }): Builder<Panel> {
  const builder = new stat.PanelBuilder().graphMode(common.BigValueGraphMode.None).reduceOptions(lastValueOf(options.column));
  if (formatOf(options.column).thresholds === undefined) builder.colorMode(common.BigValueColorMode.None);
  return figureOf(dress(builder, { height: 4, ...options }), options.column)
    .withTarget(query(options.sql, 'table'))
    .noValue('No calls');
}

interface SeriesOptions extends LeadingOptions {
  /** The column of values; or several, each a line of its own. */
  readonly values: readonly string[];
  /** The column that names the lines. */
  readonly by?: string;
}

/** Lines for levels (latencies, shares), bars for amounts that add up over time. */
export function linesPanel(options: SeriesOptions): Builder<Panel> {
  const builder = seriesPanel(options, LEGEND_CALCS_OF_LINES)
    .lineWidth(2)
    .fillOpacity(0)
    .showPoints(common.VisibilityMode.Auto)
    .spanNulls(false);
  const { thresholds } = formatOf(options.values[0] ?? '');
  if (thresholds === undefined) return builder;
  return withThresholds(builder, thresholds).thresholdsStyle({ build: () => ({ mode: common.GraphThresholdsStyleMode.Dashed }) });
}
export function barsPanel(options: SeriesOptions): Builder<Panel> {
  return seriesPanel(options, LEGEND_CALCS_OF_BARS)
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(80)
    .lineWidth(0)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
}

function seriesPanel(options: SeriesOptions, calcs: string[]): timeseries.PanelBuilder {
  const { values, by, sql, keep } = options;
  const builder = unitOf(dress(new timeseries.PanelBuilder(), { height: 8, ...options }), values[0] ?? '')
    .withTarget(query(sql, 'timeseries'))
    .interval(BUCKET_MIN)
    .min(0)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .calcs(calcs)
        .sortBy(calcs[0] === 'sum' ? 'Total' : 'Mean')
        .sortDesc(true),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending));
  if (by !== undefined) return namedLines(builder, by, keep);
  for (const value of values) builder.overrideByName(value, [{ id: 'displayName', value: formatOf(value).title }]);
  return builder;
}

/** Lines named by a column: each has the colour of its name on every chart, and leads to a board about it. */
function namedLines(builder: timeseries.PanelBuilder, by: string, keep: readonly string[] = []): timeseries.PanelBuilder {
  const { link } = COLUMN_FORMATS[by] ?? {};
  builder.displayName(`$\{${labelOf(by)}}`).colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName));
  if (link !== undefined) {
    const url = toValue(link.board, link.variable, labelOf(by), keep);
    // The SDK takes them for links of a dashboard, which have more to say.
    builder.dataLinks([{ build: () => ({ title: link.title, url, targetBlank: false }) as DashboardLink }]);
  }
  if (by === 'outcome')
    for (const [outcome, fixedColor] of Object.entries(OUTCOME_COLOURS))
      builder.overrideByName(outcome, [{ id: 'color', value: { mode: 'fixed', fixedColor } }]);
  return builder;
}

interface TableOptions extends SqlPanelOptions {
  readonly columns: readonly string[];
  readonly sortBy?: string;
  /** Where to look next, where no cell says it. */
  readonly next?: BoardName;
}

export function tablePanel(options: TableOptions): Builder<Panel> {
  const builder = dress(new table.PanelBuilder(), { height: 9, ...options })
    .withTarget(query(options.sql, 'table'))
    .unit('string')
    .filterable(true)
    .noValue('–');
  for (const column of options.columns) builder.overrideByName(column, cellProperties(column, options.keep));
  if (options.sortBy !== undefined) {
    const title = formatOf(options.sortBy).title;
    builder.sortBy([{ build: () => ({ displayName: title, desc: true }) }]);
  }
  return builder;
}

function cellProperties(column: string, keep: readonly string[] = []): { id: string; value: unknown }[] {
  const { title, unit, decimals, widthPx, link, url, thresholds } = formatOf(column);
  const links = [
    ...(link === undefined ? [] : [{ title: link.title, url: toValue(link.board, link.variable, CELL, keep), targetBlank: false }]),
    ...(url === undefined ? [] : [{ ...url, targetBlank: false }]),
  ];
  const coloured = [
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    { id: 'color', value: { mode: 'thresholds' } },
  ];
  return [
    { id: 'displayName', value: title },
    ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
    ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
    ...(widthPx === undefined ? [] : [{ id: 'custom.width', value: widthPx }]),
    ...(links.length === 0 ? [] : [{ id: 'links', value: links }]),
    ...(thresholds === undefined ? [] : [...coloured, { id: 'thresholds', value: { mode: 'absolute', steps: thresholds } }]),
    ...(column === 'outcome' ? [...coloured, { id: 'mappings', value: [OUTCOME_MAPPING] }] : []),
  ];
}

const OUTCOME_MAPPING = {
  type: 'value',
  options: Object.fromEntries(Object.entries(OUTCOME_COLOURS).map(([outcome, color], index) => [outcome, { color, index }])),
};

/** A bar for each row: name and value. */
export function barGaugePanel(options: LeadingOptions & { readonly column: string }): Builder<Panel> {
  return figureOf(dress(new bargauge.PanelBuilder(), { height: 8, ...options }), options.column)
    .withTarget(query(options.sql, 'table'))
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().values(true).limit(12).calcs(['lastNotNull']).fields(''))
    .min(0)
    .noValue('No calls');
}

/** The columns after `time` are the cells' upper bounds, in the order of the axis. */
export function heatmapPanel(options: LeadingOptions): Builder<Panel> {
  return dress(new heatmap.PanelBuilder(), { height: 9, ...options })
    .withTarget(query(options.sql, 'timeseries'))
    .interval(BUCKET_MIN)
    .unit('short')
    .calculate(false)
    .rowsFrame(new heatmap.RowsHeatmapOptionsBuilder().layout(common.HeatmapCellLayout.Le).value('Calls'))
    .yAxis(new heatmap.YAxisConfigBuilder().unit('s').axisPlacement(common.AxisPlacement.Left))
    .color(
      new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Blues').exponent(0.5).steps(64).fill('blue'),
    )
    .cellGap(1);
}

export function textPanel(options: PanelOptions & { readonly markdown: string }): Builder<Panel> {
  const panel = new text.PanelBuilder()
    .title(options.title)
    .description(options.question)
    .span(options.width)
    .height(options.height ?? 4);
  return panel.mode(text.TextMode.Markdown).content(options.markdown);
}

interface Dressable {
  title(title: string): this;
  description(description: string): this;
  span(width: number): this;
  height(height: number): this;
  datasource(datasource: common.DataSourceRef): this;
  links(links: { build(): ReturnType<typeof linkTo> }[]): this;
  thresholds(thresholds: ThresholdsConfigBuilder): this;
}

function dress<B extends Dressable>(builder: B, options: PanelOptions & { readonly height: number; readonly next?: BoardName }): B {
  const { title, question, width, height, next } = options;
  builder.title(title).description(question).span(width).height(height).datasource(DATASOURCE);
  if (next !== undefined) builder.links([{ build: () => linkTo(next) }]);
  return builder;
}

function withThresholds<B extends Dressable>(builder: B, thresholds: readonly Threshold[]): B {
  return builder.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]));
}

/** One figure: its unit, and its colours where it has some. */
function figureOf<B extends Dressable & { unit(unit: string): B; decimals(decimals: number): B }>(builder: B, column: string): B {
  const { thresholds } = formatOf(column);
  return unitOf(thresholds === undefined ? builder : withThresholds(builder, thresholds), column);
}

function unitOf<B extends { unit(unit: string): B; decimals(decimals: number): B }>(builder: B, column: string): B {
  const { unit = 'short', decimals } = formatOf(column);
  builder.unit(unit);
  return decimals === undefined ? builder : builder.decimals(decimals);
}

function lastValueOf(column: string): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(`/^${column}$/`);
}

/** The plugin's query: https://github.com/grafana/clickhouse-datasource, src/types/sql.ts. */
function query(rawSql: string, queryType: 'table' | 'timeseries'): Builder<Dataquery> {
  const format = queryType === 'timeseries' ? 0 : 1;
  return asQuery({ refId: 'A', datasource: DATASOURCE, editorType: 'sql', format, queryType, rawSql });
}

/** The SDK marks queries by a method, which JSON leaves out. */
function asQuery(target: object): Builder<Dataquery> {
  return { build: () => ({ ...target, _implementsDataqueryVariant: () => {} }) };
}
