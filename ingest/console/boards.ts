/**
 * The committed dashboards (dashboards/json), read once at start, and the SQL of their panels and variables made
 * ready for ClickHouse. Takes names, a time range and chosen values; gives one statement and its bound parameters.
 * A value never becomes part of the statement's text, and SQL never comes from a browser.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { bucketMs, parseIntervalMs } from '../../dashboards/interval.ts';
import { type Expansion, expand } from '../../dashboards/macros.ts';
import type { Board, Variable } from './board-types.ts';
import { BadParameter, type Params, type TimeRange } from './params.ts';

export type Boards = ReadonlyMap<string, Board>;

const JSON_FOLDER = new URL('../../dashboards/json/', import.meta.url);
const VALUES_MAX = 50;
const VALUE_CHARS_MAX = 512;
const VARIABLE_PREFIX = 'var-';
/** Variables that choose where to read: the console has but one place. */
const DATASOURCE = 'datasource';

export function loadBoards(): Boards {
  const names = readdirSync(JSON_FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length));
  return new Map(names.map((name) => [name, JSON.parse(readFileSync(new URL(`${name}.json`, JSON_FOLDER), 'utf8')) as Board]));
}

type Choice = Expansion['variables'][string];

/** The value of each of the board's variables: as the request says, else as the board does. */
export function readChoices(board: Board, params: Params): Expansion['variables'] {
  const shown = board.templating.list.filter(({ type }) => type !== DATASOURCE);
  return Object.fromEntries(shown.map((variable) => [variable.name, choiceOf(variable, params.all(`${VARIABLE_PREFIX}${variable.name}`))]));
}

function choiceOf(variable: Variable, values: readonly string[]): Choice {
  const { name, multi = false, includeAll = false } = variable;
  const wrong = (value: string, accepted: string): never => {
    throw new BadParameter(`${VARIABLE_PREFIX}${name}`, value, accepted);
  };
  if (values.length > (multi ? VALUES_MAX : 1))
    return wrong(`${values.length} values`, multi ? `at most ${VALUES_MAX} values` : 'one value');
  for (const value of values) {
    if (value.length > VALUE_CHARS_MAX) return wrong(value, `at most ${VALUE_CHARS_MAX} characters`);
    // The only ones that SQL may take as they are: see `expandVariables`.
    const listed = customValues(variable);
    if (listed !== undefined && !listed.includes(value)) return wrong(value, `one of ${listed.join(', ')}`);
  }
  if (values.length > 0) return multi ? values : (values[0] ?? '');
  if (includeAll) return { all: [] };
  const { value = '' } = variable.current ?? {};
  return typeof value === 'string' ? value : (value[0] ?? '');
}

function customValues({ type, query }: Variable): string[] | undefined {
  return type === 'custom' && typeof query === 'string' ? query.split(',').map((value) => value.trim()) : undefined;
}

export interface Statement {
  readonly sql: string;
  readonly params: Readonly<Record<string, string>>;
  readonly intervalMs: number;
}

export interface StatementOptions {
  readonly range: TimeRange;
  readonly variables: Expansion['variables'];
  /** How many buckets of time there is room for. */
  readonly points: number;
  readonly minInterval?: string | undefined;
}

export function statement(rawSql: string, { range, variables, points, minInterval }: StatementOptions): Statement {
  const intervalMs = bucketMs(range.toMs - range.fromMs, points, parseIntervalMs(minInterval));
  const params: Record<string, string> = {};
  const quote = (value: string): string => {
    const name = `value_${Object.keys(params).length}`;
    params[name] = value;
    return `{${name}:String}`;
  };
  const sql = expand(rawSql, { from: new Date(range.fromMs), to: new Date(range.toMs), intervalMs, variables, quote });
  return { sql, params, intervalMs };
}
