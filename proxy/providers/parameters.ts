/**
 * The settings of a request that are not its text: sampling, limits, counts, and the few words that choose a tier or a
 * format. Where a wire format keeps them is data (ParameterFields); the names are OpenTelemetry's. Numbers are taken as
 * they are; words only from what a word of these can be, since a caller could write anything there.
 */
import type { ParameterFields, RequestParameters } from './provider.ts';
import { fields, list } from './values.ts';

/** An enumeration's value, never a sentence. */
const WORD = /^[A-Za-z0-9_.:/-]{1,40}$/;
const WORDS_MAX = 8;

const NOTHING: Readonly<Record<string, never>> = Object.freeze({});
export const NO_PARAMETERS: RequestParameters = Object.freeze({ numbers: NOTHING, words: NOTHING });

/** The parameters that the body has, by name; of several places for one the first that holds something. */
export function readParameters(body: unknown, where: ParameterFields): RequestParameters {
  const numbers = collect(body, where.numbers, numberOf);
  const words = collect(body, where.words ?? {}, wordOf);
  if (where.outputType) words['output_type'] = where.outputType;
  else if (words['output_type'] !== undefined) words['output_type'] = outputType(words['output_type']);
  return { numbers, words };
}

function collect<Value>(
  body: unknown,
  places: Readonly<Record<string, readonly string[]>>,
  read: (value: unknown) => Value | undefined,
): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const name in places)
    for (const place of places[name] as readonly string[]) {
      const value = read(at(body, place));
      if (value === undefined) continue;
      found[name] = value;
      break;
    }
  return found;
}

/** The value at a place such as `generationConfig.topP`. */
function at(body: unknown, place: string): unknown {
  const dot = place.indexOf('.');
  if (dot < 0) return fields(body)[place];
  return at(fields(body)[place.slice(0, dot)], place.slice(dot + 1));
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function wordOf(value: unknown): string | undefined {
  const words = list(typeof value === 'string' ? [value] : value);
  if (words.length === 0 || words.length > WORDS_MAX) return undefined;
  return words.every((word) => typeof word === 'string' && WORD.test(word)) ? words.join(',') : undefined;
}

/** OpenTelemetry's `gen_ai.output.type` for the formats that requests name. */
function outputType(format: string): string {
  if (/json/i.test(format)) return 'json';
  if (/image/i.test(format)) return 'image';
  return /audio|speech/i.test(format) ? 'speech' : 'text';
}
