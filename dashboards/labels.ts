/**
 * Who made the calls and what for: users, sessions, keys, client libraries, tags. Takes a label, gives one statement for
 * ranges of any length: short ones read the calls; long ones read whole days (UTC) from `calls_by_day` and the parts of
 * days at both ends from the calls, so that they too are exact to the call.
 */
import { callsWhere, FAILED, IS_SHORT, lines, METERED, matches } from './sql.ts';

/** The days that lie wholly in the range: from the first midnight to the last. */
const FIRST_MIDNIGHT = "toStartOfDay($__fromTime_ms + toIntervalMillisecond(86399999), 'UTC')";
const LAST_MIDNIGHT = "toStartOfDay($__toTime_ms, 'UTC')";
const OUTSIDE_WHOLE_DAYS = `(${IS_SHORT} OR toStartOfHour(c.started_at) < ${FIRST_MIDNIGHT} OR toStartOfHour(c.started_at) >= ${LAST_MIDNIGHT})`;

const TAG = '${tag_key:singlequote}';

interface Label {
  /** Of a call; empty: it has none. */
  readonly value: string;
  /** Its rows in `calls_by_day`. */
  readonly days: string;
  /** How calls without are shown; missing: they are not. */
  readonly without?: string;
}

const LABELS = {
  user: { value: 'c.user_id', days: "c.label = 'user'" },
  session: { value: 'c.session_id', days: "c.label = 'session'" },
  key: { value: 'c.key_fingerprint', days: "c.label = 'key'", without: '(without)' },
  sdk: { value: 'toString(c.sdk)', days: "c.label = 'sdk'", without: '(not known)' },
  // Calls without the tag are all calls less those with it.
  tag: { value: `c.tags[${TAG}]`, days: `c.label IN ('all', concat('tag:', ${TAG}))`, without: '(without)' },
} as const satisfies Readonly<Record<string, Label>>;
export type LabelName = keyof typeof LABELS;

/** What both parts add up: of the calls, and of the days' column, as what. Integers are signed, because of the tags that are taken away. */
const PARTS: readonly (readonly [name: string, calls: string, column: string, cast: string])[] = [
  ['calls_', 'toInt64(count())', 'c.calls', 'toInt64'],
  ['failed_', `toInt64(countIf(${FAILED}))`, 'c.calls_failed', 'toInt64'],
  ['metered_', `toInt64(countIf(${METERED}))`, 'c.calls_with_usage', 'toInt64'],
  ['priced_', 'toInt64(countIf(c.cost_usd IS NOT NULL))', 'c.calls_with_cost', 'toInt64'],
  ['cost_', 'sum(c.cost_usd)', 'c.cost_usd', ''],
  ['input_', 'toInt64(sum(c.input_tokens))', 'c.input_tokens', 'toInt64'],
  ['output_', 'toInt64(sum(c.output_tokens))', 'c.output_tokens', 'toInt64'],
];

/** Figures of a label's table: NULL where nothing is known of any of its calls. */
const FIGURES = {
  calls: 'sum(calls_)',
  error_rate: 'sum(failed_) / sum(calls_)',
  cost_usd: 'toFloat64(if(sum(priced_) = 0, NULL, sum(cost_)))',
  input_tokens: 'if(sum(metered_) = 0, NULL, sum(input_))',
  output_tokens: 'if(sum(metered_) = 0, NULL, sum(output_))',
  last_seen: 'max(seen_)',
} as const;
export type LabelFigure = keyof typeof FIGURES;

const DAYS_IN_RANGE = [
  `NOT (${IS_SHORT})`,
  `c.day >= toDate(${FIRST_MIDNIGHT})`,
  `c.day < toDate(${LAST_MIDNIGHT})`,
  matches('c.project', 'project'),
  matches('c.provider', 'provider'),
  matches('c.model', 'model'),
];

/** The dearest hundred of whatever the label tells apart, in a column named like it. */
export function askLabel(name: LabelName, figures: readonly LabelFigure[]): string {
  const label: Label = LABELS[name];
  const shown = label.without === undefined ? 'value' : `if(value != '', value, '${label.without}')`;
  const isTag = name === 'tag';
  const days = PARTS.map(([part, , column, cast]) => `${cast}(sum(${column}${isTag ? ' * entry.2' : ''})) AS ${part}`);
  return lines([
    `SELECT ${[`${shown} AS ${name}`, ...figures.map((figure) => `${FIGURES[figure]} AS ${figure}`)].join(', ')}`,
    'FROM (',
    `  SELECT ${[`${label.value} AS value`, ...PARTS.map(([part, calls]) => `${calls} AS ${part}`), 'max(c.started_at) AS seen_'].join(', ')}`,
    callsWhere(OUTSIDE_WHOLE_DAYS, ...(label.without === undefined ? ["value != ''"] : [])),
    '  GROUP BY value',
    '  UNION ALL',
    `  SELECT ${[`${isTag ? 'entry.1' : 'c.value'} AS value`, ...days, 'max(c.last_seen) AS seen_'].join(', ')}`,
    '  FROM calls_by_day AS c',
    isTag && "  ARRAY JOIN if(c.label = 'all', [('', toInt8(1))], [(c.value, toInt8(1)), ('', toInt8(-1))]) AS entry",
    `  WHERE ${[label.days, ...DAYS_IN_RANGE].join('\n    AND ')}`,
    '  GROUP BY value',
    ')',
    `GROUP BY value HAVING sum(calls_) > 0 ORDER BY ${figures.includes('cost_usd') ? 'cost_usd DESC NULLS LAST, ' : ''}calls DESC LIMIT 100`,
  ]);
}

/** How many users and sessions there were, within 2 %. */
export const HEADS = lines([
  'SELECT uniqMerge(users_) AS users, uniqMerge(sessions_) AS sessions',
  'FROM (',
  "  SELECT uniqStateIf(c.user_id, c.user_id != '') AS users_, uniqStateIf(c.session_id, c.session_id != '') AS sessions_",
  callsWhere(OUTSIDE_WHOLE_DAYS),
  '  UNION ALL',
  "  SELECT uniqStateIf(c.value, c.label = 'user') AS users_, uniqStateIf(c.value, c.label = 'session') AS sessions_",
  '  FROM calls_by_day AS c',
  `  WHERE ${["c.label IN ('user', 'session')", ...DAYS_IN_RANGE].join('\n    AND ')}`,
  ')',
]);
