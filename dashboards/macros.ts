/**
 * Expands a panel's SQL as Grafana and its ClickHouse plugin (4.x) do before it reaches ClickHouse: first
 * `$__conditionalAll` and the variables, in the browser; then the time macros, in the plugin's backend.
 * Only what our dashboards use; an unknown macro, variable or format is an error, never passed on.
 * https://github.com/grafana/clickhouse-datasource (src/data/CHDatasource.ts, pkg/macros)
 */
export interface Expansion {
  readonly from: Date;
  readonly to: Date;
  readonly intervalMs: number;
  /** A list for variables of several values; 'all' is Grafana's All. */
  readonly variables: Readonly<Record<string, string | readonly string[] | { readonly all: readonly string[] }>>;
  /** How a value is written where the SQL says `singlequote`; missing: quoted as Grafana does, which leaves backslashes alone. */
  readonly quote?: (value: string) => string;
}

type Value = Expansion['variables'][string];

const CONDITIONAL_ALL = '$__conditionalAll';

export function expand(sql: string, expansion: Expansion): string {
  return expandMacros(expandVariables(expandConditionals(sql, expansion), expansion), expansion);
}

/** The last one first, as the plugin does: one inside another is then done before it. */
function expandConditionals(sql: string, { variables }: Expansion): string {
  let text = sql;
  for (;;) {
    const at = text.lastIndexOf(`${CONDITIONAL_ALL}(`);
    if (at < 0) return text;
    const { args, end } = argumentsAt(text, at + CONDITIONAL_ALL.length);
    const [condition, reference] = args;
    if (args.length !== 2 || condition === undefined || reference === undefined)
      throw new Error(`${CONDITIONAL_ALL} takes a condition and a variable, not ${args.length} arguments`);
    const name = /\$\{?(\w+)/.exec(reference)?.[1];
    if (name === undefined) throw new Error(`${CONDITIONAL_ALL}: ${reference} is no variable`);
    const value = variableValue(name, variables);
    const nothingChosen = value === '' || (typeof value === 'object' && 'all' in value);
    text = text.slice(0, at) + (nothingChosen ? '1=1' : condition) + text.slice(end);
  }
}

const quoteAsGrafana = (value: string) => `'${value.replaceAll("'", "\\'")}'`;

function expandVariables(sql: string, { variables, quote = quoteAsGrafana }: Expansion): string {
  return sql.replace(
    /\$\{(\w+)(?::(\w+))?\}|\$(?!__)(\w+)/g,
    (_, braced: string | undefined, format: string | undefined, bare: string | undefined) => {
      const name = braced ?? bare ?? '';
      const value = variableValue(name, variables);
      const values: readonly string[] = typeof value === 'string' ? [value] : 'all' in value ? value.all : value;
      if (format === 'singlequote') return values.map((each) => quote(each)).join(',');
      if (format === 'raw' && values.length === 1) return values[0] ?? '';
      throw new Error(`variable ${name}: format ${format ?? '(none)'} is not one that our SQL may use`);
    },
  );
}

type MacroOf = (expansion: Expansion, column: string) => string;

const seconds = (date: Date) => `toDateTime(${Math.floor(date.getTime() / 1000)})`;
const milliseconds = (date: Date) => `fromUnixTimestamp64Milli(${date.getTime()})`;
const bucketSeconds = ({ intervalMs }: Expansion) => Math.floor(Math.max(intervalMs / 1000, 1));

/** Number of arguments and text of each. */
const MACROS: Readonly<Record<string, readonly [number, MacroOf]>> = {
  fromTime: [0, ({ from }) => seconds(from)],
  toTime: [0, ({ to }) => seconds(to)],
  fromTime_ms: [0, ({ from }) => milliseconds(from)],
  toTime_ms: [0, ({ to }) => milliseconds(to)],
  interval_s: [0, (expansion) => String(bucketSeconds(expansion))],
  timeFilter: [1, ({ from, to }, column) => `${column} >= ${seconds(from)} AND ${column} <= ${seconds(to)}`],
  timeFilter_ms: [1, ({ from, to }, column) => `${column} >= ${milliseconds(from)} AND ${column} <= ${milliseconds(to)}`],
  timeInterval: [1, (expansion, column) => `toStartOfInterval(toDateTime(${column}), INTERVAL ${bucketSeconds(expansion)} second)`],
  timeInterval_ms: [
    1,
    ({ intervalMs }, column) =>
      `toStartOfInterval(toDateTime64(${column}, 3), INTERVAL ${Math.floor(Math.max(intervalMs, 1))} millisecond)`,
  ],
};

function expandMacros(sql: string, expansion: Expansion): string {
  let text = '';
  let rest = sql;
  for (;;) {
    const found = /\$__(\w+)/.exec(rest);
    if (found === null) return text + rest;
    const [macro, name = ''] = found;
    const known = MACROS[name];
    if (known === undefined) throw new Error(`macro $__${name} is not one that our SQL may use`);
    const [count, write] = known;
    const after = found.index + macro.length;
    const { args, end } = count > 0 ? argumentsAt(rest, after) : { args: [], end: after };
    if (args.length !== count) throw new Error(`macro $__${name} takes ${count} arguments, not ${args.length}`);
    text += rest.slice(0, found.index) + write(expansion, args[0]?.trim() ?? '');
    rest = rest.slice(end);
  }
}

/** What stands between the bracket at `open` and its partner, cut at the commas of that level. */
function argumentsAt(text: string, open: number): { readonly args: string[]; readonly end: number } {
  if (text[open] !== '(') return { args: [], end: open };
  const args: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < text.length; at += 1) {
    const character = text[at];
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if ((character === ',' && depth === 1) || depth === 0) {
      args.push(text.slice(start, at));
      start = at + 1;
    }
    if (depth === 0) return { args, end: at + 1 };
  }
  throw new Error(`a bracket is not closed: ${text.slice(open, open + 60)}`);
}

function variableValue(name: string, variables: Expansion['variables']): Value {
  const value = variables[name];
  if (value === undefined) throw new Error(`there is no variable ${name}`);
  return value;
}
