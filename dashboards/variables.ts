/**
 * The boards' variables. Lists of values are read from the rollup, within the time range, and read again when
 * it changes. Names are contracts: they stand in links and bookmarks.
 */
import {
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { OUTCOMES } from '../contract/columns.ts';
import { matches } from './sql.ts';

interface Builder {
  build(): VariableModel;
}

export const PLUGIN = 'grafana-clickhouse-datasource';
/** Grafana's own linter asks for this name and label. */
export const DATASOURCE = { type: PLUGIN, uid: '${datasource}' };

const IN_RANGE = 'c.minute >= toStartOfMinute($__fromTime) AND c.minute <= $__toTime';
const ALL = { selected: true, text: ['All'], value: ['$__all'] };

export const datasource = () => new DatasourceVariableBuilder('datasource').label('Data source').type(PLUGIN);
export const tempoDatasource = () => new DatasourceVariableBuilder('tempo_datasource').label('Tempo data source').type('tempo');

const many = (name: string, label: string, sql: string) => list(name, label, sql).multi(true).includeAll(true).current(ALL);

export const project = () =>
  many('project', 'Project', `SELECT DISTINCT toString(c.project) AS project FROM calls_by_minute AS c WHERE ${IN_RANGE} ORDER BY project`);
/** For the board about one project. */
export const oneProject = () =>
  list(
    'project',
    'Project',
    `SELECT toString(c.project) AS project FROM calls_by_minute AS c WHERE ${IN_RANGE} GROUP BY project ORDER BY sum(c.calls) DESC`,
  ).sort(VariableSort.Disabled);
export const provider = () =>
  many(
    'provider',
    'Provider',
    `SELECT DISTINCT toString(c.provider) AS provider FROM calls_by_minute AS c WHERE ${IN_RANGE} AND c.provider != '' AND ${matches('c.project', 'project')} ORDER BY provider`,
  );
export const model = () =>
  many(
    'model',
    'Model',
    `SELECT DISTINCT toString(c.model) AS model FROM calls_by_minute AS c WHERE ${IN_RANGE} AND c.model != '' AND ${matches('c.project', 'project')} AND ${matches('c.provider', 'provider')} ORDER BY model`,
  );
/** From the latest calls: tags are in no rollup, and a key that nobody sends any more is of no use. */
export const tagKey = () =>
  list(
    'tag_key',
    'Tag',
    `SELECT DISTINCT arrayJoin(mapKeys(tags)) AS tag_key FROM (SELECT c.tags AS tags FROM calls AS c WHERE c.started_at > $__toTime_ms - toIntervalDay(1) AND c.started_at <= $__toTime_ms LIMIT 100000) ORDER BY tag_key`,
  );
export const outcome = () =>
  new CustomVariableBuilder('outcome').label('Outcome').values(OUTCOMES.join(',')).multi(true).includeAll(true).current(ALL);
export const objective = () =>
  new CustomVariableBuilder('objective')
    .label('Objective')
    .description('The share of calls that should go well; the error budget is what it leaves.')
    .values('0.99,0.995,0.999,0.9999')
    .current({ selected: true, text: '0.995', value: '0.995' });
export const textBox = (name: string, label: string, description: string) =>
  new TextBoxVariableBuilder(name).label(label).description(description).defaultValue('').current({ text: '', value: '' });

/** The filters that every board of calls has. */
export function filters(): Builder[] {
  return [datasource(), project(), provider(), model()];
}

function list(name: string, label: string, sql: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ rawSql: sql, editorType: 'sql', queryType: 'table', format: 1, refId: `variable-${name}` })
    .definition(sql)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}
