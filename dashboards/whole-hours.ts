/**
 * What went wrong and what providers said of their limits: one statement for ranges of any length. Whole hours (UTC) are read
 * from `failures_by_hour` and `limits_by_hour`, the parts of hours at both ends from the calls, so that all is exact to the call.
 */
import { callsWhere, lines, MODEL, matches } from './sql.ts';

/** The hours that lie wholly in the range: from the first full hour to the last. */
const FIRST_HOUR = "toStartOfHour($__fromTime_ms + toIntervalMillisecond(3599999), 'UTC')";
const LAST_HOUR = "toStartOfHour($__toTime_ms, 'UTC')";
const OUTSIDE_WHOLE_HOURS = `(toStartOfHour(c.started_at) < ${FIRST_HOUR} OR toStartOfHour(c.started_at) >= ${LAST_HOUR})`;

const HOURS_WHERE = [
  `c.hour >= ${FIRST_HOUR}`,
  `c.hour < ${LAST_HOUR}`,
  matches('c.project', 'project'),
  matches('c.provider', 'provider'),
  matches('c.model', 'model'),
];
const hoursWhere = (table: string, ...where: readonly string[]) =>
  lines([`FROM ${table} AS c`, `WHERE ${[...HOURS_WHERE, ...where].join('\n  AND ')}`]);

/** Each kind of failure with how often it was, when last, and what was said then. */
export const ERROR_TYPES = lines([
  "SELECT outcome, error_type, if(code = 0, 'none', toString(code)) AS status, provider, model,",
  '  sum(calls_) AS calls, max(seen_) AS last_seen, argMaxMerge(message_) AS message',
  'FROM (',
  `  SELECT toString(c.outcome) AS outcome, c.error_type AS error_type, c.status AS code, toString(c.provider) AS provider, toString(${MODEL}) AS model,`,
  '    count() AS calls_, max(c.started_at) AS seen_, argMaxState(c.error_message, c.started_at) AS message_',
  callsWhere(OUTSIDE_WHOLE_HOURS, "c.outcome != 'ok'"),
  '  GROUP BY outcome, error_type, code, provider, model',
  '  UNION ALL',
  '  SELECT toString(c.outcome) AS outcome, c.error_type AS error_type, c.status AS code, toString(c.provider) AS provider, toString(c.model) AS model,',
  '    sum(c.calls) AS calls_, max(c.last_seen) AS seen_, argMaxMergeState(c.message) AS message_',
  hoursWhere('failures_by_hour'),
  '  GROUP BY outcome, error_type, code, provider, model',
  ')',
  'GROUP BY outcome, error_type, code, provider, model ORDER BY calls DESC LIMIT 200',
]);

/** The keys that got a 429. */
export const LIMITED_KEYS = lines([
  'SELECT key, project, provider, sum(calls_) AS limited_calls, max(seen_) AS last_seen',
  'FROM (',
  '  SELECT c.key_fingerprint AS key, toString(c.project) AS project, toString(c.provider) AS provider, count() AS calls_, max(c.started_at) AS seen_',
  callsWhere(OUTSIDE_WHOLE_HOURS, "c.outcome = 'rate_limited'"),
  '  GROUP BY key, project, provider',
  '  UNION ALL',
  '  SELECT c.key_fingerprint AS key, toString(c.project) AS project, toString(c.provider) AS provider, sum(c.calls) AS calls_, max(c.last_seen) AS seen_',
  hoursWhere('failures_by_hour', "c.outcome = 'rate_limited'"),
  '  GROUP BY key, project, provider',
  ')',
  'GROUP BY key, project, provider ORDER BY limited_calls DESC LIMIT 100',
]);

/**
 * What the providers' own headers said, at last and at least: limits are per key, and a unit of their own (requests, tokens, …)
 * each. Names with `remaining_` stand beside those with `limit_` (proxy/rate-limits.ts).
 */
export const LIMITS_TOLD = lines([
  'SELECT key, provider, model, unit, argMaxMerge(remaining_) AS room, argMaxMerge(allowed_) AS limit,',
  '  argMaxMerge(remaining_) / argMaxMerge(allowed_) AS left_share, min(least_) AS left_share_min, max(seen_) AS last_seen',
  'FROM (',
  '  SELECT key, provider, model, unit, argMaxState(remaining, at) AS remaining_, argMaxState(allowed, at) AS allowed_,',
  '    min(remaining / allowed) AS least_, max(at) AS seen_',
  '  FROM (',
  `    SELECT c.key_fingerprint AS key, toString(c.provider) AS provider, toString(${MODEL}) AS model, c.started_at AS at,`,
  "      arrayJoin(arrayFilter(k -> startsWith(k, 'remaining'), mapKeys(c.rate_limits))) AS name,",
  "      toString(replaceRegexpOne(name, '^remaining_?', '')) AS unit,",
  "      c.rate_limits[name] AS remaining, c.rate_limits[replaceOne(name, 'remaining', 'limit')] AS allowed",
  callsWhere(OUTSIDE_WHOLE_HOURS, 'length(c.rate_limits) > 0'),
  '  )',
  '  WHERE allowed > 0',
  '  GROUP BY key, provider, model, unit',
  '  UNION ALL',
  '  SELECT c.key_fingerprint AS key, toString(c.provider) AS provider, toString(c.model) AS model, toString(c.unit) AS unit,',
  '    argMaxMergeState(c.remaining) AS remaining_, argMaxMergeState(c.allowed) AS allowed_, min(c.left_share_min) AS least_, max(c.last_seen) AS seen_',
  hoursWhere('limits_by_hour'),
  '  GROUP BY key, provider, model, unit',
  ')',
  'GROUP BY key, provider, model, unit ORDER BY left_share LIMIT 100',
]);
