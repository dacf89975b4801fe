/**
 * The questions the console asks of table `calls`, each one SELECT with bound parameters.
 * Takes a checked time range and filters, gives the API's answers. Knows SQL and nothing of HTTP.
 */
import type { StatusAnswer, UnpricedAnswer, UnpricedModel } from './api-types.ts';
import { MODEL_SQL } from './filters.ts';
import type { Read } from './read.ts';
import { CALLS, period, type Scope, source } from './source.ts';

const UNPRICED_MAX = 20;

/** Tokens are known, their price is not. */
const UNPRICED_SQL = 'cost_usd IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)';

/** The models whose spend is in no sum, most calls first. */
export async function readUnpriced(scope: Scope): Promise<UnpricedAnswer> {
  const { sql, params } = source(scope);
  const models = await scope.read<UnpricedModel>(
    `SELECT provider, ${MODEL_SQL} AS model, count() AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
     FROM ${sql} AND ${UNPRICED_SQL} GROUP BY provider, model ORDER BY calls DESC, provider, model LIMIT ${UNPRICED_MAX + 1}`,
    params,
    scope.signal,
  );
  return { ...period(scope.range), models: models.slice(0, UNPRICED_MAX), more_models: models.length > UNPRICED_MAX };
}

/** While the oldest call is younger than this many seconds, this range shows all there is. */
const YOUNG_RANGES: readonly (readonly [ageSecondsMax: number, range: string])[] = [
  [900, '15m'],
  [3600, '1h'],
  [21_600, '6h'],
];
const USUAL_RANGE = '24h';
const YOUNG_SECONDS = 21_600;

/** Whether there are calls, and how far back one has to look to see them. Reads little, however many there are. */
export async function readHistory(read: Read, signal: AbortSignal): Promise<Pick<StatusAnswer, 'has_calls' | 'default_range'>> {
  const old = await read(`SELECT 1 FROM ${CALLS} WHERE started_at < now() - {seconds:UInt32} LIMIT 1`, { seconds: YOUNG_SECONDS }, signal);
  if (old.length > 0) return { has_calls: true, default_range: USUAL_RANGE };
  const [young] = await read<{ calls: number; age: number }>(
    `SELECT count() AS calls, dateDiff('second', min(started_at), now64(6)) AS age FROM ${CALLS}`,
    {},
    signal,
  );
  const range = YOUNG_RANGES.find(([max]) => (young?.age ?? 0) <= max)?.[1] ?? USUAL_RANGE;
  return { has_calls: (young?.calls ?? 0) > 0, default_range: range };
}
