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
  const places = placesOf(where);
  const numbers = collect(body, places.numbers, numberOf);
  const words = collect(body, places.words, wordOf);
  if (where.outputType) words['output_type'] = where.outputType;
  else if (words['output_type'] !== undefined) words['output_type'] = outputType(words['output_type']);
  return { numbers, words };
}

/** For each name its places, each as the names of the fields on the way. */
type Places = readonly (readonly [name: string, places: readonly (readonly string[])[]])[];

interface ParameterPlaces {
  readonly numbers: Places;
  readonly words: Places;
}

const known = new WeakMap<ParameterFields, ParameterPlaces>();

function placesOf(where: ParameterFields): ParameterPlaces {
  let places = known.get(where);
  if (places === undefined) {
    places = { numbers: split(where.numbers), words: split(where.words ?? {}) };
    known.set(where, places);
  }
  return places;
}

/** `generationConfig.topP` is a field inside a field. */
function split(fields: Readonly<Record<string, readonly string[]>>): Places {
  return Object.entries(fields).map(([name, places]) => [name, places.map((place) => place.split('.'))]);
}

function collect<Value>(body: unknown, places: Places, read: (value: unknown) => Value | undefined): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const [name, paths] of places)
    for (const path of paths) {
      const value = read(at(body, path));
      if (value === undefined) continue;
      found[name] = value;
      break;
    }
  return found;
}

function at(body: unknown, path: readonly string[]): unknown {
  let value = body;
  for (const name of path) {
    value = fields(value)[name];
    if (value === undefined) return undefined;
  }
  return value;
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
